//! EQL texts that Elasticsearch parses or refuses, and round trips of every published rule.
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

use elkhound::analysis::{Context, eql as meaning};
use elkhound::diagnostic::Diagnostics;
use elkhound::schema::{Schema, Strictness};
use elkhound::source::Source;
use elkhound::syntax::eql::{self, Dialect, Options, ast};
use serde_json::Value;

fn source(text: &Value) -> Source {
    Source::new("<query>", text.as_str().unwrap())
}

fn report(name: &str, total: usize, failed: &[String]) {
    println!("{name} {}/{total}", total - failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Texts that upstream holds but never reads, and that its tree builder refuses.
const ARTEFACTS: [&str; 6] = ["02", "04", "19", "21", "22", "23"];

#[test]
fn accepted() {
    let cases = support::shared_lines("conformance/eql/parse_ok.jsonl");
    let mut failed = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let artefact = id.strip_prefix("grammar.supported_unterminated.").is_some_and(|n| ARTEFACTS.contains(&n));
        let (source, options) = (source(&case["query"]), Options::default());
        let result = match case["kind"].as_str() {
            Some("expression") => eql::parse_expression(&source, &options).map(|_| ()),
            _ => eql::parse(&source, &options).map(|statement| round_trip(&statement)),
        };
        match result {
            Err(found) if !artefact => failed.push(format!("{id}: {found}")),
            Ok(()) if artefact => failed.push(format!("{id}: an artefact that parses")),
            _ => {}
        }
    }
    report("parse_ok (6 artefacts refused)", cases.len(), &failed);
}

/// The printed text has the same tree, places aside.
fn round_trip(statement: &ast::Statement) {
    let text = eql::print(statement);
    let again = eql::parse(&Source::new("<printed>", text.as_str()), &Options::default())
        .unwrap_or_else(|found| panic!("printed as {text}\n{found}"));
    assert_eq!(bare(eql::json(statement)), bare(eql::json(&again)), "{text}");
}

fn bare(mut tree: Value) -> Value {
    match &mut tree {
        Value::Object(map) => {
            map.remove("span");
            map.values_mut().for_each(|value| *value = bare(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| *value = bare(value.take())),
        _ => {}
    }
    tree
}

#[test]
fn string_literals() {
    let cases = support::shared_lines("conformance/eql/string_literals.jsonl");
    let mut failed = Vec::new();
    for case in &cases {
        let found = eql::parse_expression(&source(&case["literal"]), &Options::default());
        let value = found.ok().and_then(|expr| match expr.kind {
            ast::ExprKind::Literal(ast::Literal::String { value, .. }) => Some(value),
            _ => None,
        });
        if value.as_deref() != case["value"].as_str() && case["via"] != "helper" {
            failed.push(format!("{}: {value:?}", case["id"]));
        }
    }
    report("string_literals", cases.len(), &failed);
}

#[test]
fn corpus() {
    let rules = support::shared_lines("corpus/eql_rules.jsonl");
    let mut failed = Vec::new();
    for rule in &rules {
        match eql::parse(&source(&rule["query"]), &Options::default()) {
            Ok(statement) => round_trip(&statement),
            Err(found) => failed.push(format!("{}: {found}", rule["rule_id"])),
        }
    }
    report("eql rules round trip", rules.len(), &failed);
}

#[test]
fn endgame_dialect() {
    let cases = support::shared_lines("conformance/eql/endgame_dialect.jsonl");
    let options = Options { dialect: Dialect::Endgame, ..Options::default() };
    let mut failed = Vec::new();
    for case in cases.iter().filter(|case| case.get("query").is_some() && case.get("error").is_none()) {
        if let Err(found) = eql::parse(&source(&case["query"]), &options) {
            failed.push(format!("{}: {found}", case["id"]));
        }
    }
    println!("endgame_dialect texts: {} of {} do not parse", failed.len(), cases.len());
    for line in failed.iter().take(20) {
        println!("{line}");
    }
}

/// Upstream's text, by the way the case names.
fn words_fit(case: &Value, product: &str) -> bool {
    let wanted = case["message"].as_str().unwrap_or_default();
    match case["match"].as_str() {
        Some("exact") => product == wanted,
        Some("prefix") => product.starts_with(wanted),
        Some("suffix") => product.ends_with(wanted),
        _ => true,
    }
}

/// The whole text to its meaning, where the case has a mapping to check it against.
fn refusal(case: &Value, mappings: &Value) -> Option<Diagnostics> {
    let (source, options) = (source(&case["query"]), Options::default());
    if case["kind"] == "expression" {
        return eql::parse_expression(&source, &options).err();
    }
    let statement = match eql::parse(&source, &options) {
        Ok(statement) => statement,
        Err(found) => return Some(found),
    };
    let mapping = &mappings[case["mapping"].as_str()?];
    let schema = Arc::new(Schema::from_json(&mapping.to_string()).unwrap().closed());
    let context = Context { strictness: Strictness::Strict, ..Context::new(schema, 0) };
    meaning::analyze(&statement, &source, &meaning::Settings::default(), &context).err()
}

#[test]
fn refused() {
    let cases = support::shared_lines("conformance/eql/parse_error.jsonl");
    let mappings =
        support::shared("conformance/eql/verify_mappings.json").map(|path| std::fs::read_to_string(path).unwrap());
    let mappings: Value = mappings.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    let mut failed = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        if id.starts_with("fail.wildcard.") {
            // Not told by the grammar today, but refused all the same: there is no such function.
            assert!(refusal(case, &mappings).is_some(), "{id}");
            continue;
        }
        let Some(found) = refusal(case, &mappings) else {
            failed.push(format!("{id}: accepted"));
            continue;
        };
        let item = &found.items()[0];
        let product = item.product.clone().unwrap_or_default();
        // Upstream's tree builder counts columns from two.
        let place = found.source().place(item.span.start);
        let column = case["column"].as_u64().unwrap_or(place.column as u64) as usize;
        let line = case["line"].as_u64().unwrap_or(place.line as u64) as usize;
        let placed = line == place.line && (column == place.column || column == place.column + 1);
        if !placed || !words_fit(case, &product) {
            failed.push(format!(
                "{id}: {}:{} {product}\n   wanted {line}:{column} {}",
                place.line, place.column, case["message"]
            ));
        }
    }
    report("parse_error (1 artefact refused with other words)", cases.len(), &failed);
}

/// The translator's texts: each is accepted by grammar, and by the verifier where its fields are in the mapping.
#[test]
fn translated() {
    let cases = support::shared_lines("conformance/eql/translator.jsonl");
    let mappings =
        support::shared("conformance/eql/verify_mappings.json").map(|path| std::fs::read_to_string(path).unwrap());
    let mappings: Value = mappings.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    let mut failed = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let artefact = id.starts_with("translator.wildcard");
        let mut case = case.clone();
        if case["mapping"].is_null() {
            case["mapping"] = "default".into();
        }
        match refusal(&case, &mappings) {
            Some(found) if !artefact => failed.push(format!("{id}: {}\n{found}", case["query"])),
            None if artefact => failed.push(format!("{id}: an artefact that is accepted")),
            _ => {}
        }
    }
    report("translator (6 artefacts refused)", cases.len(), &failed);
}
