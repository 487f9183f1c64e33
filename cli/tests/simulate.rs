//! `run --simulate`: alerts on stdout, what was missed on stderr, all of it in the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};

const RULE: &str = r#"{"rule_id": "r", "name": "R", "type": "query", "severity": "low", "risk_score": 21,
    "query": "user.name: root", "interval": "5m", "from": "now-6m"}"#;

const EVENTS: &str = r#"{"_id": "1", "@timestamp": "2024-05-15T10:00:30Z", "user": {"name": "root"}}
{"_id": "2", "@timestamp": "2024-05-15T10:05:30Z", "event": {"ingested": "2024-05-15T10:20:00Z"}, "user": {"name": "root"}}
"#;

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn simulate(name: &str, more: &[&str]) -> Output {
    let (rule, events) = (file(&format!("{name}.json"), RULE), file(&format!("{name}.ndjson"), EVENTS));
    let mut command = Command::new(env!("CARGO_BIN_EXE_elkhound"));
    command.arg("run").arg(rule).arg("--events").arg(events).args(more).output().unwrap()
}

#[test]
fn what_is_found_and_what_is_missed() {
    let report = file("found.report", "");
    let output = simulate("found", &["--simulate", "--report", report.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let alerts = String::from_utf8(output.stdout).unwrap();
    assert_eq!(alerts.lines().count(), 1, "{alerts}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("R: missed (late) by the run of 2024-05-15T10:10:30.000Z"), "{said}");
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["rules"][0]["missed"][0]["reason"], "late");
    assert_eq!(report["rules"][0]["runs"][0]["alerts"], 1);
}

#[test]
fn without_it_there_is_one_window() {
    let output = simulate("plain", &[]);
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
}

#[test]
fn wrong_values_are_usage_errors() {
    let times = ["--simulate", "--start", "2024-05-15T10:00:00Z", "--end", "2024-05-15T09:00:00Z"];
    for more in [
        &["--delay", "1m"][..],
        &["--simulate", "--delay", "soon"],
        &["--simulate", "--start", "noon"],
        &times,
        // A replay has no engine whose counters could be written.
        &["--simulate", "--metrics", "metrics.prom"],
    ] {
        let output = simulate("wrong", more);
        assert_eq!(output.status.code(), Some(3), "{more:?}");
        assert!(output.stdout.is_empty());
    }
}

/// The last detection is the run that counted something, not the event that it counted.
#[test]
fn an_alert_of_an_earlier_run_is_detected_again_by_a_later_one() {
    let suppression = r#""alert_suppression": {"group_by": ["user.name"], "duration": {"value": 1, "unit": "h"}}"#;
    let rule = file("again.json", &RULE.replace(r#""interval""#, &format!(r#"{suppression}, "interval""#)));
    let events = EVENTS.replace(r#""event": {"ingested": "2024-05-15T10:20:00Z"}, "#, "");
    let events = file("again.ndjson", &events);
    let run = ["--simulate", "--start", "2024-05-15T10:05:00Z", "--end", "2024-05-15T10:10:00Z", "--alerts", "kibana"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_elkhound"));
    let output = command.arg("run").arg(rule).arg("--events").arg(events).args(run).output().unwrap();
    let alert: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |field: &str| alert[format!("kibana.alert.{field}")].as_str().unwrap().to_owned();
    assert_eq!(of("suppression.end"), "2024-05-15T10:05:30.000Z");
    assert_eq!(
        (of("start"), of("last_detected")),
        ("2024-05-15T10:05:00.000Z".into(), "2024-05-15T10:10:00.000Z".into())
    );
}
