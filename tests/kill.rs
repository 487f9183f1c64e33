//! A process that is killed anywhere, started again from its snapshot and fed what came after it, gives the alerts of one that
//! was left in peace.
//!
//! The process is this test itself, started with `ELKHOUND_KILL_DIR` set. A normal run kills it a few times over a short stream;
//! `ELKHOUND_KILLS=200` kills it so often over 200,000 events.
#![cfg(unix)]
#![cfg(feature = "rules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "support/random.rs"]
mod random;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use elkhound::engine::{Alert, Engine, EngineSettings, RuleSet, Snapshot};
use elkhound::event::Event;
use random::Random;
use serde_json::{Value, json};

fn rules() -> Vec<Value> {
    let rule = |id: &str, more: Value| {
        let mut out = json!({"rule_id": id, "name": id, "severity": "low", "risk_score": 1, "description": "d"});
        out.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        out
    };
    let eql = |id: &str, query: &str| rule(id, json!({"type": "eql", "language": "eql", "query": query}));
    let kql = |id: &str, more: Value| {
        let mut more = more;
        more["language"] = json!("kuery");
        rule(id, more)
    };
    let mut both = eql("sequence-suppressed", "sequence by host with maxspan=10s [a where true] [b where n > 5]");
    both["alert_suppression"] = json!({"group_by": ["host"], "duration": {"value": 1, "unit": "m"}});
    let mut absent = eql("absence-suppressed", "sequence by host with maxspan=5s [a where n == 9] ![b where n == 9]");
    absent["alert_suppression"] = json!({"group_by": ["user"], "duration": {"value": 10, "unit": "s"}});
    vec![
        eql("event", "a where n == 7"),
        eql("sequence", "sequence by user, ?absent with maxspan=1m [a where n == 1] [b where n == 2] [c where n < 3]"),
        eql(
            "stages",
            "sequence with maxspan=20s [a where n < 3] by host [b where n > 7] by other until [c where n == 0] by host",
        ),
        eql("absence", "sequence by host with maxspan=10s [a where n == 3] ![b where true] [c where n == 3]"),
        eql("runs", "sequence by user [c where n == 5] with runs=3 [a where n == 5]"),
        both,
        absent,
        kql(
            "threshold",
            json!({"type": "threshold", "query": "n: 4", "threshold": {"field": ["host", "user"], "value": 10}}),
        ),
        kql(
            "new-terms",
            json!({
                "type": "new_terms", "query": "n > 5", "new_terms_fields": ["host", "other"], "history_window_start": "now-7d"
            }),
        ),
        kql(
            "suppressed",
            json!({
                "type": "query", "query": "n: 8",
                "alert_suppression": {"group_by": ["host"], "duration": {"value": 1, "unit": "m"}}
            }),
        ),
        kql("suppressed-once", json!({"type": "query", "query": "n: 6", "alert_suppression": {"group_by": ["user"]}})),
    ]
}

fn rule_set() -> std::sync::Arc<RuleSet> {
    let loaded = RuleSet::load_text("rules.json", &Value::from(rules()).to_string());
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    loaded.rules
}

/// Events up to five seconds out of order; lateness is set to match.
fn settings() -> EngineSettings {
    EngineSettings { lateness: 5_000_000_000, ..EngineSettings::default() }
}

fn write_events(path: &Path, count: usize) {
    let mut random = Random::new(7);
    let mut out = BufWriter::new(File::create(path).unwrap());
    let mut millis = 0;
    for _ in 0..count {
        millis += random.below(400) as u64;
        let shown = 1_700_000_000_000 + millis - random.below(5_000) as u64;
        let event = json!({
            "@timestamp": shown, "event.category": random.pick(&["a", "b", "c"]), "n": random.below(10),
            "host": format!("host-{}", random.below(40)), "user": format!("user-{}", random.below(8)),
            "other": [format!("host-{}", random.below(40)), format!("host-{}", random.below(300))],
        });
        writeln!(out, "{event}").unwrap();
    }
}

fn line(alert: &Alert) -> String {
    let suppressed = alert.finding().suppressed.as_ref().map_or(0, |suppressed| suppressed.count);
    format!("{} {} {suppressed}", alert.rule().name(), alert.id())
}

