//! Replay: the schedule of each rule over recorded events, as Kibana would have run it.
//!
//! In come rules, events and settings; out come the alerts and, for each rule, what its runs found, found again and missed. An
//! event is seen by the runs that start when it has arrived. What rules remember between runs is carried over: alerted groups,
//! suppression, identities of alerts.

mod admit;
mod feed;
mod find;
mod identity;
mod missed;
mod report;
mod runs;

use std::sync::Arc;

pub use missed::{Missed, MissedReason};
pub use report::{RuleReplay, RunReport};

use super::alert::Alert;
use super::rule_set::RuleSet;
use crate::event::Event;
use crate::event::time::Instant;
use crate::query::Matches;
use feed::Clocks;
use runs::Scene;

/// How a recording is replayed. Times are nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaySettings {
    /// The first run of each rule; when the first event happened unless set.
    pub start: Option<Instant>,
    /// No run starts later; unless set, the last run is the first one to which every event has arrived.
    pub end: Option<Instant>,
    /// The starts of all runs, in ascending order, instead of one every interval: for outages.
    pub runs: Option<Vec<Instant>>,
    /// How long after its timestamp an event arrives; at `event.ingested`, else at its timestamp, unless set.
    pub delay: Option<Instant>,
    /// Most alerts of one run of any rule (Kibana: the framework's limit). 1,000 unless set.
    pub alert_limit: usize,
    /// Whether a sequence that ends in an absence waits until `maxspan` has passed. Unless set the end of the window decides, as
    /// in Kibana, and the report counts what was undecided.
    pub strict_missing: bool,
    /// Most runs of one rule, without those that see no event; later ones are left out and said to be. 100,000 unless set.
    pub max_runs: usize,
}

impl Default for ReplaySettings {
    fn default() -> Self {
        Self {
            start: None,
            end: None,
            runs: None,
            delay: None,
            alert_limit: 1000,
            strict_missing: false,
            max_runs: 100_000,
        }
    }
}

/// What is replayed.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    /// The events, in any order.
    pub events: &'a [Arc<Event>],
    /// The indicators of indicator match rules.
    pub indicators: &'a [Arc<Event>],
}

/// What a replay gives.
#[derive(Debug)]
pub struct Replay {
    /// The alerts, by the run that made them, then by rule.
    pub alerts: Vec<Alert>,
    /// What happened to each rule, in the order of the rule set.
    pub rules: Vec<RuleReplay>,
}

/// Replays the schedules of all rules.
///
/// ```
/// use std::sync::Arc;
/// use elkhound::engine::{Recording, ReplaySettings, RuleSet, replay};
/// use elkhound::event::Event;
/// let rule = r#"{"name": "A", "type": "query", "severity": "low", "risk_score": 21, "query": "user.name: root",
///     "interval": "5m", "from": "now-6m"}"#;
/// let rules = RuleSet::load_text("a.json", rule).rules;
/// let event = r#"{"@timestamp": "2024-05-15T10:00:30Z", "event": {"ingested": "2024-05-15T10:09:00Z"}, "user": {"name": "root"}}"#;
/// let events = [Arc::new(Event::from_json(event)?)];
/// let replay = replay(&rules, Recording { events: &events, indicators: &[] }, &ReplaySettings::default());
/// assert!(replay.alerts.is_empty(), "it came too late for the window of every run");
/// assert_eq!(replay.rules[0].missed.len(), 1);
/// # Ok::<(), elkhound::event::EventError>(())
/// ```
pub fn replay(rules: &Arc<RuleSet>, recording: Recording<'_>, settings: &ReplaySettings) -> Replay {
    let places = concerned(rules, recording.events);
    let span = span(rules, recording, settings);
    let scene = Scene { rules, recording, settings, span };
    let mut out = Replay { alerts: Vec::new(), rules: Vec::new() };
    for (at, places) in places.iter().enumerate() {
        let (alerts, report) = runs::replay(&scene, at, places);
        out.alerts.extend(alerts);
        out.rules.push(report);
    }
    out.alerts.sort_by_key(|alert| (alert.created, alert.rule));
    out
}

/// When the first event happened, and when the last one has arrived.
fn span(rules: &RuleSet, recording: Recording<'_>, settings: &ReplaySettings) -> Option<(Instant, Instant)> {
    let clocks = Clocks::plain(&rules.settings.query.schema, settings.delay);
    let times = recording.events.iter().filter_map(|event| clocks.times(event));
    // An event that arrives before its time is seen once a window reaches it.
    let mut times = times.map(|(time, arrival)| (time, arrival.max(time)));
    let first = times.next()?;
    Some(times.fold(first, |(first, last), (time, arrival)| (first.min(time), last.max(arrival))))
}

/// For each rule the places of the events that matter to it; all of them where that depends on the time of the run.
fn concerned(rules: &RuleSet, events: &[Arc<Event>]) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); rules.rules.len()];
    let mut matches = Matches::default();
    let timed: Vec<usize> = (0..rules.rules.len()).filter(|at| rules.rules[*at].depends_on_now).collect();
    for (place, event) in events.iter().enumerate() {
        let index = if rules.settings.enforce_index { event.index_name() } else { None };
        let hits: Vec<usize> = match &rules.queries {
            Some(queries) => queries.matches(event.as_ref(), &mut matches).iter().map(|at| *at as usize).collect(),
            None => (0..rules.rules.len()).filter(|at| rules.rules[*at].query.concerns(event)).collect(),
        };
        let fixed = hits.into_iter().filter(|at| !rules.rules[*at].depends_on_now);
        let fixed = fixed.filter(|at| index.is_none() || rules.rules[*at].reads(index.as_deref()));
        for at in fixed.chain(timed.iter().copied()) {
            places[at].push(place);
        }
    }
    places
}
