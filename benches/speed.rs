//! Every row of the table in `docs/performance.md`, each beside its anchor. The anchor `value` is what `serde_json` needs to build
//! a `Value` of the same event.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench stops by panicking and prints what it measured, and its macros make undocumented items"
)]

mod data;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use elkhound::event::{Event, FieldKey, Layout, Record, Scratch};
use elkhound::query::{Filter, Matches, Query, QuerySet};
use elkhound::source::Source;
use elkhound::syntax::{eql, kql};
use serde_json::Value;

/// Enough events that they do not all stay in the fastest cache.
const EVENTS: usize = 4_000;

const FIELDS: [&str; 22] = [
    "@timestamp",
    "agent.id",
    "agent.type",
    "data_stream.dataset",
    "destination.ip",
    "destination.port",
    "event.action",
    "event.category",
    "event.dataset",
    "event.module",
    "event.type",
    "file.path",
    "host.id",
    "host.os.type",
    "network.transport",
    "process.command_line",
    "process.executable",
    "process.name",
    "process.parent.name",
    "source.ip",
    "user.id",
    "user.name",
];

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.bench_function("kql", |bencher| {
        let (source, options) = (Source::new("<query>", data::KQL), kql::Options::default());
        bencher.iter(|| kql::parse(black_box(&source), &options).unwrap());
    });
    group.bench_function("eql", |bencher| {
        let (source, options) = (Source::new("<query>", data::EQL), eql::Options::default());
        bencher.iter(|| eql::parse(black_box(&source), &options).unwrap());
    });
    group.finish();
}

/// The founding rule by hand.
fn closure(event: &Value) -> bool {
    let ip = |path: &str| {
        event.pointer(path).and_then(Value::as_str).and_then(|text| text.parse::<std::net::Ipv4Addr>().ok())
    };
    let private = |ip: std::net::Ipv4Addr| ip.is_private();
    let any = |path: &str, wanted: &[&str]| match event.pointer(path) {
        Some(Value::Array(items)) => items.iter().any(|item| item.as_str().is_some_and(|text| wanted.contains(&text))),
        Some(Value::String(text)) => wanted.contains(&text.as_str()),
        _ => false,
    };
    any("/event/category", &["network", "network_traffic"])
        && any("/network/transport", &["tcp"])
        && (event
            .pointer("/destination/port")
            .and_then(Value::as_u64)
            .is_some_and(|port| [1080, 3128, 8080].contains(&port))
            || any("/event/dataset", &["zeek.socks"]))
        && ip("/source/ip").is_some_and(private)
        && !ip("/destination/ip")
            .is_some_and(|ip| private(ip) || ip.is_loopback() || ip.is_link_local() || ip.is_multicast())
}

fn reading(criterion: &mut Criterion) {
    let lines = data::lines(EVENTS);
    let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let filter = Filter::kql(data::KQL).unwrap();
    let mut group = criterion.benchmark_group("event");
    group.bench_function("value", |bencher| {
        bencher.iter(|| lines.iter().filter(|line| serde_json::from_str::<Value>(line).unwrap().is_object()).count());
    });
    group.bench_function("22 fields", |bencher| {
        let fields: Vec<FieldKey> =
            FIELDS.iter().enumerate().map(|(id, name)| FieldKey::new(id as u32, *name)).collect();
        let (layout, mut scratch) = (Layout::new(&fields), Scratch::default());
        bencher
            .iter(|| lines.iter().filter(|line| Record::read(line.as_bytes(), &layout, &mut scratch).is_ok()).count());
    });
    group.bench_function("one filter, value", |bencher| {
        bencher.iter(|| values.iter().filter(|value| filter.matches_value(value)).count());
    });
    group.bench_function("one filter, by hand", |bencher| {
        bencher.iter(|| values.iter().filter(|value| closure(value)).count());
    });
    group.bench_function("one filter, bytes", |bencher| {
        let mut scratch = Scratch::default();
        bencher
            .iter(|| lines.iter().filter(|line| filter.matches_json(line.as_bytes(), &mut scratch).unwrap()).count());
    });
    group.finish();
}

/// How many filters and questions an event meets.
fn report(name: &str, set: &QuerySet, lines: &[String]) {
    let mut matches = Matches::default();
    for line in lines {
        set.matches_json(line.as_bytes(), &mut matches).unwrap();
    }
    let each = |count: u64| count as f64 / lines.len() as f64;
    println!(
        "{name}: {:.1} candidates and {:.1} questions an event; {:?}",
        each(matches.candidates()),
        each(matches.asked()),
        set.stats()
    );
}

fn sets(criterion: &mut Criterion) {
    let lines = data::lines(EVENTS);
    let corpus = data::compile(&data::corpus());
    let mut group = criterion.benchmark_group("set");
    group.sample_size(20);
    group.bench_function("value", |bencher| {
        bencher.iter(|| lines.iter().filter(|line| serde_json::from_str::<Value>(line).unwrap().is_object()).count());
    });
    let mut run = |name: &str, queries: &[Query]| {
        let set = QuerySet::new(queries).unwrap();
        let mut matches = Matches::default();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                lines.iter().map(|line| set.matches_json(line.as_bytes(), &mut matches).unwrap().len()).sum::<usize>()
            });
        });
        report(name, &set, &lines);
    };
    run("1000 synthetic", &data::synthetic(1_000));
    run("5000 synthetic", &data::synthetic(5_000));
    if !corpus.is_empty() {
        run("corpus", &corpus);
    }
    group.finish();
}

fn compiling(criterion: &mut Criterion) {
    let corpus = data::corpus();
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    if !corpus.is_empty() {
        group.bench_function("corpus", |bencher| bencher.iter(|| QuerySet::new(&data::compile(&corpus)).unwrap()));
    }
    group.finish();
}

fn sequence(criterion: &mut Criterion) {
    let query = Query::eql(
        "sequence by host.id with maxspan=1m [process where process.name : \"cmd.exe\"] [network where true]",
    )
    .unwrap();
    let lines = data::lines(EVENTS);
    let mut group = criterion.benchmark_group("sequence");
    group.bench_function("value", |bencher| {
        bencher.iter(|| lines.iter().filter(|line| serde_json::from_str::<Value>(line).unwrap().is_object()).count());
    });
    let events: Vec<Arc<Event>> = lines.iter().map(|line| Arc::new(Event::from_json(line).unwrap())).collect();
    group.bench_function("hot", |bencher| {
        bencher.iter(|| {
            let mut run = query.start();
            events.iter().map(|event| run.push(Arc::clone(event)).len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, parse, reading, sets, compiling, sequence);
criterion_main!(benches);
