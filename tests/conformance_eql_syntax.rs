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
    report("corpus round trip", rules.len(), &failed);
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

#[test]
fn refused() {
    let cases = support::shared_lines("conformance/eql/parse_error.jsonl");
    let mut failed = Vec::new();
    let syntax: Vec<_> = cases.iter().filter(|case| case["mapping"].is_null()).collect();
    for case in &syntax {
        let id = case["id"].as_str().unwrap();
        let (source, options) = (source(&case["query"]), Options::default());
        let result = match case["kind"].as_str() {
            Some("expression") => eql::parse_expression(&source, &options).map(|_| ()),
            _ => eql::parse(&source, &options).map(|_| ()),
        };
        let Err(found) = result else {
            failed.push(format!("{id}: parses"));
            continue;
        };
        let item = &found.items()[0];
        let product = item.product.clone().unwrap_or_default();
        let wanted = case["message"].as_str().unwrap_or_default();
        let same = match case["match"].as_str() {
            Some("exact") => product == wanted,
            Some("prefix") => product.starts_with(wanted),
            Some("suffix") => product.ends_with(wanted),
            _ => true,
        };
        // Upstream's tree builder counts columns from two.
        let place = found.source().place(item.span.start);
        let column = case["column"].as_u64().unwrap_or(place.column as u64) as usize;
        let line = case["line"].as_u64().unwrap_or(place.line as u64) as usize;
        if !same || line != place.line || !(column == place.column || column == place.column + 1) {
            failed.push(format!("{id}: {}:{} {product}\n   wanted {line}:{column} {wanted}", place.line, place.column));
        }
    }
    report("parse_error (grammar)", syntax.len(), &failed);
}
