//! Geneve's rules and events as whole rules through scheduled runs: as many alerts as a real stack made, and no more than its limit.
#![cfg(feature = "rules")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]

mod support;

use std::sync::Arc;

use elkhound::engine::{LoadedRules, Recording, Replay, ReplaySettings, RuleSet, RuleSettings, replay};
use elkhound::event::Event;
use elkhound::event::time::{DateFormat, Instant, MILLISECOND, Rounding, SECOND, to_iso};
use elkhound::query::Settings;
use elkhound::rule::{Loaded, load_text};
use elkhound::schema::Schema;
use serde_json::{Value as Json, json};

/// Lines whose truth rests on a fault of the generator or a mapping of its own (conformance data: rows that prove nothing).
const ARTEFACTS: &[&str] = &[
    "gv-2341", "gv-3205", "gv-3198", "gv-3204", "gv-1878", "gv-3408", "gv-3415", "gv-2932", "gv-3409", "gv-3411",
    "gv-3504", "gv-3548", "gv-3416", "gv-3736",
];

fn rows() -> Option<(Vec<Json>, Arc<Schema>)> {
    let types = std::fs::read_to_string(support::shared("conformance/geneve.fields.json")?).unwrap();
    let rows = support::shared_lines("conformance/geneve.jsonl");
    let known = |row: &Json| !ARTEFACTS.contains(&row["id"].as_str().unwrap());
    Some((rows.into_iter().filter(known).collect(), Arc::new(Schema::from_json(&types).unwrap().under_ecs())))
}

fn rule(row: &Json, schema: &Arc<Schema>, max_signals: u64) -> LoadedRules {
    let kind = if row["language"] == "eql" { "eql" } else { "query" };
    let rule = json!({
        "rule_id": row["id"], "name": row["name"], "type": kind, "language": row["language"], "query": row["query"],
        "severity": "low", "risk_score": 21, "from": "now-6m", "interval": "5m", "max_signals": max_signals,
    });
    let mut loaded = Loaded::default();
    load_text("rule.json", &rule.to_string(), &mut loaded);
    let query = Settings { schema: Arc::clone(schema), ..Settings::default() };
    RuleSet::compile(loaded, &RuleSettings { query, ..RuleSettings::default() })
}

fn start() -> Instant {
    DateFormat::default().parse("2024-01-01T00:00:00Z", Rounding::Down).unwrap()
}

fn run(rules: &LoadedRules, events: &[Arc<Event>], starts: &[Instant]) -> Replay {
    let settings = ReplaySettings { runs: Some(starts.to_vec()), ..ReplaySettings::default() };
    replay(&rules.rules, Recording { events, indicators: &[] }, &settings)
}

#[test]
fn runs_find_what_a_stack_found() {
    let Some((rows, schema)) = rows() else { return };
    let (mut wrong, mut cases) = (Vec::new(), 0);
    for row in &rows {
        let rules = rule(row, &schema, 1000);
        for (at, case) in row["cases"].as_array().unwrap().iter().enumerate() {
            cases += 1;
            let list = case["events"].as_array().unwrap();
            let events: Vec<Arc<Event>> = list.iter().map(|event| Arc::new(Event::from_value(event.clone()))).collect();
            // The second run sees the same events again and makes no alert of them.
            let replay = run(&rules, &events, &[start() + 60 * SECOND, start() + 300 * SECOND]);
            let found = replay.alerts.len() as u64;
            if Some(found) != case["alerts"].as_u64() {
                wrong.push(format!("{}/{at}: {found} alerts, expected {}", row["id"], case["alerts"]));
            }
        }
    }
    eprintln!("{cases} cases of {} rules", rows.len());
    assert!(wrong.is_empty(), "{} of {cases}\n{}", wrong.len(), wrong.join("\n"));
}

/// The events of a case so many times over, one after the other, each a document of its own.
fn copies(case: &Json, count: u64) -> Vec<Arc<Event>> {
    let list = case["events"].as_array().unwrap();
    let mut out = Vec::new();
    for copy in 0..count {
        for event in list {
            let mut event = event.clone();
            let at = start() + (out.len() as Instant) * 10 * MILLISECOND;
            event["@timestamp"] = json!(to_iso(at));
            event.as_object_mut().unwrap().remove("event.ingested");
            if let Some(own) = event.get_mut("event").and_then(Json::as_object_mut) {
                own.remove("ingested");
            }
            let hit = json!({"_index": "geneve", "_id": format!("{copy}-{}", out.len()), "_source": event});
            out.push(Arc::new(Event::from_value(hit)));
        }
    }
    out
}

#[test]
fn runs_stop_where_a_stack_stopped() {
    let Some((rows, schema)) = rows() else { return };
    // Nine rules want the same long sequences of one field; the first of them stands for all.
    let is_long = |row: &Json| row["cases"][0]["events"].as_array().unwrap().len() > 5;
    let (long, short): (Vec<&Json>, Vec<&Json>) =
        rows.iter().filter(|row| row["verdict"] == "capped").partition(|row| is_long(row));
    let capped: Vec<&Json> = short.into_iter().chain(long.into_iter().take(1)).collect();
    for row in &capped {
        let branches = row["branches"].as_u64().unwrap();
        // Reports of the first years ran with the default of 100, later ones with 1,000.
        let limit = if branches > 1000 { 1000 } else { 100 };
        let rules = rule(row, &schema, limit);
        let count = branches.min(limit + 50);
        let events = copies(&row["cases"][0], count);
        let end = start() + (events.len() as Instant) * 10 * MILLISECOND;
        let replay = run(&rules, &events, &[end]);
        let report = &replay.rules[0];
        assert_eq!(replay.alerts.len() as u64, limit, "{}", row["id"]);
        // Copies of a sequence can make more sequences among them; what the limit took is said.
        let found = report.sum(|run| run.found);
        assert!(found >= count, "{}: {found} of {count}", row["id"]);
        assert_eq!(report.sum(|run| run.capped), found - limit, "{}", row["id"]);
    }
    eprintln!("{} capped rules", capped.len());
}
