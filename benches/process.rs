//! Whole processes: `elkhound run` and `elkhound match` against a process that only parses each line into a `Value`.
//!
//! `cargo build --release -p elkhound-cli && cargo bench --bench process` prints a table; `$ELKHOUND` names another binary.
//! What is compared is processor time as Linux tells it, which another load changes less than the time on the wall.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench stops by panicking and prints what it measured")]

mod data;
mod measure;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use measure::{ratio, row, time, turns};
use serde_json::{Value, json};

const EVENTS: usize = 100_000;
const TURNS: usize = 11;
const STARTS: usize = 40;

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

/// A rule of one sequence that alerts for no event; its first stage is every event of a category.
fn one_rule(directory: &Path, category: &str) -> PathBuf {
    let path = directory.join(format!("{category}.ndjson"));
    let query = format!(
        "sequence by host.id with maxspan=1m [{category} where true] [network where process.name == \"no process\"]"
    );
    let rule = json!({
        "rule_id": "one", "name": "One", "type": "eql", "language": "eql", "query": query, "severity": "low", "risk_score": 21,
        "index": ["*"]
    });
    std::fs::write(&path, rule.to_string()).unwrap();
    path
}

fn binary() -> PathBuf {
    std::env::var_os("ELKHOUND")
        .map_or_else(|| std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("elkhound"), PathBuf::from)
}

/// The processor time of each thread of a process, in the order of their start. Of a thread that ends before the process the last
/// half of a millisecond may be missing.
fn threads(program: &Path, arguments: &[&str]) -> Vec<Duration> {
    let mut child = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let place = PathBuf::from(format!("/proc/{}", child.id()));
    let mut seen: BTreeMap<PathBuf, Duration> = BTreeMap::new();
    let mut running = true;
    while running {
        let state = std::fs::read_to_string(place.join("stat")).unwrap_or_default();
        running = state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'));
        for task in std::fs::read_dir(place.join("task")).into_iter().flatten().flatten() {
            let spent = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            if let Some(spent) = spent.split(' ').next().and_then(|spent| spent.parse().ok()) {
                seen.insert(task.path(), Duration::from_nanos(spent));
            }
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    assert!(child.wait().unwrap().success(), "{} {arguments:?}", program.display());
    seen.into_values().collect()
}

/// The processor time of a process.
fn spent(program: &Path, arguments: &[&str]) -> Duration {
    threads(program, arguments).into_iter().sum()
}

/// The most memory that a process had, in MiB, as far as looking again and again shows it.
fn memory(program: &Path, arguments: &[&str], input: Stdio) -> u64 {
    let mut command = Command::new(program);
    let mut child = command.args(arguments).stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let place = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&place).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(most);
        std::thread::sleep(Duration::from_millis(1));
    }
    most / 1024
}

/// What so many processes take that start together.
fn wall(program: &Path, arguments: &[&str], processes: usize) -> Duration {
    let start = || Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    time(|| {
        let mut all: Vec<_> = (0..processes).map(|_| start()).collect();
        assert!(all.iter_mut().all(|child| child.wait().unwrap().success()), "{} {arguments:?}", program.display());
    })
}

/// How long a value takes from one thread to another: on cores that share no cache ten times as long as on those that do.
fn handed_over() -> Duration {
    const TIMES: u64 = 50_000;
    let value = AtomicU64::new(0);
    // One waits for odd values and makes the next even one of each; the other the reverse.
    let side = |first: u64| {
        for before in (first..2 * TIMES).step_by(2) {
            while value.load(Ordering::Acquire) != before {
                std::hint::spin_loop();
            }
            value.store(before + 1, Ordering::Release);
        }
    };
    let both = || {
        std::thread::scope(|scope| {
            scope.spawn(|| side(1));
            side(0);
        });
        value.store(0, Ordering::Release);
    };
    (0..TURNS).map(|_| time(both)).min().unwrap_or_default() / (2 * TIMES) as u32
}

