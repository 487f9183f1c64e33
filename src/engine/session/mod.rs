//! The engine: the state of a rule set over a stream of events.

mod ahead;
mod budget;
mod many;
mod order;
mod partition;
mod reorder;
mod settings;
mod snapshot;
mod state;
mod stats;
mod windows;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

pub use ahead::{Readable, judge_recording};
pub use partition::{HASH_VERSION, Partition, PartitionKey, Router, Routing};
pub use settings::{EngineSettings, Timing};
pub use snapshot::{Change, MigratedRule, Migration, Snapshot, SnapshotError};
pub use stats::{EngineStats, RuleStats};

use self::budget::Budget;
use self::order::OwnOrder;
use self::reorder::Reorder;
use self::snapshot::Identity;
use self::state::{Identities, State};
use self::windows::{Candidate, Window};
use super::alert::{Alert, Details, Finding};
use super::kind::Kind;
use super::rule_set::RuleSet;
use super::time::RuleTime;
use crate::eval::order::{Clock, Ordinal};
use crate::event::time::Instant;
use crate::event::{Document, Event};
use crate::query::{Hit, Matches};

/// Rules over a stream.
///
/// Events come in the order of their time, give or take the [lateness](EngineSettings::lateness). Alerts come as soon as they
/// are certain.
#[derive(Debug)]
pub struct Engine {
    rules: Arc<RuleSet>,
    settings: EngineSettings,
    clock: Clock,
    states: Vec<State>,
    router: Option<Router>,
    reorder: Reorder,
    matches: Matches,
    events: u64,
    /// The time up to which the stream is settled, or that of the latest event.
    now: Option<Instant>,
    /// When something of a rule is due: at most one entry a rule.
    due: BTreeSet<(Instant, usize)>,
    identities: Identities,
    budget: Budget,
    /// Whether all that is pushed is one recording: nothing has to be told before its end that its end would change.
    is_recording: bool,
    /// What tells each rule, once it is asked for.
    fingerprints: OnceLock<Vec<Identity>>,
}

