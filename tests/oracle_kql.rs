//! Trees, messages, printed text and Query DSL of random KQL texts against Kibana's own grammar and converter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
mod support;

use elkhound::convert::dsl::{Config, ViewField, to_dsl};
use elkhound::source::Source;
use elkhound::syntax::kql::{self, Options};
use random::Random;
use serde_json::{Value, json};

/// Pieces that are spliced into well-formed queries to break them, or to bend them into rare shapes.
const PIECES: &[&str] = &[
    " ", "(", ")", "{", "}", ":", "<", "<=", ">", ">=", "\"", "\\", "*", " and ", " or ", "not ", "NOT ", "null",
    "true", "false", "'", "\\u00e9", "\\u12", "\\n", "\\t", "\\*", "\\and", "\\\"", "\t", "\n", "\u{a0}", "\u{3000}",
    "é", "日本", ".", ",", "foo", "AND", "oR ", "=", "\u{1680}",
];

fn text(random: &mut Random) -> String {
    let depth = random.below(4);
    let mut text = random::query(random, depth);
    for _ in 0..random.below(4) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let from = random.below(places.len());
        match random.below(3) {
            0 => text.insert_str(places[from], random.pick(PIECES)),
            1 => {
                let until = (from + 1 + random.below(3)).min(places.len() - 1);
                text.replace_range(places[from]..places[until].max(places[from]), "");
            }
            _ => text.truncate(places[from]),
        }
    }
    text
}

fn view(random: &mut Random) -> Value {
    let field = |name: &str, kind: &str, es: &str| json!({"name": name, "type": kind, "esTypes": [es]});
    let nested =
        json!({"name": "ne.x", "type": "string", "esTypes": ["keyword"], "subType": {"nested": {"path": "ne"}}});
    let fields = json!([
        field("k", "string", "keyword"),
        field("kl", "string", "keyword"),
        field("w", "string", "wildcard"),
        field("t", "string", "text"),
        field("n", "number", "long"),
        field("ip", "ip", "ip"),
        field("ok", "boolean", "boolean"),
        field("@timestamp", "date", "date"),
        nested,
        field("mf", "string", "keyword"),
        field("mf.text", "string", "text"),
        json!({"name": "sc", "type": "number", "scripted": true, "script": "1", "lang": "painless"})
    ]);
    if random.once_in(3) {
        Value::Null
    } else if random.once_in(10) {
        json!([])
    } else {
        fields
    }
}

fn config(random: &mut Random) -> Value {
    let mut config = serde_json::Map::new();
    for name in ["allowLeadingWildcards", "filtersInMustClause", "nestedIgnoreUnmapped", "caseInsensitive"] {
        if random.once_in(4) {
            config.insert(name.into(), random.once_in(2).into());
        }
    }
    if random.once_in(4) {
        config.insert("dateFormatTZ".into(), "America/New_York".into());
    }
    Value::Object(config)
}

fn answer(case: &Value) -> Value {
    let options = Options {
        leading_wildcards: case["config"]["allowLeadingWildcards"].as_bool().unwrap_or(true),
        ..Options::default()
    };
    let node = match kql::parse(&Source::new("<query>", case["query"].as_str().unwrap()), &options) {
        Ok(node) => node,
        Err(found) => return json!({"error": found.items()[0].product}),
    };
    let fields: Option<Vec<ViewField>> =
        case["fields"].as_array().map(|fields| fields.iter().filter_map(ViewField::from_json).collect());
    let ast = kql::kibana_json(&node);
    match to_dsl(&node, fields.as_deref(), &Config::from_json(&case["config"])) {
        Ok(dsl) => json!({"ast": ast, "dsl": dsl}),
        Err(error) => json!({"ast": ast, "dsl_error": error.to_string()}),
    }
}

fn expected(oracle: &Value) -> Value {
    if let Some(error) = oracle.get("error") {
        return json!({"error": error["message"]});
    }
    match oracle.get("dsl_error") {
        Some(error) => json!({"ast": oracle["ast"], "dsl_error": error.get("message").unwrap_or(error)}),
        None => json!({"ast": oracle["ast"], "dsl": oracle["dsl"]}),
    }
}

#[test]
fn random_texts() {
    let Some(script) = support::shared("oracles/kql/oracle.mjs") else { return };
    let case = |seed: usize| {
        let mut random = Random::new(seed as u64 + 1);
        let query = text(&mut random);
        json!({"query": query, "fields": view(&mut random), "config": config(&mut random)})
    };
    let cases: Vec<Value> = (0..oracle::count(4_000)).map(case).collect();
    let (mut errors, mut failed) = (0, Vec::new());
    for cases in cases.chunks(20_000) {
        let Some(answers) = oracle::node(&script, cases) else {
            eprintln!("skipped: no node");
            return;
        };
        for (case, wanted) in cases.iter().zip(answers.iter().map(expected)) {
            let found = answer(case);
            errors += usize::from(wanted.get("error").is_some());
            if found != wanted {
                failed.push(format!("{} {}\n   {found}\n   {wanted}", case["query"], case["config"]));
            }
        }
    }
    println!("texts {}/{} ({errors} refused by both)", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty(), "{} differ\n{}", failed.len(), failed[..failed.len().min(20)].join("\n"));
}
