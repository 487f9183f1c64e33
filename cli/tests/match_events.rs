//! `match`: events in, hits out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::Write;

use serde_json::{Value, json};
use support::{file, folder, run, run_with};

const EVENTS: &str = r#"{"@timestamp": "2024-01-01T00:00:03Z", "event": {"category": "b"}, "k": "x", "n": 3}
{"@timestamp": "2024-01-01T00:00:01Z", "event": {"category": "a"}, "k": "x", "n": 1}

{"@timestamp": "2024-01-01T00:00:02Z", "event": {"category": "a"}, "k": "y", "n": 2}
"#;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn numbers(lines: &[Value]) -> Vec<i64> {
    lines.iter().map(|line| line["n"].as_i64().unwrap()).collect()
}

#[test]
fn events_of_every_form_in_time_order() {
    let folder = folder("forms");
    let plain = file(&folder, "e.ndjson", EVENTS);
    let packed = file(&folder, "e.ndjson.gz", gz(EVENTS.as_bytes()));
    let halves: Vec<u8> = EVENTS.split_inclusive('\n').flat_map(|line| gz(line.as_bytes())).collect();
    let members = file(&folder, "members.gz", halves);
    let zst = file(&folder, "e.ndjson.zst", zstd::encode_all(EVENTS.as_bytes(), 3).unwrap());
    let lines: Vec<&str> = EVENTS.lines().filter(|line| !line.is_empty()).collect();
    let list = file(&folder, "list.json", format!("[{}]", lines.join(",\n")));
    let marked = file(&folder, "marked.ndjson", format!("\u{feff}{}", EVENTS.replace('\n', "\r\n")));
    for path in [&plain, &packed, &members, &zst, &list, &marked] {
        let found = run(&["match", "-l", "kql", "-e", "k: *", path]).ends(0).lines();
        assert_eq!(numbers(&found), [1, 2, 3], "{path}");
    }
    for args in [&["match", "-l", "kql", "-e", "k: *"][..], &["match", "-l", "kql", "-e", "k: *", "-"]] {
        assert_eq!(numbers(&run_with(args, EVENTS.as_bytes()).ends(0).lines()), [1, 2, 3], "{args:?}");
    }
}