impl Engine {
    /// An engine without state, with default settings.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self::with_settings(rules, EngineSettings::default())
    }

    /// An engine without state.
    pub fn with_settings(rules: Arc<RuleSet>, settings: EngineSettings) -> Self {
        let query = &rules.settings.query;
        Self {
            clock: Clock::new(&query.schema, &query.timestamp_field, query.tiebreaker_field.as_deref()),
            states: rules.rules.iter().map(|compiled| State::new(compiled, &settings)).collect(),
            router: settings.partition.map(|_| Router::new(Arc::clone(&rules))),
            reorder: Reorder::new(settings.lateness, settings.buffered),
            matches: Matches::default(),
            events: 0,
            now: None,
            due: BTreeSet::new(),
            identities: Identities::new(rules.settings.limits.identities),
            budget: Budget::new(settings.held_bytes),
            is_recording: false,
            fingerprints: OnceLock::new(),
            rules,
            settings,
        }
    }

    /// An engine for one recording from its beginning to its end: a rule with an order of time of its own sees the events in that
    /// order, and a suppressed group is one alert.
    fn of_recording(rules: Arc<RuleSet>, settings: EngineSettings) -> Self {
        let mut engine = Self { is_recording: true, ..Self::with_settings(rules, settings) };
        for (state, compiled) in engine.states.iter_mut().zip(&engine.rules.rules) {
            state.order = OwnOrder::of(compiled, engine.settings.buffered);
        }
        engine
    }

    /// Whether anything with fields concerns some rule, whatever its index: the caller's own type of event, which has to become
    /// an [`Event`] only then.
    pub fn concerns(&mut self, document: &dyn Document) -> bool {
        match &self.rules.queries {
            Some(queries) => !queries.matches(document, &mut self.matches).is_empty(),
            None => !self.rules.is_empty(),
        }
    }

    /// Takes the next event; gives the alerts that are certain now.
    pub fn push(&mut self, event: impl Into<Arc<Event>>) -> Vec<Alert> {
        let event = event.into();
        self.push_at(self.ordinal(&event), event)
    }

    /// Where the next event stands.
    fn ordinal(&self, event: &Event) -> Ordinal {
        self.clock.ordinal(event, self.events)
    }

    /// The same for an event of which it is known where it stands.
    fn push_at(&mut self, ordinal: Ordinal, event: Arc<Event>) -> Vec<Alert> {
        self.events += 1;
        let mut out = Vec::new();
        if let Some((time, event)) = self.reorder.push(ordinal, Arc::clone(&event)) {
            self.take(time, &event, &mut out);
        }
        self.release(&mut out);
        self.budget.note(&event);
        drop(event);
        if self.budget.is_passed() {
            self.shed(&mut out);
        }
        out
    }

    /// Takes the time of a clock, in nanoseconds since 1970: as if an event of that time had come, which concerns no rule.
    /// Settles what waits for an absence, and judges events whose turn it is now.
    pub fn advance(&mut self, time: Instant) -> Vec<Alert> {
        self.reorder.advance(time);
        let mut out = Vec::new();
        self.release(&mut out);
        let Some(settled) = self.reorder.settled() else { return out };
        self.now = self.now.max(Some(settled));
        for at in 0..self.states.len() {
            let hits = self.states[at].run.advance(settled);
            self.judge(at, hits, &mut out);
        }
        self.close_due(&mut out);
        out
    }

    /// Ends the stream; gives what was held back. Rules that judge all events together speak now, and begin anew.
    pub fn finish(&mut self) -> Vec<Alert> {
        let rules = Arc::clone(&self.rules);
        let mut out = Vec::new();
        for (time, event) in self.reorder.drain() {
            self.take(time, &event, &mut out);
        }
        self.now = self.now.max(self.reorder.newest());
        self.due.clear();
        for (at, compiled) in rules.rules.iter().enumerate() {
            let waiting = self.states[at].order.as_mut().map(OwnOrder::drain).unwrap_or_default();
            self.take_up(at, waiting, &mut out);
            let hits = self.states[at].run.finish();
            self.judge(at, hits, &mut out);
            if let Kind::Threshold(threshold) = &compiled.kind {
                for finding in self.states[at].reached(threshold) {
                    self.found(at, finding, &mut out);
                }
            }
            while let Some(finding) = self.states[at].held.pop(Instant::MAX, 0) {
                self.suppress(at, finding, &mut out);
            }
            for window in self.states[at].windows.drain() {
                self.update(at, &window, &mut out);
            }
            self.states[at].due = None;
        }
        self.due.clear();
        out
    }

    /// The counters.
    pub fn stats(&self) -> EngineStats {
        let mut rules = self.rule_stats();
        // Of rules that see every event, and of those that hold unless something is found, the index asks less than it lets through.
        rules.iter_mut().for_each(|stats| stats.candidates = stats.candidates.max(stats.events));
        let own = self.states.iter().filter_map(|state| state.order.as_ref());
        EngineStats {
            events: self.events,
            late: self.reorder.late,
            buffered: self.reorder.len(),
            forced: self.reorder.forced + own.map(|order| order.counts().0).sum::<u64>(),
            repeated: self.identities.repeated,
            rules,
            of: Arc::clone(&self.rules),
        }
    }

    /// The counters of the rules, as sums that go on after a restart.
    fn rule_stats(&self) -> Vec<RuleStats> {
        let mut out: Vec<RuleStats> = self.states.iter().map(State::stats).collect();
        let candidates = self.rules.queries.as_ref().map(|queries| queries.candidates(&self.matches));
        out.iter_mut().zip(candidates.unwrap_or_default()).for_each(|(stats, count)| stats.candidates += count);
        out
    }

    /// How many events were pushed since the beginning, before restarts too.
    pub const fn events(&self) -> u64 {
        self.events
    }

    fn release(&mut self, out: &mut Vec<Alert>) {
        while let Some((time, event)) = self.reorder.pop() {
            self.take(time, &event, out);
        }
    }

    /// Gives up the older half of everything that holds events, a few times at most, until they take half of what they may.
    fn shed(&mut self, out: &mut Vec<Alert>) {
        for _ in 0..4 {
            let keep = self.reorder.len() / 2;
            while let Some((time, event)) = self.reorder.pop_above(keep) {
                self.take(time, &event, out);
            }
            for at in 0..self.states.len() {
                let waiting = self.states[at].order.as_mut().map(OwnOrder::shed).unwrap_or_default();
                self.take_up(at, waiting, out);
                self.states[at].run.shed();
                self.states[at].groups.shed();
                let (held, windows) = (self.states[at].held.len() / 2, self.states[at].windows.len() / 2);
                while let Some(finding) = self.states[at].held.pop(Instant::MIN, held) {
                    self.suppress(at, finding, out);
                }
                while let Some(window) = self.states[at].windows.close(Instant::MIN, windows) {
                    self.update(at, &window, out);
                }
                self.schedule(at);
            }
            if !self.budget.is_above_half() {
                return;
            }
        }
    }

    /// Judges events of a rule that have waited.
    fn take_up(&mut self, at: usize, events: Vec<Arc<Event>>, out: &mut Vec<Alert>) {
        for event in events {
            let hits = self.states[at].run.push(event);
            self.judge(at, hits, out);
        }
    }

    /// Judges an event in its place.
    fn take(&mut self, time: Option<Instant>, event: &Arc<Event>, out: &mut Vec<Alert>) {
        self.now = self.now.max(time);
        self.close_due(out);
        let mut matches = std::mem::take(&mut self.matches);
        let timing = self.settings.timing.filter(|timing| self.events.is_multiple_of(timing.every.max(1)));
        for (at, fits) in concerned(&self.rules, event, &mut matches) {
            if !self.owns_any(at, event) {
                continue;
            }
            let start = timing.map(|timing| (timing.clock)());
            let hits = self.states[at].push(event, time, fits);
            self.judge(at, hits, out);
            if let (Some(timing), Some(start)) = (timing, start) {
                let stats = &mut self.states[at].stats;
                stats.nanoseconds += (timing.clock)().saturating_sub(start);
                stats.timed += 1;
            }
        }
        self.matches = matches;
    }

    /// Whether some key of the event for the rule belongs to this engine.
    fn owns_any(&self, at: usize, event: &Event) -> bool {
        let Some(router) = &self.router else { return true };
        router.hashes(at, event).into_iter().any(|hash| self.owns(hash))
    }

    fn judge(&mut self, at: usize, hits: Vec<Hit>, out: &mut Vec<Alert>) {
        if hits.is_empty() {
            return;
        }
        let rules = Arc::clone(&self.rules);
        let time = rules.rules[at].time.as_deref().filter(|_| self.is_recording);
        let state = &mut self.states[at];
        state.stats.matches += hits.len() as u64;
        let mut findings = Vec::new();
        for hit in hits {
            let event = hit.events().iter().flatten().next().cloned();
            match (&rules.rules[at].kind, event) {
                (Kind::Hits, _) => findings.push(Finding::of_hit(hit)),
                (Kind::Threshold(threshold), Some(event)) => {
                    let time = when(&self.clock, time, &event);
                    threshold.add(&mut state.groups, &event, time);
                }
                (Kind::NewTerms(terms), Some(event)) => {
                    let time = when(&self.clock, time, &event);
                    let new = terms.new_terms(&mut state.seen, &event, time).into_iter();
                    findings.extend(new.map(|term| Finding::of_event(Arc::clone(&event), Details::NewTerms(term))));
                }
                (Kind::ThreatMatch(threat), Some(event)) => {
                    let hits = threat.hits(&state.indicators, &event);
                    if !hits.is_empty() {
                        findings.push(Finding::of_event(event, Details::Threat(hits)));
                    }
                }
                (_, None) => {}
            }
        }
        findings.into_iter().for_each(|finding| self.found(at, finding, out));
    }

    /// Takes what was found: an alert, or what suppression makes of it.
    fn found(&mut self, at: usize, finding: Finding, out: &mut Vec<Alert>) {
        let compiled = &self.rules.rules[at];
        if finding.feeds_itself(&compiled.rule) {
            return;
        }
        if compiled.suppression.is_none() {
            let owned = self.router.as_ref().map(|router| router.owner(at, &finding));
            if owned.is_none_or(|hash| self.owns(hash)) {
                self.alert(at, finding, out);
            }
        } else if state::waits(compiled) {
            let span = self.span(at, &finding);
            self.states[at].held.insert(finding, span);
            let limit = compiled.suppression.as_ref().map_or(0, |suppression| suppression.limit());
            if let Some(finding) = self.states[at].held.pop(Instant::MIN, limit) {
                self.suppress(at, finding, out);
            }
            self.schedule(at);
        } else {
            self.suppress(at, finding, out);
        }
    }

    /// The times of the earliest and the latest event of a finding of a rule.
    fn span(&self, at: usize, finding: &Finding) -> (Instant, Instant) {
        let time = self.rules.rules[at].time.as_deref().filter(|_| self.is_recording);
        self.span_by(time, finding)
    }

    /// The same by the clock of the engine, if by nothing else.
    fn span_by(&self, time: Option<&RuleTime>, finding: &Finding) -> (Instant, Instant) {
        if let Details::Threshold(result) = &finding.details {
            let (from, to) = (result.from.or(self.now), result.to.or(self.now));
            return (from.unwrap_or(0), to.unwrap_or(0));
        }
        let times = || {
            let events = finding.events.iter().flatten();
            events.filter_map(|event| when(&self.clock, time, event))
        };
        let now = self.now.unwrap_or(0);
        (times().min().unwrap_or(now), times().max().unwrap_or(now))
    }

    /// Makes an alert of the first of each group; counts the others.
    fn suppress(&mut self, at: usize, finding: Finding, out: &mut Vec<Alert>) {
        let rules = Arc::clone(&self.rules);
        let Some(suppression) = &rules.rules[at].suppression else { return };
        let (start, end) = self.span(at, &finding);
        let (groups, dropped) = partition::groups(&rules.rules[at], suppression, &finding);
        self.states[at].windows.dropped += dropped;
        for terms in groups {
            let owner = self.router.as_ref().map(|router| router.group_owner(at, &finding, &terms));
            if owner.is_some_and(|hash| !self.owns(hash)) {
                continue;
            }
            if suppression.stands_alone(&terms) {
                self.alert(at, finding.clone(), out);
                continue;
            }
            let candidate = Candidate { finding: finding.clone(), terms, start, end };
            let Some(candidate) = self.states[at].windows.join(candidate) else {
                self.states[at].stats.suppressed += 1;
                continue;
            };
            let window = Window::new(candidate, suppression.duration());
            let first = window.finding(suppression);
            if let Some(before) = self.states[at].windows.insert(window) {
                self.update(at, &before, out);
            }
            if !self.is_recording {
                self.alert(at, first, out);
            }
            while let Some(surplus) = self.states[at].windows.close(Instant::MIN, suppression.limit()) {
                self.update(at, &surplus, out);
            }
        }
        self.schedule(at);
    }

    /// Gives the alert of a closed window: again, if something was suppressed into it; of a recording for the first time.
    fn update(&mut self, at: usize, window: &Window, out: &mut Vec<Alert>) {
        let Some(suppression) = &self.rules.rules[at].suppression else { return };
        let finding = window.finding(suppression);
        if self.is_recording {
            self.alert(at, finding, out);
        } else if window.tally.count > 0 {
            out.push(Alert { rules: Arc::clone(&self.rules), rule: at, finding, created: Some(window.first.end) });
        }
    }

    /// An alert is as old as its latest event, so that it is the same whenever it became certain.
    fn alert(&mut self, rule: usize, finding: Finding, out: &mut Vec<Alert>) {
        let created = self.now.map(|_| self.span_by(None, &finding).1);
        let alert = Alert { rules: Arc::clone(&self.rules), rule, finding, created };
        if self.settings.once && !self.identities.insert(alert.id()) {
            return;
        }
        self.states[rule].stats.alerts += 1;
        out.push(alert);
    }

    fn owns(&self, hash: u64) -> bool {
        self.settings.partition.is_none_or(|partition| partition.owns(hash))
    }

    /// Notes when something of the rule is due next.
    fn schedule(&mut self, at: usize) {
        let due = self.states[at].next_due(&self.rules.rules[at]);
        let before = std::mem::replace(&mut self.states[at].due, due);
        if before != due {
            before.map(|before| self.due.remove(&(before, at)));
            due.map(|due| self.due.insert((due, at)));
        }
    }

    /// Settles whatever is due before the present time.
    fn close_due(&mut self, out: &mut Vec<Alert>) {
        let Some(now) = self.now else { return };
        while let Some(&(due, at)) = self.due.first().filter(|(due, _)| *due < now) {
            let rules = Arc::clone(&self.rules);
            let slack = state::slack(&rules.rules[at]);
            let limit = rules.rules[at].suppression.as_ref().map_or(0, |suppression| suppression.limit());
            while let Some(finding) = self.states[at].held.pop(now.saturating_sub(slack), limit) {
                self.suppress(at, finding, out);
            }
            while let Some(window) = self.states[at].windows.close(now.saturating_sub(slack), limit) {
                self.update(at, &window, out);
            }
            self.schedule(at);
            if self.states[at].due == Some(due) {
                return;
            }
        }
    }
}

/// The time of an event: by what a rule has in place of the engine's clock, if anything.
fn when(clock: &Clock, time: Option<&RuleTime>, event: &Event) -> Option<Instant> {
    time.map_or_else(|| clock.ordinal(event, 0).timestamp, |time| time.when(event))
}

/// The rules that an event concerns, in ascending order, and which filters of each it fits, where that is known.
fn concerned(rules: &RuleSet, event: &Event, matches: &mut Matches) -> Vec<(usize, Option<u64>)> {
    let index = if rules.settings.enforce_index { event.index_name() } else { None };
    let of_index = |rule: usize| index.is_none() || rules.rules[rule].reads(index.as_deref());
    let all: Vec<(usize, Option<u64>)> = match &rules.queries {
        Some(queries) => queries.concerned(event, matches),
        None => (0..rules.rules.len()).map(|rule| (rule, None)).collect(),
    };
    all.into_iter().filter(|(rule, _)| of_index(*rule)).collect()
}
