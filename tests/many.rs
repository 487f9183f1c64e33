//! Many events at once, read by a batch and shared by threads, give the alerts that come one by one from parsed events.
#![cfg(feature = "rules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;
#[path = "support/random_rules.rs"]
mod random_rules;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Weak};

use elkhound::engine::{Alert, Engine, EngineSettings, Readable, RuleSet, judge_recording};
use elkhound::event::Event;
use elkhound::query::{Take, in_time_order};
use random::Random;
use random_rules::describe;
use serde_json::json;

fn line(event: &Event) -> String {
    json!({"_index": event.index(), "_id": event.id(), "_source": event.source()}).to_string()
}

#[test]
fn events_at_once_give_the_alerts_of_events_one_by_one() {
    let rounds = std::env::var("ELKHOUND_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60_u64);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let (mut alerts, mut pushed, mut unparsed, mut crowded, mut anew) = (0, 0, 0, 0, 0);
    for seed in 0..rounds {
        let mut random = Random::new(seed + 0x3A11);
        let rules = if random.once_in(8) { 200 } else { 12 };
        let rules = random_rules::rule_set(&mut random, rules);
        let shuffled = random.once_in(2);
        let events = random_rules::stream(&mut random, shuffled);
        let lateness = if shuffled && random.once_in(2) { 2_000_000_000 } else { 0 };
        let settings = EngineSettings { lateness, once: random.once_in(3), ..EngineSettings::default() };
        let text = events.iter().map(|event| line(event)).collect::<Vec<_>>().join("\n");
        let kept = rules.batch().read(&mut text.as_bytes(), 2, &|event, _line| event).unwrap();

        let says = |text: &str| kept.iter().filter(|event| format!("{event:?}").contains(text)).count();
        (unparsed, crowded) = (unparsed + says("Kept"), crowded + says("filters: None"));

        let mut one_by_one = Engine::with_settings(Arc::clone(&rules), settings.clone());
        let parsed = kept.iter().map(|event| Event::from_json(line(event)).unwrap());
        let mut expected: Vec<String> = parsed.flat_map(|event| one_by_one.push(event)).map(|a| describe(&a)).collect();
        expected.extend(one_by_one.finish().iter().map(describe));

        let mut at_once = Engine::with_settings(Arc::clone(&rules), settings.clone());
        let (mut found, mut rest) = (Vec::new(), kept.as_slice());
        while !rest.is_empty() {
            let (now, later) = rest.split_at((1 + random.below(400)).min(rest.len()));
            let mut push = || at_once.push_all(now.iter().cloned());
            found.extend(if random.once_in(4) { push() } else { pool.install(push) });
            rest = later;
        }
        found.extend(at_once.finish());
        assert_eq!(found.iter().map(describe).collect::<Vec<_>>(), expected, "seed {seed}");
        assert_eq!(at_once.stats().events, one_by_one.stats().events);
        for (a, b) in at_once.stats().rules.iter().zip(&one_by_one.stats().rules) {
            assert_eq!(
                (a.events, a.matches, a.alerts, a.dropped),
                (b.events, b.matches, b.alerts, b.dropped),
                "seed {seed}"
            );
        }
        (alerts, pushed) = (alerts + found.len(), pushed + kept.len());

        let readable = if random.once_in(2) { Readable::Once } else { Readable::Again };
        let (found, reads) = recorded(&rules, &settings, readable, kept.chunks(1 + random.below(50)));
        let ordered = in_time_order(kept.clone(), &random_rules::settings());
        let is_ordered = ordered.iter().zip(&kept).all(|(a, b)| Arc::ptr_eq(a, b));
        let mut one_by_one = Engine::with_settings(Arc::clone(&rules), settings);
        let mut expected: Vec<Alert> = ordered.into_iter().flat_map(|event| one_by_one.push(event)).collect();
        expected.extend(one_by_one.finish());
        assert_eq!(reads, if readable == Readable::Again && !is_ordered { 2 } else { 1 }, "seed {seed}");
        let alone = |alerts: &[Alert]| {
            let alone = alerts.iter().filter(|alert| alert.finding().suppressed.is_none());
            alone.map(describe).collect::<Vec<_>>()
        };
        assert_eq!(alone(&found), alone(&expected), "seed {seed}");
        assert_eq!(settled(&found), settled(&expected), "seed {seed}");
        anew += usize::from(!is_ordered);
    }
    assert!((1..rounds as usize).contains(&anew), "of {rounds} recordings {anew} were out of order");
    println!(
        "{rounds} rounds, {pushed} events, {unparsed} of them read unparsed, {crowded} too crowded, {alerts} alerts"
    );
    assert!(alerts > rounds as usize && unparsed > pushed / 2 && crowded > 0, "the generator has become trivial");
}

/// The last word about each group that suppresses, sorted: a recording tells nothing else of it.
fn settled(alerts: &[Alert]) -> Vec<String> {
    let last: BTreeMap<String, &Alert> = alerts
        .iter()
        .filter(|alert| alert.finding().suppressed.is_some())
        .map(|alert| (format!("{} {}", alert.rule_index(), alert.id()), alert))
        .collect();
    last.into_values().map(describe).collect()
}

/// The alerts of a recording that hands on some events at a time, and how often it was read.
fn recorded<'e>(
    rules: &Arc<RuleSet>,
    settings: &EngineSettings,
    readable: Readable,
    recording: impl Iterator<Item = &'e [Arc<Event>]> + Clone,
) -> (Vec<Alert>, usize) {
    let (mut reads, mut alerts) = (0, Vec::new());
    let read = |take: Take<'_>| {
        reads += 1;
        let _ = recording.clone().try_for_each(take);
        Ok::<(), Infallible>(())
    };
    let mut found = |some| {
        alerts.extend(some);
        Ok(())
    };
    judge_recording(rules, settings, readable, read, &mut found).unwrap();
    (alerts, reads)
}

