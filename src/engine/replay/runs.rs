//! The runs of one rule.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::feed::{Clocks, Feed, Recorded};
use super::find::{Findings, Found, History, Lookup, is_read, still_matches};
use super::identity::{Identities, identity};
use super::missed::{Coverage, Missed, MissedReason, Searched};
use super::{Recording, ReplaySettings, RuleReplay, RunReport};
use crate::engine::alert::{Alert, Finding};
use crate::engine::kind::Kind;
use crate::engine::kind::threat::Indicators;
use crate::engine::kind::threshold::Groups;
use crate::engine::rule_set::{CompiledRule, RuleSet};
use crate::engine::schedule::{MAX_CATCH_UP, Window};
use crate::engine::suppress::Suppressions;
use crate::eval::column::Column;
use crate::event::Event;
use crate::event::time::Instant;
use crate::rule::RuleType;

/// With suppression, so many times more findings are looked at than alerts may be made (Kibana: suppression multiplier).
pub(super) const SUPPRESSION_FACTOR: usize = 5;

/// The rule as its queries read at the time of a run; the one of the rule set unless the time matters.
type Current = Option<Box<CompiledRule>>;

type Events = Vec<Option<Arc<Event>>>;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Fate {
    Unseen,
    Capped,
    Seen,
}

/// What the replay of every rule shares.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub rules: &'a Arc<RuleSet>,
    pub recording: Recording<'a>,
    pub settings: &'a ReplaySettings,
    /// When the first event happened, and when the last one has arrived.
    pub span: Option<(Instant, Instant)>,
}

/// What a rule carries from run to run.
pub(super) struct Runs<'a> {
    pub scene: &'a Scene<'a>,
    pub at: usize,
    pub feed: Feed,
    pub clock: Column,
    pub cap: usize,
    pub current: Current,
    pub indicators: Option<Indicators>,
    pub history: History,
    pub groups: Groups,
    pub suppressions: Suppressions,
    pub identities: Identities,
    pub alerts: Vec<Alert>,
    /// The places in `alerts` of those that may take others in.
    pub by_number: HashMap<u64, usize>,
    pub fates: Vec<Fate>,
    /// Identities of sequences that some run found, and whether the cap took them.
    pub sequences: HashMap<u128, Fate>,
    pub searched: Searched,
    pub dropped: u64,
}

/// The alerts of a rule, and what its runs say.
pub(super) fn replay(scene: &Scene<'_>, at: usize, places: &[usize]) -> (Vec<Alert>, RuleReplay) {
    let mut report = RuleReplay { rule: at, ..RuleReplay::default() };
    let Some(mut runs) = Runs::new(scene, at, places) else { return (Vec::new(), report) };
    runs.notes(&mut report);
    match &scene.settings.runs {
        Some(starts) => runs.given(starts, &mut report),
        None => runs.regular(&mut report),
    }
    runs.missed(&mut report);
    let query = &runs.compiled().query;
    report.untimed = runs.feed.untimed.iter().filter(|event| query.concerns(event)).count() as u64;
    report.dropped = runs.dropped
        + runs.groups.dropped()
        + runs.suppressions.dropped()
        + runs.identities.dropped
        + runs.history.dropped();
    (runs.alerts, report)
}

impl<'a> Runs<'a> {
    fn new(scene: &'a Scene<'a>, at: usize, places: &[usize]) -> Option<Self> {
        let Scene { rules, recording, settings, .. } = scene;
        let compiled = rules.rules.get(at)?;
        let schema = &rules.settings.query.schema;
        let clocks = Clocks::new(&compiled.rule, schema, settings.delay);
        let feed = Feed::new(&clocks, recording.events, places);
        let history = match &compiled.kind {
            Kind::NewTerms(terms) => History::new(terms, &feed),
            _ => History::default(),
        };
        let max_signals = compiled.rule.document().get("max_signals").and_then(serde_json::Value::as_u64);
        let max_signals = max_signals.and_then(|most| usize::try_from(most).ok()).unwrap_or(100);
        let timestamp = compiled.rule.text("timestamp_field").unwrap_or(&rules.settings.query.timestamp_field);
        Some(Self {
            clock: Column::date(schema, timestamp),
            fates: vec![Fate::Unseen; feed.events.len()],
            cap: max_signals.min(settings.alert_limit),
            identities: Identities::new(rules.settings.limits.identities),
            scene,
            at,
            feed,
            history,
            current: None,
            indicators: None,
            groups: Groups::default(),
            suppressions: Suppressions::default(),
            alerts: Vec::new(),
            by_number: HashMap::new(),
            sequences: HashMap::new(),
            searched: Searched::default(),
            dropped: 0,
        })
    }

