//! Suppression in a stream: the first finding of a group is an alert at once, others are counted until its window closes.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::engine::alert::Finding;
use crate::engine::suppress::{Suppression, Tally, Terms, group_key};
use crate::event::time::Instant;

/// A finding on its way to an alert, with its group and the times of its earliest and latest events.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub finding: Finding,
    pub terms: Terms,
    pub start: Instant,
    pub end: Instant,
}

/// The first finding of a group and what joined it.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub first: Candidate,
    pub tally: Tally,
    pub closes: Instant,
    pub serial: u64,
}

impl Window {
    /// The window that a finding opens.
    pub fn new(first: Candidate, duration: Option<Instant>) -> Self {
        let closes = duration.map_or(Instant::MAX, |duration| first.end.saturating_add(duration));
        let tally = Tally { start: first.start, end: first.end, count: 0 };
        Self { first, tally, closes, serial: 0 }
    }

    /// The finding with what was suppressed into it so far.
    pub fn finding(&self, suppression: &Suppression) -> Finding {
        let suppressed = suppression.suppressed(self.first.terms.clone(), self.tally);
        Finding { suppressed: Some(suppressed), ..self.first.finding.clone() }
    }
}

/// The open windows of one rule.
#[derive(Debug, Default)]
pub(super) struct Windows {
    open: HashMap<u128, Window>,
    /// The open windows by the time at which they close, and the order in which they opened.
    closing: BTreeSet<(Instant, u64, u128)>,
    opened: u64,
    pub dropped: u64,
}

impl Windows {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// When the next one closes.
    pub fn closes(&self) -> Option<Instant> {
        self.closing.first().map(|(closes, ..)| *closes)
    }

    /// Counts a candidate for the open window of its group; gives it back where there is none.
    pub fn join(&mut self, candidate: Candidate) -> Option<Candidate> {
        let Some(window) = self.open.get_mut(&group_key(&candidate.terms)) else { return Some(candidate) };
        if candidate.end > window.closes {
            return Some(candidate);
        }
        let Tally { start, end, count } = window.tally;
        window.tally = Tally { start: start.min(candidate.start), end: end.max(candidate.end), count: count + 1 };
        None
    }

    /// Opens a window; gives the one of the same group whose place it takes.
    pub fn insert(&mut self, window: Window) -> Option<Window> {
        let key = group_key(&window.first.terms);
        self.opened += 1;
        self.closing.insert((window.closes, self.opened, key));
        let before = self.open.insert(key, Window { serial: self.opened, ..window })?;
        self.closing.remove(&(before.closes, before.serial, key));
        Some(before)
    }

    /// Closes the window that closes first, if that is before `time`, or if there are more than `limit`.
    pub fn close(&mut self, time: Instant, limit: usize) -> Option<Window> {
        let in_time = self.closes()? < time;
        if !in_time && self.open.len() <= limit.max(1) {
            return None;
        }
        self.dropped += u64::from(!in_time);
        let (_, _, key) = self.closing.pop_first()?;
        self.open.remove(&key)
    }

    /// The windows in the order in which they opened.
    pub fn iter(&self) -> impl Iterator<Item = &Window> {
        let mut all: Vec<&Window> = self.open.values().collect();
        all.sort_unstable_by_key(|window| window.serial);
        all.into_iter()
    }

    /// Closes all windows.
    pub fn drain(&mut self) -> Vec<Window> {
        self.closing.clear();
        let mut all: Vec<Window> = self.open.drain().map(|(_, window)| window).collect();
        all.sort_unstable_by_key(|window| window.serial);
        all
    }
}

/// Findings of a sequence that ends with an absence. They become certain out of the order of their events, so that they wait
/// until no earlier one can come; otherwise it would depend on the events between which of a group is the first.
///
/// By end, start, join keys, and the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Held {
    findings: BTreeMap<(Instant, Instant, String, u64), Finding>,
    found: u64,
}

impl Held {
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// The end of the earliest.
    pub fn first(&self) -> Option<Instant> {
        self.findings.first_key_value().map(|((end, ..), _)| *end)
    }

    /// `span` is the start and the end.
    pub fn insert(&mut self, finding: Finding, span: (Instant, Instant)) {
        let key = match &finding.details {
            crate::engine::Details::Group(hit) => format!("{:?}", hit.join_keys()),
            _ => String::new(),
        };
        self.found += 1;
        self.findings.insert((span.1, span.0, key, self.found), finding);
    }

    /// The earliest, if it ends before `time` or there are more than `limit`.
    pub fn pop(&mut self, time: Instant, limit: usize) -> Option<Finding> {
        if self.first()? >= time && self.findings.len() <= limit.max(1) {
            return None;
        }
        self.findings.pop_first().map(|(_, held)| held)
    }

    /// The findings with their start and end, earliest end first.
    pub fn iter(&self) -> impl Iterator<Item = (&Finding, (Instant, Instant))> {
        self.findings.iter().map(|((end, start, ..), finding)| (finding, (*start, *end)))
    }
}
