//! States of runs: saved and loaded they go on as if nothing had been, and hostile streams do not make them grow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;

use std::sync::Arc;

use elkhound::event::Event;
use elkhound::event::table::EventTable;
use elkhound::query::{Hit, Query, Run, Settings};
use elkhound::schema::Schema;
use elkhound::syntax::eql::Dialect;
use random::Random;
use serde_json::{Value as Json, json};

/// The numbers of the events of hits, and their keys.
fn shown(hits: &[Hit]) -> Vec<String> {
    let number = |event: &Option<Arc<Event>>| event.as_ref().map(|event| event.source()["no"].clone());
    hits.iter()
        .map(|hit| format!("{:?} {:?}", hit.events().iter().map(number).collect::<Vec<_>>(), hit.join_keys()))
        .collect()
}

/// The run after a detour through text, with events of its own.
fn through_text(query: &Query, run: &Run) -> Run {
    let mut events = EventTable::default();
    let state = run.save(&mut events);
    let copies: Vec<Arc<Event>> = events
        .events()
        .iter()
        .map(|event| {
            let hit = json!({"_index": event.index(), "_id": event.id(), "_source": event.source()});
            Arc::new(Event::from_json(hit.to_string()).unwrap())
        })
        .collect();
    #[cfg(feature = "serde")]
    let state = {
        let read: elkhound::query::RunState = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!(read, state);
        read
    };
    Run::load(query, &state, &copies).unwrap()
}

/// Numbered documents.
fn numbered(mut documents: Vec<Json>) -> Vec<Arc<Event>> {
    documents.iter_mut().enumerate().for_each(|(no, document)| document["no"] = json!(no));
    documents.into_iter().map(|document| Arc::new(Event::from_value(document))).collect()
}

/// Runs the stream twice, once through a saved state at `cut`; gives the hits.
fn same_after_a_break(query: &Query, events: &[Arc<Event>], cut: usize) -> usize {
    let (mut whole, mut first) = (query.start(), query.start());
    let mut expected: Vec<Hit> = events.iter().flat_map(|event| whole.push(Arc::clone(event))).collect();
    expected.extend(whole.finish());
    let mut found: Vec<Hit> = events[..cut].iter().flat_map(|event| first.push(Arc::clone(event))).collect();
    let mut second = through_text(query, &first);
    assert_eq!(second.stats(), first.stats());
    found.extend(events[cut..].iter().flat_map(|event| second.push(Arc::clone(event))));
    found.extend(second.finish());
    assert_eq!(shown(&found), shown(&expected), "{} cut at {cut}", query.warnings().source().text());
    assert_eq!(second.stats(), whole.stats());
    expected.len()
}

#[test]
fn a_stream_goes_on_after_a_break() {
    let settings = ["date", "date_nanos"].map(|date| {
        let schema = Schema::from_json(&random_eql::mapping(date).to_string()).unwrap();
        Settings { schema: Arc::new(schema), ..Settings::default() }
    });
    let (mut runs, mut hits, mut late) = (0, 0, 0);
    for seed in 0..oracle::count(1_500) as u64 {
        let mut random = Random::new(seed + 0x5A7E);
        let make =
            [random_eql::sequence, random_eql::sequence, random_eql::sample, random_eql::event_query][random.below(4)];
        let text = make(&mut random);
        let mut settings = settings[usize::from(random.once_in(4))].clone();
        settings.tiebreaker_field = random.once_in(3).then(|| "tb".to_owned());
        if random.once_in(4) {
            settings.lateness = 2_000_000_000;
            late += 1;
        }
        if random.once_in(5) {
            settings.partials = 1 + random.below(4);
        }
        let Ok(query) = Query::builder().settings(settings).eql(&text) else { continue };
        let events = numbered(random_eql::stream(&mut random, false));
        let cut = random.below(events.len() + 1);
        hits += same_after_a_break(&query, &events, cut);
        runs += 1;
    }
    println!("breaks: {runs} streams, {late} with lateness, {hits} hits");
    assert!(hits > runs / 4, "the generator has become trivial");
}