#[test]
fn several_files_and_stdin() {
    let folder = folder("several");
    let first = file(&folder, "1.ndjson", r#"{"@timestamp": 3, "n": 3}"#);
    let second = file(&folder, "2.ndjson", r#"{"@timestamp": 1, "n": 1}"#);
    let found = run_with(&["match", "-l", "kql", "-e", "n: *", &first, "-", &second], br#"{"@timestamp": 2, "n": 2}"#);
    assert_eq!(numbers(&found.ends(0).lines()), [1, 2, 3]);
}

#[test]
fn events_print_unchanged() {
    let event = r#"{"b":1.0,"a":{"é":[null,{}]},"k":"x","z":12345678901234567890,"_id":"7"}"#;
    let ran = run_with(&["match", "-l", "kql", "-e", "k: x"], event.as_bytes()).ends(0);
    assert_eq!(ran.out.trim_end(), event);
}

#[test]
fn results_as_a_response() {
    let folder = folder("response");
    let path = file(&folder, "e.ndjson", EVENTS);
    let args = ["match", "-l", "kql", "-e", "n < 3", "--format", "json", path.as_str()];
    let response = run(&args).ends(0).json();
    assert_eq!(response["hits"]["total"], json!({"value": 2, "relation": "eq"}));
    let events = response["hits"]["events"].as_array().unwrap();
    assert!(response["hits"].get("sequences").is_none());
    assert_eq!(events[0]["_index"], path.as_str());
    assert_eq!((&events[0]["_id"], &events[1]["_id"]), (&json!("2"), &json!("4")), "line numbers");
    assert_eq!(events[0]["_source"]["n"], 1);

    let text = "sequence by k with maxspan=1m [a where true] [b where true] ![c where true]";
    let response = run(&["match", "-l", "eql", "-e", text, "--format", "json", &path]).ends(0).json();
    let sequence = &response["hits"]["sequences"][0];
    assert_eq!((&sequence["join_keys"], &sequence["events"][2]), (&json!(["x"]), &json!({"missing": true})));
    assert!(response["hits"].get("events").is_none());
    let line = run(&["match", "-l", "eql", "-e", text, &path]).ends(0).lines();
    assert_eq!(&line[0], sequence, "lines are the same objects");

    let text = "sequence [a where n == 1] [b where true]";
    let response = run(&["match", "-l", "eql", "-e", text, "--format", "json", &path]).ends(0).json();
    assert!(response["hits"]["sequences"][0].get("join_keys").is_none(), "absent where there are none");

    let nothing = run(&["match", "-l", "eql", "-e", "any where k == \"?\"", "--format", "json", &path]).ends(0).json();
    assert_eq!(nothing, json!({"hits": {"total": {"value": 0, "relation": "eq"}, "events": []}}));
    for text in ["sequence [a where true] [z where true]", "sample by k [a where true] [z where true]"] {
        let nothing = run(&["match", "-l", "eql", "-e", text, "--format", "json", &path]).ends(0).json();
        assert_eq!(nothing, json!({"hits": {"total": {"value": 0, "relation": "eq"}, "sequences": []}}), "{text}");
    }
}

/// Keys are written in their types; a date in its format, but as a number in a sample (Elasticsearch: EQL response).
#[test]
fn join_keys_of_a_response() {
    let folder = folder("join_keys");
    let mapping = file(
        &folder,
        "mapping.json",
        r#"{"@timestamp": "date", "event.category": "keyword", "d": "date", "ip": "ip", "n": "long", "ok": "boolean", "v": "version", "z": "keyword"}"#,
    );
    let events = r#"{"@timestamp": 1000, "event.category": "a", "d": "2024-01-01", "ip": "::ffff:10.0.0.1", "n": 7, "ok": true, "v": "1.0"}
{"@timestamp": 2000, "event.category": "b", "d": "2024-01-01T00:00:00Z", "ip": "10.0.0.1", "n": "7", "ok": "true", "v": "1.0"}
"#;
    let path = file(&folder, "e.ndjson", events);
    let keys = |text: &str| {
        let args = ["match", "-l", "eql", "-e", text, "--mapping", &mapping, "--format", "json", &path];
        run(&args).ends(0).json()["hits"]["sequences"][0]["join_keys"].clone()
    };
    assert_eq!(
        keys("sequence by d, ip, n, ok, v, ?z [a where true] [b where true]"),
        json!(["2024-01-01T00:00:00.000Z", "10.0.0.1", 7, true, "1.0", null])
    );
    assert_eq!(keys("sample by d, ip, n [a where true] [b where true]"), json!([1_704_067_200_000_i64, "10.0.0.1", 7]));
}

/// A stage that is repeated has an entry for each time, a missing event one at its place.
#[test]
fn stages_of_a_response() {
    let text = "sequence with maxspan=1m ![z where true] [a where true] with runs=2 [b where true]";
    let response = run_with(&["match", "-l", "eql", "-e", text, "--format", "json"], EVENTS.as_bytes()).ends(0).json();
    let events = response["hits"]["sequences"][0]["events"].as_array().unwrap();
    let numbers: Vec<&Value> = events.iter().map(|event| &event["_source"]["n"]).collect();
    assert_eq!(numbers, [&Value::Null, &json!(1), &json!(2), &json!(3)], "{response}");
    assert_eq!(events[0], json!({"missing": true}));
    assert!(events[1..].iter().all(|event| event.get("missing").is_none()), "{response}");
}

#[test]
fn envelopes_keep_index_and_id() {
    let hit = r#"{"_index": "logs-x-y", "_id": "abc", "_source": {"k": "x", "n": 1}}"#;
    let response =
        run_with(&["match", "-l", "kql", "-e", "k: x and _index: logs-*", "--format", "json"], hit.as_bytes());
    let event = response.ends(0).json()["hits"]["events"][0].clone();
    assert_eq!(event, json!({"_index": "logs-x-y", "_id": "abc", "_source": {"k": "x", "n": 1}}));
}

#[test]
fn nothing_found() {
    run_with(&["match", "-l", "kql", "-e", "k: nobody"], EVENTS.as_bytes()).ends(0);
    let ran = run_with(&["match", "-l", "kql", "-e", "k: nobody", "--fail-if-none"], EVENTS.as_bytes()).ends(1);
    assert!(ran.out.is_empty());
    run_with(&["match", "-l", "kql", "-e", "k: x", "--fail-if-none"], EVENTS.as_bytes()).ends(0);
    run_with(&["match", "-l", "kql", "-e", "k: x", "--fail-if-none", "--format", "json"], b"").ends(1);
}

#[test]
fn refused_queries() {
    let ran = run_with(&["match", "-l", "kql", "-e", "a: ("], b"{}").ends(2);
    assert!(ran.out.is_empty() && ran.err.contains("E0101"));
    let ran = run_with(&["match", "-l", "kql", "-e", "a: (", "--format", "json"], b"{}").ends(2);
    assert_eq!(ran.json()["diagnostics"][0]["code"], "E0101");
    assert!(ran.err.is_empty());
    let ran = run(&["parse", "-l", "eql", "-e", "any", "--format", "json"]).ends(2);
    assert_eq!(ran.json()["diagnostics"][0]["severity"], "error");
}

#[test]
fn broken_events_name_their_place() {
    let folder = folder("broken");
    let path = file(&folder, "e.ndjson", "{}\n{\"a\": }\n");
    let ran = run(&["match", "-l", "kql", "-e", "a: b", &path]).ends(3);
    assert!(ran.out.is_empty() && ran.err.contains("e.ndjson: line 2:"), "{}", ran.err);
    let not_packed = file(&folder, "plain.gz", "{}");
    run(&["match", "-l", "kql", "-e", "a: b", &not_packed]).ends(3);
    let ran = run_with(&["match", "-l", "kql", "-e", "a: b"], b"[1]").ends(3);
    assert!(ran.err.contains("element 0"), "{}", ran.err);
}

#[test]
fn options_of_evaluation() {
    let found = |args: &[&str]| numbers(&run_with(&[&["match"], args].concat(), EVENTS.as_bytes()).ends(0).lines());
    assert_eq!(found(&["-l", "kql", "-e", "k: *", "--size", "2"]), [2, 3], "the latest stay");
    assert_eq!(found(&["-l", "kql", "-e", "k: *", "--size", "2", "--result-position", "head"]), [1, 2]);
    assert_eq!(found(&["-l", "eql", "-e", "any where true | head 1"]), [1]);
    assert_eq!(found(&["-l", "eql", "-e", "x where true", "--event-category-field", "k"]), [1, 3]);
    assert_eq!(found(&["-l", "kql", "-e", "n: *", "--timestamp-field", "none", "--tiebreaker-field", "n"]), [1, 2, 3]);
    assert_eq!(found(&["-l", "kql", "-e", "@timestamp > now-2s", "--now", "2024-01-01T00:00:04Z"]), [3]);
    assert_eq!(found(&["-l", "kql", "-e", "@timestamp > now-2s", "--now", "1704067204000"]), [3]);
    for jobs in ["1", "2", "7"] {
        assert_eq!(found(&["-l", "kql", "-e", "k: *", "--jobs", jobs]), [1, 2, 3]);
    }
}

#[test]
fn samples_of_a_key() {
    let events = r#"{"event": {"category": "a"}, "k": "x", "n": 1}
{"event": {"category": "a"}, "k": "x", "n": 2}
{"event": {"category": "b"}, "k": "x", "n": 3}"#;
    let text = "sample by k [a where true] [b where true]";
    let one = run_with(&["match", "-l", "eql", "-e", text], events.as_bytes()).ends(0).lines();
    assert_eq!(one.len(), 1);
    let two =
        run_with(&["match", "-l", "eql", "-e", text, "--max-samples-per-key", "5"], events.as_bytes()).ends(0).lines();
    assert_eq!(two.len(), 2);
}

#[test]
fn mappings() {
    let folder = folder("mappings");
    let flat = file(&folder, "flat.json", r#"{"ip_or_not": "ip"}"#);
    let properties = file(&folder, "properties.json", r#"{"properties": {"ip_or_not": {"type": "ip"}}}"#);
    let answer = file(&folder, "answer.json", r#"{"i": {"mappings": {"properties": {"ip_or_not": {"type": "ip"}}}}}"#);
    let event = br#"{"_index": "i", "ip_or_not": "10.0.0.1"}"#;
    for mapping in [&flat, &properties, &answer] {
        let args = ["match", "-l", "kql", "-e", "ip_or_not: \"::ffff:10.0.0.1\"", "--mapping", mapping];
        assert_eq!(run_with(&args, event).ends(0).lines().len(), 1, "{mapping}");
    }
    let none = ["match", "-l", "kql", "-e", "ip_or_not: \"::ffff:10.0.0.1\""];
    assert_eq!(run_with(&none, event).ends(0).lines().len(), 0);
    let broken = file(&folder, "broken.json", "[1]");
    run_with(&["match", "-l", "kql", "-e", "a: b", "--mapping", &broken], event).ends(3);
}

#[test]
fn schemas() {
    let event = br#"{"source": {"ip": "10.0.0.1"}}"#;
    let args = ["match", "-l", "kql", "-e", "source.ip: \"10.0.0.0/8\""];
    assert_eq!(run_with(&args, event).ends(0).lines().len(), 1, "ECS unless said otherwise");
    let strict = ["match", "-l", "eql", "-e", "any where zz == 1", "--schema", "none", "--strict"];
    assert!(run_with(&strict, event).ends(2).err.contains("`zz`"));
    let lenient = ["match", "-l", "eql", "-e", "any where zz == 1"];
    run_with(&lenient, event).ends(0);
    let untyped = ["match", "-l", "kql", "-e", "process.name: *foo bar*", "--untyped"];
    assert_eq!(run_with(&untyped, br#"{"process": {"name": "xfoo"}}"#).ends(0).lines().len(), 1);
}

#[test]
fn data_streams_are_filled_from_the_index() {
    let event = br#"{"_index": "logs-zeek.socks-default", "a": 1}"#;
    let args = [
        "match",
        "-l",
        "kql",
        "-e",
        "data_stream.dataset: zeek.socks and event.dataset: zeek.socks and event.module: zeek",
    ];
    assert_eq!(run_with(&args, event).ends(0).lines().len(), 1);
    let without = [&args[..], &["--no-fill"]].concat();
    assert_eq!(run_with(&without, event).ends(0).lines().len(), 0);
}

#[test]
fn options_of_kibana() {
    let folder = folder("kibana");
    let config = file(&folder, "config.json", r#"{"allowLeadingWildcards": false, "caseInsensitive": true}"#);
    run_with(&["match", "-l", "kql", "-e", "k: *x", "--config", &config], b"{}").ends(2);
    let found = run_with(
        &["match", "-l", "kql", "-e", "process.name: CMD", "--config", &config],
        br#"{"process": {"name": "cmd"}}"#,
    );
    assert_eq!(found.ends(0).lines().len(), 1);
    let mapping = file(
        &folder,
        "mapping.json",
        r#"{"properties": {"d": {"type": "date"}, "flat": {"properties": {"a": {"type": "keyword"}}}}}"#,
    );
    let of = |config: &str, text: &str, event: &str| {
        let config = file(&folder, "one.json", config);
        run_with(&["match", "-l", "kql", "-e", text, "--mapping", &mapping, "--config", &config], event.as_bytes())
    };
    let event = r#"{"d": "2024-05-05T23:30:00Z", "flat": {"a": "x"}}"#;
    for (zone, found) in [("Europe/Berlin", 1), ("+02:00", 1), ("Zulu", 0), ("Browser", 0), ("", 0)] {
        let config = format!(r#"{{"dateFormatTZ": "{zone}"}}"#);
        assert_eq!(of(&config, "d: 2024-05-06", event).ends(0).lines().len(), found, "{zone}");
    }
    let ran = of(r#"{"dateFormatTZ": "Nowhere/City"}"#, "d: 2024-05-06", event).ends(2);
    assert!(ran.err.contains("Unknown time-zone ID: Nowhere/City"), "{}", ran.err);
    // With types Kibana itself refuses the group; without them the option decides what Elasticsearch does with it.
    for (ignore, untyped) in [(false, 2), (true, 0)] {
        let config = file(&folder, "one.json", format!(r#"{{"nestedIgnoreUnmapped": {ignore}}}"#));
        let args = ["match", "-l", "kql", "-e", "flat: { a: x }", "--mapping", &mapping, "--config", &config];
        run_with(&args, event.as_bytes()).ends(2);
        let ran = run_with(&[&args[..], &["--untyped", "--strict"]].concat(), event.as_bytes()).ends(untyped);
        assert!(ran.out.is_empty());
    }
    let broken = file(&folder, "broken.json", r#"{"nonsense": 1}"#);
    run_with(&["match", "-l", "kql", "-e", "k: x", "--config", &broken], b"{}").ends(3);
}

#[test]
fn endgame() {
    let events = br#"{"event_type_full": "process_event", "event_subtype_full": "creation_event", "process_name": "CMD.exe", "pid": 1, "serial_event_id": 1, "timestamp": 1}"#;
    let text = "process where process_name == \"cmd.EXE\" | unique pid";
    let args = ["match", "-l", "eql", "-e", text, "--dialect", "endgame"];
    assert_eq!(run_with(&args, events).ends(0).lines().len(), 1, "it ignores case");
    let exact = [&args[..], &["--case-sensitive"]].concat();
    assert_eq!(run_with(&exact, events).ends(0).lines().len(), 0);
}

/// A reader that goes away ends the call, without a word.
#[test]
fn closed_pipes() {
    let folder = folder("pipe");
    let path = file(&folder, "e.ndjson", EVENTS.repeat(20_000));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_elkhound"))
        .args(["match", "-l", "kql", "-e", "k: *", &path])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
