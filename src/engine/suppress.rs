//! Suppression: findings that share the values of some fields become one alert (Kibana: alert suppression).
//!
//! [`Suppression`] is what a rule says, [`Suppressions`] what is remembered, [`Candidate`] a finding on its way to an alert. Nothing
//! here knows a clock, a schedule or an alert's document.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::alert::{Suppressed, ThresholdResult};
use super::kind::terms::{TermFields, digest, json, names, values_of};
use crate::eval::column::{Column, MAX_VALUES};
use crate::event::Event;
use crate::event::time::{Instant, parse_duration};
use crate::rule::{Rule, RuleType};
use crate::schema::Schema;

/// What a rule says of suppression.
#[derive(Debug)]
pub(super) struct Suppression {
    fields: TermFields,
    /// How long after an alert others join it, in nanoseconds; within one run only where absent.
    duration: Option<Instant>,
    /// Whether findings without some field are alerts of their own.
    alone_if_missing: bool,
    limit: usize,
}

/// The values of the fields that group, in their order; none for a missing field.
pub(super) type Terms = Vec<Vec<Json>>;

/// A finding on its way to an alert.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub terms: Terms,
    /// The time of the earliest event that it stands for.
    pub start: Instant,
    /// The time of the latest.
    pub end: Instant,
    /// How many findings it stands for besides itself.
    pub more: u64,
}

/// The run that takes candidates; a stream is a run for each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    /// When the run starts.
    pub now: Instant,
    /// Where its window starts.
    pub from: Instant,
    /// Whether it has made as many alerts as it may.
    pub full: bool,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is an alert; the number stands for it from now on.
    Alert(u64),
    /// It counts for the alert of this number, which now has this tally.
    Counted(u64, Tally),
    /// The alert of its group has counted it before.
    Ignored,
    /// It would have been an alert, but the run is full.
    Refused,
}

/// What an alert has taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub start: Instant,
    pub end: Instant,
    pub count: u64,
}

/// The latest alert of each group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Suppressions {
    groups: BTreeMap<u128, Open>,
    /// The groups by the creation of their alerts, oldest first; a group that has a newer alert since is passed over.
    order: VecDeque<(Instant, u128)>,
    alerts: u64,
    dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    alert: u64,
    created: Instant,
    /// The run that looked at it last, and the end of the tally before that run.
    run: Instant,
    before: Option<Instant>,
    tally: Tally,
}

impl Suppression {
    /// What the rule says; `None` where it does not suppress.
    pub fn of(rule: &Rule, schema: &Schema, limit: usize) -> Result<Option<Self>, String> {
        let Some(own) = rule.document().get("alert_suppression").filter(|own| !own.is_null()) else { return Ok(None) };
        let by = match rule.kind() {
            RuleType::Threshold => names(rule.document().pointer("/threshold/field")),
            _ => names(own.get("group_by")),
        };
        if rule.kind() != RuleType::Threshold && !(1..=3).contains(&by.len()) {
            return Err(format!("alert suppression groups by 1 to 3 fields, not {}", by.len()));
        }
        let duration = match own.get("duration").filter(|duration| !duration.is_null()) {
            None => None,
            Some(json) => Some(duration(json).ok_or("the duration of alert suppression is no time")?),
        };
        let alone_if_missing = match own.get("missing_fields_strategy").and_then(Json::as_str) {
            None | Some("suppress") => false,
            Some("doNotSuppress") => true,
            Some(other) => return Err(format!("`{other}` is no strategy for missing fields")),
        };
        Ok(Some(Self { fields: TermFields::new(by, schema), duration, alone_if_missing, limit }))
    }

    /// The fields that group.
    pub const fn fields(&self) -> &TermFields {
        &self.fields
    }

    /// How long after an alert others join it, in nanoseconds; without an end where absent.
    pub const fn duration(&self) -> Option<Instant> {
        self.duration
    }

    /// Most groups that are remembered.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Whether a finding with these terms is an alert of its own, whatever others there are.
    pub fn stands_alone(&self, terms: &Terms) -> bool {
        self.alone_if_missing && terms.iter().any(Vec::is_empty)
    }

