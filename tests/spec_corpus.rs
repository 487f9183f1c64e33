//! Cases from the language references, line by line: what a query gives on one event, or why it is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

use std::sync::Arc;

use elkhound::event::Event;
use elkhound::query::{Query, Settings};
use elkhound::schema::{Schema, Strictness};
use elkhound::syntax::eql::Dialect;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The mapping of every case of the file, flat JSON.
    mapping: String,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    eql: Option<String>,
    kql: Option<String>,
    #[serde(default = "empty")]
    event: String,
    matches: Option<bool>,
    /// A part of the product's words, or of ours where the product has none.
    error: Option<String>,
    /// `7.9`, `8.4`, `endgame`; the newest unless given.
    dialect: Option<String>,
    why: String,
}

fn empty() -> String {
    "{}".to_owned()
}

fn dialect(name: Option<&str>) -> Dialect {
    match name {
        None => Dialect::Newest,
        Some("endgame") => Dialect::Endgame,
        Some(version) => {
            let (major, minor) = version.split_once('.').unwrap();
            Dialect::Elastic(major.parse().unwrap(), minor.parse().unwrap_or(u8::MAX))
        }
    }
}

/// What the case gives: whether the event is found, or the findings.
fn run(case: &Case, schema: &Arc<Schema>) -> Result<bool, String> {
    let settings = Settings {
        schema: Arc::clone(schema),
        strictness: Strictness::Strict,
        dialect: dialect(case.dialect.as_deref()),
        ..Settings::default()
    };
    let builder = Query::builder().settings(settings);
    let query = match (&case.eql, &case.kql) {
        (Some(text), None) => builder.eql(text),
        (None, Some(text)) => builder.kql(text),
        _ => panic!("a case has one query: {}", case.why),
    };
    let query = query.map_err(|found| {
        let product = found.items().iter().filter_map(|item| item.product.clone());
        format!("{} | {found}", product.collect::<Vec<_>>().join(" | "))
    })?;
    let event = Event::from_value(serde_json::from_str(&case.event).unwrap());
    let hits = query.search([Arc::new(event)]);
    Ok(!hits.is_empty())
}

fn check(name: &str, text: &str) {
    let file: File = toml::from_str(text).unwrap();
    let schema = Arc::new(Schema::from_json(&file.mapping).unwrap().closed());
    let mut failed = Vec::new();
    for case in &file.case {
        let found = run(case, &schema);
        let same = match (&found, case.matches, &case.error) {
            (Ok(found), Some(wanted), None) => *found == wanted,
            (Err(found), None, Some(wanted)) => found.contains(wanted.as_str()),
            _ => false,
        };
        if !same {
            let query = case.eql.as_ref().or(case.kql.as_ref()).unwrap();
            failed.push(format!(
                "{query}\n  on {}\n  {found:?}, wanted {:?} {:?}: {}",
                case.event, case.matches, case.error, case.why
            ));
        }
    }
    println!("{name} {}/{}", file.case.len() - failed.len(), file.case.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn eql() {
    check("reference eql", include_str!("spec_corpus/eql.toml"));
}

#[test]
fn kql() {
    check("reference kql", include_str!("spec_corpus/kql.toml"));
}

#[test]
fn dialects() {
    check("reference dialects", include_str!("spec_corpus/dialects.toml"));
}
