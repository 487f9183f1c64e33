//! The Endgame dialect against python-eql's own suite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "support/sets.rs"]
mod sets;
mod support;

use std::sync::Arc;

use elkhound::endgame;
use elkhound::event::Event;
use elkhound::query::{Query, Settings};
use elkhound::source::Source;
use elkhound::syntax::eql::{self, Dialect, Options};
use serde_json::{Value, json};

const OPTIONS: Options =
    Options { dialect: Dialect::Endgame, limits: elkhound::syntax::SyntaxLimits { text: 1 << 20, depth: 256 } };

fn expression(case: &Value, name: &str) -> (Source, eql::ast::Expr) {
    let source = Source::new("<expression>", case[name].as_str().unwrap());
    let expr = eql::parse_expression(&source, &OPTIONS).unwrap_or_else(|error| panic!("{}: {error}", case["id"]));
    (source, expr)
}

fn simplest(case: &Value, name: &str) -> String {
    eql::print_expression(&endgame::simplify(&expression(case, name).1))
}

fn query(case: &Value, events: &[Arc<Event>], case_sensitive: bool) -> Result<(), String> {
    let settings = Settings { dialect: Dialect::Endgame, case_sensitive, ..Settings::default() };
    let query =
        Query::builder().settings(settings).eql(case["query"].as_str().unwrap()).map_err(|error| error.to_string())?;
    let hits = query.search(events.iter().cloned());
    let ids: Vec<Value> = hits
        .iter()
        .flat_map(|hit| hit.events())
        .flatten()
        .map(|event| event.source()["serial_event_id"].clone())
        .collect();
    if json!(ids) == case["expect"]["event_ids"] { Ok(()) } else { Err(format!("{}", json!(ids))) }
}

fn same(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => found == wanted,
    }
}

fn check(case: &Value, events: &[Arc<Event>], sensitive: bool) -> Result<(), String> {
    match case["kind"].as_str().unwrap() {
        "query" => query(case, events, sensitive),
        "fold" => {
            let (source, expr) = expression(case, "expression");
            let found = endgame::fold(&expr, &source, sensitive).map_err(|error| error.to_string())?;
            if same(&found, &case["expected"]) { Ok(()) } else { Err(found.to_string()) }
        }
        "semantic_error" => {
            let (source, expr) = expression(case, "expression");
            endgame::fold(&expr, &source, sensitive).map_or(Ok(()), |found| Err(found.to_string()))
        }
        kind => {
            let other = if kind == "equivalent" { "alternate" } else { "optimized" };
            let (left, right) = (simplest(case, "expression"), simplest(case, other));
            if left == right { Ok(()) } else { Err(format!("{left} and {right}")) }
        }
    }
}

/// Queries that depend on all events before find in a set what they find alone.
#[test]
fn in_a_set() {
    let cases = support::shared_lines("conformance/eql/endgame_dialect.jsonl");
    let settings = Settings { dialect: Dialect::Endgame, ..Settings::default() };
    let query = |case: &Value| Query::builder().settings(settings.clone()).eql(case["query"].as_str()?).ok();
    let queries: Vec<Query> = cases.iter().filter_map(query).collect();
    let documents = support::shared_lines("conformance/eql/python_eql.data.ndjson");
    let hits = sets::Together::new(&queries).same_streams(&documents);
    println!("{} queries in a set, {hits} hits", queries.len());
}

/// `count` and `sort` take an absent key for the empty value of its type.
#[test]
fn absent_keys() {
    let found = |text: &str| {
        let settings = Settings { dialect: Dialect::Endgame, ..Settings::default() };
        let query = Query::builder().settings(settings).eql(text).unwrap();
        let events = [json!({"k": "b", "n": 1}), json!({"n": -3, "ok": true}), json!({"k": "A"}), json!({"k": "c"})];
        let hits = query.search(events.map(|event| Arc::new(Event::from_value(event))));
        let sources = hits.iter().flat_map(|hit| hit.events()).flatten().map(|event| event.source().clone());
        sources.collect::<Vec<Value>>()
    };
    let keys = |text: &str| json!(found(text).iter().map(|record| record["key"].clone()).collect::<Vec<_>>());
    assert_eq!(keys("any where true | count k"), json!(["", "A", "b", "c"]), "by letter");
    assert_eq!(keys("any where true | count n"), json!([-3, 1, 0]), "by count first");
    assert_eq!(keys("any where true | count k, n"), json!([["", -3], ["A", 0], ["b", 1], ["c", 0]]));
    assert_eq!(keys("any where true | count z"), json!([null]));
    // Nothing is lost where an absent key and an empty one become the same.
    assert_eq!(keys("any where k == null or n == 1 | count substring(k, 1)"), json!(["", ""]));
    let sorted: Vec<Value> = found("any where true | sort k").iter().map(|event| event["k"].clone()).collect();
    assert_eq!(json!(sorted), json!([null, "A", "b", "c"]));
    let sorted: Vec<Value> = found("any where true | sort ok").iter().map(|event| event["ok"].clone()).collect();
    assert_eq!(json!(sorted), json!([null, null, null, true]));
}

#[test]
fn endgame_dialect() {
    let cases = support::shared_lines("conformance/eql/endgame_dialect.jsonl");
    let events: Vec<Arc<Event>> = support::shared_lines("conformance/eql/python_eql.data.ndjson")
        .into_iter()
        .map(|line| Arc::new(Event::from_value(line)))
        .collect();
    let mut failed = Vec::new();
    for case in &cases {
        let modes = match case["case_sensitive"].as_bool() {
            Some(mode) => vec![mode],
            None => vec![false, true],
        };
        for mode in modes {
            if let Err(found) = check(case, &events, mode) {
                failed.push(format!(
                    "{} sensitive={mode} {}{}: {found}\n   wanted {}{}",
                    case["id"], case["query"], case["expression"], case["expect"], case["expected"]
                ));
                break;
            }
        }
    }
    println!("endgame_dialect {}/{}", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
