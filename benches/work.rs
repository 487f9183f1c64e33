//! The work of each row of the table in `docs/performance.md`, beside its anchor.
#![allow(dead_code, clippy::unwrap_used, reason = "each bench uses its own part, and stops by panicking")]

use std::hint::black_box;
use std::rc::Rc;

use elkhound::event::{Event, FieldKey, Layout, Record, Scratch};
use elkhound::query::{Filter, Matches, Query, QuerySet};
use elkhound::source::Source;
use elkhound::syntax::{eql, kql};
use serde_json::Value;

use super::data;

/// Something to do over and over.
pub struct Work {
    pub name: String,
    /// Units of work in one pass: events, or queries.
    pub units: usize,
    pub pass: Box<dyn FnMut() -> usize>,
}

impl Work {
    fn new(name: &str, units: usize, pass: impl FnMut() -> usize + 'static) -> Self {
        Self { name: name.to_owned(), units, pass: Box::new(pass) }
    }
}

/// A line of the table.
pub struct Row {
    pub name: String,
    pub anchor: Option<Work>,
    pub work: Work,
    pub goal: &'static str,
}

/// Tells which rows are wanted.
pub type Wanted<'a> = &'a dyn Fn(&str) -> bool;

/// All rows, made one group at a time.
pub const ROWS: &[fn(Wanted<'_>) -> Vec<Row>] = &[reading, sets, pathological, parsing];

/// Enough events that they do not all stay in the fastest cache.
pub const EVENTS: usize = 4_000;

pub const FIELDS: [&str; 22] = [
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

/// JSON lines that several closures read.
type Lines = Rc<Vec<&'static str>>;

/// P: building a `Value` of each event.
fn value(lines: &Lines) -> Work {
    let lines = Rc::clone(lines);
    Work::new("P", lines.len(), move || {
        lines.iter().filter(|line| serde_json::from_str::<Value>(line).unwrap().is_object()).count()
    })
}

fn row(name: &str, goal: &'static str, anchor: Work, units: usize, pass: impl FnMut() -> usize + 'static) -> Row {
    Row { name: name.to_owned(), anchor: Some(anchor), work: Work::new(name, units, pass), goal }
}

/// The founding rule by hand: each object is looked up once, and the cheap questions come first.
pub fn closure(event: &Value) -> bool {
    let any = |value: Option<&Value>, wanted: &[&str]| match value {
        Some(Value::Array(items)) => items.iter().any(|item| item.as_str().is_some_and(|text| wanted.contains(&text))),
        Some(Value::String(text)) => wanted.contains(&text.as_str()),
        _ => false,
    };
    let ip =
        |value: Option<&Value>| value.and_then(Value::as_str).and_then(|text| text.parse::<std::net::Ipv4Addr>().ok());
    let Some(about) = event.get("event") else { return false };
    if !any(about.get("category"), &["network", "network_traffic"])
        || !any(event.get("network").and_then(|network| network.get("transport")), &["tcp"])
    {
        return false;
    }
    let destination = event.get("destination");
    let port = destination.and_then(|destination| destination.get("port")).and_then(Value::as_u64);
    (port.is_some_and(|port| [1080, 3128, 8080].contains(&port)) || any(about.get("dataset"), &["zeek.socks"]))
        && ip(event.get("source").and_then(|source| source.get("ip"))).is_some_and(|ip| ip.is_private())
        && !ip(destination.and_then(|destination| destination.get("ip")))
            .is_some_and(|ip| ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast())
}

fn reading(wanted: Wanted<'_>) -> Vec<Row> {
    let lines = Rc::new(data::lines(EVENTS));
    let mut rows = vec![fields("22 fields from bytes, validated", &lines)];
    let real = Rc::new(data::real());
    if !real.is_empty() {
        rows.push(fields("22 fields from bytes, real events", &real));
    }
    let values: Rc<Vec<Value>> = Rc::new(lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect());
    let filter = Filter::kql(data::KQL).unwrap();
    let (by_hand, own) = (Rc::clone(&values), filter.clone());
    rows.push(row(
        "proxy rule over `&Value`",
        "1.1",
        Work::new("closure by hand", EVENTS, move || by_hand.iter().filter(|value| closure(value)).count()),
        EVENTS,
        move || values.iter().filter(|value| own.matches_value(value)).count(),
    ));
    for (name, lines) in [("", lines), (", each event in memory of its own", Rc::new(data::strewn(EVENTS)))] {
        let (filter, anchor, mut scratch) = (filter.clone(), value(&lines), Scratch::default());
        rows.push(row(&format!("proxy rule from bytes{name}"), "0.10", anchor, EVENTS, move || {
            lines.iter().filter(|line| filter.matches_json(line.as_bytes(), &mut scratch).unwrap()).count()
        }));
    }
    rows.retain(|row| wanted(&row.name));
    rows
}

fn fields(name: &str, lines: &Lines) -> Row {
    let keys: Vec<FieldKey> = FIELDS.iter().enumerate().map(|(id, name)| FieldKey::new(id as u32, *name)).collect();
    let (layout, mut scratch, own) = (Layout::new(&keys), Scratch::default(), Rc::clone(lines));
    row(name, "0.18", value(lines), lines.len(), move || {
        own.iter().filter(|line| Record::read(line.as_bytes(), &layout, &mut scratch).is_ok()).count()
    })
}

/// How many filters and questions an event meets.
#[allow(clippy::print_stdout, reason = "a bench prints what it measured")]
fn report(name: &str, set: &QuerySet, lines: &[&str]) {
    let (mut matches, mut hits) = (Matches::default(), 0);
    for line in lines {
        hits += set.matches_json(line.as_bytes(), &mut matches).unwrap().len();
    }
    let each = |count: u64| count as f64 / lines.len() as f64;
    let (candidates, asked) = (each(matches.candidates()), each(matches.asked()));
    println!(
        "<!-- {name}: {candidates:.1} candidates, {asked:.1} questions and {:.2} hits an event; {:?} -->",
        each(hits as u64),
        set.stats()
    );
}

fn set(name: &str, goal: &'static str, queries: &[Query], lines: &Lines) -> Row {
    let set = QuerySet::new(queries).unwrap();
    report(name, &set, lines);
    let (own, mut matches) = (Rc::clone(lines), Matches::default());
    row(name, goal, value(lines), lines.len(), move || {
        own.iter().map(|line| set.matches_json(line.as_bytes(), &mut matches).unwrap().len()).sum()
    })
}

/// A set against asking each of its queries by itself.
fn against_each(name: &str, queries: Vec<Query>) -> Row {
    let events: Rc<Vec<Event>> = Rc::new(data::lines(50).iter().map(|line| Event::from_json(line).unwrap()).collect());
    let (set, mut matches, own) = (QuerySet::new(&queries).unwrap(), Matches::default(), Rc::clone(&events));
    let alone = move |event: &Event| queries.iter().filter(|query| query.concerns(event)).count();
    let anchor = Work::new("each rule alone", events.len(), move || events.iter().map(&alone).sum());
    row(name, "1.0", anchor, own.len(), move || own.iter().map(|event| set.matches(event, &mut matches).len()).sum())
}

fn pathological(wanted: Wanted<'_>) -> Vec<Row> {
    let named = data::PATHOLOGICAL.iter().map(|(name, make)| (format!("{name}, events in memory"), make));
    named.filter(|(name, _)| wanted(name)).map(|(name, make)| against_each(&name, make(10_000))).collect()
}

fn sets(wanted: Wanted<'_>) -> Vec<Row> {
    let lines = Rc::new(data::lines(EVENTS));
    let real = Rc::new(data::real());
    let mut rows = Vec::new();
    let mut add = |name: &str, goal, queries: &dyn Fn() -> Vec<Query>, lines| {
        if wanted(name) {
            rows.push(set(name, goal, &queries(), lines));
        }
    };
    for (name, kind) in [("points", 0), ("equalities", 1), ("wildcards", 2), ("conjunctions", 3)] {
        add(
            &format!("1,000 synthetic rules from bytes, {name}"),
            "0.25",
            &|| data::synthetic_of(1_000, Some(kind)),
            &lines,
        );
    }
    add("1,000 synthetic rules from bytes, address blocks", "0.25", &|| data::blocks(1_000), &lines);
    add("1,000 synthetic rules from bytes", "0.25", &|| data::synthetic(1_000), &lines);
    add("5,000 synthetic rules from bytes", "0.70", &|| data::synthetic(5_000), &lines);
    for (name, make) in data::PATHOLOGICAL {
        add(name, "–", &|| make(10_000), &lines);
    }
    let texts = data::distinct();
    if texts.is_empty() {
        return rows;
    }
    add("1,000 public rules from bytes", "0.35", &|| data::events_of(&texts, 1_000), &lines);
    add("1,000 public rules from bytes, real events", "0.35", &|| data::events_of(&texts, 1_000), &real);
    add("5,000 public rules from bytes", "0.70", &|| data::events_of(&texts, 5_000), &lines);
    add("all public rules from bytes, sequences included", "0.45", &|| data::compile(&data::corpus()), &lines);
    rows
}

fn parsing(wanted: Wanted<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    if wanted("parse an EQL query of 324 bytes") {
        let (source, options) = (Source::new("<query>", data::EQL), eql::Options::default());
        rows.push(row(
            "parse an EQL query of 324 bytes",
            "0.15",
            sql("sqlparser on 324 bytes", data::SOCKS_SQL),
            1,
            move || usize::from(eql::parse(black_box(&source), &options).is_ok()),
        ));
    }
    if wanted("parse a KQL query of 423 bytes") {
        let (source, options) = (Source::new("<query>", data::KQL), kql::Options::default());
        rows.push(row(
            "parse a KQL query of 423 bytes",
            "0.15",
            sql("sqlparser on 423 bytes", data::PROXY_SQL),
            1,
            move || usize::from(kql::parse(black_box(&source), &options).is_ok()),
        ));
    }
    let texts = data::distinct();
    if wanted("compile 1,000 public rules") && !texts.is_empty() {
        let texts: Vec<(String, String)> = texts.into_iter().filter(data::is_event).take(1_000).collect();
        let work = Work::new("compile", 1, move || QuerySet::new(&data::compile(&texts)).unwrap().stats().filters);
        rows.push(Row { name: "compile 1,000 public rules".into(), anchor: None, work, goal: "40 ms" });
    }
    rows
}

/// A statement that says much the same in as many bytes, read by another parser.
fn sql(name: &'static str, text: &'static str) -> Work {
    let dialect = sqlparser::dialect::GenericDialect {};
    Work::new(name, 1, move || sqlparser::parser::Parser::parse_sql(&dialect, black_box(text)).unwrap().len())
}
