//! Texts of every kind: what is printed from a tree parses to the same tree, and no input makes anything panic.
#![cfg(all(feature = "rules", feature = "ecs"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test reports by panicking and says what it did"
)]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;
#[path = "support/random_text.rs"]
mod random_text;
mod support;

use std::path::Path;
use std::sync::Arc;

use elkhound::convert;
use elkhound::engine::{Engine, RuleSet};
use elkhound::event::{Event, FieldKey, Layout, Record, Scratch};
use elkhound::query::{Query, Settings};
use elkhound::schema::{Schema, Strictness};
use elkhound::source::Source;
use elkhound::syntax::eql::{self, Dialect};
use elkhound::syntax::kql;
use random::Random;
use serde_json::Value as Json;

/// The tree without the places of its nodes.
fn placeless(mut json: Json) -> Json {
    match &mut json {
        Json::Object(object) => {
            object.remove("span");
            object.values_mut().for_each(|below| *below = placeless(below.take()));
        }
        Json::Array(items) => items.iter_mut().for_each(|below| *below = placeless(below.take())),
        _ => {}
    }
    json
}

/// Whether the text is KQL; its print has to be the same.
fn kql_again(text: &str) -> bool {
    let options = kql::Options::default();
    let Ok(tree) = kql::parse(&Source::new("<query>", text), &options) else { return false };
    let printed = kql::print(&tree);
    let again = kql::parse(&Source::new("<query>", printed.as_str()), &options);
    let again = again.unwrap_or_else(|found| panic!("{text:?} prints as {printed:?}: {found}"));
    assert_eq!(kql::kibana_json(&again), kql::kibana_json(&tree), "{text:?} prints as {printed:?}");
    true
}

/// The same for EQL.
fn eql_again(text: &str, dialect: Dialect) -> bool {
    let options = eql::Options { dialect, ..eql::Options::default() };
    let Ok(tree) = eql::parse(&Source::new("<query>", text), &options) else { return false };
    let printed = eql::print(&tree);
    let again = eql::parse(&Source::new("<query>", printed.as_str()), &options);
    let again = again.unwrap_or_else(|found| panic!("{text:?} prints as {printed:?}: {found}"));
    assert_eq!(placeless(eql::json(&again)), placeless(eql::json(&tree)), "{text:?} prints as {printed:?}");
    true
}

#[test]
fn kql_prints_and_parses_to_the_same_tree() {
    let (count, mut sound) = (oracle::count(6_000), 0);
    for seed in 0..count as u64 {
        let mut random = Random::new(seed + 0x9117);
        let depth = random.below(5);
        let text =
            if random.once_in(3) { random::query(&mut random, depth) } else { random_text::kql(&mut random, depth) };
        sound += usize::from(kql_again(&text));
    }
    println!("kql: {sound} of {count} texts are sound");
    assert!(sound > count / 3, "the generator has become trivial: {sound}");
}

#[test]
fn eql_prints_and_parses_to_the_same_tree() {
    let (count, mut sound) = (oracle::count(6_000), 0);
    for seed in 0..count as u64 {
        let mut random = Random::new(seed + 0xE91);
        let dialects = [Dialect::Newest, Dialect::Endgame, Dialect::Elastic(8, 4), Dialect::Elastic(7, 9)];
        let dialect = dialects[random.below(4)];
        let text = match random.below(6) {
            0 => random_eql::event_query(&mut random),
            1 => random_eql::sequence(&mut random),
            _ => random_text::eql(&mut random, dialect == Dialect::Endgame),
        };
        sound += usize::from(eql_again(&text, dialect));
    }
    println!("eql: {sound} of {count} texts are sound");
    assert!(sound > count / 4, "the generator has become trivial: {sound}");
}

/// Queries of the project's own cases, and of the corpora where they are present.
fn queries() -> Vec<String> {
    let mut out = Vec::new();
    for folder in ["kql", "eql", "sequence", "sample"] {
        for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec").join(folder)).unwrap() {
            let file: toml::Table = std::fs::read_to_string(file.unwrap().path()).unwrap().parse().unwrap();
            let cases = file["case"].as_array().unwrap().iter();
            let text = |case: &toml::Value| case.get("kql").or(case.get("eql")).unwrap().as_str().unwrap().to_owned();
            out.extend(cases.map(text));
        }
    }
    for file in ["kql_rules", "eql_rules", "history_queries", "hunting_queries"] {
        let lines = support::shared_lines(&format!("corpus/{file}.jsonl"));
        out.extend(lines.iter().filter_map(|line| line["query"].as_str()).map(str::to_owned));
    }
    out
}

