//! `run --stream`: alerts while the input is still open, order within the lateness, lines that are no events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use support::{file, folder, run, run_with};

const RULES: &str = r#"{"rule_id": "one", "name": "One", "type": "query", "severity": "low", "risk_score": 21, "query": "user.name: root"}
{"rule_id": "two", "name": "Two", "type": "eql", "severity": "low", "risk_score": 21, "query": "sequence by host.name with maxspan=1m [any where n == 1] [any where n == 2]"}
{"rule_id": "three", "name": "Three", "type": "threshold", "severity": "low", "risk_score": 21, "query": "user.name: root", "threshold": {"field": ["host.name"], "value": 2}}
"#;

fn event(second: u32, n: u32) -> String {
    format!(
        "{{\"@timestamp\": \"2024-01-01T00:00:{second:02}Z\", \"n\": {n}, \"user\": {{\"name\": \"root\"}}, \"host\": {{\"name\": \"h\"}}}}\n"
    )
}

/// The rules of the alerts, in their order.
fn alerting(out: &str) -> Vec<String> {
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["rule"]["id"].clone();
    out.lines().map(|line| id(line).as_str().unwrap().to_owned()).collect()
}

#[test]
fn alerts_come_while_the_input_is_open() {
    let rules = file(&folder("stream_open"), "rules.ndjson", RULES);
    let mut child = Command::new(env!("CARGO_BIN_EXE_elkhound"))
        .args(["run", &rules, "--stream", "--events", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || alerting(&lines.next().unwrap().unwrap()).remove(0);
    stdin.write_all(event(1, 1).as_bytes()).unwrap();
    assert_eq!(next(), "one");
    stdin.write_all(event(2, 2).as_bytes()).unwrap();
    assert_eq!([next(), next()], ["one", "two"]);
    drop(stdin);
    assert_eq!(next(), "three", "a threshold speaks at the end");
    assert!(child.wait().unwrap().success());
}

#[test]
fn events_in_order_give_the_alerts_of_a_file() {
    let folder = folder("stream_same");
    let rules = file(&folder, "rules.ndjson", RULES);
    let lines: String = (0..40).map(|at| event(at, at % 3)).collect();
    let events = file(&folder, "events.ndjson", lines);
    let all = run(&["run", &rules, "--events", &events]).ends(0);
    let stream = run(&["run", &rules, "--stream", "--events", &events]).ends(0);
    assert_eq!(all.lines(), stream.lines());
    assert!(stream.lines().len() > 40);
    assert_eq!(all.err, stream.err);
}

#[test]
fn later_events_are_let_in_and_counted() {
    let folder = folder("stream_late");
    let rules = file(&folder, "rules.ndjson", RULES);
    let late = [event(10, 2), event(8, 1), event(20, 0)].concat();
    let of = |args: &[&str]| {
        let all = [&["run", &rules, "--stream", "--events", "-"], args].concat();
        run_with(&all, late.as_bytes()).ends(0)
    };
    let strict = of(&[]);
    assert!(!alerting(&strict.out).contains(&"two".to_owned()));
    assert!(strict.err.contains("1 came later than allowed"), "{}", strict.err);
    let lenient = of(&["--lateness", "5s"]);
    assert!(alerting(&lenient.out).contains(&"two".to_owned()));
    assert!(!lenient.err.contains("later than allowed"), "{}", lenient.err);
}

#[test]
fn lines_that_are_no_events_are_named_and_passed_over() {
    let folder = folder("stream_broken");
    let rules = file(&folder, "rules.ndjson", RULES);
    let long = format!("{{\"a\": \"{}\"}}\n", "x".repeat(elkhound::event::MAX_BYTES));
    let input = [&event(1, 1), "{\"a\": \n", "\n", "[1]\n", &long, event(2, 2).trim_end()].concat();
    let metrics = folder.join("metrics.prom");
    let metrics = metrics.to_str().unwrap();
    let all = ["run", &rules, "--stream", "--events", "-", "--metrics", metrics];
    let ran = run_with(&all, input.as_bytes()).ends(3);
    assert_eq!(alerting(&ran.out), ["one", "one", "two", "three"]);
    for part in
        ["line 2: ", "line 4: an event is a JSON object", "line 5: the event is longer", "3 lines were no events"]
    {
        assert!(ran.err.contains(part), "{part}\n{}", ran.err);
    }
    let metrics = std::fs::read_to_string(metrics).unwrap();
    assert!(metrics.lines().any(|line| line.starts_with("elkhound_events") && line.ends_with(" 2")), "{metrics}");
}

#[test]
fn what_a_stream_cannot_do_is_refused() {
    let rules = file(&folder("stream_refused"), "rules.ndjson", RULES);
    for args in [
        &["--stream", "--simulate"][..],
        &["--lateness", "5s"],
        &["--stream", "--lateness", "soon"],
        &["--stream", "--schema", "none", "--strict"],
    ] {
        let ran = run(&[&["run", &rules, "--events", "-"], args].concat()).ends(3);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{args:?}");
    }
}
