//! Sequences at scale, and what takes memory: `cargo bench --bench sequence` prints a table.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench stops by panicking and prints what it measured")]

mod data;
mod measure;

use std::alloc::System;
use std::collections::HashMap;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use elkhound::event::Event;
use elkhound::query::{Matches, Query, QuerySet, Run};
use measure::{ratio, row, time, turns};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TURNS: usize = 7;

fn main() {
    println!("| work | measured | goal |\n|---|---|---|");
    founding();
    hot();
    live();
    partials();
    allocations();
    rules();
}

/// A sequence over lines, as a user of the library would write it: gives how many hits there were.
fn search(set: &QuerySet, run: &mut Run, lines: &[impl AsRef<str>]) -> usize {
    let mut matches = Matches::default();
    let mut hits = 0;
    for line in lines.iter().map(AsRef::as_ref) {
        if !set.matches_json(line.as_bytes(), &mut matches).unwrap().is_empty() {
            hits += run.push(Event::from_json(line).unwrap()).len();
        }
    }
    hits
}

/// `YYYY-MM-DDThh:mm:ss.mmmZ` in milliseconds of its month, which is all that a span needs.
fn millis(event: &Value) -> i64 {
    let text = event["@timestamp"].as_str().unwrap_or_default().as_bytes();
    let number = |from: usize, to: usize| {
        text.get(from..to).unwrap_or_default().iter().fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0'))
    };
    (((number(8, 10) * 24 + number(11, 13)) * 60 + number(14, 16)) * 60 + number(17, 19)) * 1000 + number(20, 23)
}

/// A sequence of two stages by hand.
struct Machine<K> {
    pending: HashMap<K, (i64, Value)>,
    hits: Vec<(Value, Value)>,
}

impl<K: Eq + std::hash::Hash> Machine<K> {
    fn new() -> Self {
        Self { pending: HashMap::new(), hits: Vec::new() }
    }

    fn open(&mut self, key: K, event: Value) {
        self.pending.insert(key, (millis(&event), event));
    }

    fn close(&mut self, key: &K, event: Value) {
        let Some((start, first)) = self.pending.remove(key) else { return };
        if millis(&event) - start <= 60_000 {
            self.hits.push((first, event));
        }
    }
}

fn is(event: &Value, path: &str, wanted: &[&str]) -> bool {
    match event.pointer(path) {
        Some(Value::Array(items)) => items.iter().any(|item| item.as_str().is_some_and(|text| wanted.contains(&text))),
        Some(Value::String(text)) => wanted.contains(&text.as_str()),
        _ => false,
    }
}

fn founding_by_hand(lines: &[&str]) -> usize {
    let mut machine = Machine::new();
    for line in lines {
        let event: Value = serde_json::from_str(line).unwrap();
        if !is(&event, "/event/category", &["network"]) {
            continue;
        }
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let port = event.pointer("/source/port").and_then(Value::as_i64);
        let key = (port, text("/source/ip"), text("/destination/ip"));
        if is(&event, "/event/module", &["endpoint"])
            && is(&event, "/event/action", &["disconnect_received", "connection_attempted"])
        {
            machine.close(&key, event);
        } else if is(&event, "/data_stream/dataset", &["fortinet_fortigate.log"])
            && is(&event, "/event/action", &["signature"])
            && is(&event, "/network/application", &["SOCKS4", "SOCKS5"])
        {
            machine.open(key, event);
        }
    }
    machine.hits.len()
}

fn founding() {
    let lines = data::lines(20_000);
    let query = Query::eql(data::EQL).unwrap();
    let set = QuerySet::new(std::slice::from_ref(&query)).unwrap();
    let ours = || time(|| search(&set, &mut query.start(), &lines));
    let best = turns(TURNS, ours, || time(|| founding_by_hand(&lines)));
    ratio("founding sequence, from bytes : by hand over a `Value`", best, lines.len(), "≤ 0.75");
}

const HOT: &str = "sequence by host.id with maxspan=1m \
    [process where not process.name in (\"cmd.exe\", \"bash\")] [network where destination.port == 1080]";

fn hot_by_hand(lines: &[&str]) -> (usize, usize) {
    let (mut machine, mut opened) = (Machine::new(), 0);
    for line in lines {
        let event: Value = serde_json::from_str(line).unwrap();
        let Some(host) = event.pointer("/host/id").and_then(Value::as_str).map(str::to_owned) else { continue };
        if is(&event, "/event/category", &["network"])
            && event.pointer("/destination/port").and_then(Value::as_i64) == Some(1080)
        {
            machine.close(&host, event);
        } else if is(&event, "/event/category", &["process"]) && !is(&event, "/process/name", &["cmd.exe", "bash"]) {
            opened += 1;
            machine.open(host, event);
        }
    }
    (machine.hits.len(), opened)
}

fn hot() {
    let lines = data::lines(20_000);
    let query = Query::eql(HOT).unwrap();
    let set = QuerySet::new(std::slice::from_ref(&query)).unwrap();
    let (hits, opened) = hot_by_hand(&lines);
    assert_eq!(search(&set, &mut query.start(), &lines), hits, "both find the same");
    let ours = || time(|| search(&set, &mut query.start(), &lines));
    let best = turns(TURNS, ours, || time(|| hot_by_hand(&lines)));
    let name = format!("hot sequence ({:.0} % of events open one)", opened as f64 * 100.0 / lines.len() as f64);
    ratio(&name, best, lines.len(), "≤ 0.75");
}

