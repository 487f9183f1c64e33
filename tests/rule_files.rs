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

use elkhound::engine::{RuleSet, RuleSettings};
use elkhound::query::Settings;
use elkhound::rule::{History, Loaded, ProblemKind, RuleType, load_paths, load_text};
use elkhound::syntax::eql::Dialect;

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
    // Not even where it is the first, which tells one object over several lines from one a line.
    let loaded = load("a.ndjson", &format!("{{\"name\": nope}}\n{rule}\n{rule}\n"));
    assert_eq!((loaded.rules.len(), loaded.problems.len()), (2, 1));
    let pretty = rule.replace(',', ",\n  ").replace("1,", "nope,");
    let loaded = load("a.json", &pretty);
    assert_eq!((loaded.rules.len(), loaded.problems.len()), (0, 1));
    assert_eq!(loaded.problems[0].diagnostics().items().len(), 1);
}

#[test]
fn spellings_of_toml_become_the_api_s() {
    let text = RULE
        .replace("type = \"eql\"", "type = \"new_terms\"\ndescription = \"d\"\nthreat_mappings = []\nsomething = 1")
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

/// What a rule of the API says wrong, and the text that the message marks.
#[test]
fn wrong_fields_are_marked() {
    let cases = [
        (r#""max_signals": 0"#, "`max_signals` has to be a whole number from 1", "0"),
        (
            r#""interval": "1w""#,
            "`interval` has to be a whole number from 1 and a unit, `s`, `m`, `h` or `d`",
            r#""1w""#,
        ),
        (r#""interval": "0m""#, "`interval` has to be", r#""0m""#),
        (r#""from": "now-6x""#, "`from` has to be a date or date math, such as `now-6m`", r#""now-6x""#),
        (r#""to": "soon""#, "`to` has to be a date or date math", r#""soon""#),
        (r#""history_window_start": "7d""#, "`history_window_start` has to be a date or date math", r#""7d""#),
        (
            r#""timestamp_override_fallback_disabled": "yes""#,
            "`timestamp_override_fallback_disabled` has to be `true` or `false`",
            r#""yes""#,
        ),
        (r#""threat_mapping": []"#, "the rule maps no fields to indicators", "[]"),
        (
            r#""threat_mapping": [{"entries": [{"field": "a", "value": "b", "negate": "yes"}]}]"#,
            "`threat_mapping.0.entries.0.negate` has to be `true` or `false`",
            r#""yes""#,
        ),
        (r#""interval": "m""#, "`interval` has to be", r#""m""#),
        (r#""interval": 5"#, "`interval` has to be", "5"),
        (
            r#""severity_mapping": [{"field": "a", "operator": "foo", "value": "b", "severity": "low"}]"#,
            "`severity_mapping.0.operator` has to be `equals`",
            r#""foo""#,
        ),
        (
            r#""risk_score_mapping": [{"field": "a", "operator": "foo", "value": "b"}]"#,
            "`risk_score_mapping.0.operator` has to be `equals`",
            r#""foo""#,
        ),
        (
            r#""threat_mapping": [{"entries": [{"field": "a", "type": "foo", "value": "b"}]}]"#,
            "`threat_mapping.0.entries.0.type` has to be `mapping`",
            r#""foo""#,
        ),
        (r#""index": "logs-*""#, "`index` has to be a list of texts", r#""logs-*""#),
        (r#""filters": {"a": 1}"#, "`filters` has to be a list of objects", r#"{"a": 1}"#),
        (r#""index": ["a"], "data_view_id": "b""#, "`index` and `data_view_id` exclude each other", r#""b""#),
        (r#""language": "eql""#, "`language` has to be `kuery` or `lucene`", r#""eql""#),
        (
            r#""threshold": {"field": ["a","b","c","d","e","f"], "value": 1}"#,
            "at most 5 fields",
            r#"["a","b","c","d","e","f"]"#,
        ),
        (r#""threshold": {"field": [], "value": 0}"#, "`threshold` has to be", r#"{"field": [], "value": 0}"#),
        (
            r#""threshold": {"value": 1, "cardinality": [{"field": "a", "value": 0}]}"#,
            "`threshold.cardinality` has to be",
            r#"[{"field": "a", "value": 0}]"#,
        ),
        (r#""new_terms_fields": ["a","b","c","d"]"#, "a list of 1 to 3 names", r#"["a","b","c","d"]"#),
        (r#""threat_mapping": [{"entries": []}]"#, "`threat_mapping.0` has to be", r#"{"entries": []}"#),
        (
            r#""threat_mapping": [{"entries": [{"field": "a", "value": "b", "negate": true}]}]"#,
            "only negated entries",
            r#"{"entries": [{"field": "a", "value": "b", "negate": true}]}"#,
        ),
        (
            r#""threat_mapping": [{"entries": [{"field": "a", "value": "b"}, {"field": "a", "value": "b", "negate": true}]}]"#,
            "the same pair of fields negated and not",
            r#"{"entries": [{"field": "a", "value": "b"}, {"field": "a", "value": "b", "negate": true}]}"#,
        ),
        (r#""alert_suppression": {"group_by": []}"#, "`alert_suppression.group_by` has to be", "[]"),
        (
            r#""alert_suppression": {"group_by": ["a"], "duration": {"value": 5, "unit": "d"}}"#,
            "`alert_suppression.duration` has to be",
            r#"{"value": 5, "unit": "d"}"#,
        ),
        (
            r#""alert_suppression": {"group_by": ["a"], "missing_fields_strategy": "drop"}"#,
            "`alert_suppression.missing_fields_strategy` has to be",
            r#""drop""#,
        ),
        (
            r#""severity_mapping": [{"field": "a", "value": "b", "severity": "odd"}]"#,
            "`severity_mapping.0` has to be",
            r#"{"field": "a", "value": "b", "severity": "odd"}"#,
        ),
    ];
    for (field, message, marked) in cases {
        let text =
            format!("\n{{\"name\": \"A\", \"type\": \"query\", \"severity\": \"low\", \"risk_score\": 1,\n  {field}}}");
        let loaded = load("a.json", &text);
        let problem = loaded.problems.first().unwrap_or_else(|| panic!("{field} is taken"));
        let item = &problem.diagnostics().items()[0];
        assert!(item.message.contains(message), "{field}: {}", item.message);
        assert_eq!(&problem.diagnostics().source().text()[item.span.start..item.span.end], marked, "{field}");
        assert_eq!(problem.diagnostics().source().place(item.span.start).line, 3, "{field}");
        assert_eq!(problem.rule_type(), Some(RuleType::Query));
    }
}

/// What came with a later version is refused where an older dialect is chosen, and in no other.
#[test]
fn rules_are_not_newer_than_the_dialect() {
    let threshold = r#""type": "threshold", "query": "*", "threshold": {"field": ["a", "b", "c", "d"], "value": 1}"#;
    let terms =
        r#""type": "new_terms", "query": "*", "new_terms_fields": ["a", "b"], "history_window_start": "now-7d""#;
    for (fields, dialect, message) in [
        (threshold, Dialect::Elastic(9, 1), "more than 3 names in `threshold.field` came with Elasticsearch 9.2"),
        (threshold, Dialect::Elastic(9, 2), ""),
        (threshold, Dialect::Newest, ""),
        (terms, Dialect::Elastic(8, 5), "more than 1 name in `new_terms_fields` came with Elasticsearch 8.6"),
        (terms, Dialect::Elastic(8, 6), ""),
        (terms, Dialect::Endgame, ""),
    ] {
        let text = format!(r#"{{"name": "A", "severity": "low", "risk_score": 1, {fields}}}"#);
        let query = Settings { dialect, ..Settings::default() };
        let compiled = RuleSet::compile(load("a.json", &text), &RuleSettings { query, ..RuleSettings::default() });
        let reason = compiled.problems.first().map_or("", |problem| problem.reason());
        assert_eq!(reason, message, "{fields} in {dialect:?}");
    }
}

/// A rule without a description runs, and is noted.
#[test]
fn a_rule_without_a_description() {
    let rule = r#"{"name": "A", "severity": "low", "risk_score": 1, "type": "query", "query": "a: b""#;
    for (more, notes) in [(r#", "description": "d"}"#, 0), (r#", "description": ""}"#, 1), ("}", 1)] {
        let loaded = load("a.json", &format!("{rule}{more}"));
        assert_eq!(loaded.rules[0].warnings().items().len(), notes, "{more}: {}", loaded.rules[0].warnings());
    }
}

#[test]
fn what_does_not_run_is_marked_in_the_file() {
    let toml = RULE.replace("type = \"eql\"", "type = \"query\"").replace("process where true\n  and false", "a: b")
        + "[[rule.filters]]\n[rule.filters.query.exists]\nfield = \"a\"\n[[rule.filters]]\n[rule.filters.query.fuzzy]\na = 1\n";
    let json = r#"{"name": "A", "type": "query", "severity": "low", "risk_score": 1, "query": "a: b",
        "filters": [{"query": {"exists": {"field": "a"}}},
            {"query": {"fuzzy": {"a": 1}}}]}"#;
    for (file, text, line) in [("a.toml", toml.as_str(), 16), ("a.json", json, 3)] {
        let compiled = RuleSet::compile(load(file, text), &RuleSettings::default());
        let problem = &compiled.problems[0];
        assert_eq!(problem.reason(), "filters of the kind `fuzzy` are not evaluated");
        assert_eq!(problem.kind(), ProblemKind::Unsupported);
        let findings = problem.diagnostics();
        assert_eq!(findings.source().place(findings.items()[0].span.start).line, line, "{file}");
    }
}

#[test]
fn rules_that_are_not_evaluated_say_why() {
    let base = r#""name": "A", "severity": "low", "risk_score": 1"#;
    for (fields, reason) in [
        (r#""type": "esql", "query": "from x""#, "rules of the type `esql` are not evaluated"),
        (
            r#""type": "machine_learning", "anomaly_threshold": 1, "machine_learning_job_id": "j""#,
            "rules of the type `machine_learning` are not evaluated",
        ),
        (r#""type": "query", "language": "lucene", "query": "a:b""#, "queries in `lucene` are not evaluated"),
        (r#""type": "saved_query", "saved_id": "s""#, "the rule has no query of its own"),
        (
            r#""type": "threat_match", "query": "*", "threat_query": "a", "threat_language": "lucene", "threat_index": ["t"], "threat_mapping": [{"entries": [{"field": "a", "value": "b"}]}]"#,
            "only `kuery` is evaluated",
        ),
    ] {
        let compiled = RuleSet::compile(load("a.json", &format!("{{{base}, {fields}}}")), &RuleSettings::default());
        assert_eq!(compiled.problems.len(), 1, "{fields}");
        assert_eq!(compiled.problems[0].reason(), reason);
        assert_eq!(compiled.problems[0].kind(), ProblemKind::Unsupported);
    }
    let saved = format!(r#"{{{base}, "type": "saved_query", "saved_id": "s"}}"#);
    let compiled = RuleSet::compile(load("a.json", &saved), &RuleSettings::default());
    assert_eq!(compiled.problems[0].diagnostics().source().text(), saved, "the message shows the rule");
    let saved = format!(r#"{{{base}, "type": "saved_query", "saved_id": "s", "query": "a: b"}}"#);
    assert!(RuleSet::compile(load("a.json", &saved), &RuleSettings::default()).problems.is_empty());
}

/// Lines of an export that are no rules: none is taken for one, whatever version wrote it.
#[test]
fn exports_hold_more_than_rules() {
    let lines = [
        r#"{"name":"A","risk_score":1,"severity":"low","type":"query","query":"a: b"}"#,
        r#"{"list_id":"l","name":"L","type":"detection","namespace_type":"single","id":"1","version":1}"#,
        r#"{"list_id":"l","item_id":"i","type":"simple","entries":[]}"#,
        r#"{"id":"v","list_id":"ips","type":"ip","value":"10.0.0.1"}"#,
        r#"{"id":"c","type":"action","attributes":{"name":"n"},"references":[]}"#,
        r#"{"exported_count":4,"exported_rules_count":1}"#,
        r#"{"exported_rules_count":1,"missing_rules":[],"missing_rules_count":0}"#,
        r#"{"exported_exception_list_count":1,"exported_exception_list_item_count":1}"#,
    ];
    let loaded = load("-", &lines.join("\n"));
    assert!(loaded.problems.is_empty(), "{}", loaded.problems[0]);
    assert_eq!((loaded.rules.len(), loaded.exceptions.len()), (1, 2));
    assert_eq!(loaded.value_lists["ips"], ["10.0.0.1"]);
}

/// What can only be told once the clock is known is marked in its own field too.
#[test]
fn a_history_that_begins_too_late_is_broken() {
    let rule = r#"{"name":"A","risk_score":1,"severity":"low","type":"new_terms","query":"*","new_terms_fields":["a"],"history_window_start":"now-5m","from":"now-6m"}"#;
    let compiled = RuleSet::compile(load("a.json", rule), &RuleSettings::default());
    let problem = &compiled.problems[0];
    assert_eq!(problem.reason(), "`history_window_start` has to be earlier than `from`");
    assert_eq!(problem.kind(), ProblemKind::Broken);
    let span = problem.diagnostics().items()[0].span;
    assert_eq!(&rule[span.start..span.end], r#""now-5m""#);
}

#[test]
fn a_rule_without_a_query() {
    let api = r#"{"name":"A","risk_score":1,"severity":"low","type":"query"}"#;
    assert_eq!(load("a.json", api).rules[0].document()["query"], "", "the API fills in the empty query");
    let toml = |more: &str| {
        format!("[metadata]\n[rule]\nname = \"A\"\nseverity = \"low\"\nrisk_score = 1\ntype = \"query\"\n{more}")
    };
    assert_eq!(load("a.toml", &toml("")).problems[0].reason(), "the rule has no `query`");
    let filtered = toml("[[rule.filters]]\n[rule.filters.query.exists]\nfield = \"a\"\n");
    assert!(load("a.toml", &filtered).problems.is_empty(), "filters alone are enough");
}

#[test]
fn a_version_out_of_a_history_is_read_with_the_languages_of_its_stack() {
    let rule = r#"{"rule_id": "a", "name": "A", "type": "eql", "language": "eql", "query": "any where true", "severity": "low", "risk_score": 1}"#;
    let problems = |stack: &str, dialect: Dialect| {
        let mut loaded = Loaded::default();
        load_text("a.json", rule, &mut loaded);
        let version = format!(
            "rule_id = 'a'\n[[version]]\nnumber = 1\nchanged = 'first'\nindex = []\n{stack}\nquery = \"process where process.name = 'cmd.exe'\""
        );
        let history = History::parse("history.toml", &version).unwrap();
        loaded.rules = loaded.rules.iter().map(|rule| history.versions()[0].apply(rule)).collect();
        let query = Settings { dialect, ..Settings::default() };
        RuleSet::compile(loaded, &RuleSettings { query, ..RuleSettings::default() }).problems.len()
    };
    let (old, newer) = ("min_stack_version = '7.9.0'", "min_stack_version = '8.3'");
    assert_eq!(problems(old, Dialect::Newest), 0, "single quotes and one `=`");
    assert_eq!((problems("", Dialect::Newest), problems(newer, Dialect::Newest)), (1, 1), "no longer");
    assert_eq!(problems(old, Dialect::Elastic(8, 4)), 1, "the caller chose");
    let text =
        "rule_id = 'a'\n[[version]]\nnumber = 1\nchanged = 'x'\nindex = []\nmin_stack_version = 8.3\nquery = 'a: b'";
    let problem = History::parse("history.toml", text).unwrap_err();
    let shown = problem.diagnostics().to_string();
    assert!(shown.contains("`min_stack_version` is a version of the Stack") && shown.contains(":6:"), "{shown}");
}
