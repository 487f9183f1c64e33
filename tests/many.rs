//! Many events at once, read by a batch and shared by threads, give the alerts that come one by one from parsed events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;
#[path = "support/random_rules.rs"]
mod random_rules;

use std::sync::Arc;

use elkhound::engine::{Engine, EngineSettings};
use elkhound::event::Event;
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
    let (mut alerts, mut pushed, mut unparsed, mut crowded) = (0, 0, 0, 0);
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
        (unparsed, crowded) = (unparsed + says("Kept"), crowded + says("answer: None"));

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
    }
    println!(
        "{rounds} rounds, {pushed} events, {unparsed} of them read unparsed, {crowded} too crowded, {alerts} alerts"
    );
    assert!(alerts > rounds as usize && unparsed > pushed / 2 && crowded > 0, "the generator has become trivial");
}
