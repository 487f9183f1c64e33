//! A stream made to make the state grow: keys that are all distinct, all equal, or 10,000 characters long, through every rule of
//! the corpus. Memory stays below what the limits allow, and a rule that loses an alert says that it dropped something.
//!
//! A normal run is short; `ELKHOUND_EVENTS=20000000 cargo test --release --all-features --test hostile -- --nocapture` is the long
//! one.
#![cfg(feature = "rules")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "support/random.rs"]
mod random;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use elkhound::engine::{Alert, Engine, EngineSettings, Router, Routing, RuleSet, RuleSettings, StateLimits};
use elkhound::event::Event;
use elkhound::query::Settings;
use elkhound::rule::{Loaded, RuleType, load_text};
use elkhound::schema::Schema;
use random::Random;
use serde_json::{Value, json};

/// The limits of the long run: small enough that a hostile stream reaches them.
const LIMITS: StateLimits = StateLimits {
    groups: 1_000,
    distinct: 10_000,
    kept_events: 1_000,
    terms: 10_000,
    suppressions: 1_000,
    identities: 10_000,
};
const PARTIALS: usize = 100_000;
/// What the events that the engine holds may take.
const HELD_BYTES: usize = 128 << 20;

/// The rules of the corpus, each joined to its query.
fn corpus() -> Vec<Value> {
    let id = |line: &Value| line["rule_id"].as_str().unwrap().to_owned();
    let others: BTreeMap<String, Value> =
        support::shared_lines("corpus/other_rules.jsonl").into_iter().map(|line| (id(&line), line)).collect();
    let lines = ["corpus/kql_rules.jsonl", "corpus/eql_rules.jsonl"].map(support::shared_lines).concat();
    let rule = |mut line: Value| {
        let rule = line.as_object_mut().unwrap();
        rule.remove("version");
        for (key, value) in
            others.get(rule["rule_id"].as_str().unwrap()).and_then(Value::as_object).into_iter().flatten()
        {
            rule.entry(key.clone()).or_insert_with(|| value.clone());
        }
        if let Some(terms) = rule.remove("new_terms") {
            rule.insert("new_terms_fields".into(), terms["value"].clone());
            rule.insert("history_window_start".into(), terms["history_window_start"][0]["value"].clone());
        }
        for (key, value) in [("severity", json!("low")), ("risk_score", json!(21)), ("description", json!("d"))] {
            rule.entry(key).or_insert(value);
        }
        line
    };
    lines.into_iter().map(rule).collect()
}

fn compile(rules: &[Value], limits: StateLimits, partials: usize) -> Arc<RuleSet> {
    let mut loaded = Loaded::default();
    let text: String = rules.iter().map(|rule| format!("{rule}\n")).collect();
    load_text("corpus.ndjson", &text, &mut loaded);
    let query = Settings { schema: Arc::new(Schema::ecs()), partials, ..Settings::default() };
    let compiled = RuleSet::compile(loaded, &RuleSettings { query, limits, ..RuleSettings::default() });
    assert!(compiled.problems.is_empty(), "{}", compiled.problems[0]);
    compiled.rules
}

/// Events that rules match, over and over, with hostile values in the fields that make keys.
struct Hostile {
    /// Events, and the fields of each that make keys.
    pool: Vec<(Value, Vec<String>)>,
    random: Random,
    count: u64,
    ordered: usize,
}

impl Hostile {
    fn new(rules: &Arc<RuleSet>) -> Self {
        let mut keys: BTreeSet<&String> = BTreeSet::new();
        let router = Router::new(Arc::clone(rules));
        let stateful = rules.rules().zip(router.routing()).filter(|(_, routing)| **routing != Routing::Event);
        let stateful: BTreeSet<&str> = stateful.filter_map(|(rule, _)| rule.id()).collect();
        for routing in router.routing() {
            match routing {
                Routing::Fields(fields) => keys.extend(fields),
                Routing::Stages(stages) => keys.extend(stages.iter().flatten()),
                Routing::Event | Routing::Single(_) => {}
            }
        }
        let keys_of = |event: &Value| {
            let present = |key: &&&String| event.pointer(&format!("/{}", key.replace('.', "/"))).is_some();
            let own = ["host.id".to_owned(), "user.id".to_owned()];
            keys.iter().filter(present).map(|key| (*key).clone()).chain(own).collect()
        };
        let cases = support::shared_lines("conformance/geneve.jsonl");
        let cases = cases.iter().filter(|line| line["rule_id"].as_str().is_some_and(|id| stateful.contains(id)));
        let cases = cases.flat_map(|line| line["cases"].as_array().into_iter().flatten());
        let events = cases.flat_map(|case| case["events"].as_array().unwrap().clone());
        let pool = events.map(|event| (event.clone(), keys_of(&event))).collect();
        Self { pool, random: Random::new(11), count: 0, ordered: 0 }
    }

