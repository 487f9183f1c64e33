//! Rules as files: every format, the shipped rules, what is broken and how it is said.
#![cfg(feature = "rules")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]

mod support;

use std::path::Path;

use elkhound::rule::{History, Loaded, ProblemKind, RuleType, load_paths, load_text};

fn load(file: &str, text: &str) -> Loaded {
    let mut loaded = Loaded::default();
    load_text(file, text, &mut loaded);
    loaded
}

const RULE: &str = r#"[metadata]
maturity = "production"

[rule]
name = "A"
rule_id = "0"
risk_score = 21
severity = "low"
type = "eql"
query = '''
process where true
  and false
'''
"#;

#[test]
fn shipped_rules_load_with_their_histories() {
    let loaded = load_paths(&["rules"]).unwrap();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    assert_eq!(loaded.rules.len(), 2);
    for rule in &loaded.rules {
        assert!(rule.warnings().items().is_empty(), "{}", rule.warnings());
        let history = History::load(&Path::new(rule.file()).with_file_name("history.toml")).unwrap().unwrap();
        assert_eq!(Some(history.rule_id()), rule.id());
        let current = history.versions().iter().find(|version| Some(version.number()) == history.current()).unwrap();
        assert_eq!(Some(current.query().text()), rule.query().map(elkhound::source::Source::text));
        assert_eq!(Some(current.index()), rule.index());
    }
}

#[test]
fn places_are_those_of_the_file() {
    let loaded = load("a.toml", RULE);
    let query = loaded.rules[0].query().unwrap();
    let offset = query.text().find("false").unwrap();
    assert_eq!((query.place(offset).line, query.place(offset).column), (12, 7));
    let json = r#"{"name":"A","risk_score":1,"severity":"low","type":"query","query":"a: \"b\"\nor c: d"}"#;
    let text = format!("\n  {json}\n");
    let loaded = load("a.ndjson", &text);
    let query = loaded.rules[0].query().unwrap();
    let offset = query.text().find("c:").unwrap();
    assert_eq!(query.place(offset).line, 2);
    assert_eq!(query.place(offset).column, text.lines().nth(1).unwrap().find("c:").unwrap() + 1);
}

#[test]
fn a_broken_rule_says_all_that_is_wrong_and_where() {
    let loaded = load("a.toml", "[rule]\nname = \"A\"\nrisk_score = 101\nseverity = \"hi\"\ntype = \"eql\"\n");
    let problem = &loaded.problems[0];
    let lines: Vec<(usize, String)> = problem
        .diagnostics()
        .items()
        .iter()
        .map(|item| (problem.diagnostics().source().place(item.span.start).line, item.message.clone()))
        .collect();
    assert_eq!(
        lines,
        [
            (1, "the rule has no `query`".to_owned()),
            (3, "`risk_score` has to be a whole number from 0 to 100".to_owned()),
            (4, "`severity` has to be one of `low`, `medium`, `high`, `critical`".to_owned()),
        ]
    );
    assert_eq!(problem.to_string(), "a.toml: A: the rule has no `query`");
    assert_eq!(problem.kind(), ProblemKind::Broken);
}

#[test]
fn text_that_is_no_rule() {
    for (file, text) in [
        ("a.toml", "[rule"),
        ("a.toml", ""),
        ("a.toml", "[metadata]\n"),
        ("a.json", "{"),
        ("a.json", "[1]"),
        ("a.json", "nonsense"),
        ("a.ndjson", "{}\n{\n"),
        ("-", ""),
    ] {
        let loaded = load(file, text);
        assert!(loaded.rules.is_empty(), "{text}");
        assert!(!loaded.problems.is_empty(), "{text}");
    }
}

#[test]
fn deep_texts_are_refused_not_fatal() {
    for text in [
        format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
    ] {
        assert!(!load("a.toml", &text).problems.is_empty());
    }
    for text in
        ["[".repeat(100_000), "{\"attributes\":".repeat(100_000), "{\"a\":".repeat(1000) + "1" + &"}".repeat(1000)]
    {
        assert!(!load("a.json", &text).problems.is_empty());
    }
}

#[test]
fn one_broken_line_does_not_stop_the_others() {
    let rule = r#"{"name":"A","risk_score":1,"severity":"low","type":"query","query":"a: b"}"#;
    let loaded = load("a.ndjson", &format!("{rule}\n{{\"name\": nope}}\n{rule}\n"));
    assert_eq!((loaded.rules.len(), loaded.problems.len()), (2, 1));
    let findings = loaded.problems[0].diagnostics();
    assert_eq!(findings.source().place(findings.items()[0].span.start).line, 2);
}

#[test]
fn spellings_of_toml_become_the_api_s() {
    let text = RULE
        .replace("type = \"eql\"", "type = \"new_terms\"\nthreat_mappings = []\nsomething = 1")
        .replace("eql", "kuery")
        + "[rule.new_terms]\nfield = \"new_terms_fields\"\nvalue = [\"user.name\"]\n\
           [[rule.new_terms.history_window_start]]\nfield = \"history_window_start\"\nvalue = \"now-7d\"\n";
    let loaded = load("a.toml", &text);
    let rule = &loaded.rules[0];
    assert_eq!(rule.kind(), RuleType::NewTerms);
    assert_eq!(rule.document()["new_terms_fields"], serde_json::json!(["user.name"]));
    assert_eq!(rule.document()["history_window_start"], "now-7d");
    assert_eq!(rule.document()["interval"], "5m");
    assert_eq!(rule.warnings().items().len(), 1, "{}", rule.warnings());
}

#[test]
fn samples_of_exports_and_packages() {
    for (file, rules) in [("rules_export.ndjson", 9), ("package_assets.ndjson", 23)] {
        let Some(path) = support::shared(&format!("corpus/samples/{file}")) else { return };
        let loaded = load_paths(&[path]).unwrap();
        for problem in &loaded.problems {
            eprintln!("{problem}");
        }
        assert_eq!((loaded.rules.len(), loaded.problems.len()), (rules, 0), "{file}");
        eprintln!("{file} {rules}/{rules}");
    }
}
