//! Sequences, absences and samples over a batch, after the rules of Elasticsearch's documentation and code, word by word.

use std::cmp::Ordering;

use elkhound::event::number;
use elkhound::event::time::{Instant, MILLISECOND};
use elkhound::function::Datum;
use elkhound::plan::{Pipe, Query, QueryKind, Sample, Sequence, Stage};
use elkhound::schema::Field;
use serde_json::Value as Json;

use super::{date, datum, holds, of_field, values};

type Key = Vec<Datum>;

/// A hit by the positions of its events; `None` for an absence.
pub type Positions = Vec<Option<usize>>;

/// What a request says beside its query.
#[derive(Debug, Clone)]
pub struct Asked {
    pub timestamp: Field,
    pub tiebreaker: Option<Field>,
    /// Most samples of one key.
    pub per_key: usize,
    pub size: Option<usize>,
    /// Whether `size` keeps the latest hits.
    pub from_the_end: bool,
}

/// The hits of a query.
pub fn search(query: &Query, events: &[Json], asked: &Asked) -> Vec<Positions> {
    let mut hits = match &query.kind {
        QueryKind::Event(filter) => {
            let order = order(events, asked, Ordering::Less);
            order.into_iter().filter(|&at| holds(filter, &events[at])).map(|at| vec![Some(at)]).collect()
        }
        QueryKind::Sequence(sequence) => sequences(sequence, events, asked),
        QueryKind::Sample(sample) => samples(sample, events, asked.per_key),
    };
    if let Some(size) = asked.size {
        let from_the_end = query.pipes.first().map_or(asked.from_the_end, |pipe| matches!(pipe, Pipe::Tail(_)));
        match &query.kind {
            QueryKind::Event(_) | QueryKind::Sequence(_) if from_the_end => {
                hits = hits.split_off(hits.len().saturating_sub(size));
            }
            _ => hits.truncate(size),
        }
    }
    for pipe in &query.pipes {
        match *pipe {
            Pipe::Head(count) => hits.truncate(count),
            Pipe::Tail(count) => hits = hits.split_off(hits.len().saturating_sub(count)),
        }
    }
    hits
}

/// The events by timestamp, then tiebreaker, then position; a tiebreaker compares with none as `missing` says.
pub fn order(events: &[Json], asked: &Asked, missing: Ordering) -> Vec<usize> {
    let tie = |at: usize| asked.tiebreaker.as_ref().and_then(|field| first_datum(field, &events[at]));
    let ties = |a: usize, b: usize| match (tie(a), tie(b)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => missing,
        (Some(_), None) => missing.reverse(),
        (Some(a), Some(b)) => compare(&a, &b),
    };
    let time = |at: usize| timestamp(&events[at], asked);
    let mut out: Vec<usize> = (0..events.len()).collect();
    out.sort_by(|&a, &b| time(a).cmp(&time(b)).then_with(|| ties(a, b)));
    out
}

fn first_datum(field: &Field, event: &Json) -> Option<Datum> {
    values(event, &field.path).iter().find_map(|value| datum(field, value))
}

fn timestamp(event: &Json, asked: &Asked) -> Option<Instant> {
    let field = &asked.timestamp;
    let found: Vec<Instant> = values(event, &field.path).iter().filter_map(|value| date(field, value)).collect();
    if let [only] = found.as_slice() { Some(*only) } else { None }
}

/// The keys an event has for a stage, every combination.
fn keys(stage: &Stage, event: &Json) -> Vec<Key> {
    let mut out = vec![Vec::new()];
    for key in &stage.keys {
        let field = key.field.as_ref();
        let mut found: Vec<Datum> = Vec::new();
        for value in field.map_or_else(Vec::new, |field| of_field(field, event, "")) {
            let datum = field.and_then(|field| datum(field, &value));
            found.extend(datum.filter(|datum| !found.iter().any(|known| equal(known, datum))));
        }
        if found.is_empty() && key.optional {
            found.push(Datum::Null);
        }
        out = out
            .iter()
            .flat_map(|key: &Key| found.iter().map(|datum| [key.as_slice(), std::slice::from_ref(datum)].concat()))
            .collect();
    }
    out
}

fn equal(left: &Datum, right: &Datum) -> bool {
    compare(left, right).is_eq()
}

fn same(left: &Key, right: &Key) -> bool {
    compare_keys(left, right).is_eq()
}

/// By kind, then by value. Numbers are one kind.
fn compare(left: &Datum, right: &Datum) -> Ordering {
    let kind = |datum: &Datum| match datum {
        Datum::Null => 0,
        Datum::Bool(_) => 1,
        Datum::Date(_) => 3,
        Datum::Ip(_) => 4,
        Datum::Text(_) => 5,
        Datum::Version(_) => 6,
        _ => 2,
    };
    let numbers = left.as_number().zip(right.as_number());
    numbers.map_or_else(
        || kind(left).cmp(&kind(right)).then_with(|| left.order(right).unwrap_or(Ordering::Equal)),
        |(a, b)| number::compare(a, b),
    )
}

fn compare_keys(left: &Key, right: &Key) -> Ordering {
    let orders = left.iter().zip(right).map(|(a, b)| compare(a, b));
    orders.fold(Ordering::Equal, Ordering::then)
}

/// A sequence under way: its key, the stage it has reached, and its events.
#[derive(Clone)]
struct Under {
    key: Key,
    reached: usize,
    events: Vec<usize>,
}