const ENDGAME: &[&str] = &[
    "process where true",
    "process where true | unique user | tail 3",
    "sequence by host [process where true] [network where true]",
    "sequence by host with maxspan=5s [process where true] [network where true] [file where true] until [dns where true]",
    "sequence by host [process where true] [network where true] fork=true [file where true]",
    "join by host [process where true] [network where true] until [dns where true]",
    "process where child of [process where user == \"a\"]",
    "process where descendant of [process where user == \"a\"] | count host",
    "any where event of [process where user == \"b\"] | sort host",
];

fn endgame() -> Vec<Query> {
    let settings = Settings { dialect: Dialect::Endgame, ..Settings::default() };
    ENDGAME.iter().map(|text| Query::builder().settings(settings.clone()).eql(text).expect(text)).collect()
}

#[test]
fn an_endgame_stream_goes_on_after_a_break() {
    let queries = endgame();
    let mut hits = 0;
    for seed in 0..200 {
        let mut random = Random::new(seed + 0xE6);
        let event = |number: usize, random: &mut Random| {
            json!({
                "event_type": random.pick(&["process", "process", "network", "file", "dns"]), "host": random.below(3),
                "user": random.pick(&["a", "b", "A"]), "timestamp": number as u64 * 10_000_000, "opcode": 1 + random.below(2),
                "pid": random.below(6), "ppid": random.below(6)
            })
        };
        let events = numbered((0..40).map(|number| event(number, &mut random)).collect());
        for query in &queries {
            hits += same_after_a_break(query, &events, random.below(41));
        }
    }
    println!("endgame: {hits} hits");
    assert!(hits > 1_000);
}

#[test]
fn a_state_of_another_query_is_refused() {
    let texts = [
        "sequence by host.id [process where true] [network where true]",
        "sequence by host.id with maxspan=1m [process where true] [network where true]",
        "sequence by host.name [process where true] [network where true]",
        "sequence by host.id [process where true] [network where true] [file where true]",
        "sample by host.id [process where true] [network where true]",
        "process where true",
        "process where true | head 5",
    ];
    let queries: Vec<Query> = texts.iter().map(|text| Query::eql(text).unwrap()).chain(endgame()).collect();
    for (at, query) in queries.iter().enumerate() {
        let state = query.start().save(&mut EventTable::default());
        for (other, loaded) in queries.iter().enumerate() {
            let one_state = (at, other) == (5, 5);
            assert_eq!(Run::load(loaded, &state, &[]).is_ok(), at == other || one_state, "{at} {other}");
        }
        let again = Query::builder().settings(Settings { timestamp_field: "ts".into(), ..Settings::default() });
        let text = texts.first().unwrap();
        assert!(Run::load(&again.eql(text).unwrap(), &state, &[]).is_err());
    }
}

#[test]
fn a_state_without_its_events_is_refused() {
    let query = Query::eql("sequence by k [any where a == 1] [any where a == 2]").unwrap();
    let mut run = query.start();
    run.push(Event::from_value(json!({"@timestamp": 0, "k": 1, "a": 1})));
    let mut events = EventTable::default();
    let state = run.save(&mut events);
    assert_eq!(Run::load(&query, &state, &[]).unwrap_err().to_string(), "the state names event 0 of 0");
    assert!(Run::load(&query, &state, events.events()).is_ok());
}

fn limited(text: &str, partials: usize) -> Query {
    Query::builder().settings(Settings { partials, ..Settings::default() }).eql(text).unwrap()
}

fn event(second: usize, stage: &str, key: Json) -> Event {
    Event::from_value(json!({"@timestamp": second * 1000, "event": {"category": stage}, "k": key}))
}

