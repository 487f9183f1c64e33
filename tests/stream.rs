//! What an engine does with a stream: order and lateness, clock ticks, suppression, periods, repeated events, counters.
#![cfg(feature = "rules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use elkhound::engine::{Alert, Engine, EngineSettings, RuleSet, RuleSettings, StateLimits, Timing};
use elkhound::event::Event;
use elkhound::rule::{Loaded, load_text};
use serde_json::{Value, json};

const SECOND: i128 = 1_000_000_000;

fn rules(limits: StateLimits, more: &[Value]) -> Arc<RuleSet> {
    let base = json!({"severity": "low", "risk_score": 1, "description": "d", "type": "query", "language": "kuery", "query": "*"});
    let whole = |(at, more): (usize, &Value)| {
        let mut rule = base.clone();
        rule["rule_id"] = json!(format!("r{at}"));
        rule["name"] = json!(format!("R{at}"));
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    let mut loaded = Loaded::default();
    let all: Vec<Value> = more.iter().enumerate().map(whole).collect();
    load_text("rules.json", &Value::from(all).to_string(), &mut loaded);
    let compiled = RuleSet::compile(loaded, &RuleSettings { limits, ..RuleSettings::default() });
    assert!(compiled.problems.is_empty(), "{}", compiled.problems[0]);
    compiled.rules
}

fn engine(settings: EngineSettings, more: &[Value]) -> Engine {
    Engine::with_settings(rules(StateLimits::default(), more), settings)
}

fn eql(query: &str) -> Value {
    json!({"type": "eql", "language": "eql", "query": query})
}

/// An event of a category at a second, with a user.
fn event(category: &str, second: u32, user: &str) -> Event {
    let time = format!("2024-01-01T00:{:02}:{:02}Z", second / 60, second % 60);
    let id = format!("{category}-{second}-{user}");
    Event::from_value(json!({"_index": "i", "_id": id, "_source": {
        "@timestamp": time, "event": {"category": category}, "user": {"name": user}
    }}))
}

fn at(second: u32) -> i128 {
    // 2024-01-01T00:00:00Z
    1_704_067_200 * SECOND + i128::from(second) * SECOND
}

/// The ids of the events of each alert, and what was suppressed.
fn told(alerts: &[Alert]) -> Vec<String> {
    let each = |alert: &Alert| {
        let ids: Vec<&str> = alert.events().iter().flatten().filter_map(|event| event.id()).collect();
        let count = alert.finding().suppressed.as_ref().map(|suppressed| format!(" +{}", suppressed.count));
        format!("{}{}", ids.join(" "), count.unwrap_or_default())
    };
    alerts.iter().map(each).collect()
}

const PAIR: &str = "sequence by user.name with maxspan=10s [a where true] [b where true]";

#[test]
fn events_within_the_lateness_are_judged_in_their_place() {
    let mut engine = engine(EngineSettings { lateness: 5 * SECOND, ..EngineSettings::default() }, &[eql(PAIR)]);
    assert_eq!(told(&engine.push(event("b", 3, "x"))), [""; 0]);
    assert_eq!(told(&engine.push(event("a", 2, "x"))), [""; 0], "it waits until nothing earlier can come");
    assert_eq!(told(&engine.push(event("c", 8, "x"))), [""; 0], "second 3 may still come");
    assert_eq!(told(&engine.push(event("c", 9, "x"))), ["a-2-x b-3-x"]);
    assert_eq!((engine.stats().late, engine.stats().buffered), (0, 2));
    engine.finish();
    assert_eq!(engine.stats().buffered, 0);
}

#[test]
fn later_events_are_counted_and_sequences_leave_out_those_before_their_own() {
    let settings = EngineSettings { lateness: 5 * SECOND, ..EngineSettings::default() };
    let mut engine = engine(settings, &[eql(PAIR), json!({"query": "user.name: late"})]);
    engine.push(event("a", 20, "late"));
    engine.push(event("a", 40, "x"));
    let found = engine.push(event("b", 21, "late"));
    assert_eq!(
        told(&found),
        ["a-20-late b-21-late", "b-21-late"],
        "at once; no event of the sequence stands after it yet"
    );
    let stats = engine.stats();
    assert_eq!((stats.late, stats.rules[0].late), (1, 0));
    assert_eq!(told(&engine.push(event("b", 19, "late"))), ["b-19-late"]);
    let stats = engine.stats();
    assert_eq!((stats.late, stats.rules[0].late), (2, 1));
}

#[test]
fn a_full_buffer_judges_early_and_counts() {
    let settings = EngineSettings { lateness: 1_000 * SECOND, buffered: 2, ..EngineSettings::default() };
    let mut engine = engine(settings, &[json!({})]);
    assert_eq!(told(&engine.push(event("a", 3, "x"))), [""; 0]);
    assert_eq!(told(&engine.push(event("a", 2, "x"))), [""; 0]);
    assert_eq!(told(&engine.push(event("a", 1, "x"))), ["a-1-x"], "the earliest");
    assert_eq!((engine.stats().forced, engine.stats().late), (1, 0));
    assert_eq!(told(&engine.push(event("a", 0, "x"))), ["a-0-x"], "its place is gone");
    assert_eq!(engine.stats().late, 1);
    assert_eq!(told(&engine.finish()), ["a-2-x", "a-3-x"], "in order");
}

#[test]
fn a_clock_tick_settles_absences_and_releases_events() {
    let absent = eql("sequence by user.name with maxspan=10s [a where true] ![b where true]");
    let mut engine = engine(EngineSettings { lateness: 5 * SECOND, ..EngineSettings::default() }, &[absent]);
    engine.push(event("a", 0, "x"));
    assert_eq!(told(&engine.advance(at(15))), [""; 0], "second 10 may still come");
    assert_eq!(told(&engine.advance(at(16))), ["a-0-x"]);
    assert_eq!(told(&engine.finish()), [""; 0], "once");
}

#[test]
fn suppression_alerts_at_once_and_again_when_its_window_closes() {
    let suppressed = json!({"alert_suppression": {"group_by": ["user.name"], "duration": {"value": 10, "unit": "s"}}});
    let mut engine = engine(EngineSettings::default(), &[suppressed]);
    let first = engine.push(event("a", 0, "x"));
    assert_eq!(told(&first), ["a-0-x +0"]);
    assert_eq!(told(&engine.push(event("a", 1, "y"))), ["a-1-y +0"], "another group");
    assert_eq!(told(&engine.push(event("a", 5, "x"))), [""; 0]);
    assert_eq!(told(&engine.push(event("a", 10, "x"))), [""; 0], "the end belongs to the window");
    let later = engine.push(event("a", 11, "x"));
    assert_eq!(told(&later), ["a-0-x +2", "a-11-x +0"]);
    assert_eq!(later[0].id(), first[0].id(), "the same alert, grown");
    let end = later[0].finding().suppressed.as_ref().unwrap().end;
    assert_eq!(end, Some(at(10)));
    assert_eq!(told(&engine.advance(at(60))), [""; 0], "nothing was suppressed into the others");
    let stats = engine.stats().rules[0];
    assert_eq!((stats.matches, stats.alerts, stats.suppressed, stats.live), (5, 3, 2, 0));
}

#[test]
fn suppression_without_a_duration_lasts_until_the_end() {
    let mut engine = engine(EngineSettings::default(), &[json!({"alert_suppression": {"group_by": ["user.name"]}})]);
    assert_eq!(told(&engine.push(event("a", 0, "x"))), ["a-0-x +0"]);
    assert_eq!(told(&engine.push(event("a", 3_000, "x"))), [""; 0]);
    assert_eq!(told(&engine.finish()), ["a-0-x +1"]);
    assert_eq!(told(&engine.push(event("a", 3_001, "x"))), ["a-3001-x +0"], "a new window");
}

#[test]
fn events_without_the_field_are_alone_where_the_rule_says_so() {
    let rule = json!({"alert_suppression": {"group_by": ["absent"], "missing_fields_strategy": "doNotSuppress"}});
    let mut engine = engine(EngineSettings::default(), &[rule]);
    assert_eq!(told(&engine.push(event("a", 0, "x"))), ["a-0-x"]);
    assert_eq!(told(&engine.push(event("a", 1, "x"))), ["a-1-x"]);
}

#[test]
fn findings_of_the_same_times_are_all_counted() {
    let mut rule = eql("sequence with maxspan=10s [a where true] [b where true] ![c where true]");
    rule["alert_suppression"] = json!({"group_by": ["host.name"]});
    let mut engine = engine(EngineSettings::default(), &[rule]);
    for (category, user) in [("a", "x"), ("b", "y"), ("a", "v"), ("b", "w")] {
        assert_eq!(told(&engine.push(event(category, 1, user))), [""; 0]);
    }
    assert_eq!(told(&engine.finish()), ["a-1-x b-1-y +0", "a-1-x b-1-y +1"]);
}

#[test]
fn the_window_that_closes_first_makes_room() {
    let rule = json!({"alert_suppression": {"group_by": ["user.name"], "duration": {"value": 1, "unit": "h"}}});
    let rules = rules(StateLimits { suppressions: 2, ..StateLimits::default() }, &[rule]);
    let mut engine = Engine::new(rules);
    engine.push(event("a", 0, "x"));
    engine.push(event("a", 1, "x"));
    engine.push(event("a", 2, "y"));
    assert_eq!(told(&engine.push(event("a", 3, "z"))), ["a-3-z +0", "a-0-x +1"], "what it counted is told");
    let stats = engine.stats().rules[0];
    assert_eq!((stats.live, stats.dropped), (2, 1));
}

#[test]
fn thresholds_speak_at_the_end_of_a_period_and_count_anew() {
    let rule = json!({"type": "threshold", "threshold": {"field": ["user.name"], "value": 2}});
    let mut engine = engine(EngineSettings::default(), &[rule]);
    for second in [0, 1, 2] {
        assert_eq!(told(&engine.push(event("a", second, "x"))), [""; 0]);
    }
    assert_eq!(engine.finish().len(), 1);
    engine.push(event("a", 2, "x"));
    assert_eq!(engine.finish().len(), 0, "one event of a new period");
}

#[test]
fn an_event_that_comes_twice_alerts_once_where_asked() {
    let mut twice = engine(EngineSettings::default(), &[json!({})]);
    let mut once = engine(EngineSettings { once: true, ..EngineSettings::default() }, &[json!({})]);
    let push = |engine: &mut Engine| engine.push(event("a", 0, "x")).len();
    assert_eq!((push(&mut twice), push(&mut twice)), (1, 1));
    assert_eq!((push(&mut once), push(&mut once)), (1, 0));
    assert_eq!(once.stats().repeated, 1);
}

fn ticks() -> u64 {
    static CALLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    CALLS.fetch_add(7, std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn counters_as_json_and_as_prometheus_reads_them() {
    let timing = Some(Timing { clock: ticks, every: 1 });
    let rules = [
        json!({"name": "a \"b\" \\ c\nd", "query": "user.name: x"}),
        json!({"rule_id": "r0", "name": "R"}),
        json!({"rule_id": "r0", "name": "R"}),
    ];
    let mut engine = engine(EngineSettings { timing, ..EngineSettings::default() }, &rules);
    engine.push(event("a", 0, "x"));
    engine.push(event("a", 1, "y"));
    let stats = engine.stats();
    assert_eq!((stats.rules[0].events, stats.rules[1].events), (1, 2));
    assert_eq!((stats.rules[0].candidates, stats.rules[0].matches, stats.rules[0].timed), (1, 1, 1));
    assert!(stats.rules[0].nanoseconds >= 7);
    assert_eq!(stats.to_json()["rules"][0]["alerts"], 1);
    let text = stats.to_prometheus();
    assert!(text.contains("# TYPE elkhound_events_total counter\nelkhound_events_total 2\n"), "{text}");
    assert!(text.contains("elkhound_rule_alerts_total{rule_id=\"r0\",rule=\"a \\\"b\\\" \\\\ c\\nd\"} 1\n"), "{text}");
    assert!(
        text.contains("elkhound_rule_alerts_total{rule_id=\"r0\",rule=\"R\",copy=\"2\"} 2\n"),
        "a series of its own: {text}"
    );
    assert!(text.contains("# TYPE elkhound_rule_live gauge\n"));
    let series: std::collections::BTreeSet<&str> =
        text.lines().filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name).collect();
    assert_eq!(series.len(), text.lines().count(), "no series twice");
}

#[test]
fn held_events_take_no_more_bytes_than_they_may() {
    let rules = [
        eql(PAIR),
        eql("sequence by user.name with maxspan=1h [a where true] ![b where true]"),
        eql("sample by user.name [a where true] [c where true]"),
        json!({"type": "threshold", "threshold": {"field": ["user.name"], "value": 2}}),
        json!({"alert_suppression": {"group_by": ["user.name"]}}),
    ];
    const LIMIT: usize = 1_000_000;
    let settings = EngineSettings { held_bytes: Some(LIMIT), lateness: 3 * SECOND, ..EngineSettings::default() };
    let mut engine = engine(settings, &rules);
    let (mut held, mut most, mut alerts) = (Vec::new(), 0, 0);
    for second in 0..2_000 {
        let event = Arc::new(event("a", second, &format!("{}{second}", "x".repeat(9_990))));
        held.push(Arc::downgrade(&event));
        alerts += engine.push(event).len();
        held.retain(|event| event.strong_count() > 0);
        // The text stands in the event and in its id.
        most = most.max(held.len() * 20_000);
    }
    assert!(most <= LIMIT, "{most} bytes");
    assert!(most >= LIMIT / 4, "{most} bytes: the limit is made use of");
    let stats = engine.stats();
    assert!(stats.rules.iter().all(|rule| rule.dropped > 0), "{:?}", stats.rules);
    assert!(stats.forced > 0 && alerts > 1_900, "what is certain is still told: {alerts}");
}