    fn next(&mut self) -> Event {
        // Some in their order, so that sequences go on, and some out of it, so that they do not; a thousand events of each kind
        // at a time, ten a millisecond.
        let number = self.count;
        let place = if self.random.once_in(2) {
            self.random.below(self.pool.len())
        } else {
            self.ordered += 1;
            self.ordered % self.pool.len()
        };
        let (event, keys) = &self.pool[place];
        let mut event = event.clone();
        self.count += 1;
        let kind = number / 1_000 % 3;
        event["@timestamp"] = json!(1_704_067_200_000 + number / 10);
        let mut long = 0;
        for key in keys.iter().rev() {
            if long == 2 || self.random.once_in(4) {
                continue;
            }
            let value = match kind {
                _ if key.ends_with("ip") => {
                    json!(format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255))
                }
                0 => json!(format!("{number}")),
                1 => json!("same"),
                _ => {
                    long += 1;
                    json!(format!("{}{number:010}", "x".repeat(9_990)))
                }
            };
            set(&mut event, key, value);
        }
        Event::from_value(event)
    }
}

fn set(event: &mut Value, path: &str, value: Value) {
    let mut place = event;
    for part in path.split('.') {
        if !place.is_object() {
            return;
        }
        place = &mut place[part];
    }
    *place = value;
}

/// The largest resident size of this process so far, in bytes; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn memory_stays_below_the_limits() {
    let corpus = corpus();
    if corpus.is_empty() {
        return;
    }
    let rules = compile(&corpus, LIMITS, PARTIALS);
    let mut hostile = Hostile::new(&rules);
    let settings = EngineSettings { held_bytes: Some(HELD_BYTES), ..EngineSettings::default() };
    let mut engine = Engine::with_settings(Arc::clone(&rules), settings);
    let (events, before, start) = (number("ELKHOUND_EVENTS", 1_500), peak(), std::time::Instant::now());
    let (mut alerts, mut most_live) = (0_u64, 0);
    for at in 1..=events {
        alerts += engine.push(hostile.next()).len() as u64;
        if at.is_multiple_of(events.div_ceil(20)) {
            let stats = engine.stats();
            let live: usize = stats.rules.iter().map(|rule| rule.live).sum();
            let dropped: u64 = stats.rules.iter().map(|rule| rule.dropped).sum();
            most_live = most_live.max(live);
            let (mib, rate) = (peak() >> 20, at as f64 / start.elapsed().as_secs_f64());
            eprintln!(
                "{at} events, {alerts} alerts, {live} live, {dropped} dropped, peak {mib} MiB, {rate:.0} events/s"
            );
            let widest = LIMITS.terms.max(LIMITS.groups).max(2 * PARTIALS) + LIMITS.suppressions;
            for (rule, stats) in rules.rules().zip(&stats.rules) {
                assert!(stats.live <= widest, "{} holds {}", rule.name(), stats.live);
            }
        }
    }
    alerts += engine.finish().len() as u64;
    let stats = engine.stats();
    assert_eq!(stats.events, events);
    // The events, as much again for what an allocator wastes, and the keys of groups, of which at most two are long.
    let stateful =
        Router::new(Arc::clone(&rules)).routing().iter().filter(|routing| **routing != Routing::Event).count();
    let grouping = rules.rules().filter(|rule| rule.kind() == RuleType::Threshold).count();
    let bound = 2 * HELD_BYTES as u64 + (grouping * LIMITS.groups * 2 * 10_000) as u64;
    let grown = peak().saturating_sub(before); // The system counts pages in batches, so a later figure may be the lower one.
    println!(
        "{events} events through {} rules ({stateful} with state): {alerts} alerts, at most {most_live} live, {} dropped by {} rules",
        rules.len(),
        stats.rules.iter().map(|rule| rule.dropped).sum::<u64>(),
        stats.rules.iter().filter(|rule| rule.dropped > 0).count(),
    );
    println!("peak {} MiB over {} MiB before; the limits allow {} MiB", grown >> 20, before >> 20, bound >> 20);
    assert!(grown <= bound);
}

