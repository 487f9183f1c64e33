//! An engine that is saved and restored anywhere in a stream goes on as if nothing had been; one whose rules are replaced keeps
//! the state of those that did not change.
#![cfg(feature = "rules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;
#[path = "support/random_rules.rs"]
mod random_rules;

use std::collections::BTreeSet;
use std::sync::Arc;

use elkhound::engine::{Change, Engine, EngineSettings, RuleSet, Snapshot};
use elkhound::event::Event;
use random::Random;
use random_rules::describe;
use serde_json::{Value, json};

/// Rounds of random rules and streams: few in a normal run, `ELKHOUND_ROUNDS` in a long one.
fn rounds(few: u64) -> u64 {
    std::env::var("ELKHOUND_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

fn settings(shuffled: bool) -> EngineSettings {
    EngineSettings { lateness: if shuffled { 2_000_000_000 } else { 0 }, ..EngineSettings::default() }
}

/// Pushes the events from the `events()` of the engine up to `until`.
fn feed(engine: &mut Engine, events: &[Arc<Event>], until: usize) -> Vec<String> {
    let from = engine.events() as usize;
    events[from..until].iter().flat_map(|event| engine.push(Arc::clone(event))).map(|alert| describe(&alert)).collect()
}

#[test]
fn restored_engines_go_on_as_if_nothing_had_been() {
    let (mut restarts, mut alerts, mut held) = (0, 0, 0);
    for seed in 0..rounds(60) {
        let mut random = Random::new(seed + 1_000_000);
        let rules = random_rules::rule_set(&mut random, 12);
        let shuffled = random.once_in(2);
        let events = random_rules::stream(&mut random, shuffled);
        let settings = settings(shuffled);
        let mut straight = Engine::with_settings(Arc::clone(&rules), settings.clone());
        let mut expected = feed(&mut straight, &events, events.len());
        expected.extend(straight.finish().iter().map(describe));

        let mut engine = Engine::with_settings(Arc::clone(&rules), settings.clone());
        let mut found: Vec<String> = Vec::new();
        let mut saved: (Vec<u8>, usize) = (engine.snapshot("0").to_bytes(), 0);
        while engine.events() < events.len() as u64 {
            let until = (engine.events() as usize + 1 + random.below(8)).min(events.len());
            found.extend(feed(&mut engine, &events, until));
            match random.below(3) {
                0 => saved = (engine.snapshot(&until.to_string()).to_bytes(), found.len()),
                1 => {
                    // A crash: what was given since the snapshot comes again.
                    let snapshot = Snapshot::from_bytes(&saved.0).unwrap();
                    assert_eq!(snapshot.cursor(), snapshot.events().to_string());
                    held += snapshot.held_events();
                    found.truncate(saved.1);
                    engine = Engine::restore(Arc::clone(&rules), settings.clone(), snapshot).unwrap();
                    restarts += 1;
                    assert_eq!(
                        engine.snapshot(&engine.events().to_string()).to_bytes(),
                        saved.0,
                        "seed {seed}: saved twice"
                    );
                }
                _ => {}
            }
        }
        found.extend(engine.finish().iter().map(describe));
        assert_eq!(found, expected, "seed {seed}");
        assert_eq!(engine.stats().to_json(), straight.stats().to_json(), "seed {seed}");
        alerts += expected.len();
    }
    println!("{restarts} restarts, {alerts} alerts, {held} events held in snapshots");
    assert!(restarts > 20 && held > 20);
}

#[test]
fn replaced_rules_keep_the_state_of_those_that_did_not_change() {
    let mut kept_alerts = 0;
    for seed in 0..rounds(60) {
        let mut random = Random::new(seed + 2_000_000);
        let old: Vec<Value> = (0..10).map(|number| random_rules::rule(&mut random, number)).collect();
        // Some stay, some change, some go, some come; in another order.
        let mut new: Vec<Value> = old[2..].to_vec();
        new[0]["description"] = json!("changed");
        new.extend((20..23).map(|number| random_rules::rule(&mut random, number)));
        new.reverse();
        let (old, new) = (random_rules::compile(&old), random_rules::compile(&new));
        let shuffled = random.once_in(2);
        let events = random_rules::stream(&mut random, shuffled);
        let middle = random.below(events.len() + 1);

        let mut straight = Engine::with_settings(Arc::clone(&old), settings(shuffled));
        let mut expected: Vec<(String, String)> = Vec::new();
        let mut engine = Engine::with_settings(Arc::clone(&old), settings(shuffled));
        let mut found: Vec<(String, String)> = Vec::new();
        let of = |alert: elkhound::engine::Alert| (alert.rule().id().unwrap().to_owned(), describe(&alert));
        for (at, event) in events.iter().enumerate() {
            if at == middle {
                let migration = engine.replace(Arc::clone(&new));
                check(&migration, &old, &new);
            }
            expected.extend(straight.push(Arc::clone(event)).into_iter().map(of));
            found.extend(engine.push(Arc::clone(event)).into_iter().map(of));
        }
        if middle < events.len() {
            expected.extend(straight.finish().into_iter().map(of));
            found.extend(engine.finish().into_iter().map(of));
            let both: BTreeSet<&str> = (3..10).map(|number| ["3", "4", "5", "6", "7", "8", "9"][number - 3]).collect();
            let unchanged = |alerts: &[(String, String)]| {
                let mut alerts: Vec<String> = alerts
                    .iter()
                    .filter(|(id, _)| both.contains(id.trim_start_matches("rule-")))
                    .map(|(_, alert)| alert.clone())
                    .collect();
                alerts.sort();
                alerts
            };
            assert_eq!(unchanged(&found), unchanged(&expected), "seed {seed}");
            kept_alerts += unchanged(&found).len();
        }
    }
    println!("{kept_alerts} alerts of unchanged rules");
    assert!(kept_alerts > 100);
}

fn check(migration: &elkhound::engine::Migration, old: &RuleSet, new: &RuleSet) {
    let ids = |rules: &RuleSet| rules.rules().map(|rule| rule.id().unwrap().to_owned()).collect::<BTreeSet<String>>();
    let (old, new) = (ids(old), ids(new));
    for rule in &migration.rules {
        let expected = match (old.contains(&rule.id), new.contains(&rule.id)) {
            (true, false) => Change::Gone,
            (false, _) => Change::New,
            _ if rule.id == "rule-2" => Change::Changed,
            _ => Change::Kept,
        };
        assert_eq!(rule.change, expected, "{}", rule.id);
    }
    assert_eq!(migration.rules.len(), old.union(&new).count());
}

fn one_rule(query: &str) -> Arc<RuleSet> {
    random_rules::compile(&[json!({
        "rule_id": "a", "name": "A", "severity": "low", "risk_score": 1, "description": "d", "type": "eql", "language": "eql",
        "query": query,
    })])
}

const QUERY: &str = "sequence by k with maxspan=1m [a where true] [b where true]";

#[test]
fn snapshots_of_other_rules_are_refused_with_a_report_or_migrated() {
    let event = |category: &str, second: u32| {
        let time = format!("2024-01-01T00:00:{second:02}Z");
        Event::from_value(json!({"@timestamp": time, "event.category": category, "k": "x"}))
    };
    let mut engine = Engine::new(one_rule(QUERY));
    engine.push(event("a", 0));
    let bytes = engine.snapshot("here").to_bytes();
    let snapshot = || Snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(snapshot().held_events(), 1);

    let error = Engine::restore(one_rule("any where true"), EngineSettings::default(), snapshot()).unwrap_err();
    assert_eq!(error.migration().unwrap().count(Change::Changed), 1, "{error}");
    assert_eq!(error.to_string(), "the snapshot is one of other rules: 0 rules kept, 0 new, 1 changed, 0 gone");

    let settings = EngineSettings { partition: elkhound::engine::Partition::new(0, 2), ..EngineSettings::default() };
    assert!(Engine::restore(one_rule(QUERY), settings, snapshot()).is_err(), "another share of the work");

    let (mut engine, migration) = Engine::migrate(one_rule(QUERY), EngineSettings::default(), snapshot()).unwrap();
    assert!(migration.is_same());
    assert_eq!(engine.push(event("b", 1)).len(), 1, "the partial sequence was kept");
}

#[test]
fn damaged_snapshots_are_refused() {
    let mut random = Random::new(5);
    let rules = random_rules::rule_set(&mut random, 30);
    let events = random_rules::stream(&mut random, false);
    let mut engine = Engine::new(Arc::clone(&rules));
    feed(&mut engine, &events, events.len());
    let bytes = engine.snapshot("x").to_bytes();
    for _ in 0..300 {
        let mut damaged = bytes.clone();
        let at = random.below(damaged.len());
        match random.below(3) {
            0 => damaged.truncate(at),
            1 => damaged[at] ^= 1 << random.below(8),
            _ => drop(damaged.remove(at)),
        }
        assert!(Snapshot::from_bytes(&damaged).is_err(), "damaged at {at}");
    }
    let other = String::from_utf8(bytes.clone()).unwrap().replacen("snapshot 2", "snapshot 1", 1);
    assert!(Snapshot::from_bytes(other.as_bytes()).unwrap_err().to_string().contains("version `1`"));
    assert!(Snapshot::from_bytes(b"").is_err() && Snapshot::from_bytes(b"{}\n").is_err());
}
