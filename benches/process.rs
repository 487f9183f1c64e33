//! Whole processes: `elkhound run` and `elkhound match` against a process that only parses each line into a `Value`.
//!
//! `cargo build --release -p elkhound-cli && cargo bench --bench process` prints a table; `$ELKHOUND` names another binary.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench stops by panicking and prints what it measured")]

mod data;
mod measure;

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use measure::{ratio, time, turns};
use serde_json::{Value, json};

const EVENTS: usize = 100_000;
const TURNS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, path] = arguments.as_slice()
        && mode == "parse"
    {
        return parse(Path::new(path));
    }
    let directory = std::env::temp_dir().join(format!("elkhound-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    table(&directory);
    std::fs::remove_dir_all(&directory).unwrap();
}

/// The anchor: reads lines, and builds a value of each.
fn parse(path: &Path) {
    let mut reader = std::io::BufReader::with_capacity(1 << 16, std::fs::File::open(path).unwrap());
    let (mut line, mut objects) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line).unwrap() > 0 {
        objects += usize::from(serde_json::from_slice::<Value>(&line).unwrap().is_object());
        line.clear();
    }
    assert!(objects > 0);
}

/// So many rules of the corpus as a file of rules.
fn rules(directory: &Path, count: usize, sequences: bool, without: &BTreeSet<String>) -> PathBuf {
    let path = directory.join(format!("rules-{count}-{sequences}-{}.ndjson", without.len()));
    let rule = |(at, (language, query)): (usize, &(String, String))| {
        let (language, kind) = if language == "kql" { ("kuery", "query") } else { ("eql", "eql") };
        json!({
            "rule_id": at.to_string(), "name": format!("Rule {at}"), "type": kind, "language": language, "query": query,
            "severity": "low", "risk_score": 21, "from": "now-9m", "index": ["*"]
        })
        .to_string()
    };
    let corpus = data::corpus();
    let chosen: Vec<_> = corpus
        .iter()
        .filter(|(_, query)| sequences || !(query.contains("sequence") || query.contains("sample")))
        .take(count)
        .collect();
    let numbered = chosen.into_iter().enumerate().filter(|(at, _)| !without.contains(&at.to_string()));
    let lines: Vec<String> = numbered.map(rule).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn binary() -> PathBuf {
    std::env::var_os("ELKHOUND")
        .map_or_else(|| std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("elkhound"), PathBuf::from)
}

fn run(program: &Path, arguments: &[&str]) -> Duration {
    time(|| {
        let output =
            Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    })
}

/// The ids of the rules that alert.
fn alerting(elkhound: &Path, rules: &Path, events: &str) -> BTreeSet<String> {
    let output = Command::new(elkhound).arg("run").arg(rules).args(["--events", events]).output().unwrap();
    let id = |line: &[u8]| serde_json::from_slice::<Value>(line).ok()?["rule"]["id"].as_str().map(str::to_owned);
    output.stdout.split(|&byte| byte == b'\n').filter_map(id).collect()
}

fn table(directory: &Path) {
    let events = directory.join("events.ndjson");
    std::fs::write(&events, data::lines(EVENTS).join("\n")).unwrap();
    let (elkhound, myself) = (binary(), std::env::current_exe().unwrap());
    let events = events.to_str().unwrap();
    println!("| work | measured | goal |\n|---|---|---|");
    let parse = || run(&myself, &["parse", events]);
    for (name, count, sequences) in
        [("1,000 rules on single events", 1_000, false), ("all rules, sequences too", usize::MAX, true)]
    {
        let all = rules(directory, count, sequences, &BTreeSet::new());
        // A few rules are broad enough for every fifth generated event; alerts cost what writing them costs.
        let alerts = alerting(&elkhound, &all, events);
        let quiet = rules(directory, count, sequences, &alerts);
        for (which, path) in [("", all), (", those that alert left out", quiet)] {
            let run_rules =
                |jobs: &str| run(&elkhound, &["run", path.to_str().unwrap(), "--events", events, "--jobs", jobs]);
            let name = format!("`run` of {name}{which}");
            ratio(&format!("{name} : parsing to `Value`"), turns(TURNS, || run_rules("1"), parse), EVENTS, "≤ 0.60");
            ratio(
                &format!("{name}, one thread : two"),
                turns(TURNS, || run_rules("1"), || run_rules("2")),
                EVENTS,
                "≥ 1.8",
            );
        }
    }
    let query = |jobs: &str| run(&elkhound, &["match", "-l", "kql", "-e", data::KQL, "--jobs", jobs, events]);
    ratio("`match` of the founding rule : parsing to `Value`", turns(TURNS, || query("1"), parse), EVENTS, "–");
    ratio("`match`, one thread : two", turns(TURNS, || query("1"), || query("2")), EVENTS, "≥ 1.8");
}
