//! What a replay says of each rule, as a struct and as JSON.

use serde_json::{Map, Value as Json, json};

use super::Replay;
use super::missed::Missed;
use crate::engine::schedule::Window;
use crate::event::time::{Instant, SECOND, to_iso};

/// What the runs of one rule found, found again and missed.
#[derive(Debug, Clone, Default)]
pub struct RuleReplay {
    /// The place of the rule in its set.
    pub rule: usize,
    /// How many runs there were, those included that no event could reach.
    pub run_count: u64,
    /// The runs that found something or left a gap; the others were silent.
    pub runs: Vec<RunReport>,
    /// What matches and became no alert of any run, in the order of time.
    pub missed: Vec<Missed>,
    /// Matching events before the first window or after the last one.
    pub outside: u64,
    /// Matching events without a timestamp, which no run sees.
    pub untimed: u64,
    /// What was forgotten or not counted because there was too much of it.
    pub dropped: u64,
    /// What is odd about the rule or its replay.
    pub notes: Vec<String>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunReport {
    /// When it started, in nanoseconds since 1970.
    pub start: Instant,
    /// The windows it searched, oldest first; more than one after a gap.
    pub windows: Vec<Window>,
    /// How much time before it no window covers, in nanoseconds.
    pub remaining_gap: Instant,
    /// What it found, before anything was dropped: events, sequences, groups or terms.
    pub found: u64,
    /// The alerts it made.
    pub alerts: u64,
    /// What an earlier run had found.
    pub found_again: u64,
    /// What became part of another alert.
    pub suppressed: u64,
    /// What was lost because the run had reached the most alerts it may make.
    pub capped: u64,
    /// Sequences that end in an absence which the window could not settle.
    pub undecided: u64,
}

impl RunReport {
    /// Whether there is anything to say of the run.
    pub(super) fn is_silent(&self) -> bool {
        self.found == 0 && self.undecided == 0 && self.remaining_gap == 0 && self.windows.len() < 2
    }

    fn to_json(&self) -> Json {
        let window = |window: &Window| json!({"from": to_iso(window.from), "to": to_iso(window.to)});
        json!({
            "start": to_iso(self.start),
            "windows": self.windows.iter().map(window).collect::<Vec<_>>(),
            "remaining_gap_seconds": seconds(self.remaining_gap),
            "found": self.found,
            "alerts": self.alerts,
            "found_again": self.found_again,
            "suppressed": self.suppressed,
            "capped": self.capped,
            "undecided": self.undecided,
        })
    }
}

impl RuleReplay {
    /// The sum of a counter over all runs.
    pub fn sum(&self, counter: impl Fn(&RunReport) -> u64) -> u64 {
        self.runs.iter().map(counter).sum()
    }

    fn to_json(&self) -> Map<String, Json> {
        let mut out = Map::new();
        let mut put = |key: &str, value: Json| out.insert(key.to_owned(), value);
        put("run_count", json!(self.run_count));
        put("runs", self.runs.iter().map(RunReport::to_json).collect());
        put("missed", self.missed.iter().map(Missed::to_json).collect());
        put("outside", json!(self.outside));
        put("untimed", json!(self.untimed));
        put("dropped", json!(self.dropped));
        put("notes", json!(self.notes));
        out
    }
}

impl Replay {
    /// The report as JSON: for each rule its runs, and what they missed.
    pub fn report(&self, rules: &crate::engine::RuleSet) -> Json {
        let each = |(report, rule): (&RuleReplay, &crate::rule::Rule)| {
            let mut out = Map::new();
            out.insert("rule_id".into(), json!(rule.id()));
            out.insert("name".into(), json!(rule.name()));
            out.insert("type".into(), json!(rule.kind().name()));
            out.extend(report.to_json());
            Json::Object(out)
        };
        json!({"rules": self.rules.iter().zip(rules.rules()).map(each).collect::<Vec<_>>()})
    }
}

fn seconds(span: Instant) -> f64 {
    span as f64 / SECOND as f64
}
