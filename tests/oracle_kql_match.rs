//! KQL verdicts on random queries and events against the independent model beside the conformance data.
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
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
mod support;

use random::Random;
use serde_json::{Value, json};

#[test]
fn random_queries() {
    let Some(script) = support::shared("oracles/kql/match.mjs") else { return };
    let cases: Vec<Value> = (0..oracle::count(4_000)).map(|seed| case(&mut Random::new(seed as u64))).collect();
    let Some(expected) = oracle::node(&script, &cases) else {
        eprintln!("skipped: no node");
        return;
    };
    let (mut agreed, mut refused, mut gaps, mut failed) = (0, 0, 0, Vec::new());
    for (case, expected) in cases.iter().zip(&expected) {
        for (typed, view) in [(false, "none"), (true, "mapping")] {
            let found = kql::verdict(case, typed);
            let same = match (&found, &expected[view]) {
                (Ok(found), Value::Bool(wanted)) => found == wanted,
                (Ok(_), Value::String(wanted)) if is_gap(wanted) => {
                    gaps += 1;
                    true
                }
                (Err(found), Value::Bool(false)) if is_stricter(&kql::product(found)) => {
                    gaps += 1;
                    true
                }
                (Err(_), Value::String(_)) => {
                    refused += 1;
                    true
                }
                _ => false,
            };
            if same {
                agreed += 1;
            } else {
                let found = found.map_or_else(|error| kql::product(&error), |found| found.to_string());
                failed
                    .push(format!("{view} {}: {found}, wanted {}\n  {}", case["query"], expected[view], case["event"]));
            }
        }
    }
    println!("model {agreed}/{} ({refused} refused by both, {gaps} beyond the model)", 2 * cases.len());
    assert!(failed.is_empty(), "{} differ\n{}", failed.len(), failed[..failed.len().min(40)].join("\n"));
}

/// What Elasticsearch answers and the model does not know: some ranges, fractions of milliseconds.
fn is_gap(wanted: &str) -> bool {
    let range = wanted.ends_with("does not support range queries") && !wanted.contains("_index");
    // The model knows whole milliseconds alone.
    let date = wanted.split_once("failed to parse date field [").map(|(_, date)| date.trim_end_matches(']'));
    range || date.is_some_and(|date| date.contains('.') && date.parse::<f64>().is_ok())
}

/// What Elasticsearch refuses and the model does not: a null where a text has to be, in a group that is not mapped, since the
/// request is read before it is looked at; a single bound on a key of a flattened field, whatever the bound; a number of
/// milliseconds that no 64 bits hold.
fn is_stricter(found: &str) -> bool {
    found == "No text specified for text query"
        || found == "value cannot be null"
        || found.starts_with("[range] queries on keyed [flattened] fields")
        || found.starts_with("failed to parse date field [18446744073709551615]")
        || found.starts_with("failed to parse date field [18446744073709551616]")
        || found.starts_with("failed to parse date field [9223372036854775808]")
        || found.starts_with("failed to parse date field [-9223372036854775809]")
}

fn case(random: &mut Random) -> Value {
    let depth = random.below(3);
    json!({
        "query": random::query(random, depth), "event": random::event(random), "mapping": random::mapping(),
        "now": "2021-05-07T00:30:00Z", "index": "logs-x", "config": random.pick(&[&json!({}), &json!({"caseInsensitive": true}), &json!({"nestedIgnoreUnmapped": true, "dateFormatTZ": "Zulu"})])
    })
}
