//! Recordings judged as a whole: rules with an order of time of their own, and groups of which more comes later.
#![cfg(feature = "rules")]
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "support/random.rs"]
mod random;

use std::convert::Infallible;
use std::sync::Arc;

use elkhound::engine::{Alert, EngineSettings, EngineStats, Readable, RuleSet, judge_recording};
use elkhound::event::Event;
use elkhound::query::Take;
use random::Random;
use serde_json::{Value, json};

fn rules(more: &Value) -> Arc<RuleSet> {
    let mut rule = json!({"rule_id": "r", "name": "R", "severity": "low", "risk_score": 1, "description": "d", "type": "query", "language": "kuery", "query": "*"});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let loaded = RuleSet::load_text("rules.json", &rule.to_string());
    assert!(loaded.problems.is_empty(), "{}", loaded.problems[0]);
    loaded.rules
}

/// What a recording makes of events, some of which are handed on at a time.
fn judged(rules: &Arc<RuleSet>, settings: &EngineSettings, events: &[Arc<Event>]) -> (Vec<String>, EngineStats) {
    let mut alerts: Vec<Alert> = Vec::new();
    let read = |take: Take<'_>| {
        let _ = events.chunks(2).try_for_each(take);
        Ok::<(), Infallible>(())
    };
    let engine = judge_recording(rules, settings, Readable::Again, read, &mut |found| {
        alerts.extend(found);
        Ok(())
    });
    let told = |alert: &Alert| {
        let ids: Vec<&str> = alert.events().iter().flatten().filter_map(|event| event.id()).collect();
        let suppressed = alert.finding().suppressed.as_ref().map(|suppressed| format!(" +{}", suppressed.count));
        format!("{}{}", ids.join(" "), suppressed.unwrap_or_default())
    };
    (alerts.iter().map(told).collect(), engine.unwrap().stats())
}

/// Judges events of these minutes of `@timestamp`, with an id and more, as they come and in other orders: always the same alerts.
fn expect(rule: &Value, events: &[(u32, &str, Value)], expected: &[&str]) {
    let event = |(minute, id, more): &(u32, &str, Value)| {
        let mut source = json!({"@timestamp": format!("2024-01-01T00:{minute:02}:00Z"), "event": {"category": "a"}});
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Arc::new(Event::from_value(json!({"_index": "i", "_id": id, "_source": source})))
    };
    let mut events: Vec<Arc<Event>> = events.iter().map(event).collect();
    let rules = rules(rule);
    let mut random = Random::new(7);
    for _ in 0..30 {
        let (told, stats) = judged(&rules, &EngineSettings::default(), &events);
        assert_eq!(told, expected, "{rule}");
        assert_eq!((stats.rules[0].late, stats.forced), (0, 0));
        for at in 0..events.len() {
            let other = random.below(events.len());
            events.swap(at, other);
        }
    }
}

fn time(field: &str, minute: u32) -> Value {
    json!({field: format!("2024-01-01T01:{minute:02}:00Z")})
}

#[test]
fn a_sequence_has_the_order_of_its_own_timestamp_and_tiebreaker() {
    let rule =
        |query: &str, field: &str, name: &str| json!({"type": "eql", "language": "eql", "query": query, field: name});
    let pair = "sequence [any where n == 1] [any where n == 2]";
    let mut events = vec![(2, "first", time("seen", 1)), (1, "second", time("seen", 2))];
    for (number, (.., more)) in events.iter_mut().enumerate() {
        more["n"] = json!(number + 1);
    }
    expect(&rule(pair, "timestamp_field", "seen"), &events, &["first second"]);
    expect(&rule("any where true | head 1", "timestamp_field", "seen"), &events, &["first"]);
    let events = [(1, "second", json!({"tie": 2, "n": 2})), (1, "first", json!({"tie": 1, "n": 1}))];
    expect(&rule(pair, "tiebreaker_field", "tie"), &events, &["first second"]);
    expect(&rule("any where true | tail 1", "tiebreaker_field", "tie"), &events, &["second"]);
}

#[test]
fn a_timestamp_override_says_which_event_is_the_first() {
    let over = |rule: Value| {
        let mut all = json!({"timestamp_override": "event.ingested"});
        all.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        all
    };
    let ingested = |minute: u32| json!({"event": time("ingested", minute), "user": "u"});
    // The last one has none, and falls back to its timestamp.
    let events =
        [(1, "b", ingested(20)), (2, "a", ingested(10)), (3, "c", ingested(30)), (59, "d", json!({"user": "u"}))];
    let new = json!({"type": "new_terms", "new_terms_fields": ["user"], "history_window_start": "now-7d"});
    expect(&over(new), &events[..3], &["a"]);
    let suppressed = json!({"alert_suppression": {"group_by": ["user"]}});
    expect(&over(suppressed.clone()), &events[..3], &["a +2"]);
    expect(&over(suppressed), &events, &["d +3"]);
    let lasting = json!({"alert_suppression": {"group_by": ["user"], "duration": {"value": 15, "unit": "m"}}});
    expect(&over(lasting), &events[..3], &["a +1", "c +0"]);
}

#[test]
fn a_threshold_counts_from_and_to_the_times_of_the_override() {
    let rule = json!({"type": "threshold", "threshold": {"field": ["user"], "value": 2}, "timestamp_override": "event.ingested"});
    let event = |id: &str, minute: u32| {
        let source = json!({"@timestamp": "2024-01-01T00:00:00Z", "event": time("ingested", minute), "user": "u"});
        Arc::new(Event::from_value(json!({"_id": id, "_source": source})))
    };
    let (rules, mut from) = (rules(&rule), None);
    let read = |take: Take<'_>| {
        let _ = take(&[event("b", 20), event("a", 10)]);
        Ok::<(), Infallible>(())
    };
    judge_recording(&rules, &EngineSettings::default(), Readable::Once, read, &mut |alerts| {
        from = from.take().or(alerts.first().map(Alert::to_json));
        Ok(())
    })
    .unwrap();
    assert!(from.unwrap().to_string().contains(r#""from":"2024-01-01T01:10:00.000Z""#));
}

#[test]
fn a_suppressed_group_is_one_alert() {
    let user = |name: &str| json!({"user": name});
    let events = [(1, "a", user("x")), (2, "b", user("y")), (3, "c", user("x")), (20, "d", user("x"))];
    expect(&json!({"alert_suppression": {"group_by": ["user"]}}), &events, &["a +2", "b +0"]);
    let lasting = json!({"alert_suppression": {"group_by": ["user"], "duration": {"value": 5, "unit": "m"}}});
    expect(&lasting, &events, &["a +1", "b +0", "d +0"]);
}

#[test]
fn more_events_than_may_wait_are_judged_early_and_counted() {
    let rule = json!({"type": "eql", "language": "eql", "query": "sequence [any where n == 1] [any where n == 2]", "timestamp_field": "seen"});
    let event = |number: u32| {
        let mut source = time("seen", number % 60);
        source["n"] = json!(number);
        Arc::new(Event::from_value(source))
    };
    let events: Vec<Arc<Event>> = [2, 1, 4, 3].map(event).into();
    let settings = EngineSettings { buffered: 1, ..EngineSettings::default() };
    let (told, stats) = judged(&rules(&rule), &settings, &events);
    assert_eq!(told.len(), 1, "one that waits is enough for two that are exchanged");
    assert!(stats.forced > 0);
}
