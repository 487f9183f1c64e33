//! The fast path against the plain evaluator, on seeded random queries and events. `ELKHOUND_ORACLE_CASES` sets how many; 68,000 of
//! the sets meet a million events: `ELKHOUND_ORACLE_CASES=68000 cargo test --release --test differential -- --exact sets --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;
mod reference;
#[path = "support/sets.rs"]
mod sets;

use std::cmp::Ordering;
use std::sync::Arc;

use elkhound::event::Event;
use elkhound::plan::{QueryKind, Stage};
use elkhound::query::{Hit, Matches, Position, Query, QuerySet, Settings};
use elkhound::schema::{Field, FieldType, Lookup, Origin, Schema};
use random::Random;
use reference::batch::{Asked, Positions};
use serde_json::Value as Json;

fn settings(mapping: &Json) -> Settings {
    Settings { schema: Arc::new(Schema::from_json(&mapping.to_string()).unwrap()), ..Settings::default() }
}

/// Random settings of an EQL request, as the program and as the reference have them.
fn request(random: &mut Random, dates: &[Settings; 2]) -> (Settings, Asked) {
    let mut settings = dates[usize::from(random.once_in(4))].clone();
    settings.tiebreaker_field = random.once_in(2).then(|| random.pick(&["tb", "tb", "u"]).to_owned());
    settings.max_samples_per_key = 1 + random.below(3);
    settings.size = random.once_in(6).then(|| random.below(4));
    settings.result_position = if random.once_in(2) { Position::Head } else { Position::Tail };
    let field = |name: &str| match settings.schema.lookup(name) {
        Lookup::Field(field) => (*field).clone(),
        _ => Field::plain(name, FieldType::Inferred, Origin::Inferred),
    };
    let asked = Asked {
        timestamp: field("@timestamp"),
        tiebreaker: settings.tiebreaker_field.as_deref().map(field),
        per_key: settings.max_samples_per_key,
        size: settings.size,
        from_the_end: settings.result_position == Position::Tail,
    };
    (settings, asked)
}

fn dates() -> [Settings; 2] {
    ["date", "date_nanos"].map(|date| settings(&random_eql::mapping(date)))
}

fn events(documents: &[Json]) -> Vec<Arc<Event>> {
    documents.iter().map(|document| Arc::new(Event::from_value(document.clone()))).collect()
}

/// The hits by the positions of their events.
fn positions(hits: Vec<Hit>, events: &[Arc<Event>]) -> Vec<Positions> {
    let position = |event: &Arc<Event>| events.iter().position(|other| Arc::ptr_eq(other, event)).unwrap();
    hits.iter().map(|hit| hit.events().iter().map(|event| event.as_ref().map(position)).collect()).collect()
}

/// The hits of a stream of the events in this order, by their positions.
fn streamed(query: &Query, events: &[Arc<Event>], order: &[usize], finished_late: &mut usize) -> Vec<Positions> {
    let mut run = query.start();
    let mut hits: Vec<Hit> = order.iter().flat_map(|&at| run.push(Arc::clone(&events[at]))).collect();
    let rest = run.finish();
    *finished_late += rest.len();
    hits.extend(rest);
    positions(hits, events)
}

fn sorted(mut hits: Vec<Positions>) -> Vec<Positions> {
    hits.sort();
    hits
}

#[test]
fn kql() {
    let settings = settings(&random::mapping());
    let (mut asked, mut yes) = (0, 0);
    for seed in 0..oracle::count(4_000) as u64 {
        let mut random = Random::new(seed + 0xA11);
        let depth = random.below(4);
        let text = random::query(&mut random, depth);
        let Ok(query) = Query::builder().settings(settings.clone()).kql(&text) else { continue };
        let documents: Vec<Json> = (0..10).map(|_| random::event(&mut random)).collect();
        let QueryKind::Event(filter) = &query.plan().kind else { panic!("{text} is no event query") };
        let set = QuerySet::new(std::slice::from_ref(&query)).unwrap();
        let mut matches = Matches::default();
        for document in &documents {
            let expected = reference::holds(filter, document);
            let event = Event::from_value(document.clone());
            assert_eq!(query.concerns(&event), expected, "{text}\n{document}");
            let found = set.matches_json(document.to_string().as_bytes(), &mut matches).unwrap();
            assert_eq!(!found.is_empty(), expected, "in a set: {text}\n{document}");
            asked += 1;
            yes += usize::from(expected);
        }
    }
    println!("kql: {asked} verdicts, {yes} of them yes");
    assert!(yes * 20 > asked, "the generator has become trivial");
}