/// The sound texts among the damaged ones print and parse; the others are refused; all of it without a panic.
#[test]
fn damaged_queries() {
    let queries = queries();
    let settings =
        |strictness, dialect| Settings { schema: Arc::new(Schema::ecs()), strictness, dialect, ..Settings::default() };
    let all = [
        settings(Strictness::Lenient, Dialect::Newest),
        settings(Strictness::Strict, Dialect::Newest),
        settings(Strictness::Lenient, Dialect::Elastic(7, 9)),
        settings(Strictness::Lenient, Dialect::Endgame),
    ];
    let event = Arc::new(Event::from_json(EVENT).unwrap());
    let (count, mut compiled) = (oracle::count(4_000), 0);
    for seed in 0..count as u64 {
        let mut random = Random::new(seed + 0xDA3);
        let whole = &queries[random.below(queries.len())];
        let text = random_text::damaged(&mut random, whole);
        let source = Source::new("<query>", text.as_str());
        kql_again(&text);
        let dialect = [Dialect::Newest, Dialect::Endgame, Dialect::Elastic(7, 9)][random.below(3)];
        eql_again(&text, dialect);
        if let Ok(tree) = kql::parse(&source, &kql::Options::default()) {
            let _ = convert::kql_to_eql(&tree, &source, &Schema::ecs());
        }
        let _ = kql::complete(&text, floor(&text, random.below(text.len() + 1)));
        let builder = Query::builder().settings(all[random.below(all.len())].clone());
        let query = if random.once_in(2) { builder.kql(&text) } else { builder.eql(&text) };
        match query {
            Ok(query) => {
                compiled += 1;
                query.search([Arc::clone(&event), Arc::clone(&event)]);
                let mut run = query.start();
                run.push(Arc::clone(&event));
                run.finish();
            }
            Err(found) => assert!(!found.to_string().is_empty() && !found.items().is_empty()),
        }
    }
    println!("damaged queries: {compiled} of {count} compile");
    assert!(compiled > count / 20, "the damage has become too great: {compiled}");
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

const EVENT: &str = r#"{"@timestamp": "2024-05-15T10:00:00Z", "event": {"category": ["process", "network"]}, "process": {"name": "cmd.exe",
    "args": ["cmd.exe", "/c"], "pid": 7}, "source": {"ip": "10.0.0.1", "port": 443}, "k": ["x", "y"], "n": 1.5, "s": "", "a": {"b": [{"c": 1}]}}"#;

#[test]
fn damaged_events() {
    let fields = ["a", "a.b", "process.name", "n"].map(str::to_owned);
    let fields: Vec<FieldKey> = (0..).zip(&fields).map(|(id, name)| FieldKey::new(id, name.as_str())).collect();
    let (layout, mut scratch) = (Layout::new(&fields), Scratch::default());
    let count = oracle::count(20_000);
    for seed in 0..count as u64 {
        let mut random = Random::new(seed + 0xE7);
        let mut bytes = random_text::damaged(&mut random, EVENT).into_bytes();
        if random.once_in(3) {
            let at = random.below(bytes.len().max(1));
            bytes.splice(at..at, (0..random.below(4)).map(|_| random.below(256) as u8).collect::<Vec<_>>());
        }
        let read = Record::read(&bytes, &layout, &mut scratch).is_ok();
        match Event::from_json(&bytes) {
            Ok(_) => assert!(read, "{}", String::from_utf8_lossy(&bytes)),
            Err(refusal) => {
                assert!(!read, "{}", String::from_utf8_lossy(&bytes));
                assert!(!refusal.to_string().is_empty());
            }
        }
    }
}

#[test]
fn damaged_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/proxy_port_activity_to_the_internet");
    let toml = std::fs::read_to_string(folder.join("rule.toml")).unwrap();
    let json = r#"{"rule_id": "a", "name": "A", "description": "d", "severity": "low", "risk_score": 21, "type": "threshold", "index": ["logs-*"],
        "query": "user.name: \"a\"", "language": "kuery", "threshold": {"field": ["user.name"], "value": 1}, "from": "now-9m", "interval": "5m",
        "filters": [{"meta": {"negate": true}, "query": {"wildcard": {"a": {"value": "b*"}}}}], "exceptions_list": [], "threat": []}"#;
    let event = Arc::new(Event::from_json(EVENT).unwrap());
    let (count, mut loads) = (oracle::count(2_000), 0);
    for seed in 0..count as u64 {
        let mut random = Random::new(seed + 0x2B1E);
        let (file, text) = if random.once_in(2) { ("a.toml", toml.as_str()) } else { ("a.json", json) };
        let loaded = RuleSet::load_text(file, &random_text::damaged(&mut random, text));
        loaded.problems.iter().for_each(|problem| assert!(!problem.diagnostics().to_string().is_empty()));
        assert!(!loaded.rules.is_empty() || !loaded.problems.is_empty());
        loads += loaded.rules.len();
        let mut engine = Engine::new(loaded.rules);
        for alert in engine.push(Arc::clone(&event)) {
            alert.to_json();
        }
        engine.finish();
    }
    println!("damaged rules: {loads} of {count} load");
    assert!(loads > count / 20, "the damage has become too great: {loads}");
}
