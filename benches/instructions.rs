//! Instruction counts of the same work as the other benches; `.ci/instructions` compares them with `benches/baseline.txt`.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench stops by panicking, and its macros make undocumented items"
)]

mod data;

use std::hint::black_box;
use std::sync::Arc;

use elkhound::event::{Event, Scratch};
use elkhound::query::{Filter, Hit, Query};
use elkhound::source::Source;
use elkhound::syntax::{eql, kql};
use gungraun::{library_benchmark, library_benchmark_group, main};

fn source(text: &str) -> Source {
    Source::new("<query>", text)
}

fn filter() -> (Filter, Vec<&'static str>) {
    let filter = Filter::kql(data::KQL).unwrap();
    // Its program is made when it is first asked.
    assert!(!filter.matches_value(&serde_json::json!({})));
    (filter, data::lines(50))
}

fn filter_and_values() -> (Filter, Vec<serde_json::Value>) {
    (filter().0, (0..50).map(data::event).collect())
}

fn sequence() -> (Query, Vec<Arc<Event>>) {
    let query = "sequence by host.id with maxspan=1m [process where true] [network where true]";
    (Query::eql(query).unwrap(), (0..200).map(|number| Arc::new(Event::from_value(data::event(number)))).collect())
}

#[library_benchmark]
#[bench::proxy(source(data::KQL))]
fn parse_kql(source: Source) -> kql::ast::Node {
    kql::parse(black_box(&source), &kql::Options::default()).unwrap()
}

#[library_benchmark]
#[bench::socks(source(data::EQL))]
fn parse_eql(source: Source) -> eql::ast::Statement {
    eql::parse(black_box(&source), &eql::Options::default()).unwrap()
}

#[library_benchmark]
#[bench::proxy(filter())]
fn filter_bytes((filter, lines): (Filter, Vec<&'static str>)) -> usize {
    let mut scratch = Scratch::default();
    lines.iter().filter(|line| filter.matches_json(line.as_bytes(), &mut scratch).unwrap()).count()
}

#[library_benchmark]
#[bench::proxy(filter_and_values())]
fn filter_value((filter, values): (Filter, Vec<serde_json::Value>)) -> usize {
    values.iter().filter(|value| filter.matches_value(value)).count()
}

#[library_benchmark]
#[bench::short(sequence())]
fn sequence_push((query, events): (Query, Vec<Arc<Event>>)) -> Vec<Hit> {
    let mut run = query.start();
    events.into_iter().flat_map(|event| run.push(event)).collect()
}

library_benchmark_group!(name = work, benchmarks = [parse_kql, parse_eql, filter_bytes, filter_value, sequence_push]);
main!(library_benchmark_groups = work);
