//! Seeded random rules of every type over the fields of the random EQL queries, and the alerts of engines over random streams.
#![allow(dead_code, reason = "each test uses its own part")]

use std::sync::Arc;

use elkhound::engine::{Alert, Engine, EngineSettings, RuleSet, RuleSettings};
use elkhound::event::Event;
use elkhound::query::Settings;
use elkhound::rule::{Loaded, load_text};
use elkhound::schema::Schema;
use serde_json::{Value, json};

use crate::random::Random;
use crate::random_eql;

const FIELDS: &[&str] = &["k", "kk", "s", "i", "n", "ip", "o.k", "u", "event.category"];

fn fields(random: &mut Random, most: usize) -> Vec<&'static str> {
    let mut out: Vec<&str> = (0..1 + random.below(most)).map(|_| random.pick(FIELDS)).collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// A KQL query that a good part of the events satisfy.
fn kql(random: &mut Random) -> String {
    match random.below(5) {
        0 => "*".to_owned(),
        1 => format!("n: {}", random.below(3)),
        2 => format!("event.category: {} or i >= {}", random.pick(&["a", "b", "c"]), random.below(3)),
        3 => "not s: foo".to_owned(),
        _ => format!("event.category: {}", random.pick(&["a", "b", "c"])),
    }
}

fn suppression(random: &mut Random) -> Value {
    let mut out = json!({"group_by": fields(random, 3)});
    if random.once_in(2) {
        out["duration"] = json!({"value": 1 + random.below(8), "unit": "s"});
    }
    if random.once_in(2) {
        out["missing_fields_strategy"] = json!(random.pick(&["suppress", "doNotSuppress"]));
    }
    out
}

/// A random rule as the API writes it.
pub fn rule(random: &mut Random, number: usize) -> Value {
    let mut out = json!({
        "rule_id": format!("rule-{number}"), "name": format!("Rule {number}"), "severity": "low", "risk_score": 21,
        "description": "random", "language": "kuery", "query": kql(random), "type": "query",
    });
    match random.below(10) {
        0 => {}
        1 => {
            out["type"] = json!("threshold");
            out["threshold"] = json!({"field": fields(random, 2), "value": 1 + random.below(4)});
            if random.once_in(4) {
                out["threshold"]["field"] = json!([]);
            }
            if random.once_in(3) {
                out["threshold"]["cardinality"] = json!([{"field": random.pick(FIELDS), "value": 1 + random.below(3)}]);
            }
        }
        2 => {
            out["type"] = json!("new_terms");
            out["new_terms_fields"] = json!(fields(random, 3));
            out["history_window_start"] = json!("now-7d");
        }
        kind => {
            out["type"] = json!("eql");
            out["language"] = json!("eql");
            out["query"] = json!(match kind {
                3 => random_eql::event_query(random),
                4 => random_eql::sample(random),
                _ => random_eql::sequence(random),
            });
        }
    }
    if random.once_in(3) {
        match out["type"].as_str() {
            Some("threshold") => out["alert_suppression"] = json!({"duration": {"value": 2, "unit": "s"}}),
            _ => out["alert_suppression"] = suppression(random),
        }
    }
    out
}

/// Rules that compile; those that do not are left out.
pub fn compile(rules: &[Value]) -> Arc<RuleSet> {
    let mut loaded = Loaded::default();
    load_text("rules.json", &Value::from(rules.to_vec()).to_string(), &mut loaded);
    RuleSet::compile(loaded, &RuleSettings { query: settings(), ..RuleSettings::default() }).rules
}

/// The settings of the rules' queries.
pub fn settings() -> Settings {
    let schema = Arc::new(Schema::from_json(&random_eql::mapping("date").to_string()).unwrap());
    Settings { schema, tiebreaker_field: Some("tb".into()), ..Settings::default() }
}

/// `count` random rules, those that compile.
pub fn rule_set(random: &mut Random, count: usize) -> Arc<RuleSet> {
    let rules: Vec<Value> = (0..count).map(|number| rule(random, number)).collect();
    compile(&rules)
}

/// Events of a random stream, each with an id of its own: in the order of time, or up to two seconds out of it.
pub fn stream(random: &mut Random, shuffled: bool) -> Vec<Arc<Event>> {
    let mut events: Vec<Value> = (0..1 + random.below(3)).flat_map(|_| random_eql::stream(random, false)).collect();
    // Only events with one time have a place.
    events.retain(|event| event["@timestamp"].is_string());
    events.sort_by_key(time);
    if shuffled {
        let mut keyed: Vec<(i64, Value)> = Vec::new();
        for event in events {
            keyed.push((time(&event) + random.below(2_000_000) as i64, event));
        }
        keyed.sort_by_key(|(key, _)| *key);
        events = keyed.into_iter().map(|(_, event)| event).collect();
    }
    let hit = |(at, event): (usize, Value)| {
        Event::from_value(json!({"_index": "test", "_id": at.to_string(), "_source": event}))
    };
    events.into_iter().enumerate().map(hit).map(Arc::new).collect()
}

/// Microseconds since the hour.
fn time(event: &Value) -> i64 {
    let text = event["@timestamp"].as_str().unwrap();
    let part = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    (part(14..16) * 60 + part(17..19)) * 1_000_000 + part(20..26)
}

/// What an alert says but for the time of its creation.
pub fn describe(alert: &Alert) -> String {
    format!("{} {:?}", alert.to_json(), alert.finding().suppressed)
}

/// The sorted alerts of one engine over a whole stream.
pub fn undisturbed(rules: &Arc<RuleSet>, settings: &EngineSettings, events: &[Arc<Event>]) -> Vec<String> {
    let mut engine = Engine::with_settings(Arc::clone(rules), settings.clone());
    let mut out: Vec<String> = Vec::new();
    for event in events {
        out.extend(engine.push(Arc::clone(event)).iter().map(describe));
    }
    out.extend(engine.finish().iter().map(describe));
    out.sort();
    out
}