/// Rules of which one alerts for every event.
fn of_every_event() -> Arc<RuleSet> {
    let rule = json!({
        "rule_id": "a", "name": "A", "type": "eql", "language": "eql", "query": "any where true", "severity": "low", "risk_score": 1
    });
    RuleSet::load_text("a.json", &rule.to_string()).rules
}

/// How many events of a recording are in memory at most when alerts are handed on, how often it is read, and its alerts.
fn held(events: usize, readable: Readable, time: impl Fn(usize) -> usize) -> (usize, usize, usize) {
    let live: RefCell<Vec<Weak<Event>>> = RefCell::default();
    let event = |at: usize| {
        let event = Arc::new(Event::from_json(json!({"@timestamp": time(at)}).to_string()).unwrap());
        live.borrow_mut().push(Arc::downgrade(&event));
        event
    };
    let (mut reads, mut most, mut alerts) = (0, 0, 0);
    let read = |take: Take<'_>| {
        reads += 1;
        let mut starts = (0..events).step_by(1_000);
        let _ = starts.try_for_each(|start| take(&(start..(start + 1_000).min(events)).map(event).collect::<Vec<_>>()));
        Ok::<(), Infallible>(())
    };
    let mut found = |some: Vec<Alert>| {
        live.borrow_mut().retain(|event| event.strong_count() > 0);
        (most, alerts) = (most.max(live.borrow().len()), alerts + some.len());
        Ok(())
    };
    judge_recording(&of_every_event(), &EngineSettings::default(), readable, read, &mut found).unwrap();
    (most, reads, alerts)
}

#[test]
fn a_recording_of_which_too_many_alerts_wait_is_judged_anew() {
    // Twice as much if it is not in order, and the events that the last alerts hold.
    let few = 3_000;
    for (events, reads) in [(65_536, 1), (65_537, 2), (150_000, 2)] {
        let (most, read, alerts) = held(events, Readable::Again, |at| at);
        assert_eq!((read, alerts), (reads, events));
        assert!(reads == 1 || most < few, "{most} events were held");
        assert_eq!(held(events, Readable::Once, |at| at), (events, 1, events));
    }
    let (most, read, alerts) = held(150_000, Readable::Again, |at| at % 140_000);
    assert_eq!((read, alerts), (2, 150_000), "the order ends after too many alerts wait");
    assert!(most > 140_000, "all have to be there to be sorted");
}

#[test]
fn what_cannot_be_read_or_handed_on_is_an_error() {
    let event = || Arc::new(Event::from_json("{}").unwrap());
    for readable in [Readable::Once, Readable::Again] {
        for events in [1, 70_000] {
            let read = |take: Take<'_>| {
                let _ = take(&std::iter::repeat_with(event).take(events).collect::<Vec<_>>());
                Ok(())
            };
            let judge = |found: &mut dyn FnMut(Vec<Alert>) -> Result<(), &'static str>| {
                judge_recording(&of_every_event(), &EngineSettings::default(), readable, read, found).map(|_| ())
            };
            assert_eq!(judge(&mut |_| Ok(())), Ok(()));
            assert_eq!(judge(&mut |_| Err("full")), Err("full"));
        }
        let read = |_: Take<'_>| Err("torn");
        let judged = judge_recording(&of_every_event(), &EngineSettings::default(), readable, read, &mut |_| Ok(()));
        assert_eq!(judged.map(|_| ()), Err("torn"));
    }
}

#[test]
fn an_engine_that_limits_its_bytes_judges_a_recording_at_its_end() {
    let settings = EngineSettings { held_bytes: Some(1 << 20), ..EngineSettings::default() };
    let recording = [Arc::new(Event::from_json("{}").unwrap())];
    let (alerts, reads) = recorded(&of_every_event(), &settings, Readable::Again, recording.chunks(1));
    assert_eq!((alerts.len(), reads), (1, 1));
}
