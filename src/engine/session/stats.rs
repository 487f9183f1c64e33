//! Counters of an engine, as JSON and as Prometheus reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::rule_set::RuleSet;

/// Counters of one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RuleStats {
    /// Events that the index could not rule out and that were asked properly; of events that a batch of the rules has read, those
    /// that concern the rule.
    pub candidates: u64,
    /// Events that concern the rule: hits, and events of a stage.
    pub events: u64,
    /// What its query found.
    pub matches: u64,
    /// Its alerts.
    pub alerts: u64,
    /// What it found that became part of an earlier alert.
    pub suppressed: u64,
    /// What it holds now: sequences under way, events of samples, groups, terms, suppression windows.
    pub live: usize,
    /// What was given up beyond a limit.
    pub dropped: u64,
    /// Events that came too late for their place in a sequence.
    pub late: u64,
    /// The time that it took for the events that were timed, in nanoseconds.
    pub nanoseconds: u64,
    /// How many events were timed.
    pub timed: u64,
}

/// Counters of an engine.
#[derive(Debug, Clone, Default)]
pub struct EngineStats {
    /// Events pushed.
    pub events: u64,
    /// Events that came later than the allowed lateness.
    pub late: u64,
    /// Events that wait for earlier ones.
    pub buffered: usize,
    /// Events judged before their time because too many waited.
    pub forced: u64,
    /// Alerts left out because the same was given before.
    pub repeated: u64,
    /// Counters of each rule, in the order of the rule set.
    pub rules: Vec<RuleStats>,
    pub(super) of: Arc<RuleSet>,
}

/// A counter's name, what it counts, whether it only grows, and where it stands.
type Column = (&'static str, &'static str, bool, fn(&RuleStats) -> u64);

const COLUMNS: &[Column] = &[
    ("candidates", "Events that the index could not rule out.", true, |rule| rule.candidates),
    ("events", "Events that concern the rule.", true, |rule| rule.events),
    ("matches", "What the query of the rule found.", true, |rule| rule.matches),
    ("alerts", "Alerts of the rule.", true, |rule| rule.alerts),
    ("suppressed", "Findings that became part of an earlier alert.", true, |rule| rule.suppressed),
    ("live", "What the rule holds: sequences under way, groups, terms, windows.", false, |rule| rule.live as u64),
    ("dropped", "What was given up beyond a limit.", true, |rule| rule.dropped),
    ("late", "Events that came too late for a sequence.", true, |rule| rule.late),
    ("timed_nanoseconds", "Time that the rule took for the events that were timed.", true, |rule| rule.nanoseconds),
    ("timed_events", "Events that were timed.", true, |rule| rule.timed),
];

impl EngineStats {
    /// The counters as one object; rules without events are left out.
    pub fn to_json(&self) -> Json {
        let rules = self.of.rules().zip(&self.rules).filter(|(_, stats)| **stats != RuleStats::default());
        let rule = |(rule, stats): (&crate::rule::Rule, &RuleStats)| {
            let mut out = json!({"id": rule.id(), "name": rule.name()});
            for (name, _, _, read) in COLUMNS {
                out[*name] = json!(read(stats));
            }
            out
        };
        json!({
            "events": self.events, "late": self.late, "buffered": self.buffered, "forced": self.forced,
            "repeated": self.repeated, "rules": rules.map(rule).collect::<Vec<_>>(),
        })
    }

    /// The counters in the text form that Prometheus reads; every rule is there.
    pub fn to_prometheus(&self) -> String {
        let mut out = String::new();
        let engine = [
            ("events", "Events pushed.", true, self.events),
            ("late", "Events later than the allowed lateness.", true, self.late),
            ("buffered", "Events that wait for earlier ones.", false, self.buffered as u64),
            ("forced", "Events judged before their time because too many waited.", true, self.forced),
            ("repeated", "Alerts left out because the same was given before.", true, self.repeated),
        ];
        for (name, help, grows, value) in engine {
            let name = header(&mut out, &format!("elkhound_{name}"), help, grows);
            // Writing to a string does not fail.
            let _ = writeln!(out, "{name} {value}");
        }
        let labels = self.labels();
        for (name, help, grows, read) in COLUMNS {
            let name = header(&mut out, &format!("elkhound_rule_{name}"), help, *grows);
            for (label, stats) in labels.iter().zip(&self.rules) {
                let _ = writeln!(out, "{name}{{{label}}} {}", read(stats));
            }
        }
        out
    }

    /// The labels of each rule; those that share id and name are told apart by a number.
    fn labels(&self) -> Vec<String> {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let label = |rule: &crate::rule::Rule| {
            let label = format!("rule_id=\"{}\",rule=\"{}\"", escape(rule.id().unwrap_or("")), escape(rule.name()));
            let copies = seen.entry(label.clone()).or_default();
            *copies += 1;
            if *copies == 1 { label } else { format!("{label},copy=\"{copies}\"") }
        };
        self.of.rules().map(label).collect()
    }
}

/// Writes the two lines above a metric; gives its name.
fn header(out: &mut String, name: &str, help: &str, grows: bool) -> String {
    let name = if grows { format!("{name}_total") } else { name.to_owned() };
    let kind = if grows { "counter" } else { "gauge" };
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    name
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
