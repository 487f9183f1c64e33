//! `run --alerts`, exceptions and value lists by option, patterns of rule files, the table of `check`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const EVENTS: &str = r#"{"@timestamp": "2024-01-01T00:00:01Z", "user": {"name": "root"}, "source": {"ip": "10.0.0.5"}, "host": {"name": "h"}}
{"@timestamp": "2024-01-01T00:00:02Z", "user": {"name": "root"}, "source": {"ip": "10.0.0.9"}, "host": {"name": "h"}}
"#;

const RULES: &str = r#"{"id": "u1", "rule_id": "one", "name": "One", "type": "query", "severity": "low", "risk_score": 21, "query": "user.name: root", "exceptions_list": [{"list_id": "x", "type": "detection", "namespace_type": "single"}]}
{"id": "u2", "rule_id": "two", "name": "Two", "type": "eql", "severity": "low", "risk_score": 21, "query": "sequence by host.name [any where true] [any where true]"}
{"id": "u3", "rule_id": "three", "name": "Three", "type": "esql", "severity": "low", "risk_score": 21, "query": "from x"}
{"id": "u4", "rule_id": "four", "name": "Four", "type": "eql", "severity": "low", "risk_score": 21, "query": "any where ("}
"#;

const ITEM: &str = r#"{"list_id": "x", "item_id": "i", "type": "simple", "namespace_type": "single", "entries": [{"field": "source.ip", "type": "list", "operator": "included", "list": {"id": "nets", "type": "ip_range"}}]}
{"exported_exception_list_count": 1}
"#;

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("alerts_{name}"));
    std::fs::create_dir_all(&path).unwrap();
    for (file, text) in [
        ("rules.ndjson", RULES),
        ("events.ndjson", EVENTS),
        ("items.ndjson", ITEM),
        ("nets.txt", "10.0.0.4-10.0.0.6\n\n"),
    ] {
        std::fs::write(path.join(file), text).unwrap();
    }
    path
}

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_elkhound")).args(args).current_dir(folder).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn forms_of_alerts_share_their_ids() {
    let folder = folder("forms");
    let ids = |form: &str, key: &str| -> Vec<String> {
        let output = run(&folder, &["run", "rules.ndjson", "--events", "events.ndjson", "--alerts", form]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let heads = lines(&output).into_iter().filter(|document| document.get("kibana.alert.group.index").is_none());
        heads.map(|document| document.pointer(key).unwrap().as_str().unwrap().to_owned()).collect()
    };
    let minimal = ids("minimal", "/id");
    assert_eq!(minimal.len(), 3);
    assert_eq!(minimal, ids("kibana", "/kibana.alert.uuid"));
    assert_eq!(minimal, ids("ecs", "/alert/id"));
    let output = run(&folder, &["run", "rules.ndjson", "--events", "events.ndjson", "--alerts", "kibana"]);
    assert_eq!(lines(&output).len(), 5, "the sequence has a shell and two blocks");
    let output = run(&folder, &["run", "rules.ndjson", "--events", "events.ndjson", "--alerts", "odd"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0));
}

#[test]
fn ids_do_not_depend_on_the_file() {
    let folder = folder("ids");
    std::fs::write(folder.join("other.ndjson"), format!("\n\n{EVENTS}")).unwrap();
    let of = |file: &str| run(&folder, &["run", "rules.ndjson", "--events", file, "--alerts", "kibana"]).stdout;
    assert!(!of("events.ndjson").is_empty());
    assert_eq!(of("events.ndjson"), of("other.ndjson"));
}

#[test]
fn exceptions_and_value_lists_by_option() {
    let folder = folder("lists");
    let without = run(&folder, &["run", "rules.ndjson", "--events", "events.ndjson"]);
    let err = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(err.contains("the exception list `x` is not given"), "{err}");
    let both = ["--exceptions", "items.ndjson", "--value-list", "nets=nets.txt"];
    let with = run(&folder, &[&["run", "rules.ndjson", "--events", "events.ndjson"][..], &both].concat());
    let found: Vec<Value> = lines(&with).into_iter().filter(|alert| alert["rule"]["name"] == "One").collect();
    assert_eq!(found.len(), 1, "{with:?}");
    assert_eq!(found[0]["events"][0]["_source"]["source"]["ip"], "10.0.0.9");
    // Without its values the exception cannot be decided.
    let output = run(&folder, &["run", "rules.ndjson", "--events", "events.ndjson", "--exceptions", "items.ndjson"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("the values of the list `nets` are not given"));
    for wrong in [["--value-list", "nets"], ["--value-list", "nets=none.txt"], ["--exceptions", "nets.txt"]] {
        let output = run(&folder, &[&["run", "rules.ndjson", "--events", "events.ndjson"][..], &wrong].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{wrong:?}");
    }
}

#[test]
fn strict_runs_end_with_2_where_a_rule_does_not_run() {
    let folder = folder("strict");
    let output = run(&folder, &["run", "rules.ndjson", "--events", "events.ndjson", "--strict"]);
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(err.contains("three (Three): not evaluated: rules of the type `esql` are not evaluated"), "{err}");
    assert!(err.contains("four (Four): "), "{err}");
}

#[test]
fn check_counts_rules_by_type_and_status() {
    let folder = folder("check");
    let output = run(&folder, &["check", "rul*.ndjson", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let counts =
        |name: &str| ["loaded", "broken", "unsupported"].map(|status| report["rules"][name][status].as_u64().unwrap());
    assert_eq!((counts("query"), counts("eql"), counts("esql")), ([1, 0, 0], [1, 1, 0], [0, 0, 1]));
    let output = run(&folder, &["check", "no*.ndjson"]);
    assert_eq!(output.status.code(), Some(3));
}

/// More alerts than are written at once, as many again at the end: threads change no byte.
#[test]
fn threads_change_nothing() {
    let folder = folder("threads");
    let threshold = r#"{"rule_id": "t", "name": "T", "type": "threshold", "severity": "low", "risk_score": 21, "query": "user.name: root", "threshold": {"field": ["host.name"], "value": 2}}"#;
    std::fs::write(folder.join("rules.ndjson"), format!("{RULES}{threshold}\n")).unwrap();
    let event = |at: usize| {
        let host = at % 1_500;
        format!("{{\"@timestamp\": {at}, \"user\": {{\"name\": \"root\"}}, \"host\": {{\"name\": \"h{host}\"}}}}\n")
    };
    std::fs::write(folder.join("events.ndjson"), (0..3_000).map(event).collect::<String>()).unwrap();
    let of = |jobs: &str| run(&folder, &["run", "rules.ndjson", "--events", "events.ndjson", "--jobs", jobs]);
    let one = of("1");
    assert_eq!(lines(&one).len(), 3_000 + 1_500 + 1_500, "each event, each sequence of a host, each host");
    for jobs in ["2", "7"] {
        let several = of(jobs);
        assert!(several.stdout == one.stdout && several.stderr == one.stderr, "{jobs} threads");
    }
}
