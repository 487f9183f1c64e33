//! Results do not depend on how the input is cut: on the order of a batch, on late arrival within what is allowed, on how many events come at
//! once, on the other queries of a set, on the thread.
#![cfg(all(feature = "rules", feature = "ecs"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking and says what it did"
)]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;

use std::collections::BTreeMap;
use std::sync::Arc;

use elkhound::engine::{Engine, RuleSet, RuleSettings};
use elkhound::event::Event;
use elkhound::query::{Hit, Query, Settings};
use elkhound::rule::{Loaded, load_text};
use elkhound::schema::Schema;
use random::Random;
use serde_json::json;

type Positions = Vec<Option<usize>>;

fn settings() -> Settings {
    let schema = Schema::from_json(&random_eql::mapping("date").to_string()).unwrap();
    // Steps are at most 1.5 s, so neighbours at a distance of 3 are less than 5 s apart.
    Settings { schema: Arc::new(schema), lateness: 5_000_000_000, ..Settings::default() }
}

fn text(random: &mut Random) -> String {
    match random.below(4) {
        0 => random_eql::event_query(random),
        1 => random_eql::sample(random),
        _ => random_eql::sequence(random),
    }
}

/// Timed events, each at its own instant, so that their order is one.
fn events(random: &mut Random) -> Vec<Arc<Event>> {
    let mut documents = random_eql::stream(random, true);
    documents.retain(|document| document["@timestamp"].is_string());
    documents.into_iter().map(|document| Arc::new(Event::from_value(document))).collect()
}

fn shuffled(random: &mut Random, count: usize) -> Vec<usize> {
    let mut out: Vec<usize> = (0..count).collect();
    for at in (1..count).rev() {
        out.swap(at, random.below(at + 1));
    }
    out
}

fn positions<'h>(hits: impl IntoIterator<Item = &'h Hit>, events: &[Arc<Event>]) -> Vec<Positions> {
    hits.into_iter().map(|hit| places(hit.events(), events)).collect()
}

fn places(found: &[Option<Arc<Event>>], events: &[Arc<Event>]) -> Positions {
    let place = |event: &Arc<Event>| events.iter().position(|other| Arc::ptr_eq(other, event)).unwrap();
    found.iter().map(|event| event.as_ref().map(place)).collect()
}

/// A batch is put in order first; samples alone take their candidates as they come, so only their keys are the same.
#[test]
fn order_of_a_batch() {
    let (mut run, mut hits) = (0, 0);
    for seed in 0..oracle::count(2_000) as u64 {
        let mut random = Random::new(seed + 0xBA7C);
        let Ok(query) = Query::builder().settings(settings()).eql(&text(&mut random)) else { continue };
        let events = events(&mut random);
        let order = shuffled(&mut random, events.len());
        let (found, again) =
            (query.search(events.clone()), query.search(order.iter().map(|&at| Arc::clone(&events[at]))));
        if matches!(query.plan().kind, elkhound::plan::QueryKind::Sample(_)) {
            let same =
                |(a, b): (&Hit, &Hit)| a.join_keys().iter().zip(b.join_keys()).all(|(a, b)| a.compare(b).is_eq());
            assert!(found.len() == again.len() && found.iter().zip(&again).all(same), "{seed}");
        } else {
            assert_eq!(positions(&found, &events), positions(&again, &events), "{seed}");
        }
        run += 1;
        hits += found.len();
    }
    println!("{run} batches, {hits} hits");
    assert!(hits > run / 4);
}