    /// The terms that all events share, the values of one event, sorted, or those that the events of a sequence have in common; and
    /// how many values were left out.
    pub fn terms(&self, events: &[Option<Arc<Event>>]) -> (Terms, u64) {
        let mut dropped = 0;
        let common = |column: &Column| {
            let mut lists = events.iter().flatten().map(|event| sorted(column, event, &mut dropped));
            let first = lists.next().unwrap_or_default();
            lists.fold(first, |mut common, other| {
                common.retain(|value| other.contains(value));
                common
            })
        };
        let terms = self.fields.columns().map(common).collect();
        (terms, dropped)
    }

    /// The terms of one event, its values, sorted; and how many were left out.
    pub fn event_terms(&self, event: &Event) -> (Terms, u64) {
        let mut dropped = 0;
        let terms = self.fields.columns().map(|column| sorted(column, event, &mut dropped)).collect();
        (terms, dropped)
    }

    /// The terms of each group of one event where each value of a field is a group of its own, as query rules have it; and how many
    /// values and groups were left out.
    pub fn groups(&self, event: &Event) -> (Vec<Terms>, u64) {
        let mut out: Vec<Terms> = vec![Vec::new()];
        let mut dropped = 0;
        for column in self.fields.columns() {
            let own = sorted(column, event, &mut dropped);
            let mut values: Vec<Vec<Json>> = own.into_iter().map(|value| vec![value]).collect();
            values.dedup();
            if values.is_empty() {
                values.push(Vec::new());
            }
            dropped += (out.len() * values.len()).saturating_sub(MAX_VALUES) as u64;
            let extend = |row: &Terms| {
                let longer = values.iter().map(|value| [row.as_slice(), std::slice::from_ref(value)].concat());
                longer.collect::<Vec<_>>()
            };
            out = out.iter().flat_map(extend).take(MAX_VALUES).collect();
        }
        (out, dropped)
    }

    /// The terms of a group that reached a threshold.
    pub fn threshold_terms(result: &ThresholdResult) -> Terms {
        result.terms.iter().map(|(_, value)| vec![Json::from(value.as_str())]).collect()
    }

    /// The tally of an alert, as the alert says it.
    pub fn suppressed(&self, terms: Terms, tally: Tally) -> Suppressed {
        let terms = self.fields.names().map(str::to_owned).zip(terms).collect();
        Suppressed { terms, start: Some(tally.start), end: Some(tally.end), count: tally.count, detected: None }
    }

    /// Decides a candidate. Candidates of a run come in the order of their time.
    pub fn take(&self, state: &mut Suppressions, candidate: &Candidate, at: At) -> Decision {
        let key = group_key(&candidate.terms);
        if let Some(open) = state.groups.get_mut(&key) {
            if open.run != at.now {
                (open.run, open.before) = (at.now, Some(open.tally.end));
            }
            let recent = open.created >= self.duration.map_or(at.from, |duration| at.now - duration);
            if recent && open.before.is_some_and(|before| candidate.end <= before) {
                return Decision::Ignored;
            }
            if if self.duration.is_some() { recent } else { open.created == at.now } {
                let Tally { start, end, count } = open.tally;
                let (start, end) = (start.min(candidate.start), end.max(candidate.end));
                open.tally = Tally { start, end, count: count + candidate.more + 1 };
                return Decision::Counted(open.alert, open.tally);
            }
        }
        if at.full {
            return Decision::Refused;
        }
        state.forget(at.from.min(self.duration.map_or(at.from, |duration| at.now - duration)));
        state.open(key, candidate, at.now);
        state.evict(self.limit);
        Decision::Alert(state.alerts)
    }
}

impl Candidate {
    /// What an alert of it has taken in at first.
    pub const fn tally(&self) -> Tally {
        Tally { start: self.start, end: self.end, count: self.more }
    }
}

impl Suppressions {
    /// Whether an alert of the group has counted all up to `time`, for an alert that counted something since `from`.
    pub fn is_settled(&self, terms: &Terms, time: Instant, from: Instant) -> bool {
        self.groups.get(&group_key(terms)).is_some_and(|open| open.tally.end >= from && time <= open.tally.end)
    }

    /// How many groups are remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Groups forgotten because there were too many.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Forgets groups whose alert was made, and looked at last, before `start`.
    pub fn forget(&mut self, start: Instant) {
        while let Some((created, key)) = self.order.front().copied() {
            let open = self.groups.get(&key).filter(|open| open.created == created);
            if open.is_some_and(|open| created >= start || open.run >= start) {
                return;
            }
            self.pop();
        }
    }