/// The types of both generators of queries; where both name a field, those of one of them.
fn mixed() -> [Settings; 2] {
    let (kql, eql) = (random::mapping(), random_eql::mapping("date"));
    let over = |above: &Json, below: &Json| {
        let mut all = below.clone();
        all.as_object_mut().unwrap().extend(above.as_object().unwrap().clone());
        settings(&all)
    };
    [over(&kql, &eql), over(&eql, &kql)]
}

/// A query of either language and any kind, if it fits the types.
fn any_query(random: &mut Random, settings: &Settings) -> Option<Query> {
    let builder = Query::builder().settings(settings.clone());
    let depth = random.below(3);
    match random.below(8) {
        0..=3 => builder.kql(&random::query(random, depth)).ok(),
        4 | 5 => builder.eql(&random_eql::event_query(random)).ok(),
        6 => builder.eql(&random_eql::sequence(random)).ok(),
        _ => builder.eql(&random_eql::sample(random)).ok(),
    }
}

/// Events that queries of either language are about.
fn mixed_events(random: &mut Random) -> Vec<Json> {
    let mut out = random_eql::stream(random, false);
    for document in &mut out {
        let fields = random::event(random);
        match random.below(3) {
            0 => {}
            1 => *document = fields,
            _ => fields.as_object().unwrap().iter().for_each(|(name, value)| {
                document.as_object_mut().unwrap().entry(name).or_insert_with(|| value.clone());
            }),
        }
    }
    out
}

/// Whether a query has to see an event, as the reference says.
fn concerned(query: &Query, document: &Json) -> bool {
    let fits = |stage: &Stage| reference::holds(&stage.filter, document);
    match &query.plan().kind {
        QueryKind::Event(filter) => reference::holds(filter, document),
        QueryKind::Sequence(sequence) => {
            sequence.stages.iter().any(|stage| stage.missing) || sequence.stages.iter().chain(&sequence.until).any(fits)
        }
        QueryKind::Sample(sample) => sample.stages.iter().any(fits),
    }
}

/// Sets of both languages, small ones and some with more queries than share a gate.
#[test]
fn sets() {
    let mixed = mixed();
    let (mut pairs, mut verdicts, mut yes, mut kinds) = (0, 0, 0, [0; 3]);
    // One memory for all sets, as a caller may have it.
    let mut matches = Matches::default();
    for seed in 0..oracle::count(800) as u64 {
        let mut random = Random::new(seed + 0x5E7);
        let settings = &mixed[random.below(2)];
        let size = if random.once_in(25) { 60 } else { 1 + random.below(8) };
        let queries: Vec<Query> = (0..size).filter_map(|_| any_query(&mut random, settings)).collect();
        let set = QuerySet::new(&queries).unwrap();
        for document in mixed_events(&mut random) {
            let expected: Vec<u32> =
                (0..).zip(&queries).filter(|(_, query)| concerned(query, &document)).map(|(at, _)| at).collect();
            let told = || {
                let plans: Vec<_> = queries.iter().map(|query| format!("{:?}", query.plan())).collect();
                format!("{seed}: {document}\n{}", plans.join("\n"))
            };
            let text = document.to_string();
            assert_eq!(set.matches_json(text.as_bytes(), &mut matches).unwrap(), expected, "{}", told());
            assert_eq!(set.matches(&Event::from_value(document.clone()), &mut matches), expected, "{}", told());
            pairs += 1;
            verdicts += queries.len();
            yes += expected.len();
        }
        for query in &queries {
            kinds[match query.plan().kind {
                QueryKind::Event(_) => 0,
                QueryKind::Sequence(_) => 1,
                QueryKind::Sample(_) => 2,
            }] += 1;
        }
    }
    println!(
        "sets: {pairs} pairs of a set and an event, {verdicts} verdicts, {yes} of them yes; queries on events, sequences and samples: {kinds:?}"
    );
    assert!(
        yes * 20 > verdicts && kinds.iter().all(|&count| count * 20 > kinds[0]),
        "the generator has become trivial"
    );
}

