//! The published texts of both founding rules, one after the other in `match`, against the cases beside the rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it did"
)]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{file, folder, run};

/// The published history; `None`, said on stderr, where it is absent.
fn history() -> Option<String> {
    let root = std::env::var_os("ELKHOUND_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let file = root.join("seeds/history.md");
    if !file.exists() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "no conformance data at {}", file.display());
        eprintln!("skipped: no conformance data");
        return None;
    }
    Some(std::fs::read_to_string(file).unwrap())
}

/// The texts under a name such as `P4`, as they are written there, and each on one line.
fn texts(history: &str, name: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, _) in history.match_indices(&format!("\n{name}")) {
        let behind = &history[at + 1 + name.len()..];
        let (head, rest) = behind.split_once('\n').unwrap();
        let Some(text) = rest.strip_prefix("\n```text\n").filter(|_| head.is_empty() || head.starts_with([',', ' ']))
        else {
            continue;
        };
        let text = text.split("\n```").next().unwrap();
        out.push(text.to_owned());
        out.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    assert!(!out.is_empty(), "no text {name}");
    out.dedup();
    out
}

/// What the cases of a rule say of a version: the events, and whether it alerts.
fn cases(rule: &str, version: u64) -> Vec<(String, Vec<Value>, bool)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules").join(rule).join("tests.yaml");
    let tests: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let judged = |case: &&Value| {
        // `match` knows no index patterns.
        case["enforce_index"] != true
            && case["versions"].as_array().is_none_or(|list| list.contains(&version.into()))
            && (version > 0 || case.get("versions").is_some())
    };
    let list = tests["tests"].as_array().unwrap().iter().filter(judged);
    list.map(|case| {
        let matches = match &case["matches"] {
            Value::Bool(all) => *all,
            versions => versions.as_array().unwrap().contains(&version.into()),
        };
        (case["name"].as_str().unwrap().to_owned(), case["events"].as_array().unwrap().clone(), matches)
    })
    .collect()
}

fn agree(rule: &str, language: &str, published: &[(&str, &[u64])]) {
    let Some(history) = history() else { return };
    let folder = folder(rule);
    let mut count = 0;
    for (name, versions) in published {
        for text in texts(&history, name) {
            let query = file(&folder, "query", &text);
            for &version in *versions {
                for (case, events, matches) in cases(rule, version) {
                    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
                    let events = file(&folder, "events.ndjson", lines.join("\n"));
                    let ran = run(&["match", "-l", language, "-f", &query, "--fail-if-none", &events]);
                    assert_eq!(
                        ran.code,
                        i32::from(!matches),
                        "{name}, version {version}: {case}\n{text}\n{}{}",
                        ran.out,
                        ran.err
                    );
                    count += 1;
                }
            }
        }
    }
    println!("{rule}: {count} agree");
    assert!(count > 50);
}

#[test]
fn proxy_port_activity() {
    let published: &[(&str, &[u64])] = &[("P1", &[1, 2]), ("P3", &[3]), ("P4", &[4, 5]), ("P6", &[6, 7, 8])];
    agree("proxy_port_activity_to_the_internet", "kql", published);
}

#[test]
fn socks_traffic() {
    agree("socks_traffic_from_an_unusual_process", "eql", &[("S0", &[0]), ("S1", &[1, 2]), ("S3", &[3])]);
}
