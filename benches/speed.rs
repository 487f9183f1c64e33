//! Every row of the table in `docs/performance.md`, each in a group with its anchor, with the statistics of `criterion`; `ratios`
//! prints the table itself.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench stops by panicking, and its macros make undocumented items"
)]

mod data;
mod work;

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use elkhound::event::Event;
use elkhound::query::Query;
use serde_json::Value;
use work::EVENTS;

fn rows(criterion: &mut Criterion) {
    for make in work::ROWS {
        for mut row in make(&|_| true) {
            let mut group = criterion.benchmark_group(&row.name);
            group.sample_size(10);
            if let Some(anchor) = &mut row.anchor {
                group.bench_function(&anchor.name, |bencher| bencher.iter(|| (anchor.pass)()));
            }
            group.bench_function("work", |bencher| bencher.iter(|| (row.work.pass)()));
            group.finish();
        }
    }
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

criterion_group!(benches, rows, sequence);
criterion_main!(benches);
