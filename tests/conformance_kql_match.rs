//! KQL verdicts against those of Elasticsearch, typed and untyped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod support;

use std::sync::Arc;

use elkhound::analysis::{Context, kql as meaning};
use elkhound::diagnostic::Diagnostics;
use elkhound::eval::{Limits, Program};
use elkhound::event::time::{DateFormat, Rounding};
use elkhound::schema::Schema;
use elkhound::source::Source;
use elkhound::syntax::kql;
use serde_json::Value;

fn verdict(case: &Value, typed: bool) -> Result<bool, Diagnostics> {
    let source = Source::new("<query>", case["query"].as_str().unwrap());
    let config = |name: &str| case.get("config").and_then(|config| config.get(name)).cloned().unwrap_or_default();
    let options = kql::Options {
        leading_wildcards: config("allowLeadingWildcards").as_bool().unwrap_or(true),
        ..kql::Options::default()
    };
    let settings = meaning::Settings {
        typed,
        time_zone: config("dateFormatTZ").as_str().map(str::to_owned),
        case_insensitive: config("caseInsensitive").as_bool().unwrap_or(false),
        nested_ignore_unmapped: config("nestedIgnoreUnmapped").as_bool().unwrap_or(false),
    };
    let schema = Schema::from_json(&case["mapping"].to_string()).unwrap().closed();
    let now = case["now"].as_str().unwrap_or("2024-01-01T00:00:00Z");
    let now = DateFormat::default().parse(now, Rounding::Down).unwrap();
    let mut event = case["event"].clone();
    if let Some(index) = case["index"].as_str() {
        event["_index"] = index.into();
    }
    let node = kql::parse(&source, &options)?;
    let (predicate, _) = meaning::analyze(&node, &source, &settings, &Context::new(Arc::new(schema), now))?;
    let program = Program::compile(&[&predicate], Limits::default()).unwrap();
    Ok(program.matches(0, &event))
}

fn views(case: &Value) -> Vec<bool> {
    match case["view"].as_str() {
        Some("none") => vec![false],
        Some("mapping") => vec![true],
        _ => vec![true, false],
    }
}

#[test]
fn matches() {
    let cases = support::shared_lines("conformance/kql/match.jsonl");
    let mut failed = Vec::new();
    for case in &cases {
        for typed in views(case) {
            let found = verdict(case, typed);
            if found.as_ref().ok() != case["expect"].as_bool().as_ref() {
                let found = found.map_or_else(|error| error.to_string(), |found| found.to_string());
                failed.push(format!("{} typed={typed} {}: {found}\n  {}", case["id"], case["query"], case["why"]));
                break;
            }
        }
    }
    println!("match {}/{}", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn refusals() {
    let cases = support::shared_lines("conformance/kql/match_error.jsonl");
    let mut failed = Vec::new();
    for case in &cases {
        for typed in views(case) {
            let wanted = case["error_contains"].as_str().unwrap();
            let found = match verdict(case, typed) {
                Ok(found) => found.to_string(),
                Err(error) => error.items()[0].product.clone().unwrap_or_default(),
            };
            if !found.contains(wanted) {
                failed.push(format!("{} typed={typed} {}: {found}\n  wanted {wanted}", case["id"], case["query"]));
                break;
            }
        }
    }
    println!("match_error {}/{}", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
