//! What one run finds in one window, before anything is dropped: per type of rule.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::feed::{Feed, Recorded};
use crate::engine::alert::{Details, Finding};
use crate::engine::kind::new_terms::NewTerms;
use crate::engine::kind::terms::digest;
use crate::engine::kind::threat::{Indicators, ThreatMatch};
use crate::engine::kind::threshold::{Groups, Reached, Threshold};
use crate::engine::rule_set::CompiledRule;
use crate::engine::schedule::Window;
use crate::engine::suppress::{Suppression, Suppressions, Terms, compare_terms, group_key};
use crate::engine::time::earliest;
use crate::eval::column::Column;
use crate::event::Event;
use crate::event::time::Instant;
use crate::plan::{Pipe, QueryKind};
use crate::query::Hit;

/// A finding with what deciding about it needs.
#[derive(Debug)]
pub(super) struct Found {
    pub finding: Finding,
    /// The times of the first and the last event.
    pub start: Instant,
    pub end: Instant,
    /// How many findings it stands for besides itself.
    pub more: u64,
    /// Its group, where the search has grouped.
    pub terms: Option<Terms>,
    /// The places of its events in the feed, where the rule is about single events.
    pub places: Vec<usize>,
}

impl Found {
    /// How many matches it stands for: a group that reached a threshold is one.
    pub fn matches(&self) -> u64 {
        if matches!(self.finding.details, Details::Threshold(_)) { 1 } else { self.more + 1 }
    }
}

/// What a search gives.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// In the order in which alerts are made.
    pub list: Vec<Found>,
    /// Found, but beyond what the search gives.
    pub cut: Vec<Found>,
    /// Likewise, where only their number is known.
    pub lost: u64,
    /// Found, and counted by an earlier run.
    pub again: u64,
    /// Sequences whose last absence the window could not settle.
    pub undecided: u64,
    /// Values and groups of events beyond those that are looked at.
    pub dropped: u64,
}

/// Whether a rule, as it is at the time of a run, reads an event of its feed: of a rule that no time changes, all were asked before.
pub(super) fn is_read(rule: &CompiledRule, event: &Event) -> bool {
    !rule.depends_on_now || rule.reads(event.index_name().as_deref())
}

/// Whether such an event matters to the rule at that time.
pub(super) fn still_matches(rule: &CompiledRule, event: &Event) -> bool {
    is_read(rule, event) && (!rule.depends_on_now || rule.query.concerns(event))
}

/// One window of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub rule: &'a CompiledRule,
    pub feed: &'a Feed,
    /// The places of the events that the run sees, by time.
    pub seen: &'a [usize],
    pub window: Window,
    pub now: Instant,
    /// Most alerts.
    pub cap: usize,
    pub strict_missing: bool,
    /// The time of events in sequences.
    pub clock: &'a Column,
}