/// The alerts of each rule over a hostile stream, without what suppression adds, and whether the rule dropped something.
fn by_rule(corpus: &[Value], limits: StateLimits, partials: usize) -> Vec<(String, BTreeSet<String>, bool)> {
    let rules = compile(corpus, limits, partials);
    let mut hostile = Hostile::new(&rules);
    let mut engine = Engine::with_settings(Arc::clone(&rules), EngineSettings::default());
    let mut found: Vec<BTreeSet<String>> = vec![BTreeSet::new(); rules.len()];
    let mut note = |alerts: Vec<Alert>| {
        alerts.iter().for_each(|alert| {
            found[alert.rule_index()].insert(alert.id());
        })
    };
    for _ in 0..number("ELKHOUND_EVENTS", 6_000).min(100_000) {
        note(engine.push(hostile.next()));
    }
    note(engine.finish());
    let stats = engine.stats();
    let names = rules.rules().map(|rule| rule.name().to_owned());
    names.zip(found).zip(stats.rules).map(|((name, found), stats)| (name, found, stats.dropped > 0)).collect()
}

#[test]
fn rules_that_lose_alerts_say_so() {
    // Few enough that the events of each come often.
    let mut corpus: Vec<Value> = corpus();
    corpus.retain(|rule| rule["type"] != "query" && (rule["type"] != "eql" || rule["kind"] == "sequence"));
    corpus.reverse();
    corpus.truncate(60);
    if corpus.is_empty() {
        return;
    }
    let small = StateLimits { groups: 1, distinct: 1, kept_events: 1, terms: 1, suppressions: 1, identities: 1 };
    let (wide, narrow) = (by_rule(&corpus, StateLimits::default(), 1_000_000), by_rule(&corpus, small, 1));
    let mut lost = 0;
    for ((name, all, dropped), (_, some, dropped_some)) in wide.iter().zip(&narrow) {
        assert!(!dropped, "{name} dropped something within the limits");
        if all != some {
            lost += 1;
            assert!(dropped_some, "{name}: other alerts, and nothing dropped");
        }
    }
    let alerting = wide.iter().filter(|(_, found, _)| !found.is_empty()).count();
    println!("{alerting} of the rules alert; {} dropped", narrow.iter().filter(|(.., dropped)| *dropped).count());
    println!("{} rules, {lost} gave other alerts under narrow limits, and said so", wide.len());
    assert!(lost > 0);
}

/// What rules keep of one event has a limit, which is counted; what they only look at has none.
#[test]
fn more_values_than_are_kept_are_counted() {
    let many: Vec<u32> = (0..10_005).collect();
    let event = json!({"@timestamp": 0, "a": 1, "many": many}).to_string();
    let indicator = json!({"value": 10_004}).to_string();
    let suppressed = json!({"type": "query", "query": "a: 1", "alert_suppression": {"group_by": ["many"]}});
    let list = json!({"type": "eql", "query": "any where a == 1", "alert_suppression": {"group_by": ["many"]}});
    let threshold = json!({"type": "threshold", "query": "a: 1",
        "threshold": {"field": ["a"], "value": 1, "cardinality": [{"field": "many", "value": 10_000}]}});
    let terms =
        json!({"type": "new_terms", "query": "a: 1", "new_terms_fields": ["many"], "history_window_start": "now-7d"});
    let threat = json!({"type": "threat_match", "query": "a: 1", "threat_index": ["t"], "threat_query": "*:*",
        "threat_mapping": [{"entries": [{"field": "many", "value": "value", "type": "mapping"}]}]});
    for (rule, alerts, dropped) in
        [(suppressed, 10_000, 5), (list, 1, 5), (threshold, 1, 5), (terms, 10_000, 5), (threat, 1, 0)]
    {
        let mut document = json!({"rule_id": "r", "name": "R", "severity": "low", "risk_score": 1});
        document.as_object_mut().unwrap().extend(rule.as_object().cloned().unwrap());
        let loaded = RuleSet::load_text("r.json", &document.to_string());
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        let indicators = vec![Arc::new(Event::from_json(indicator.as_str()).unwrap())];
        let mut engine =
            Engine::with_settings(loaded.rules, EngineSettings { indicators, ..EngineSettings::default() });
        let found = engine.push(Event::from_json(event.as_str()).unwrap()).len() + engine.finish().len();
        assert_eq!((found, engine.stats().rules[0].dropped), (alerts, dropped), "{}", rule["type"]);
    }
}