const LIVE: &str = "sequence by k [a where true] [b where true]";

fn live_line(number: usize, category: &str, key: usize) -> String {
    json!({
        "@timestamp": 1_700_000_000_000_u64 + number as u64, "event": {"category": category}, "k": format!("key-{key:07}"),
        "message": "x".repeat(64)
    })
    .to_string()
}

/// How many events a turn has.
const PIECE: usize = 6_000;

/// A run with so many live partials, and for each turn lines that complete one of them and open it again.
fn with_live(query: &Query, count: usize) -> (Run, Vec<Vec<String>>) {
    let mut run = query.start();
    for key in 0..count {
        run.push(Event::from_json(live_line(key, "a", key)).unwrap());
    }
    let mut random = data::Random(7);
    let mut number = count;
    let mut piece = |_| {
        let mut lines = Vec::new();
        for _ in 0..PIECE / 2 {
            let key = random.below(count);
            number += 1;
            lines.extend([live_line(number, "b", key), live_line(number, "a", key)]);
        }
        lines
    };
    (run, (0..2 * TURNS).map(&mut piece).collect())
}

/// Each turn has keys and times of its own: it finds nothing that the turn before left in the cache, and is never late.
fn live() {
    let query = Query::eql(LIVE).unwrap();
    let set = QuerySet::new(std::slice::from_ref(&query)).unwrap();
    let (mut many, many_lines) = with_live(&query, 1_000_000);
    let (mut few, few_lines) = with_live(&query, 1_000);
    let (mut many_turns, mut few_turns) = (many_lines.iter(), few_lines.iter());
    let search = |run: &mut Run, lines: Option<&Vec<String>>| {
        time(|| assert_eq!(search(&set, run, lines.unwrap()), PIECE / 2, "every second event completes one"))
    };
    let best = turns(TURNS, || search(&mut many, many_turns.next()), || search(&mut few, few_turns.next()));
    ratio("an event with 1,000,000 live partials : with 1,000, from bytes", best, PIECE, "≤ 3.5");
    let events = |lines: &Vec<String>| -> Vec<Arc<Event>> {
        lines.iter().map(|line| Arc::new(Event::from_json(line).unwrap())).collect()
    };
    let push = |run: &mut Run, lines: Option<&Vec<String>>| {
        let events = events(lines.unwrap());
        time(|| {
            let hits: usize = events.iter().map(|event| run.push(Arc::clone(event)).len()).sum();
            assert_eq!(hits, PIECE / 2);
        })
    };
    let best = turns(TURNS, || push(&mut many, many_turns.next()), || push(&mut few, few_turns.next()));
    ratio("the same, `Run::push` alone, of events in memory", best, PIECE, "≤ 3.5");
    assert_eq!((many.stats().live, few.stats().live), (1_000_000, 1_000));
}

fn partials() {
    for count in [1_000_000_usize, 1_050_000] {
        let (query, mut out) = (Query::eql(LIVE).unwrap(), String::new());
        // One event for each key, built before anything is counted.
        let events: Vec<Arc<Event>> =
            (0..count).map(|key| Arc::new(Event::from_json(live_line(key, "a", key)).unwrap())).collect();
        let settings = elkhound::query::Settings { partials: 2_000_000, ..Default::default() };
        let query = Query::builder().settings(settings).eql(query.warnings().source().text()).unwrap();
        let mut run = query.start();
        let region = Region::new(ALLOCATOR);
        events.iter().for_each(|event| drop(run.push(Arc::clone(event))));
        let change = region.change();
        assert_eq!(run.stats().live, count);
        write!(out, "{:.1} bytes", held(change) / count as f64).unwrap();
        row(&format!("memory of a partial, of {count}"), &out, "≤ 96");
    }
}

/// The bytes that were taken and not given back; reallocations are among those taken.
fn held(change: stats_alloc::Stats) -> f64 {
    change.bytes_allocated as f64 - change.bytes_deallocated as f64
}

fn allocations() {
    let lines = data::lines(2_000);
    let founding = vec![Query::kql(data::KQL).unwrap(), Query::eql(data::EQL).unwrap(), Query::eql(HOT).unwrap()];
    for (name, queries) in [("the founding rules", founding), ("the corpus", data::compile(&data::corpus()))] {
        let set = QuerySet::new(&queries).unwrap();
        let mut matches = Matches::default();
        let every = set.stats().every;
        let silent: Vec<&&str> = lines
            .iter()
            .filter(|line| set.matches_json(line.as_bytes(), &mut matches).unwrap().len() == every)
            .collect();
        let region = Region::new(ALLOCATOR);
        for line in &silent {
            black_box(set.matches_json(line.as_bytes(), &mut matches).unwrap());
        }
        let change = region.change();
        let text = format!("{} in {} events", change.allocations + change.reallocations, silent.len());
        row(&format!("heap allocations for an event that matches nothing of {name}"), &text, "0");
    }
}

fn rules() {
    let rules: Vec<_> = data::corpus().into_iter().take(1_000).collect();
    let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
    let region = Region::new(ALLOCATOR);
    let queries = data::compile(&rules);
    let set = QuerySet::new(&queries).unwrap();
    let all = held(region.change());
    drop(queries);
    let alone = held(region.change());
    let text = format!("{:.1} MiB with their single forms, {:.1} MiB as a set", mebibytes(all), mebibytes(alone));
    row(&format!("memory of {} rules, compiled", rules.len()), &text, "≤ 16 MiB");
    drop(set);
}