    pub fn compiled(&self) -> &CompiledRule {
        match &self.current {
            Some(current) => current,
            None => &self.scene.rules.rules[self.at],
        }
    }

    fn notes(&self, report: &mut RuleReplay) {
        let max_signals = self.compiled().rule.document().get("max_signals").and_then(serde_json::Value::as_u64);
        if let Some(most) = max_signals.filter(|most| *most > self.cap as u64) {
            report.notes.push(format!("`max_signals` is {most}, but a run makes at most {} alerts", self.cap));
        }
    }

    /// Runs at these starts.
    fn given(&mut self, starts: &[Instant], report: &mut RuleReplay) {
        let mut previous = None;
        for &now in starts.iter().take(self.scene.settings.max_runs) {
            self.run(now, previous, report);
            previous = Some(now);
        }
        report.run_count = starts.len() as u64;
        self.stop(starts.len() > self.scene.settings.max_runs, report);
    }

    /// A run every interval; those that cannot see any event are passed over.
    fn regular(&mut self, report: &mut RuleReplay) {
        let Some((first, last)) = self.scene.span else { return };
        let interval = self.compiled().schedule.interval();
        let start = self.scene.settings.start.unwrap_or(first);
        // The last run is the first one to which all have arrived.
        let end = self.scene.settings.end.unwrap_or(last + interval - 1);
        report.run_count = u64::try_from((end - start).div_euclid(interval) + 1).unwrap_or_default();
        let (mut now, mut count) = (start, 0);
        while now <= end && count < self.scene.settings.max_runs {
            self.run(now, (now > start).then_some(now - interval), report);
            count += 1;
            match self.idle(now + interval) {
                Some(idle) => now += interval * (1 + idle),
                None => return,
            }
        }
        self.stop(now <= end, report);
    }

    fn stop(&self, early: bool, report: &mut RuleReplay) {
        if early {
            report.notes.push(format!("the replay stops after {} runs", self.scene.settings.max_runs));
        }
    }

    /// How many runs from the one at `now` on see no event; `None` where no run sees one any more.
    fn idle(&self, now: Instant) -> Option<Instant> {
        let schedule = &self.compiled().schedule;
        let (interval, lead) = (schedule.interval(), schedule.lead());
        // No catch-up reaches farther back.
        let oldest = schedule.window(now).from - MAX_CATCH_UP * interval;
        let next = self.feed.events.partition_point(|recorded| recorded.time < oldest);
        let waiting = self.feed.events.get(next)?.time;
        Some(lead.map_or(0, |lead| (waiting - lead - now).max(0) / interval))
    }

    fn run(&mut self, now: Instant, previous: Option<Instant>, report: &mut RuleReplay) {
        let search = self.compiled().schedule.search(now, previous);
        let (windows, remaining_gap) = (search.windows, search.remaining_gap);
        let mut run = RunReport { start: now, windows, remaining_gap, ..RunReport::default() };
        for window in run.windows.clone() {
            self.search(window, &mut run);
        }
        if !run.is_silent() {
            report.runs.push(run);
        }
    }

    /// The rule as it is at the time of a run, where that matters.
    fn tune(&mut self, now: Instant) {
        if self.compiled().depends_on_now
            && let Some(other) = self.scene.rules.at(self.at, now)
        {
            let same = match (&other.kind, &self.compiled().kind) {
                (Kind::ThreatMatch(other), Kind::ThreatMatch(own)) => other.selects_as(own),
                _ => true,
            };
            self.indicators = self.indicators.take().filter(|_| same);
            self.current = Some(Box::new(other));
        }
        if self.indicators.is_none()
            && let Kind::ThreatMatch(threat) = &self.compiled().kind
        {
            self.indicators = Some(threat.select(self.scene.recording.indicators));
        }
    }

    /// One window of one run.
    fn search(&mut self, window: Window, run: &mut RunReport) {
        self.searched.push(window, run.start);
        self.groups.forget(window.from);
        let seen = self.feed.seen(window, run.start);
        if seen.is_empty() {
            return;
        }
        self.tune(run.start);
        let found = self.find(&seen, window, run);
        for place in seen {
            if self.fates[place] == Fate::Unseen {
                self.fates[place] = Fate::Seen;
            }
        }
        let each = found.list.iter().chain(&found.cut);
        run.found += each.map(Found::matches).sum::<u64>() + found.lost + found.again;
        run.found_again += found.again;
        run.undecided += found.undecided;
        self.dropped += found.dropped;
        run.capped += found.lost;
        found.cut.iter().for_each(|found| self.lose(found, run));
        self.admit(found.list, window, run);
    }

