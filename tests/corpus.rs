//! Every query that public rules hold or ever held: it parses under the dialect of its time and fits the types of its fields.
#![cfg(feature = "rules")]
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

use elkhound::diagnostic::Diagnostics;
use elkhound::query::{Query, Settings};
use elkhound::schema::{Schema, Strictness};
use elkhound::source::Source;
use elkhound::syntax::eql::Dialect;
use serde_json::Value;

/// A text that is refused: the rule, the day of the commit that brought the text, and what is wrong with it.
type Finding = (&'static str, &'static str, &'static str);

/// Texts that were broken when they were written; each was repaired by a later text of the same rule.
const BROKEN: &[Finding] = &[
    ("00140285-b827-4aee-aa09-8113f58a08f3", "2023-01-31", UNBALANCED),
    ("00140285-b827-4aee-aa09-8113f58a08f3", "2023-03-05", UNBALANCED),
    ("0b15bcad-aff1-4250-a5be-5d1b7eb56d07", "2026-01-08", TRAILING_COMMA),
    ("fda1d332-5e08-4f27-8a9b-8c802e3292a6", "2024-07-19", TRAILING_COMMA),
    ("0e79980b-4250-4a50-a509-69294c14e84b", "2020-10-28", TEXT_IN_ADDRESS_LIST),
    ("3838e0e3-1850-4850-a411-2e8c5ba40ba8", "2020-10-28", TEXT_IN_ADDRESS_LIST),
    ("5cd55388-a19c-47c7-8ec4-f41656c2fded", "2024-03-13", TEXT_IN_ADDRESS_LIST),
    ("63e65ec3-43b1-45b0-8f2d-45b34291dc44", "2020-10-28", TEXT_IN_ADDRESS_LIST),
    ("89f9a4b0-9f8f-4ee0-8823-c4751a6d6696", "2020-10-28", TEXT_IN_ADDRESS_LIST),
    ("b29ee2be-bf99-446c-ab1a-2dc0183394b8", "2020-10-28", TEXT_IN_ADDRESS_LIST),
    ("fb02b8d3-71ee-4af1-bacd-215d23f17efa", "2020-10-28", TEXT_IN_ADDRESS_LIST),
    (
        "573f6e7a-7acf-4bcd-ad42-c4969124d3c0",
        "2021-10-15",
        "no space between a closing quote and `or`; Kibana refuses it",
    ),
];
const UNBALANCED: &str =
    "a line break fell into a regular expression, which left `( \\  (x86\\))?` without its last parenthesis";
const TRAILING_COMMA: &str = "a comma before the closing parenthesis of a list; the stacks refused it too";
const TEXT_IN_ADDRESS_LIST: &str =
    "texts in a list for an `ip` field, which Elasticsearch refuses; later texts use cidrMatch";

/// Rules of today whose types do not fit.
const MISTYPED: &[Finding] = &[(
    "3c82bf84-5941-495b-ac41-0302f28e1a90",
    "",
    "`kubernetes.audit.user.groups` is a `text` without exact values, which EQL cannot compare",
)];

/// Releases and the days that they came out: a text is written for the next one.
const RELEASES: &[(&str, Dialect)] = &[
    ("2020-06-18", Dialect::Elastic(7, 8)),
    ("2020-08-18", Dialect::Elastic(7, 9)),
    ("2020-11-11", Dialect::Elastic(7, 10)),
    ("2021-02-10", Dialect::Elastic(7, 11)),
    ("2021-03-23", Dialect::Elastic(7, 12)),
    ("2021-05-25", Dialect::Elastic(7, 13)),
    ("2021-08-03", Dialect::Elastic(7, 14)),
    ("2021-09-22", Dialect::Elastic(7, 15)),
    ("2021-12-07", Dialect::Elastic(7, 16)),
    ("2022-02-10", Dialect::Elastic(8, 0)),
    ("2022-05-03", Dialect::Elastic(8, 2)),
    ("2022-08-24", Dialect::Elastic(8, 4)),
    ("2023-01-10", Dialect::Elastic(8, 6)),
    ("2023-05-25", Dialect::Elastic(8, 8)),
    ("2023-09-12", Dialect::Elastic(8, 10)),
    ("2024-01-17", Dialect::Elastic(8, 12)),
    ("2024-06-05", Dialect::Elastic(8, 14)),
    ("2024-11-12", Dialect::Elastic(8, 16)),
    ("2025-04-15", Dialect::Elastic(9, 0)),
];

/// The dialect of the least stack that a text names, else of the release that it was written for.
fn dialect(case: &Value) -> Dialect {
    if let Some(version) = case["min_stack_version"].as_str() {
        let mut parts = version.split('.').map(|part| part.parse().unwrap());
        return Dialect::Elastic(parts.next().unwrap(), parts.next().unwrap());
    }
    let day = day(case);
    RELEASES.iter().find(|(released, _)| *released > day).map_or(Dialect::Newest, |(_, dialect)| *dialect)
}

fn day(case: &Value) -> &str {
    case["first_commit_date"].as_str().map_or("", |date| &date[..10])
}

fn check(query: &str, language: &str, settings: &Settings) -> Result<Diagnostics, Diagnostics> {
    let source = Source::new("<query>", query);
    let builder = Query::builder().settings(settings.clone());
    let built = if language == "eql" { builder.eql_source(&source) } else { builder.kql_source(&source) };
    built.map(|query| query.warnings().clone())
}

/// Compares what is refused with what is listed; both ways.
fn report(name: &str, total: usize, refused: &[(String, String, String)], listed: &[Finding]) {
    let is_listed = |id: &str, day: &str| listed.iter().any(|finding| finding.0 == id && finding.1 == day);
    let new: Vec<_> = refused.iter().filter(|(id, day, _)| !is_listed(id, day)).collect();
    println!("{name} ({} broken texts, each listed) {}/{total}", listed.len(), total - new.len());
    assert!(new.is_empty(), "{name}: {new:#?}");
    let gone: Vec<_> = listed
        .iter()
        .filter(|finding| !refused.iter().any(|(id, day, _)| id == finding.0 && day == finding.1))
        .collect();
    assert!(total == 0 || gone.is_empty(), "{name}: accepted though listed: {gone:#?}");
}

#[test]
fn history() {
    let cases = support::shared_lines("corpus/history_queries.jsonl");
    let schema = Arc::new(Schema::ecs());
    let mut refused = Vec::new();
    for case in &cases {
        let settings = Settings { schema: Arc::clone(&schema), dialect: dialect(case), ..Settings::default() };
        let found = check(case["query"].as_str().unwrap(), case["language"].as_str().unwrap(), &settings);
        if let Err(found) = found {
            refused.push((case["rule_id"].as_str().unwrap().to_owned(), day(case).to_owned(), found.to_string()));
        } else if case.get("ref_parse_error").is_some() {
            println!("{} of {}: the rules' own parser refuses it, Kibana does not", case["rule_id"], day(case));
        }
    }
    report("history", cases.len(), &refused, BROKEN);
}

/// ECS over the types of the integrations, and nothing else.
fn integrations() -> Option<Schema> {
    let text = |name: &str| support::shared(name).map(|path| std::fs::read_to_string(path).unwrap());
    let streams = Schema::from_json(&text("schemas/integrations.json")?).unwrap();
    Some(streams.with_integration(&text("schemas/rule_fields.json")?).unwrap().under_ecs().closed())
}

/// The queries of a line: `query`, or several of them.
fn queries(case: &Value) -> Vec<&str> {
    match &case["query"] {
        Value::Array(queries) => queries.iter().filter_map(Value::as_str).collect(),
        query => query.as_str().into_iter().collect(),
    }
}

#[test]
fn types() {
    let Some(schema) = integrations() else { return };
    let settings = Settings { schema: Arc::new(schema), strictness: Strictness::Strict, ..Settings::default() };
    for (file, listed) in [("kql_rules", &[][..]), ("eql_rules", MISTYPED), ("hunting_queries", &[])] {
        let cases = support::shared_lines(&format!("corpus/{file}.jsonl"));
        let mut refused = Vec::new();
        let mut total = 0;
        for case in &cases {
            let id = case["rule_id"].as_str().or(case["uuid"].as_str()).unwrap();
            for query in queries(case) {
                total += 1;
                if let Err(found) = check(query, case["language"].as_str().unwrap_or("eql"), &settings) {
                    refused.push((id.to_owned(), String::new(), found.to_string()));
                }
            }
        }
        report(&format!("types of {file}"), total, &refused, listed);
    }
}