/// Runs fed with what a set lets through find what the reference finds.
#[test]
fn streams_through_sets() {
    let dates = dates();
    let (mut run, mut hits) = (0, 0);
    for seed in 0..oracle::count(1_500) as u64 {
        let mut random = Random::new(seed + 0x57E4);
        let (settings, asked) = request(&mut random, &dates);
        let (settings, asked) = (Settings { size: None, ..settings }, Asked { size: None, ..asked });
        let query = |_| {
            let make = [random_eql::event_query, random_eql::sequence, random_eql::sequence, random_eql::sample]
                [random.below(4)];
            let query = Query::builder().settings(settings.clone()).eql(&make(&mut random)).ok()?;
            query.plan().pipes.is_empty().then_some(query)
        };
        let queries: Vec<Query> = (0..10).filter_map(query).collect();
        let documents = random_eql::stream(&mut random, false);
        let order = reference::batch::order(&documents, &asked, Ordering::Greater);
        let documents: Vec<Json> = order.into_iter().map(|at| documents[at].clone()).collect();
        let events = events(&documents);
        let found = sets::Together::new(&queries).streamed(&documents, &events);
        for (query, found) in queries.iter().zip(found) {
            let expected = reference::batch::search(query.plan(), &documents, &asked);
            hits += expected.len();
            run += 1;
            assert_eq!(
                sorted(positions(found, &events)),
                sorted(expected),
                "{seed}: {:?}\n{documents:?}",
                query.plan()
            );
        }
    }
    println!("streams through sets: {run} queries, {hits} hits");
    assert!(hits > run / 4, "the generator has become trivial");
}

/// Runs `count` random queries of one kind over random streams.
fn eql(name: &str, make: fn(&mut Random) -> String, count: usize) {
    let dates = dates();
    let (mut run, mut hits, mut refused, mut late) = (0, 0, 0, 0);
    for seed in 0..oracle::count(count) as u64 {
        let mut random = Random::new(seed + 0xE01);
        let (text, (settings, asked)) = (make(&mut random), request(&mut random, &dates));
        let Ok(query) = Query::builder().settings(settings).eql(&text) else {
            refused += 1;
            continue;
        };
        let documents = random_eql::stream(&mut random, false);
        let events = events(&documents);
        let expected = reference::batch::search(query.plan(), &documents, &asked);
        let told = || {
            format!(
                "{seed}: {text}\n{:?}\n{}",
                asked,
                documents.iter().map(Json::to_string).collect::<Vec<_>>().join("\n")
            )
        };
        let found = positions(query.search(events.clone()), &events);
        assert_eq!(found, expected, "{}", told());
        if query.plan().pipes.is_empty() && asked.size.is_none() {
            let order = match query.plan().kind {
                // Samples take events in the order of the input.
                QueryKind::Sample(_) => (0..events.len()).collect(),
                _ => reference::batch::order(&documents, &asked, Ordering::Greater),
            };
            let found = streamed(&query, &events, &order, &mut late);
            assert_eq!(sorted(found), sorted(expected.clone()), "as a stream: {}", told());
        }
        hits += expected.len();
        run += 1;
    }
    println!(
        "{name}: {run} queries over streams, {hits} hits, {late} of them settled at the end; {refused} texts refused"
    );
    assert!(hits > run / 4 && refused < run, "the generator has become trivial");
}

#[test]
fn eql_events() {
    eql("events", random_eql::event_query, 4_000);
}

#[test]
fn eql_sequences() {
    eql("sequences", random_eql::sequence, 6_000);
}

#[test]
fn eql_samples() {
    eql("samples", random_eql::sample, 1_500);
}

/// Arrival out of order within the allowed lateness changes nothing.
#[test]
fn lateness() {
    let mut settings = settings(&random_eql::mapping("date"));
    settings.lateness = 5_000_000_000;
    let (mut run, mut hits) = (0, 0);
    for seed in 0..oracle::count(2_000) as u64 {
        let mut random = Random::new(seed + 0x1A7E);
        let text = random_eql::sequence(&mut random);
        let Ok(query) = Query::builder().settings(settings.clone()).eql(&text) else { continue };
        if !query.plan().pipes.is_empty() {
            continue;
        }
        let mut documents = random_eql::stream(&mut random, true);
        documents.retain(|document| document.get("@timestamp").is_some());
        let events = events(&documents);
        let expected = sorted(positions(query.search(events.clone()), &events));
        // Steps are at most 1.5 s, so neighbours at a distance of 3 are less than 5 s apart.
        let mut arrival: Vec<usize> = (0..events.len()).collect();
        arrival.sort_by_cached_key(|&at| at + random.below(4));
        let mut stream = query.start();
        let mut found: Vec<Hit> = arrival.iter().flat_map(|&at| stream.push(Arc::clone(&events[at]))).collect();
        found.extend(stream.finish());
        assert_eq!(stream.stats().late, 0, "{text}");
        assert_eq!(sorted(positions(found, &events)), expected, "{text}\n{arrival:?}\n{documents:?}");
        run += 1;
        hits += expected.len();
    }
    println!("lateness: {run} streams, {hits} hits");
    assert!(hits > run / 4);
}