    fn find(&mut self, seen: &[usize], window: Window, run: &RunReport) -> Findings {
        let mut groups = std::mem::take(&mut self.groups);
        let rule = self.compiled();
        let lookup = Lookup {
            rule,
            feed: &self.feed,
            seen,
            window,
            now: run.start,
            cap: self.cap,
            strict_missing: self.scene.settings.strict_missing,
            clock: &self.clock,
        };
        let size = if rule.suppression.is_some() { self.cap.saturating_mul(SUPPRESSION_FACTOR) } else { self.cap };
        let found = match (&rule.kind, &rule.suppression) {
            (Kind::Threshold(threshold), _) => lookup.threshold(threshold, &mut groups),
            (Kind::NewTerms(terms), _) => lookup.new_terms(terms, &self.history),
            (Kind::ThreatMatch(threat), _) => match &self.indicators {
                Some(indicators) => lookup.threat(threat, indicators),
                None => Findings::default(),
            },
            (Kind::Hits, _) if rule.rule.kind() == RuleType::Eql => lookup.eql(size),
            (Kind::Hits, Some(suppression)) => lookup.grouped(suppression, &self.suppressions),
            (Kind::Hits, None) => lookup.events(),
        };
        self.groups = groups;
        found
    }

    /// What no run made an alert of.
    fn missed(&mut self, report: &mut RuleReplay) {
        self.searched.sort();
        if self.compiled().query.is_event_query() {
            self.missed_events(report)
        } else {
            self.missed_groups(report)
        }
        report.missed.sort_by_key(|missed| missed.time);
    }

    fn missed_events(&mut self, report: &mut RuleReplay) {
        if let Some(last) = report.runs.last() {
            self.tune(last.start);
        }
        let rule = self.compiled();
        for (place, recorded) in self.feed.events.iter().enumerate() {
            let fate = self.fates[place];
            if fate == Fate::Seen || !still_matches(rule, &recorded.event) {
                continue;
            }
            if let (Kind::ThreatMatch(threat), Some(indicators)) = (&rule.kind, &self.indicators)
                && threat.hits(indicators, &recorded.event).is_empty()
            {
                continue;
            }
            let events = vec![Some(Arc::clone(&recorded.event))];
            self.note(report, fate, &[recorded], events);
        }
    }

    fn missed_groups(&self, report: &mut RuleReplay) {
        let mut places: Vec<usize> = (0..self.feed.events.len()).collect();
        places.sort_by_key(|place| self.feed.events[*place].position);
        let recorded: HashMap<_, &Recorded> =
            self.feed.events.iter().map(|recorded| (Arc::as_ptr(&recorded.event), recorded)).collect();
        let rule = self.compiled();
        let events = places.iter().map(|place| &self.feed.events[*place].event);
        let mut known = HashSet::new();
        for hit in rule.query.search(events.filter(|event| is_read(rule, event)).cloned()) {
            let finding = Finding::of_hit(hit);
            let Some(identity) = identity(&finding).filter(|identity| known.insert(*identity)) else { continue };
            let fate = self.sequences.get(&identity).copied().unwrap_or(Fate::Unseen);
            if fate != Fate::Seen {
                let present = finding.events.iter().flatten();
                let parts: Vec<&Recorded> =
                    present.filter_map(|event| recorded.get(&Arc::as_ptr(event)).copied()).collect();
                self.note(report, fate, &parts, finding.events);
            }
        }
    }

    /// Adds what was missed to the report; what lies outside all windows is only counted.
    fn note(&self, report: &mut RuleReplay, fate: Fate, parts: &[&Recorded], events: Events) {
        let mut times: Vec<Instant> = parts.iter().map(|recorded| recorded.time).collect();
        times.sort_unstable();
        let arrival = parts.iter().map(|recorded| recorded.arrival).max();
        let (reason, run) = match self.searched.coverage(&times) {
            Coverage::Held(run) if fate == Fate::Capped => (MissedReason::Capped, run),
            Coverage::Held(run) if arrival.is_some_and(|arrival| arrival > run) => (MissedReason::Late, run),
            Coverage::Held(run) | Coverage::Split(run) => (MissedReason::Split, run),
            Coverage::Gap(run) => (MissedReason::Gap, run),
            Coverage::Outside => {
                report.outside += 1;
                return;
            }
        };
        report.missed.push(Missed { events, time: times.first().copied().unwrap_or(run), reason, run });
    }
}