/// The same hits, in the same order, whether events come one at a time, in batches of any size, late, or on another thread.
#[test]
fn pieces_lateness_and_threads() {
    let (mut run, mut hits) = (0, 0);
    for seed in 0..oracle::count(600) as u64 {
        let mut random = Random::new(seed + 0x91EC);
        let Ok(query) = Query::builder().settings(settings()).eql(&text(&mut random)) else { continue };
        let events = events(&mut random);
        let mut alone = query.start();
        let mut expected: Vec<Hit> = events.iter().flat_map(|event| alone.push(Arc::clone(event))).collect();
        expected.extend(alone.finish());
        let expected = positions(&expected, &events);

        let is_sample = matches!(query.plan().kind, elkhound::plan::QueryKind::Sample(_));
        let mut late: Vec<usize> = (0..events.len()).collect();
        late.sort_by_cached_key(|&at| if is_sample { at } else { at + random.below(4) });
        let cuts: Vec<usize> = (0..events.len()).map(|_| random.below(6)).collect();
        let found: Vec<Vec<Positions>> = std::thread::scope(|scope| {
            let threads = [true, true, false].map(|straight| {
                let (query, events, cuts) = (&query, &events, &cuts);
                let order = if straight { (0..events.len()).collect() } else { late.clone() };
                scope.spawn(move || positions(&in_pieces(query, events, &order, cuts), events))
            });
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for found in found {
            assert_eq!(found, expected, "{seed}: {late:?}");
        }
        run += 1;
        hits += expected.len();
    }
    println!("{run} streams, {hits} hits");
    assert!(hits > run / 4);
}

/// A run that takes its events in pieces of these sizes.
fn in_pieces(query: &Query, events: &[Arc<Event>], order: &[usize], cuts: &[usize]) -> Vec<Hit> {
    let (mut run, mut out, mut rest, mut cuts) = (query.start(), Vec::new(), order, cuts.iter());
    while !rest.is_empty() {
        let size = cuts.next().map_or(rest.len(), |&size| size.min(rest.len()));
        let (piece, behind) = rest.split_at(size);
        rest = behind;
        let hits: Vec<Vec<Hit>> = piece.iter().map(|&at| run.push(Arc::clone(&events[at]))).collect();
        out.extend(hits.into_iter().flatten());
    }
    out.extend(run.finish());
    out
}

/// A rule alerts about the same events alone and among others, wherever it stands among them.
#[test]
fn rules_among_rules() {
    let settings = RuleSettings { query: Settings { lateness: 0, ..settings() }, ..RuleSettings::default() };
    let compile = |texts: &[(usize, String)]| {
        let mut loaded = Loaded::default();
        for (id, query) in texts {
            let rule = json!({
                "rule_id": id.to_string(), "name": "A", "description": "", "severity": "low", "risk_score": 1, "type": "eql", "language": "eql",
                "query": query
            });
            load_text("a.json", &rule.to_string(), &mut loaded);
        }
        RuleSet::compile(loaded, &settings).rules
    };
    let alerts = |texts: &[(usize, String)], events: &[Arc<Event>]| {
        let mut engine = Engine::new(compile(texts));
        let mut alerts: Vec<_> = events.iter().flat_map(|event| engine.push(Arc::clone(event))).collect();
        alerts.extend(engine.finish());
        let mut out: BTreeMap<String, Vec<Positions>> = BTreeMap::new();
        for alert in alerts {
            out.entry(alert.rule().id().unwrap().to_owned()).or_default().push(places(alert.events(), events));
        }
        out
    };
    let mut count = 0;
    for seed in 0..oracle::count(120) as u64 {
        let mut random = Random::new(seed + 0x2E75);
        let texts: Vec<(usize, String)> = (0..12).map(|id| (id, text(&mut random))).collect();
        let events = events(&mut random);
        let mut expected = BTreeMap::new();
        texts.iter().for_each(|text| expected.extend(alerts(std::slice::from_ref(text), &events)));
        let order = shuffled(&mut random, texts.len());
        let mixed: Vec<(usize, String)> = order.iter().map(|&at| texts[at].clone()).collect();
        assert_eq!(alerts(&texts, &events), expected, "{seed}");
        assert_eq!(alerts(&mixed, &events), expected, "{seed}: {order:?}");
        count += expected.values().map(Vec::len).sum::<usize>();
    }
    println!("{count} alerts");
    assert!(count > 100);
}
