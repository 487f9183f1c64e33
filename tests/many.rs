//! Many events at once, read by a batch and shared by threads, give the alerts that come one by one from parsed events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;
#[path = "support/random_rules.rs"]
mod random_rules;

use std::convert::Infallible;
use std::sync::Arc;

use elkhound::engine::{Ahead, Alert, Engine, EngineSettings, Readable, RuleSet};
use elkhound::event::Event;
use elkhound::query::in_time_order;
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
        let (ahead, reads) = read(&rules, &settings, readable, kept.chunks(1 + random.below(50)));
        let ordered = in_time_order(kept.clone(), &random_rules::settings());
        let is_ordered = ordered.iter().zip(&kept).all(|(a, b)| Arc::ptr_eq(a, b));
        let (found, left) = judge(ahead);
        let mut one_by_one = Engine::with_settings(Arc::clone(&rules), settings);
        let mut expected: Vec<Alert> = ordered.into_iter().flat_map(|event| one_by_one.push(event)).collect();
        expected.extend(one_by_one.finish());
        assert_eq!(left, if is_ordered { 0 } else { kept.len() }, "seed {seed}");
        let twice = readable == Readable::Again && left > 0;
        assert_eq!(reads, 1 + usize::from(twice), "seed {seed}");
        let describe_all = |alerts: &[Alert]| alerts.iter().map(describe).collect::<Vec<_>>();
        assert_eq!(describe_all(&found), describe_all(&expected), "seed {seed}");
        anew += usize::from(left > 0);
    }
    assert!((1..rounds as usize).contains(&anew), "of {rounds} recordings {anew} were out of order");
    println!(
        "{rounds} rounds, {pushed} events, {unparsed} of them read unparsed, {crowded} too crowded, {alerts} alerts"
    );
    assert!(alerts > rounds as usize && unparsed > pushed / 2 && crowded > 0, "the generator has become trivial");
}

/// Reads a recording of some events at a time; tells how often it was read.
fn read<'e>(
    rules: &Arc<RuleSet>,
    settings: &EngineSettings,
    readable: Readable,
    recording: impl Iterator<Item = &'e [Arc<Event>]> + Clone,
) -> (Ahead, usize) {
    let mut reads = 0;
    let ahead = Ahead::read(Arc::clone(rules), settings.clone(), readable, |take| {
        reads += 1;
        let _ = recording.clone().try_for_each(|some| take(some.to_vec()));
        Ok::<(), Infallible>(())
    });
    (ahead.unwrap(), reads)
}

/// All alerts of a recording, and how many of its events were judged at its end only.
fn judge(ahead: Ahead) -> (Vec<Alert>, usize) {
    let (mut engine, mut alerts, events) = ahead.finish();
    let left = events.len();
    alerts.extend(engine.push_all(events));
    alerts.extend(engine.finish());
    (alerts, left)
}

#[test]
fn a_recording_of_which_too_many_alerts_wait_is_judged_at_its_end() {
    let rule = json!({
        "rule_id": "a", "name": "A", "type": "eql", "language": "eql", "query": "any where true", "severity": "low", "risk_score": 1
    });
    let rules = RuleSet::load_text("a.json", &rule.to_string()).rules;
    for (events, left) in [(65_536, 0), (65_537, 65_537)] {
        for readable in [Readable::Once, Readable::Again] {
            let event = Arc::new(Event::from_json("{}").unwrap());
            let recording: Vec<_> = std::iter::repeat_n(event, events).collect();
            let (ahead, _) = read(&rules, &EngineSettings::default(), readable, recording.chunks(1_000));
            let (alerts, judged) = judge(ahead);
            assert_eq!((alerts.len(), judged), (events, left));
        }
    }
}

#[test]
fn of_a_recording_that_can_be_read_again_no_event_is_kept() {
    let rule =
        json!({"rule_id": "a", "name": "A", "type": "query", "severity": "low", "risk_score": 1, "query": "a: b"});
    let rules = RuleSet::load_text("a.json", &rule.to_string()).rules;
    for (readable, left) in [(Readable::Once, 1), (Readable::Again, 0)] {
        let event = Arc::new(Event::from_json("{}").unwrap());
        let (weak, recording) = (Arc::downgrade(&event), [event]);
        let (ahead, _) = read(&rules, &EngineSettings::default(), readable, recording.chunks(1));
        drop(recording);
        assert_eq!(weak.strong_count(), left);
        drop(ahead);
    }
}

#[test]
fn an_engine_that_limits_its_bytes_judges_a_recording_at_its_end() {
    let settings = EngineSettings { held_bytes: Some(1 << 20), ..EngineSettings::default() };
    let recording = [Arc::new(Event::from_json("{}").unwrap())];
    let (ahead, reads) = read(&Arc::default(), &settings, Readable::Again, recording.chunks(1));
    assert_eq!((ahead.finish().2.len(), reads), (1, 1));
}
