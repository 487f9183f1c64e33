//! `run` and `test`: rules in, alerts and verdicts out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Ran, file, folder, run, run_with};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rule(id: &str, name: &str, query: &str) -> String {
    format!(
        "[rule]\nname = \"{name}\"\nrule_id = \"{id}\"\nrisk_score = 21\nseverity = \"low\"\ntype = \"query\"\nlanguage = \"kuery\"\nquery = '''\n{query}\n'''\n"
    )
}

const EVENTS: &str = r#"{"@timestamp": "2024-01-01T00:00:03.5Z", "user": {"name": "root"}, "n": 3}
{"@timestamp": "2024-01-01T00:00:03Z", "user": {"name": "root"}, "n": 2}
{"@timestamp": "2024-01-01T00:00:01Z", "user": {"name": "bob"}, "n": 1}
"#;

#[test]
fn the_shipped_rules_alert_on_the_example() {
    let ran = run(&["run", "rules", "--events", "examples/events.ndjson"]).ends(0);
    let alerts = ran.lines();
    let names: Vec<&str> = alerts.iter().filter_map(|alert| alert["rule"]["name"].as_str()).collect();
    for rule in ["Proxy Port Activity to the Internet", "FortiGate SOCKS Traffic from an Unusual Process"] {
        assert!(names.contains(&rule), "{names:?}");
    }
    assert!(ran.err.contains("2 rules: 2 alerted, 0 silent; 0 not run"), "{}", ran.err);
}

#[test]
fn a_bench_judges_what_a_run_judges() {
    let written = run(&["run", "rules", "--events", "examples/events.ndjson"]).ends(0).lines().len();
    for jobs in ["1", "2"] {
        let ran = run(&["bench", "rules", "--events", "examples/events.ndjson", "--format", "json", "--jobs", jobs]);
        let report = &ran.ends(0).lines()[0];
        assert_eq!((&report["rules"], &report["events"]), (&json!(2), &json!(10)), "{report}");
        assert_eq!(report["engine"]["alerts"], json!(written), "{report}");
        assert_eq!(report["engine"]["threads"].to_string(), jobs, "{report}");
        for part in ["set", "engine", "value"] {
            assert!(report[part]["events_per_second"].as_f64().is_some_and(|speed| speed > 0.0), "{report}");
        }
    }
}

#[test]
fn a_bench_names_the_event_that_is_none() {
    let folder = folder("bench_broken");
    let broken = file(&folder, "e.ndjson", "{\"a\": 1}\n\n{\"a\": }\n");
    let ran = run(&["bench", "rules", "--events", &broken]).ends(3);
    assert!(ran.err.contains("event 2: "), "{}", ran.err);
}

#[test]
fn every_version_of_a_history_runs() {
    let ran = run(&["run", "rules", "--history", "--events", "examples/events.ndjson"]).ends(0);
    let mut versions: Vec<u64> = ran.lines().iter().filter_map(|alert| alert["rule"]["version"].as_u64()).collect();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions, [0, 1, 2, 3, 4, 5, 6, 7, 8, 100]);
    assert!(ran.err.contains("14 rules: 14 alerted"), "{}", ran.err);
}

#[test]
fn broken_rules_are_named_and_stop_no_other() {
    let folder = folder("broken_rules");
    file(&folder, "good.toml", rule("id-good", "Good", "user.name: root"));
    file(&folder, "bad.toml", rule("id-bad", "Bad", "user.name: ("));
    let events = file(&folder, "e.ndjson", EVENTS);
    let ran = run(&["run", folder.to_str().unwrap(), "--events", &events]).ends(0);
    assert_eq!(ran.lines().len(), 2);
    let named = ran.err.lines().any(|line| line.contains("bad.toml") && line.contains("id-bad"));
    assert!(named, "{}", ran.err);
    assert!(ran.err.contains("1 not run"), "{}", ran.err);
    // Where no rule runs at all, the call is broken.
    let ran = run(&["run", folder.join("bad.toml").to_str().unwrap(), "--events", &events]).ends(2);
    assert!(ran.out.is_empty());
}

