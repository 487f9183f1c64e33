//! Several engines, each fed the events of its partitions, find together what one finds.
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

use elkhound::engine::{Engine, EngineSettings, Partition, Router, Routing, RuleSet};
use elkhound::event::Event;
use random::Random;
use random_rules::describe;
use serde_json::json;

/// Rounds of random rules and streams: few in a normal run, `ELKHOUND_ROUNDS` in a long one.
fn rounds(few: u64) -> u64 {
    std::env::var("ELKHOUND_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// The sorted alerts of `count` engines, and how often an event was sent to one.
fn divided(rules: &Arc<RuleSet>, settings: &EngineSettings, events: &[Arc<Event>], count: u32) -> (Vec<String>, usize) {
    let mut router = Router::new(Arc::clone(rules));
    let mut engines: Vec<Engine> = (0..count)
        .map(|index| {
            let partition = Partition::new(index, count);
            Engine::with_settings(Arc::clone(rules), EngineSettings { partition, ..settings.clone() })
        })
        .collect();
    let (mut out, mut sent) = (Vec::new(), 0);
    for event in events {
        for index in router.partitions(event, count) {
            sent += 1;
            out.extend(engines[index as usize].push(Arc::clone(event)).iter().map(describe));
        }
    }
    engines.iter_mut().for_each(|engine| out.extend(engine.finish().iter().map(describe)));
    out.sort();
    (out, sent)
}

#[test]
fn engines_together_find_what_one_finds() {
    let (mut alerts, mut sent, mut kinds) = (0, [0; 5], [0_usize; 4]);
    let rounds = rounds(30);
    for seed in 0..rounds {
        let mut random = Random::new(seed + 1);
        let rules = random_rules::rule_set(&mut random, 12);
        let shuffled = random.once_in(2);
        let events = random_rules::stream(&mut random, shuffled);
        let lateness = if shuffled { 2_000_000_000 } else { 0 };
        let settings = EngineSettings { lateness, ..EngineSettings::default() };
        let expected = random_rules::undisturbed(&rules, &settings, &events);
        alerts += expected.len();
        sent[0] += events.len();
        for routing in Router::new(Arc::clone(&rules)).routing() {
            kinds[match routing {
                Routing::Event => 0,
                Routing::Fields(_) => 1,
                Routing::Stages(_) => 2,
                Routing::Single(_) => 3,
            }] += 1;
        }
        for (at, count) in [1, 2, 4, 16].into_iter().enumerate() {
            let (found, to) = divided(&rules, &settings, &events, count);
            sent[at + 1] += to;
            if found != expected {
                let (a, b): (BTreeSet<_>, BTreeSet<_>) = (expected.iter().collect(), found.iter().collect());
                panic!(
                    "seed {seed}, {count} partitions ({} against {})\nmissing: {:#?}\nsurplus: {:#?}",
                    expected.len(),
                    found.len(),
                    a.difference(&b).take(2).collect::<Vec<_>>(),
                    b.difference(&a).take(2).collect::<Vec<_>>()
                );
            }
        }
    }
    println!("{rounds} rounds, {alerts} alerts; rules by routing (event, fields, stages, single): {kinds:?}");
    println!("events {}, sent to engines of 1, 2, 4, 16: {:?}", sent[0], &sent[1..]);
    assert!(kinds.iter().all(|&count| count > rounds as usize / 4), "{kinds:?}");
    assert!(alerts > rounds as usize);
}

fn routing_of(rule: serde_json::Value) -> Routing {
    let mut whole = json!({"rule_id": "a", "name": "A", "severity": "low", "risk_score": 1, "description": "d"});
    whole.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
    let rules = random_rules::compile(&[whole]);
    assert_eq!(rules.len(), 1);
    Router::new(rules).routing()[0].clone()
}

#[test]
fn what_rules_need() {
    let eql = |query: &str| routing_of(json!({"type": "eql", "language": "eql", "query": query}));
    let fields = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(eql("any where true"), Routing::Event);
    assert!(matches!(eql("any where true | head 1"), Routing::Single(_)), "one count over all hits");
    assert_eq!(eql("sequence by k [a where true] [b where true]"), Routing::Fields(fields(&["k"])));
    assert_eq!(
        eql("sequence with maxspan=1s [a where true] by k [b where true] by kk until [c where true] by s"),
        Routing::Stages(vec![fields(&["k"]), fields(&["kk"]), fields(&["s"])]),
    );
    assert!(matches!(eql("sequence [a where true] [b where true]"), Routing::Single(_)), "no key");
    assert_eq!(eql("sample by k [a where true] [b where true]"), Routing::Fields(fields(&["k"])));
    let kql = |more: serde_json::Value| {
        let mut rule = json!({"type": "query", "language": "kuery", "query": "*"});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        routing_of(rule)
    };
    assert_eq!(kql(json!({})), Routing::Event);
    assert_eq!(kql(json!({"alert_suppression": {"group_by": ["k", "s"]}})), Routing::Fields(fields(&["k", "s"])));
    let threshold = |field: &[&str]| kql(json!({"type": "threshold", "threshold": {"field": field, "value": 2}}));
    assert_eq!(threshold(&["k", "kk"]), Routing::Fields(fields(&["k", "kk"])));
    assert!(matches!(threshold(&[]), Routing::Single(_)), "one count over all events");
}

#[test]
fn hashes_are_fixed() {
    // Engines of different versions may share work, so a hash that changes has to change HASH_VERSION too.
    let rule = json!({
        "rule_id": "a", "name": "A", "severity": "low", "risk_score": 1, "description": "d", "type": "eql", "language": "eql",
        "query": "sequence by k, n [a where true] [b where true]",
    });
    let mut router = Router::new(random_rules::compile(&[rule]));
    let keys = |router: &mut Router, event: serde_json::Value| -> Vec<u64> {
        let event = Event::from_value(event);
        router.partition_keys(&event).iter().map(|key| key.hash).collect()
    };
    let one = keys(&mut router, json!({"event.category": "a", "k": "x", "n": 1}));
    assert_eq!(one, [HASH_OF_X_1]);
    assert_eq!(keys(&mut router, json!({"event.category": "b", "k": "x", "n": "1"})), one, "a number in a text");
    assert_eq!(
        keys(&mut router, json!({"event.category": "a", "k": ["x", "y"], "n": [1, 2]})).len(),
        4,
        "each combination"
    );
    assert_eq!(keys(&mut router, json!({"event.category": "c", "k": "x", "n": 1})).len(), 0, "no stage");
    assert_eq!(keys(&mut router, json!({"event.category": "a", "n": 1})).len(), 0, "no key");
}

/// FNV-1a by hand: tag 2, length 1, `x`; tag 5, length 8, the double 1.0; the upper half folded onto the lower.
const HASH_OF_X_1: u64 = 0x47f5_4ac3_1c70_9d31;