impl<'a> Lookup<'a> {
    fn recorded(self, place: usize) -> &'a Recorded {
        &self.feed.events[place]
    }

    /// The places of the seen events that the query of the rule matches.
    fn matching(self) -> Vec<usize> {
        self.seen.iter().copied().filter(|place| self.still_matches(self.recorded(*place))).collect()
    }

    fn found(self, place: usize, details: Details) -> Found {
        let recorded = self.recorded(place);
        let finding = Finding::of_event(Arc::clone(&recorded.event), details);
        Found { finding, start: recorded.time, end: recorded.time, more: 0, terms: None, places: vec![place] }
    }

    fn feeds_itself(self, found: &Found) -> bool {
        found.finding.feeds_itself(&self.rule.rule)
    }

    /// An alert for each event, in the order of the search.
    pub fn events(self) -> Findings {
        let mut places = self.matching();
        places.sort_by(|a, b| self.recorded(*a).compare(self.recorded(*b)));
        let list = places.into_iter().map(|place| self.found(place, Details::Event));
        Findings { list: list.filter(|found| !self.feeds_itself(found)).collect(), ..Findings::default() }
    }

    /// An alert for each group of events, in the order of the groups, then one for each event that stands alone.
    pub fn grouped(self, suppression: &Suppression, state: &Suppressions) -> Findings {
        let mut out = Findings::default();
        let mut groups: BTreeMap<u128, (Terms, Vec<usize>)> = BTreeMap::new();
        let mut alone = Vec::new();
        for place in self.matching() {
            let Recorded { event, time, .. } = self.recorded(place);
            if self.feeds_itself(&self.found(place, Details::Event)) {
                continue;
            }
            let (all, dropped) = suppression.groups(event);
            out.dropped += dropped;
            for group in all {
                if suppression.stands_alone(&group) {
                    alone.push(self.found(place, Details::Event));
                    break;
                }
                if state.is_settled(&group, *time, self.window.from) {
                    out.again += 1;
                    continue;
                }
                groups.entry(group_key(&group)).or_insert_with(|| (group, Vec::new())).1.push(place);
            }
        }
        let mut groups: Vec<(Terms, Vec<usize>)> = groups.into_values().collect();
        groups.sort_by(|(a, _), (b, _)| compare_terms(a, b));
        for (terms, places) in groups {
            let (Some(first), Some(last)) = (places.first(), places.last()) else { continue };
            let end = self.recorded(*last).time;
            let more = places.len() as u64 - 1;
            let found = Found { end, more, terms: Some(terms), ..self.found(*first, Details::Event) };
            out.list.push(Found { places, ..found });
        }
        out.list.extend(alone);
        out
    }

    /// The results of an EQL search: the latest, `size` of them, unless its pipes want the earliest.
    pub fn eql(self, size: usize) -> Findings {
        let own = self.seen.iter().copied().filter(|place| is_read(self.rule, &self.recorded(*place).event));
        let mut places: Vec<usize> = own.collect();
        places.sort_by_key(|place| self.recorded(*place).position);
        let events = places.iter().map(|place| Arc::clone(&self.recorded(*place).event));
        let mut hits = self.rule.query.search(events);
        hits.retain(|hit| !Finding::of_hit(hit.clone()).feeds_itself(&self.rule.rule));
        let mut out = Findings::default();
        hits.retain(|hit| {
            let undecided = self.is_undecided(hit);
            out.undecided += u64::from(undecided);
            !(undecided && self.strict_missing)
        });
        let cut = hits.len().saturating_sub(size);
        let earliest = matches!(self.rule.query.plan().pipes.first(), Some(Pipe::Head(_)));
        let rest = if earliest { hits.split_off(hits.len() - cut) } else { hits.drain(..cut).collect() };
        out.list = self.hits(hits);
        out.cut = self.hits(rest);
        out
    }

    /// Whether the absence that ends the hit could still end at the end of the window.
    fn is_undecided(self, hit: &Hit) -> bool {
        let QueryKind::Sequence(sequence) = &self.rule.query.plan().kind else { return false };
        let (Some(None), Some(maxspan)) = (hit.events().last(), sequence.maxspan) else { return false };
        let first = hit.events().iter().flatten().next();
        first.and_then(|event| earliest(self.clock, event)).is_some_and(|first| first + maxspan > self.window.to)
    }

    fn hits(self, hits: Vec<Hit>) -> Vec<Found> {
        let places: HashMap<*const Event, usize> =
            self.seen.iter().map(|place| (Arc::as_ptr(&self.recorded(*place).event), *place)).collect();
        let found = |hit: Hit| {
            let events: Vec<usize> =
                hit.events().iter().flatten().filter_map(|event| places.get(&Arc::as_ptr(event)).copied()).collect();
            let start = events.first().map_or(self.window.from, |place| self.recorded(*place).time);
            let places = if hit.is_event() { events } else { Vec::new() };
            Found { finding: Finding::of_hit(hit), start, end: start, more: 0, terms: None, places }
        };
        hits.into_iter().map(found).collect()
    }

    /// The groups that reach the threshold, in the order of their keys.
    pub fn threshold(self, threshold: &Threshold, groups: &mut Groups) -> Findings {
        for place in self.matching() {
            let recorded = self.recorded(place);
            threshold.add(groups, &recorded.event, Some(recorded.time));
        }
        let (reached, total) = threshold.reached(groups, self.cap);
        let more = total.saturating_sub(reached.len()) as u64;
        let found = |group: Reached| {
            let (start, end) = (group.result.from, group.result.to);
            let (start, end) = (start.unwrap_or(self.window.from), end.unwrap_or(self.window.to));
            let terms = Some(Suppression::threshold_terms(&group.result));
            let count = group.result.count.saturating_sub(1);
            let events = group.events.into_iter().map(Some).collect();
            let finding = Finding { events, details: Details::Threshold(group.result), suppressed: None };
            Found { finding, start, end, more: count, terms, places: Vec::new() }
        };
        Findings { list: reached.into_iter().map(found).collect(), lost: more, ..Findings::default() }
    }

    /// The terms that occur in the window and not in the history before it, in the order of their values.
    pub fn new_terms(self, terms: &NewTerms, history: &History) -> Findings {
        let start = terms.history_start(self.window.to).unwrap_or(self.window.from);
        let before = Window { from: start, to: self.window.from };
        let mut new: Vec<(Vec<String>, usize)> = Vec::new();
        let mut met: HashSet<u128> = HashSet::new();
        for place in self.matching() {
            if self.recorded(place).time == self.window.from {
                // What stands at the very start of the window is history.
                continue;
            }
            for term in terms.terms(&self.recorded(place).event).0 {
                let key = digest(term.iter().map(String::as_str));
                if met.insert(key) && !self.is_known(key, before, history) {
                    new.push((term, place));
                }
            }
        }
        new.sort_by(|(a, _), (b, _)| terms.compare(a, b));
        let list = new.into_iter().map(|(term, place)| self.found(place, Details::NewTerms(term)));
        Findings { list: list.filter(|found| !self.feeds_itself(found)).collect(), ..Findings::default() }
    }

    /// Whether the run sees the term in this part of the history.
    fn is_known(self, term: u128, before: Window, history: &History) -> bool {
        let Some(places) = history.places.get(&term) else { return false };
        let first = places.partition_point(|place| self.recorded(*place).time < before.from);
        let within = places[first..].iter().map(|place| self.recorded(*place));
        within
            .take_while(|recorded| recorded.time <= before.to)
            .any(|recorded| recorded.arrival <= self.now && self.still_matches(recorded))
    }

    fn still_matches(self, recorded: &Recorded) -> bool {
        still_matches(self.rule, &recorded.event)
    }

    /// Events that indicators hit, the newest first, or the oldest where the rule suppresses.
    pub fn threat(self, threat: &ThreatMatch, indicators: &Indicators) -> Findings {
        let mut places = self.matching();
        places.sort_by(|a, b| self.recorded(*a).compare(self.recorded(*b)));
        if self.rule.suppression.is_none() {
            places.reverse();
        }
        let found = |place: usize| {
            let event = &self.recorded(place).event;
            let hits = threat.hits(indicators, event);
            (!hits.is_empty()).then(|| self.found(place, Details::Threat(hits)))
        };
        let list = places.into_iter().filter_map(found).filter(|found| !self.feeds_itself(found)).collect();
        Findings { list, ..Findings::default() }
    }
}

/// Where each term of a rule occurs, built once for a recording.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The places in the feed, by time.
    places: HashMap<u128, Vec<usize>>,
    dropped: u64,
}

impl History {
    pub fn new(terms: &NewTerms, feed: &Feed) -> Self {
        let mut history = Self::default();
        for (place, recorded) in feed.events.iter().enumerate() {
            let (terms, dropped) = terms.terms(&recorded.event);
            history.dropped += dropped;
            for term in terms {
                history.places.entry(digest(term.iter().map(String::as_str))).or_default().push(place);
            }
        }
        history
    }

    /// Combinations of values that were left out.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}