/// One thread against two; and, for what the machine gives at most, a process twice against two that have nothing to do with each
/// other.
fn one_against_two(name: &str, program: &Path, arguments: &[&str]) {
    let with = |jobs: &'static str| [arguments, &["--jobs", jobs]].concat();
    let (one, two) = (with("1"), with("2"));
    // On one processor each would wait for the other's turn.
    if std::thread::available_parallelism().is_ok_and(|count| count.get() > 1) {
        row("a value from one thread to another", &format!("{} ns", handed_over().as_nanos()), "–");
    }
    let measured = turns(TURNS, || wall(program, &one, 1), || wall(program, &two, 1));
    ratio(&format!("{name}, one thread : two, on the wall"), measured, EVENTS, "≥ 1.8");
    let measured = turns(TURNS, || 2 * wall(program, &one, 1), || wall(program, &one, 2));
    ratio(&format!("{name}, two processes one after the other : side by side"), measured, 2 * EVENTS, "–");
    let measured = turns(TURNS, || spent(program, &two), || spent(program, &one));
    ratio(&format!("{name}, all work of two threads : of one"), measured, EVENTS, "–");
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
    let parse = || spent(&myself, &["parse", events]);
    for (name, count, sequences) in
        [("1,000 rules on single events", 1_000, false), ("all rules, sequences too", usize::MAX, true)]
    {
        let all = rules(directory, count, sequences, &BTreeSet::new());
        // A few rules are broad enough for every fifth generated event; alerts cost what writing them costs.
        let alerts = alerting(&elkhound, &all, events);
        let quiet = rules(directory, count, sequences, &alerts);
        for (which, path) in [("", all), (", those that alert left out", quiet)] {
            let arguments = ["run", path.to_str().unwrap(), "--events", events];
            let name = format!("`run` of {name}{which}");
            let measured = turns(TURNS, || spent(&elkhound, &arguments), parse);
            ratio(&format!("{name} : parsing to `Value`"), measured, EVENTS, "≤ 0.60");
            one_against_two(&name, &elkhound, &arguments);
        }
    }
    for (name, first) in [("one sequence that every event opens", "any"), ("one hot sequence", "process")] {
        let path = one_rule(directory, first);
        let arguments = ["run", path.to_str().unwrap(), "--events", events];
        let measured = turns(TURNS, || spent(&elkhound, &arguments), parse);
        ratio(&format!("`run` of {name} : parsing to `Value`"), measured, EVENTS, "≤ 0.60");
        one_against_two(&format!("`run` of {name}"), &elkhound, &arguments);
        let piped = ["run", path.to_str().unwrap(), "--events", "-"];
        let input = std::fs::File::open(events).unwrap().into();
        let (file, pipe) = (memory(&elkhound, &arguments, Stdio::null()), memory(&elkhound, &piped, input));
        row(&format!("memory of `run` of {name}, from a file and from a pipe"), &format!("{file} and {pipe} MiB"), "–");
    }
    let query = ["match", "-l", "kql", "-e", data::KQL, events];
    let measured = turns(TURNS, || spent(&elkhound, &query), parse);
    ratio("`match` of the founding rule : parsing to `Value`", measured, EVENTS, "–");
    one_against_two("`match`", &elkhound, &query);
    start(directory, &elkhound, &myself);
}

/// The start of a process that has next to nothing to do.
fn start(directory: &Path, elkhound: &Path, myself: &Path) {
    let event = directory.join("event.ndjson");
    std::fs::write(&event, data::lines(1)[0]).unwrap();
    let event = event.to_str().unwrap();
    let query = ["match", "-l", "kql", "-e", data::KQL, event];
    let measured = turns(STARTS, || spent(elkhound, &query), || spent(myself, &["parse", event]));
    ratio("`match` of the founding rule over one event : parsing it to `Value`, whole processes", measured, 1, "–");
}