#[test]
fn alerts_come_in_time_order_whatever_the_jobs() {
    let folder = folder("order");
    file(&folder, "a.toml", rule("1", "A", "user.name: root"));
    file(&folder, "b.toml", rule("2", "B", "user.name: *"));
    let events = file(&folder, "e.ndjson", EVENTS);
    let all: Vec<String> = ["1", "2", "5"]
        .map(|jobs| run(&["run", folder.to_str().unwrap(), "--events", &events, "--jobs", jobs]).ends(0).out)
        .into();
    assert!(all.iter().all(|out| *out == all[0]));
    let ran = Ran { code: 0, out: all[0].clone(), err: String::new() };
    let found: Vec<(String, i64)> =
        ran.lines().iter().map(|alert| (alert["rule"]["name"].as_str().unwrap().to_owned(), numbers(alert))).collect();
    let wanted = [("B", 1), ("A", 2), ("B", 2), ("A", 3), ("B", 3)].map(|(name, n)| (name.to_owned(), n));
    assert_eq!(found, wanted);
}

/// The number of the event in an alert, wherever the alert keeps it.
fn numbers(alert: &Value) -> i64 {
    let text = alert.to_string();
    let at = text.find("\"n\":").unwrap_or_else(|| panic!("no event in {text}"));
    text[at + 4..].chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[test]
fn rules_and_events_from_stdin() {
    let folder = folder("stdin");
    let rules = file(&folder, "a.toml", rule("1", "A", "user.name: root"));
    let events = file(&folder, "e.ndjson", EVENTS);
    assert_eq!(run_with(&["run", &rules, "--events", "-"], EVENTS.as_bytes()).ends(0).lines().len(), 2);
    let text = std::fs::read(&rules).unwrap();
    assert_eq!(run_with(&["run", "-", "--events", &events], &text).ends(0).lines().len(), 2);
    let packed = file(&folder, "e.ndjson.zst", zstd::encode_all(EVENTS.as_bytes(), 3).unwrap());
    assert_eq!(run(&["run", &rules, "--events", &packed, &events]).ends(0).lines().len(), 4);
    // Rules are unpacked as events are.
    let packed = file(&folder, "a.toml.zst", zstd::encode_all(text.as_slice(), 3).unwrap());
    assert_eq!(run(&["run", &packed, "--events", &events]).ends(0).lines().len(), 2);
    run(&["check", &packed]).ends(0);
}

/// Whoever reads stdin second would take nothing for all there is.
#[test]
fn stdin_is_read_once() {
    let folder = folder("stdin_twice");
    let text = rule("1", "A", "user.name: root");
    let rules = file(&folder, "a.toml", &text);
    for args in [
        &["run", "-", "--events", "-"][..],
        &["run", "-", "-", "--events", &rules],
        &["run", &rules, "--events", "-", "-"],
        &["check", "-", "-"],
    ] {
        let ran = run_with(args, text.as_bytes()).ends(3);
        assert!(ran.out.is_empty(), "{}", ran.out);
    }
    let ran = run_with(&["run", "-", "--events", "-"], text.as_bytes());
    assert!(ran.err.contains("`-` is given twice"), "{}", ran.err);
    run_with(&["match", "-l", "kql", "-f", "-", "-"], b"user.name: root").ends(3);
    run_with(&["check", "-l", "kql", "-f", "-"], b"user.name: root").ends(0);
}

/// A list of events is one, whatever blanks stand before it.
#[test]
fn a_list_of_events_after_an_empty_line() {
    let folder = folder("list");
    let rules = file(&folder, "a.toml", rule("1", "A", "user.name: root"));
    let list = format!("\n  [{}]", EVENTS.trim().replace('\n', ","));
    assert_eq!(run_with(&["run", &rules, "--events", "-"], list.as_bytes()).ends(0).lines().len(), 2);
}

#[test]
fn no_alert_where_one_was_asked_for() {
    let folder = folder("none");
    let rules = file(&folder, "a.toml", rule("1", "A", "user.name: nobody"));
    run_with(&["run", &rules, "--events", "-"], EVENTS.as_bytes()).ends(0);
    run_with(&["run", &rules, "--events", "-", "--fail-if-none"], EVENTS.as_bytes()).ends(1);
}

#[test]
fn indices_are_enforced_on_demand() {
    let folder = folder("indices");
    let text = rule("1", "A", "user.name: root").replace("language", "index = [\"logs-*\"]\nlanguage");
    let rules = file(&folder, "a.toml", text);
    let events = r#"{"_index": "other", "user": {"name": "root"}, "n": 1}
{"_index": "logs-x", "user": {"name": "root"}, "n": 2}"#;
    assert_eq!(run_with(&["run", &rules, "--events", "-"], events.as_bytes()).ends(0).lines().len(), 2);
    let ran = run_with(&["run", &rules, "--events", "-", "--enforce-index"], events.as_bytes()).ends(0);
    assert_eq!(ran.lines().iter().map(numbers).collect::<Vec<_>>(), [2]);
}

/// What has no effect is said by `run` itself; what is only odd is left to `check`.
#[test]
fn conditions_without_effect_are_named() {
    let folder = folder("without_effect");
    let query = "source.port: abc or source.ip: (\"10.0.0.1\" or word) or proces.name: a";
    let rules = file(&folder, "a.toml", rule("1", "A", query));
    let err = run_with(&["run", &rules, "--events", "-"], EVENTS.as_bytes()).ends(0).err;
    for part in ["For input string: \"abc\"", "'word' is not an IP string literal", "a.toml:9:"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    assert!(!err.contains("W0201"), "{err}");
    let err = run_with(&["run", &rules, "--events", "-", "--simulate"], EVENTS.as_bytes()).ends(0).err;
    assert!(err.contains("For input string: \"abc\""), "{err}");
    let mapping = file(&folder, "m.json", r#"{"@timestamp": "date", "n": "long"}"#);
    let args = ["run", &rules, "--events", "-", "--schema", "none", "--strict", "--mapping", &mapping];
    let err = run_with(&args, EVENTS.as_bytes()).ends(0).err;
    assert!(err.contains("their field is not mapped: 4;"), "{err}");
}

/// A rule without a description is named by `check`, after what is graver, and is no finding that ends it with 1.
#[test]
fn rules_without_a_description() {
    let folder = folder("undescribed");
    let rules = file(&folder, "a.toml", rule("1", "A", "user.name: root"));
    let ran = run(&["check", &rules]).ends(0);
    assert!(ran.err.contains("W0603"), "{}", ran.err);
    file(&folder, "b.toml", rule("2", "B", "user.name: ("));
    let ran = run(&["check", folder.to_str().unwrap(), "--format", "json"]).ends(2);
    let json = ran.json();
    let codes: Vec<&str> =
        json["diagnostics"].as_array().unwrap().iter().filter_map(|item| item["code"].as_str()).collect();
    assert_eq!(codes, ["E0101", "W0603", "W0603"]);
}

#[test]
fn the_query_of_indicators_has_warnings_too() {
    let folder = folder("without_effect_indicators");
    let mapping = r#"[{"entries": [{"field": "source.ip", "type": "mapping", "value": "threat.indicator.ip"}]}]"#;
    let text = format!(
        r#"{{"rule_id": "t", "name": "T", "description": "d", "type": "threat_match", "severity": "low", "risk_score": 21,
            "query": "*:*", "threat_query": "threat.indicator.port: abc", "threat_index": ["ti"], "threat_mapping": {mapping}}}"#
    );
    let rules = file(&folder, "a.json", text);
    let err = run_with(&["run", &rules, "--events", "-"], EVENTS.as_bytes()).ends(0).err;
    assert!(err.contains("W0301") && err.contains("threat.indicator.port"), "{err}");
}

/// A line that is not of the type of its list is named, and the others go on hiding events.
#[test]
fn a_bad_line_of_a_value_list_is_named() {
    let folder = folder("bad_line");
    let rule = r#"{"rule_id": "1", "name": "A", "description": "d", "type": "query", "severity": "low", "risk_score": 21, "query": "*:*", "exceptions_list": [{"list_id": "x", "type": "detection", "namespace_type": "single"}]}"#;
    let rules = file(&folder, "a.json", rule);
    let events = r#"{"source": {"ip": "10.9.9.9"}, "n": 1}
{"source": {"ip": "192.168.0.1"}, "n": 2}"#;
    for kind in ["ip", "ip_range"] {
        let item = format!(
            r#"{{"list_id": "x", "item_id": "i", "name": "Nets", "type": "simple", "namespace_type": "single", "entries": [{{"field": "source.ip", "type": "list", "operator": "included", "list": {{"id": "nets", "type": "{kind}"}}}}]}}"#
        );
        let items = file(&folder, "items.ndjson", item);
        let nets = file(&folder, "nets.txt", "10.0.0.0/8\nword\n");
        let list = format!("nets={nets}");
        let args = ["run", &rules, "--events", "-", "--exceptions", &items, "--value-list", &list];
        let ran = run_with(&args, events.as_bytes()).ends(0);
        assert_eq!(ran.lines().iter().map(numbers).collect::<Vec<_>>(), [2], "{kind}");
        assert!(
            ran.err.contains("the exception item `Nets`: of the value list `nets`, value 2, `word`"),
            "{}",
            ran.err
        );
    }
}

/// A copy of the project's rules.
fn copy_of_rules(test: &str) -> PathBuf {
    let folder = folder(test);
    for rule in std::fs::read_dir(root().join("rules")).unwrap() {
        let rule = rule.unwrap();
        for part in std::fs::read_dir(rule.path()).unwrap() {
            let part = part.unwrap();
            let to = folder.join(rule.file_name());
            std::fs::create_dir_all(&to).unwrap();
            std::fs::copy(part.path(), to.join(part.file_name())).unwrap();
        }
    }
    folder
}

#[test]
fn the_shipped_rules_pass_their_tests() {
    let ran = run(&["test", "rules"]).ends(0);
    assert!(ran.out.contains("cases passed in 2 files"), "{}", ran.out);
}

/// Every damage to a query, in the rule file or in the history, is found by the cases beside it.
#[test]
fn damaged_rules_fail_their_tests() {
    let proxy = "proxy_port_activity_to_the_internet";
    let socks = "socks_traffic_from_an_unusual_process";
    for (at, (rule, part, from, to)) in [
        (proxy, "rule.toml", "8080", "8081"),
        (proxy, "rule.toml", "\"FE80::/10\"", "\"FE80::/16\""),
        (proxy, "rule.toml", "network.transport:tcp", "network.transport:udp"),
        (proxy, "rule.toml", "or event.dataset", "and event.dataset"),
        (proxy, "history.toml", "zeek.socks", "zeek.sock"),
        (proxy, "history.toml", "direction", "directions"),
        (proxy, "history.toml", "169.254.0.0/16", "169.254.0.0/24"),
        (socks, "rule.toml", "maxspan=1m", "maxspan=59s"),
        (socks, "rule.toml", "SOCKS5", "SOCKS6"),
        (socks, "rule.toml", "source.port", "source.bytes"),
        (socks, "history.toml", "maxspan=1m", "maxspan=2m"),
        (socks, "history.toml", "destination.ip", "destination.port"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = copy_of_rules(&format!("damaged_{at}"));
        let path = folder.join(rule).join(part);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{part} of {rule} has no {from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let ran = run(&["test", folder.to_str().unwrap()]);
        assert_eq!(ran.code, 1, "{from} to {to}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("FAILED"), "{}", ran.out);
    }
}

#[test]
fn a_rule_that_cannot_be_read_is_broken() {
    let folder = copy_of_rules("unreadable");
    let path = folder.join("proxy_port_activity_to_the_internet/rule.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("query = '''", "query = '''(", 1)).unwrap();
    let ran = run(&["test", folder.to_str().unwrap()]);
    assert!(matches!(ran.code, 1 | 2), "{}{}", ran.out, ran.err);
    assert!(format!("{}{}", ran.out, ran.err).contains("E0101"));
}

#[test]
fn reports_of_tests() {
    let folder = folder("reports");
    file(&folder, "r/rule.toml", rule("1", "A", "user.name: root"));
    let cases = "tests:\n  - name: root\n    matches: true\n    events: [{user: {name: root}}]\n  - name: bob\n    why: he is not root\n    matches: true\n    events: [{user: {name: bob}}]\n";
    let tests = file(&folder, "r/tests.yaml", cases);
    let junit = folder.join("junit.xml");
    let ran = run(&["test", &tests, "--junit", junit.to_str().unwrap()]).ends(1);
    assert!(
        ran.out.contains("FAILED") && ran.out.contains("bob") && ran.out.contains("1 of 2 cases passed"),
        "{}",
        ran.out
    );
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("<failure") && xml.contains("tests=\"2\"") && xml.contains("failures=\"1\""), "{xml}");
    let ran = run(&["test", folder.to_str().unwrap(), "--format", "json"]).ends(1);
    assert_eq!((ran.json()["cases"].as_u64(), ran.json()["failed"][0]["case"].as_str()), (Some(2), Some("bob")));
    assert_eq!(ran.json()["failed"][0]["file"].as_str(), Some(tests.as_str()));
    // Rules of the same name stay apart.
    for other in ["q", "s"] {
        file(&folder, &format!("{other}/rule.toml"), rule("1", "A", "user.name: root"));
        file(&folder, &format!("{other}/tests.yaml"), cases);
    }
    file(&folder, "qq/rule.toml", rule("2", "B", "user.name: root"));
    file(&folder, "qq/tests.yaml", cases);
    let junit = folder.join("junit.xml");
    run(&["test", folder.to_str().unwrap(), "--junit", junit.to_str().unwrap()]).ends(1);
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("tests=\"8\"") && xml.matches("<testcase").count() == 8, "{xml}");
    assert!(xml.contains(&format!("classname=\"{tests}\"")), "{xml}");
    file(&folder, "r/tests.yaml", "tests: [{nonsense: 1}]");
    run(&["test", folder.to_str().unwrap()]).ends(3);
}

/// What is wrong with a file of cases is said with what was written, what is expected, and where.
#[test]
fn faults_of_a_file_of_cases_are_explained() {
    let folder = folder("faulty_cases");
    let text = rule("1", "A", "user.name: root").replace("language", "index = [\"logs-*\"]\nlanguage");
    file(&folder, "rule.toml", text);
    let case = |more: &str| {
        let text = format!("tests:\n  - name: root\n    {more}\n    events: [{{user: {{name: root}}}}]\n");
        file(&folder, "tests.yaml", text)
    };
    let ran = run(&["test", &case("matches: maybe")]).ends(3);
    let wanted = "invalid type: string \"maybe\", expected `true`, `false` or a list of versions for `matches`";
    assert!(ran.err.contains(wanted) && ran.err.contains("line 3 column 5"), "{}", ran.err);
    // A rule without a history has no versions to name.
    for (more, key) in [("matches: [1]", "matches"), ("matches: true\n    versions: [1]", "versions")] {
        let ran = run(&["test", &case(more)]).ends(1);
        let wanted = format!("`{key}` names version 1, but the rule has no history");
        assert!(ran.out.contains(&wanted) && ran.out.contains("0 of 1 cases passed"), "{}", ran.out);
    }
    // What is no event would match nothing, which may be what is expected.
    let empty = file(&folder, "tests.yaml", "tests: [{name: a, matches: false, events: [{}, null]}]");
    let ran = run(&["test", &empty]).ends(1);
    assert!(ran.out.contains("event 1 is `null`, and an event is an object of fields"), "{}", ran.out);
    let history = "rule_id = \"1\"\nname = \"A\"\ncurrent = 2\n[[version]]\nnumber = 2\nrelease = \"8.0.0\"\nchanged = \"c\"\nindex = [\"logs-*\"]\nquery = \"user.name: root\"\n";
    file(&folder, "history.toml", history);
    run(&["test", &case("matches: [2]")]).ends(0);
    let ran = run(&["test", &case("matches: [2, 3]")]).ends(1);
    assert!(ran.out.contains("`matches` names version 3, which the rule does not have"), "{}", ran.out);
}

/// An export is tested with the exceptions that came with it; of several rules in one file none is passed over.
#[test]
fn an_export_is_tested_as_it_runs() {
    let folder = folder("tested_export");
    let rule = |name: &str| {
        format!(
            r#"{{"rule_id": "1", "name": "{name}", "type": "query", "severity": "low", "risk_score": 1, "query": "user.name: *", "exceptions_list": [{{"id": "l", "list_id": "l", "type": "detection", "namespace_type": "single"}}]}}"#
        )
    };
    let item = r#"{"list_id": "l", "item_id": "i", "type": "simple", "namespace_type": "single", "entries": [{"field": "user.name", "type": "match", "operator": "included", "value": "root"}]}"#;
    file(&folder, "rule.ndjson", format!("{}\n{item}\n", rule("A")));
    let cases = "rule: rule.ndjson\ntests:\n  - {name: root, matches: false, events: [{user: {name: root}}]}\n  - {name: bob, matches: true, events: [{user: {name: bob}}]}\n";
    let tests = file(&folder, "tests.yaml", cases);
    run(&["test", &tests]).ends(0);
    file(&folder, "rule.ndjson", format!("{}\n{}\n{item}\n", rule("A"), rule("B")));
    let ran = run(&["test", &tests]).ends(3);
    assert!(ran.err.contains("holds more than one rule"), "{}", ran.err);
}

/// The events of a case are put in the order of their time, however their times are written.
#[test]
fn events_of_a_case_are_sorted_by_their_time() {
    let folder = folder("times");
    let text = rule("1", "A", "sequence [any where n == 1] [any where n == 2] [any where n == 3]")
        .replace("type = \"query\"\nlanguage = \"kuery\"", "type = \"eql\"\nlanguage = \"eql\"");
    file(&folder, "rule.toml", text);
    let cases = "tests:\n  - name: order\n    matches: true\n    events:\n      - {'@timestamp': '2025-12-01T10:00:00.001Z', n: 2}\n      - {'@timestamp': '2025-12-01T10:00:00Z', n: 1}\n      - {'@timestamp': '2025-12-01T12:00:01+02:00', n: 3}\n";
    file(&folder, "tests.yaml", cases);
    run(&["test", folder.to_str().unwrap()]).ends(0);
}

/// What a limit took is said by a run over a recording as by a stream.
#[test]
fn what_was_given_up_is_said() {
    let folder = folder("given_up");
    let text = rule("1", "A", "n: *").replace("\"query\"\n", "\"threshold\"\n")
        + "[rule.threshold]\nfield = [\"n\"]\nvalue = 2\n";
    let rules = file(&folder, "a.toml", text);
    let many: Vec<u32> = (0..10_003).collect();
    let event = format!("{{\"@timestamp\": \"2024-01-01T00:00:00Z\", \"n\": {many:?}}}\n");
    for more in [&[][..], &["--stream"]] {
        let ran = run_with(&[&["run", &rules, "--events", "-"], more].concat(), event.as_bytes()).ends(0);
        assert!(ran.err.contains("3 events, sequences, groups or values were given up for the limits"), "{}", ran.err);
    }
    let unsorted = run_with(&["run", &rules, "--events", "-"], EVENTS.as_bytes()).ends(0);
    assert!(!unsorted.err.contains("later than allowed"), "{}", unsorted.err);
}

/// A file of exceptions that holds none is hardly the one that was meant.
#[test]
fn a_file_without_exceptions_is_named() {
    let folder = folder("no_exceptions");
    let rules = file(&folder, "a.toml", rule("1", "A", "user.name: root"));
    let events = file(&folder, "e.ndjson", EVENTS);
    let item = r#"{"list_id": "l", "item_id": "i", "type": "simple", "entries": []}"#;
    for (text, said) in [(EVENTS, true), (item, false)] {
        let other = file(&folder, "x.ndjson", text);
        let ran = run(&["run", &rules, "--events", &events, "--exceptions", &other]).ends(0);
        assert_eq!(ran.err.contains("x.ndjson: there is no exception in it"), said, "{}", ran.err);
    }
}