    fn open(&mut self, key: u128, candidate: &Candidate, now: Instant) {
        self.alerts += 1;
        let open = Open { alert: self.alerts, created: now, run: now, before: None, tally: candidate.tally() };
        let older = self.groups.insert(key, open);
        if older.is_none_or(|older| older.created != now) {
            self.order.push_back((now, key));
        }
    }

    fn evict(&mut self, limit: usize) {
        while self.groups.len() > limit.max(1) {
            let before = self.groups.len();
            self.pop();
            self.dropped += (before - self.groups.len()) as u64;
        }
    }

    fn pop(&mut self) {
        if let Some((created, key)) = self.order.pop_front()
            && self.groups.get(&key).is_some_and(|open| open.created == created)
        {
            self.groups.remove(&key);
        }
    }
}

/// The values of a field, sorted, so that their order does not matter. Adds to `dropped` how many are beyond the most.
fn sorted(column: &Column, event: &Event, dropped: &mut u64) -> Vec<Json> {
    let (values, beyond) = values_of(column, event);
    *dropped += beyond;
    let mut values: Vec<Json> = values.iter().filter_map(json).collect();
    values.sort_by(order);
    values
}

fn order(left: &Json, right: &Json) -> Ordering {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        _ => left.to_string().cmp(&right.to_string()),
    }
}

/// The order of the groups of an aggregation: by the value of each field, missing ones first.
pub(super) fn compare_terms(left: &Terms, right: &Terms) -> Ordering {
    let each = left.iter().zip(right).map(|(left, right)| match (left.first(), right.first()) {
        (Some(left), Some(right)) => order(left, right),
        (left, right) => left.is_some().cmp(&right.is_some()),
    });
    each.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// What stands for the group of these terms: Kibana's instance id.
pub(super) fn group_key(terms: &Terms) -> u128 {
    let texts: Vec<String> = terms.iter().map(|values| Json::from(values.as_slice()).to_string()).collect();
    digest(texts.iter().map(String::as_str))
}

/// `{"value": 5, "unit": "m"}`
fn duration(json: &Json) -> Option<Instant> {
    let value = json.get("value")?.as_u64().filter(|value| *value > 0)?;
    parse_duration(&format!("{value}{}", json.get("unit")?.as_str().filter(|unit| ["s", "m", "h"].contains(unit))?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn suppression(duration: Option<Instant>, limit: usize) -> Suppression {
        let fields = TermFields::new(vec!["user".into()], &Schema::none());
        Suppression { fields, duration, alone_if_missing: false, limit }
    }

    fn at(now: Instant, from: Instant) -> At {
        At { now, from, full: false }
    }

    fn candidate(user: &str, time: Instant) -> Candidate {
        Candidate { terms: vec![vec![Json::from(user)]], start: time, end: time, more: 0 }
    }

    #[test]
    fn state_survives_serialization() {
        let by_hour = suppression(Some(100), 10);
        let mut state = Suppressions::default();
        let first = at(50, 0);
        assert_eq!(by_hour.take(&mut state, &candidate("a", 10), first), Decision::Alert(1));
        let text = serde_json::to_string(&state).unwrap();
        let mut restored: Suppressions = serde_json::from_str(&text).unwrap();
        assert_eq!(restored, state);
        let decision = by_hour.take(&mut restored, &candidate("a", 60), at(100, 50));
        assert_eq!(decision, Decision::Counted(1, Tally { start: 10, end: 60, count: 1 }));
    }

    #[test]
    fn the_oldest_group_goes_first_and_is_counted() {
        let per_run = suppression(None, 2);
        let mut state = Suppressions::default();
        for (time, user) in ["a", "b", "c", "d"].into_iter().enumerate() {
            per_run.take(&mut state, &candidate(user, time as Instant), at(1, 0));
        }
        assert_eq!((state.len(), state.dropped()), (2, 2));
    }

    #[test]
    fn memory_does_not_grow_with_runs() {
        let by_hour = suppression(Some(100), 1000);
        let mut state = Suppressions::default();
        for run in 0..10_000 {
            by_hour.take(&mut state, &candidate(&run.to_string(), run * 10), at(run * 10, run * 10 - 5));
        }
        assert!(state.len() < 20 && state.order.len() < 20, "{}", state.len());
        assert_eq!(state.dropped(), 0);
    }
}