fn sequences(sequence: &Sequence, events: &[Json], asked: &Asked) -> Vec<Positions> {
    let positive: Vec<&Stage> = sequence.stages.iter().filter(|stage| !stage.missing).collect();
    let last = positive.len() - 1;
    let timed = |at: usize| timestamp(&events[at], asked);
    let time = |at: usize| timed(at).unwrap();
    let mut pending: Vec<Under> = Vec::new();
    let mut complete: Vec<(usize, Under)> = Vec::new();
    let order = order(events, asked, Ordering::Greater);
    for (place, &at) in order.iter().enumerate().filter(|&(_, &at)| timed(at).is_some()) {
        let event = &events[at];
        for reached in (0..=last).rev().filter(|&reached| holds(&positive[reached].filter, event)) {
            for key in keys(positive[reached], event) {
                let mut under = if reached == 0 {
                    Under { key: key.clone(), reached, events: Vec::new() }
                } else {
                    let waits = |under: &Under| under.reached == reached - 1 && same(&under.key, &key);
                    let Some(found) = pending.iter().position(waits) else { continue };
                    pending.remove(found)
                };
                let start = under.events.first().map_or_else(|| time(at), |&first| time(first));
                if sequence.maxspan.is_some_and(|span| time(at) - start > span) {
                    continue;
                }
                under.events.push(at);
                under.reached = reached;
                if reached == last {
                    complete.push((place, under));
                } else {
                    pending.retain(|other| !(other.reached == reached && same(&other.key, &key)));
                    pending.push(under);
                }
            }
        }
        if let Some(until) = sequence.until.as_ref().filter(|until| holds(&until.filter, event)) {
            let ended = keys(until, event);
            pending.retain(|under| !ended.iter().any(|key| same(key, &under.key)));
        }
    }
    complete.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| compare_keys(&left.key, &right.key)));
    let accepted = complete.into_iter().filter(|(_, under)| nothing_between(sequence, under, events, asked));
    accepted
        .map(|(_, under)| {
            let mut found = under.events.into_iter();
            sequence.stages.iter().map(|stage| if stage.missing { None } else { found.next() }).collect()
        })
        .collect()
}

/// Whether what should be absent is absent.
fn nothing_between(sequence: &Sequence, under: &Under, events: &[Json], asked: &Asked) -> bool {
    let millis = |at: usize| timestamp(&events[at], asked).unwrap().div_euclid(MILLISECOND);
    let (start, end) = (millis(under.events[0]), millis(under.events[under.events.len() - 1]));
    let (mut leading, mut trailing) = (None, None);
    for (at, stage) in sequence.stages.iter().enumerate().filter(|(_, stage)| stage.missing) {
        let there =
            |event: &&Json| holds(&stage.filter, event) && keys(stage, event).iter().any(|key| same(key, &under.key));
        let times = events.iter().filter(there).filter_map(|event| timestamp(event, asked));
        let times: Vec<Instant> = times.map(|time| time.div_euclid(MILLISECOND)).collect();
        let before = sequence.stages[..at].iter().filter(|stage| !stage.missing).count();
        match before {
            0 => leading = leading.max(times.into_iter().filter(|&time| time < start).max()),
            all if all == under.events.len() => {
                let first = times.into_iter().filter(|&time| time > end).min();
                trailing = [trailing, first].into_iter().flatten().min();
            }
            _ => {
                let (low, high) = (millis(under.events[before - 1]), millis(under.events[before]));
                if times.iter().any(|&time| low < time && time < high) {
                    return false;
                }
            }
        }
    }
    let first_missing = sequence.stages[0].missing;
    let last_missing = sequence.stages[sequence.stages.len() - 1].missing;
    let span = sequence.maxspan.map_or(Instant::MAX, |span| span / MILLISECOND);
    let exceeds = |from: Option<Instant>, to: Option<Instant>| from.zip(to).is_some_and(|(from, to)| to - from > span);
    (leading.is_none() && trailing.is_none())
        || (first_missing && leading.is_none())
        || (last_missing && trailing.is_none())
        || (first_missing && last_missing && exceeds(leading, trailing))
        || (first_missing && !last_missing && exceeds(leading, Some(end)))
        || (last_missing && !first_missing && exceeds(Some(start), trailing))
}

fn samples(sample: &Sample, events: &[Json], per_key: usize) -> Vec<Positions> {
    let having = |stage: &Stage, key: &Key| -> Vec<usize> {
        let has = |event: &Json| holds(&stage.filter, event) && keys(stage, event).iter().any(|own| same(own, key));
        (0..events.len()).filter(|&at| has(&events[at])).collect()
    };
    let mut all: Vec<Key> = events.iter().flat_map(|event| keys(&sample.stages[0], event)).collect();
    all.sort_by(compare_keys);
    all.dedup_by(|a, b| same(a, b));
    let mut out = Vec::new();
    for key in all {
        let mut tuples: Vec<Vec<usize>> = vec![Vec::new()];
        for stage in &sample.stages {
            let candidates = having(stage, &key);
            let longer = |tuple: Vec<usize>| {
                let fresh: Vec<usize> = candidates.iter().copied().filter(|at| !tuple.contains(at)).collect();
                fresh.into_iter().map(move |at| [tuple.as_slice(), &[at]].concat())
            };
            tuples = tuples.into_iter().flat_map(longer).collect();
        }
        out.extend(tuples.into_iter().take(per_key).map(|tuple| tuple.into_iter().map(Some).collect::<Positions>()));
    }
    out
}
