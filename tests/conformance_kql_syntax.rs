//! KQL trees, errors and completion against Kibana's own answers.
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
use elkhound::syntax::kql::{self, Options};
use serde_json::Value;

fn options(case: &Value) -> Options {
    let config = case.get("config").or_else(|| case.get("options"));
    let flag = |name: &str| config.and_then(|c| c.get(name)).and_then(Value::as_bool);
    let symbol = config.and_then(|c| c.get("cursorSymbol")).and_then(Value::as_str);
    Options {
        leading_wildcards: flag("allowLeadingWildcards").unwrap_or(true),
        cursor_symbol: symbol.filter(|_| flag("parseCursor") == Some(true)).map(str::to_owned),
        ..Options::default()
    }
}

fn source(case: &Value) -> Source {
    Source::new("<query>", case["query"].as_str().unwrap())
}

fn run(name: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let cases = support::shared_lines(&format!("conformance/kql/{name}.jsonl"));
    let mut failed = Vec::new();
    for case in &cases {
        if let Err(why) = check(case) {
            failed.push(format!("{} {:?}: {why}", case["id"], case["query"]));
        }
    }
    println!("{name} {}/{}", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn trees() {
    run("ast", |case| {
        let node = kql::parse(&source(case), &options(case)).map_err(|e| e.to_string())?;
        let tree = kql::kibana_json(&node);
        if tree != case["ast"] {
            return Err(format!("{tree}\nwanted {}", case["ast"]));
        }
        let text = kql::kibana_text(&node);
        if case.get("kql").and_then(Value::as_str).is_some_and(|kql| kql != text) {
            return Err(format!("printed {text:?}\nwanted {}", case["kql"]));
        }
        let exact = kql::print(&node);
        let again =
            kql::parse(&Source::new("<printed>", exact.as_str()), &Options::default()).map_err(|e| e.to_string())?;
        if kql::kibana_json(&again) != tree {
            return Err(format!("printed and parsed again: {exact:?}"));
        }
        Ok(())
    });
}

#[test]
fn errors() {
    run("syntax_error", |case| {
        let Err(found) = kql::parse(&source(case), &options(case)) else { return Err("parses".into()) };
        let item = &found.items()[0];
        let product = item.product.clone().unwrap_or_default();
        if case["message"].as_str() == Some(&product) { Ok(()) } else { Err(product) }
    });
}

#[test]
fn cursors() {
    run("cursor", |case| match (kql::parse(&source(case), &options(case)), case.get("ast")) {
        (Ok(node), Some(ast)) if kql::kibana_json(&node) == *ast => Ok(()),
        (Ok(node), _) => Err(kql::kibana_json(&node).to_string()),
        (Err(found), None) if found.items()[0].product.as_deref() == case["message"].as_str() => Ok(()),
        (Err(found), _) => Err(found.to_string()),
    });
}

#[test]
fn corpus() {
    let rules = support::shared_lines("corpus/kql_rules.jsonl");
    let mut same = 0;
    for rule in &rules {
        let text = rule["query"].as_str().unwrap();
        let tree = kql::parse(&Source::new("<query>", text), &Options::default()).unwrap();
        let printed = kql::print(&tree);
        let again = kql::parse(&Source::new("<printed>", printed.as_str()), &Options::default()).unwrap();
        same += usize::from(kql::kibana_json(&tree) == kql::kibana_json(&again));
    }
    println!("kql rules round trip {same}/{}", rules.len());
    assert_eq!(same, rules.len());
}

#[test]
fn dsl() {
    use elkhound::convert::dsl::{Config, ViewField, to_dsl};
    run("dsl", |case| {
        let options = Options {
            leading_wildcards: case["config"]["allowLeadingWildcards"].as_bool().unwrap_or(true),
            ..Options::default()
        };
        let node = kql::parse(&source(case), &options).map_err(|e| e.to_string())?;
        let fields: Option<Vec<ViewField>> =
            case["fields"].as_array().map(|fields| fields.iter().filter_map(ViewField::from_json).collect());
        let found = to_dsl(&node, fields.as_deref(), &Config::from_json(&case["config"]));
        match (found, case["dsl_error"].as_str()) {
            (Ok(found), None) if found == case["dsl"] => Ok(()),
            (Err(error), Some(wanted)) if error.to_string() == wanted => Ok(()),
            (found, _) => Err(format!("{found:?}\n  wanted {} {}", case["dsl"], case["dsl_error"])),
        }
    });
}