#[test]
fn distinct_keys_stay_within_the_limit_and_are_counted() {
    let mut run = limited("sequence by k [a where true] [b where true]", 1000).start();
    for number in 0..5000 {
        run.push(event(number, "a", json!(format!("key {number}"))));
    }
    assert_eq!((run.stats().live, run.stats().dropped), (1000, 4000));
    assert_eq!(run.push(event(5000, "b", json!("key 4000"))).len(), 1, "the newest are kept");
    assert_eq!(run.push(event(5000, "b", json!("key 3999"))).len(), 0, "the oldest are given up");
}

#[test]
fn equal_keys_take_one_place_for_each_stage() {
    let mut run = limited("sequence by k [a where true] [a where true] [b where true]", 1000).start();
    for number in 0..5000 {
        run.push(event(number, "a", json!("key")));
    }
    assert_eq!((run.stats().live, run.stats().dropped), (2, 0));
}

#[test]
fn long_and_many_keys() {
    let mut run = limited("sequence by k [a where true] [b where true] until [c where true]", 20_000).start();
    let long = |number: usize| format!("{}{number}", "x".repeat(10_000));
    (0..100).for_each(|number| drop(run.push(event(number, "a", json!(long(number))))));
    assert_eq!(run.push(event(100, "b", json!(long(7)))).len(), 1);
    let many: Vec<usize> = (0..12_000).collect();
    run.push(event(101, "a", json!(many)));
    assert_eq!(run.stats().live, 99 + 12_000, "an event stands for all values of one key");
    assert_eq!(run.push(event(102, "b", json!(many))).len(), 12_000);
    run.push(event(103, "a", json!(many)));
    run.push(event(104, "c", json!(many)));
    assert_eq!(run.stats().live, 99);
}

#[test]
fn combinations_of_keys_stay_within_the_limit_and_are_counted() {
    let event = |second: usize, stage: &str| {
        let values = |from: usize, count: usize| (from..from + count).collect::<Vec<_>>();
        let (k, l) = (values(0, 120), values(1000, 100));
        Event::from_value(json!({"@timestamp": second * 1000, "event": {"category": stage}, "k": k, "l": l}))
    };
    let mut run = limited("sequence by k, l [a where true] [b where true]", 20_000).start();
    run.push(event(0, "a"));
    assert_eq!((run.stats().live, run.stats().dropped), (10_000, 2_000));
    assert_eq!(run.push(event(1, "b")).len(), 10_000);
    assert_eq!(run.stats().dropped, 4_000);
    let mut run = limited("sample by k, l [a where true] [b where true]", 30_000).start();
    run.push(event(0, "a"));
    assert_eq!((run.stats().live, run.stats().dropped), (10_000, 2_000));
}

#[test]
fn computed_conditions_on_many_values() {
    let numbers = |count: usize, each: usize| (0..count).map(|number| number * each).collect::<Vec<_>>();
    let holds = |text: &str, event: Json| {
        let query = Query::builder().eql(text).unwrap();
        query.start().push(Event::from_value(event)).len() == 1
    };
    // 250,000 combinations, of which only the last does.
    let (a, b) = (numbers(500, 1), numbers(500, 1000));
    assert!(holds("any where a + b == 499499", json!({"a": a, "b": b})));
    // A hundred million, most of which are the same.
    let words = |count: usize| (0..count).map(|number| "x".repeat(1 + number % 20)).collect::<Vec<_>>();
    assert!(holds("any where length(a) + length(b) == 40", json!({"a": words(10_000), "b": words(10_000)})));
    assert!(!holds("any where length(a) + length(b) == 41", json!({"a": words(10_000), "b": words(10_000)})));
    // The limit: of more than a million that differ, those after it are not tried.
    let (a, b) = (numbers(1_001, 1), numbers(1_000, 10_000));
    assert!(!holds("any where a + b == 9991000", json!({"a": a, "b": b})));
}

