//! KQL verdicts against those of Elasticsearch, typed and untyped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "support/kql.rs"]
mod kql;
#[path = "support/sets.rs"]
mod sets;
mod support;

use std::sync::Arc;

use elkhound::diagnostic::Diagnostics;
use elkhound::event::Event;
use elkhound::query::{Query, Settings};
use elkhound::schema::Schema;
use serde_json::Value;
use sets::Together;

fn query(case: &Value, typed: bool) -> Result<Query, Diagnostics> {
    let settings = Settings {
        schema: Arc::new(Schema::from_json(&case["mapping"].to_string()).unwrap().closed()),
        now: kql::now(case),
        kql: kql::settings(case, typed),
        leading_wildcards: case["config"]["allowLeadingWildcards"].as_bool().unwrap_or(true),
        ..Settings::default()
    };
    Query::builder().settings(settings).kql(case["query"].as_str().unwrap())
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
    let (mut failed, mut asked, mut queries) = (Vec::new(), Vec::new(), Vec::new());
    for case in &cases {
        for typed in views(case) {
            match query(case, typed) {
                Ok(query) => {
                    asked.push((case, typed));
                    queries.push(query);
                }
                Err(error) => failed.push(format!("{} typed={typed} {}: {error}", case["id"], case["query"])),
            }
        }
    }
    // The verdicts of each query, and those of one set of them all.
    let mut together = Together::new(&queries);
    for (at, ((case, typed), query)) in asked.iter().zip(&queries).enumerate() {
        let event = kql::event(case);
        let found = [query.concerns(&Event::from_value(event.clone())), together.concerned(&event).contains(&at)];
        if found.iter().any(|found| Some(*found) != case["expect"].as_bool()) {
            failed.push(format!("{} typed={typed} {}: {found:?}\n  {}", case["id"], case["query"], case["why"]));
        }
    }
    let yes = together.same_verdicts(&cases.iter().map(kql::event).collect::<Vec<_>>());
    println!("match of {} cases: {} verdicts; in a set of all, {yes} yes", cases.len(), asked.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn refusals() {
    let cases = support::shared_lines("conformance/kql/match_error.jsonl");
    let mut failed = Vec::new();
    for case in &cases {
        for typed in views(case) {
            let wanted = case["error_contains"].as_str().unwrap();
            let found = match query(case, typed) {
                Ok(query) => query.concerns(&Event::from_value(kql::event(case))).to_string(),
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
