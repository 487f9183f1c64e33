//! One KQL case, from its text to its verdict.
#![allow(dead_code, reason = "each test uses its own part")]

use std::sync::Arc;

use elkhound::analysis::{Context, kql as meaning};
use elkhound::diagnostic::Diagnostics;
use elkhound::eval::{Limits, Program};
use elkhound::event::time::{DateFormat, Instant, Rounding};
use elkhound::plan::Predicate;
use elkhound::schema::Schema;
use elkhound::source::Source;
use elkhound::syntax::kql;
use serde_json::Value;

/// The clock of a case.
pub fn now(case: &Value) -> Instant {
    let text = case["now"].as_str().unwrap_or("2024-01-01T00:00:00Z");
    DateFormat::default().parse(text, Rounding::Down).unwrap()
}

/// The settings of a case.
pub fn settings(case: &Value, typed: bool) -> meaning::Settings {
    let config = |name: &str| case.get("config").and_then(|config| config.get(name)).cloned().unwrap_or_default();
    meaning::Settings {
        typed,
        time_zone: config("dateFormatTZ").as_str().map(str::to_owned),
        case_insensitive: config("caseInsensitive").as_bool().unwrap_or(false),
        nested_ignore_unmapped: config("nestedIgnoreUnmapped").as_bool().unwrap_or(false),
    }
}

/// What a query means under a context.
pub fn plan(
    query: &str,
    settings: &meaning::Settings,
    context: &Context,
) -> Result<(Predicate, Diagnostics), Diagnostics> {
    let source = Source::new("<query>", query);
    let node = kql::parse(&source, &kql::Options::default())?;
    meaning::analyze(&node, &source, settings, context)
}

/// The predicate of a case whose mapping is all there is.
pub fn predicate(case: &Value, typed: bool) -> Result<Predicate, Diagnostics> {
    let schema = Schema::from_json(&case["mapping"].to_string()).unwrap().closed();
    let context = Context::new(Arc::new(schema), now(case));
    plan(case["query"].as_str().unwrap(), &settings(case, typed), &context).map(|(predicate, _)| predicate)
}

/// The event of a case, with its index.
pub fn event(case: &Value) -> Value {
    let mut event = case["event"].clone();
    if let Some(index) = case["index"].as_str() {
        event["_index"] = index.into();
    }
    event
}

/// The verdict of a case.
pub fn verdict(case: &Value, typed: bool) -> Result<bool, Diagnostics> {
    let predicate = predicate(case, typed)?;
    let program = Program::compile(&[&predicate], Limits::default()).unwrap();
    Ok(program.matches(0, &event(case)))
}

/// The product's wording of the first finding that has one.
pub fn product(error: &Diagnostics) -> String {
    error.items().iter().find_map(|item| item.product.clone()).unwrap_or_else(|| error.to_string())
}