#[test]
fn absences_stay_within_the_limit_and_are_counted() {
    let mut run = limited("sequence by k with maxspan=1d ![c where true] [a where true] ![b where true]", 100).start();
    for number in 0..500 {
        run.push(event(2 * number, "c", json!(number)));
        run.push(event(2 * number + 1, "a", json!(number)));
    }
    // Of the absences before and of the sequences that wait, 100 each.
    assert_eq!(run.stats().dropped, 400 + 400);
    assert_eq!(run.stats().live, 100);
    // Disturbed after less than a day.
    assert_eq!(run.push(event(1001, "b", json!(499))).len(), 0);
    assert_eq!(run.stats().live, 99);
    assert_eq!(run.finish().len(), 99);
}

#[test]
fn events_that_wait_for_earlier_ones_stay_within_the_limit() {
    let settings = Settings { partials: 10, lateness: 1 << 60, ..Settings::default() };
    let query = Query::builder().settings(settings).eql("any where true").unwrap();
    let mut run = query.start();
    let found: usize = (0..50).map(|number| run.push(event(number, "a", json!(1))).len()).sum();
    assert_eq!((found, run.finish().len()), (40, 10));
}

#[test]
fn a_stream_of_one_instant_is_no_walk() {
    // A thousand complete sequences wait under one key in one millisecond; each event after them would see them all.
    let mut run = limited("sequence by k with maxspan=1s [a where true] ![b where true]", 1_000_000).start();
    for _ in 0..20_000 {
        assert_eq!(run.push(event(0, "a", json!("key"))).len(), 0);
        assert_eq!(run.push(event(0, "b", json!("key"))).len(), 0);
    }
    assert_eq!(run.stats().live, 20_000);
    assert_eq!(run.push(event(2, "c", json!("key"))).len(), 20_000);
}

fn endgame_with(text: &str, partials: usize) -> Run {
    let settings = Settings { dialect: Dialect::Endgame, partials, ..Settings::default() };
    Query::builder().settings(settings).eql(text).expect(text).start()
}

fn old_event(number: usize, kind: &str, host: usize) -> Event {
    Event::from_value(
        json!({"event_type": kind, "host": host, "pid": host, "ppid": host, "opcode": 1, "timestamp": number}),
    )
}

#[test]
fn endgame_results_come_at_once_unless_a_pipe_waits() {
    // How many hits come with each of three events, and how many at the end.
    let cases: [(&str, [usize; 3], usize); 7] = [
        ("process where true", [1, 1, 1], 0),
        ("process where true | head 2", [1, 1, 0], 0),
        ("process where true | unique host", [1, 0, 1], 0),
        ("process where true | filter host == 2 | head 1", [0, 0, 1], 0),
        ("process where true | tail 2", [0, 0, 0], 2),
        ("process where true | unique host | count", [0, 0, 0], 1),
        ("sequence by host [process where true] [process where true]", [0, 1, 0], 0),
    ];
    for (text, pushed, finished) in cases {
        let mut run = endgame_with(text, 100);
        let found = [1, 1, 2].map(|host| run.push(old_event(0, "process", host)).len());
        assert_eq!((found, run.finish().len()), (pushed, finished), "{text}");
    }
}

#[test]
fn endgame_states_stay_within_the_limit_and_are_counted() {
    let cases = [
        ("sequence by host [process where true] [network where true]", 10, 40),
        ("sequence by host with maxspan=5s [process where true] [network where true]", 10, 40),
        ("join by host [process where true] [network where true]", 10, 40),
        ("process where true | sort host", 10, 40),
        ("process where true | tail 5", 5, 0),
        ("process where true | tail 50", 10, 40),
        ("process where true | unique host", 0, 40),
        ("network where child of [process where true]", 0, 40),
    ];
    for (text, live, dropped) in cases {
        let mut run = endgame_with(text, 10);
        (0..50).for_each(|number| drop(run.push(old_event(number, "process", number + 1))));
        assert_eq!((run.stats().live, run.stats().dropped), (live, dropped), "{text}");
    }
}