/// What the process does: reads events from where the snapshot stands, appends alerts, and saves a snapshot now and then.
#[test]
fn process() {
    let Ok(directory) = std::env::var("ELKHOUND_KILL_DIR") else { return };
    let directory = PathBuf::from(directory);
    let alerts_path = directory.join("alerts");
    // A kill may have cut the last line short; its alert comes again.
    let whole = fs::read(&alerts_path).unwrap_or_default();
    let length = whole.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let mut alerts = OpenOptions::new().create(true).truncate(false).write(true).open(&alerts_path).unwrap();
    alerts.set_len(length as u64).unwrap();
    alerts.seek(SeekFrom::End(0)).unwrap();

    let (mut engine, mut offset) = match fs::read(directory.join("snapshot")) {
        Ok(bytes) => {
            let snapshot = Snapshot::from_bytes(&bytes).unwrap();
            let offset: u64 = snapshot.cursor().parse().unwrap();
            (Engine::restore(rule_set(), settings(), snapshot).unwrap(), offset)
        }
        Err(_) => (Engine::with_settings(rule_set(), settings()), 0),
    };
    let mut input = BufReader::new(File::open(directory.join("events")).unwrap());
    input.seek(SeekFrom::Start(offset)).unwrap();
    let mut text = String::new();
    loop {
        text.clear();
        let read = input.read_line(&mut text).unwrap();
        if read == 0 {
            break;
        }
        offset += read as u64;
        for alert in engine.push(Event::from_json(text.trim_end()).unwrap()) {
            writeln!(alerts, "{}", line(&alert)).unwrap();
        }
        let count = engine.events();
        if count.is_multiple_of(100) {
            println!("at {count}");
        }
        if count.is_multiple_of(500) {
            let next = directory.join("snapshot.next");
            fs::write(&next, engine.snapshot(&offset.to_string()).to_bytes()).unwrap();
            fs::rename(next, directory.join("snapshot")).unwrap();
        }
    }
    for alert in engine.finish() {
        writeln!(alerts, "{}", line(&alert)).unwrap();
    }
    println!("done {}", engine.events());
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process", "--nocapture"])
        .env("ELKHOUND_KILL_DIR", directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the process and kills it at an event from `point` on, after a moment; says where it was, or `None` if it was done.
fn run(directory: &Path, point: Option<u64>, random: &mut Random) -> Option<u64> {
    let mut child = start(directory);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    let mut at = 0;
    while output.read_line(&mut text).unwrap() > 0 {
        if let Some(number) = text.trim().strip_prefix("at ") {
            at = number.parse().unwrap();
        }
        text.clear();
        if point.is_some_and(|point| at >= point) {
            std::thread::sleep(std::time::Duration::from_micros(random.below(3_000) as u64));
            child.kill().unwrap();
            output.read_to_string(&mut text).unwrap();
            break;
        }
    }
    let status = child.wait().unwrap();
    if status.success() {
        return None;
    }
    assert!(point.is_some(), "the process failed by itself: {status}");
    Some(at)
}

fn alerts(directory: &Path) -> (BTreeSet<String>, usize) {
    let text = fs::read_to_string(directory.join("alerts")).unwrap();
    (text.lines().map(str::to_owned).collect(), text.lines().count())
}

#[test]
fn killed_processes_give_the_alerts_of_undisturbed_ones() {
    if std::env::var("ELKHOUND_KILL_DIR").is_ok() {
        return;
    }
    let kills: usize = std::env::var("ELKHOUND_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let events = (kills * 1_000).max(5_000);
    let root = std::env::temp_dir().join(format!("elkhound-kill-{}", std::process::id()));
    let (calm, rough) = (root.join("calm"), root.join("rough"));
    for directory in [&calm, &rough] {
        fs::create_dir_all(directory).unwrap();
        write_events(&directory.join("events"), events);
    }
    let mut random = Random::new(std::process::id().into());
    assert_eq!(run(&calm, None, &mut random), None);

    let mut points: Vec<u64> = (0..kills).map(|_| random.below(events) as u64).collect();
    points.sort_unstable();
    let mut killed = 0;
    for point in points {
        killed += usize::from(run(&rough, Some(point), &mut random).is_some());
    }
    assert_eq!(run(&rough, None, &mut random), None);
    let ((expected, _), (found, lines)) = (alerts(&calm), alerts(&rough));
    println!("{events} events, killed {killed} times; {} alerts, {} given again", found.len(), lines - found.len());
    assert!(killed * 10 >= kills * 8, "killed only {killed} times");
    assert_eq!(found, expected);
    let rules: BTreeSet<&str> = expected.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(rules.len(), self::rules().len(), "every rule alerts: {rules:?}");
    fs::remove_dir_all(root).unwrap();
}
