//! Events that should be absent from sequences (Elasticsearch: EQL, TumblingWindow, `doCheckMissingEvents`).
//!
//! What matters of them is little: of those before an event, the latest of an earlier millisecond; of those after a sequence,
//! the first. So a stage and a key need two instants, and a complete sequence waits under its key and under its start.

use std::collections::{BTreeMap, BTreeSet};

use super::key::Key;
use super::queue::Queue;
use super::sequence::{Found, Sequence};
use crate::event::time::{Instant, MILLISECOND};

/// The millisecond of an instant: absences are compared by it, whatever the resolution of the dates.
pub(super) const fn millis(instant: Instant) -> Instant {
    instant.div_euclid(MILLISECOND)
}

/// The latest events of one missing stage and key.
#[derive(Debug, Clone)]
pub(super) struct Absent {
    pub key: Key,
    pub stage: u8,
    pub latest: Instant,
    /// The latest one of an earlier millisecond than `latest`.
    pub earlier: Option<Instant>,
}

/// A complete sequence that waits for the absence of an event after it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub found: Found,
    pub start: Instant,
    pub last_leading: Option<Instant>,
}

/// What a sequence with missing stages remembers.
#[derive(Debug, Default)]
pub(super) struct Absences {
    latest: Queue<Absent>,
    /// By the hash of the key and the number of the completion.
    waiting: BTreeMap<(u64, u64), Waiting>,
    /// The same by start.
    starts: BTreeSet<(Instant, u64, u64)>,
    serial: u64,
}

/// A stage's own hash of a key.
pub(super) const fn staged(hash: u64, stage: usize) -> u64 {
    hash.wrapping_add((stage as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

impl Absences {
    pub fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        let mut all: Vec<_> = self.waiting.iter().collect();
        all.sort_unstable_by_key(|((_, serial), _)| *serial);
        all.into_iter().map(|(_, waiting)| waiting)
    }

    pub fn latest(&self) -> impl Iterator<Item = &Absent> {
        self.latest.iter()
    }

    pub fn waiting_len(&self) -> usize {
        self.waiting.len()
    }

    /// The latest event of the stage and key in a millisecond before that of `now`.
    pub fn before(&self, hash: u64, stage: usize, key: &Key, now: Instant) -> Option<Instant> {
        let absent = self.latest.get(self.find(hash, stage, key)?)?;
        if millis(absent.latest) < millis(now) { Some(absent.latest) } else { absent.earlier }
    }

    fn find(&self, hash: u64, stage: usize, key: &Key) -> Option<u32> {
        self.latest.find(staged(hash, stage), |absent| usize::from(absent.stage) == stage && absent.key == *key)
    }

    /// Notes an event of a stage that has a stage after it.
    pub fn note(&mut self, hash: u64, stage: usize, key: Key, now: Instant) {
        let known = self.find(hash, stage, &key).and_then(|id| self.latest.remove(id));
        let earlier =
            known.and_then(|known| if millis(known.latest) < millis(now) { Some(known.latest) } else { known.earlier });
        self.restore(hash, Absent { key, stage: stage as u8, latest: now, earlier });
    }

    pub fn restore(&mut self, hash: u64, absent: Absent) {
        self.latest.push(staged(hash, usize::from(absent.stage)), absent);
    }

    pub fn wait(&mut self, hash: u64, waiting: Waiting) {
        self.serial += 1;
        self.starts.insert((waiting.start, self.serial, hash));
        self.waiting.insert((hash, self.serial), waiting);
    }

    /// Takes the event at `now` for the first after the sequences of this key; gives those of them that hold nevertheless.
    pub fn disturb(&mut self, sequence: &Sequence, hash: u64, key: &Key, now: Instant) -> Vec<Found> {
        // They came in the order of their ends; the ones of this millisecond are not disturbed.
        let ended = |waiting: &Waiting| waiting.found.end.timestamp.is_some_and(|end| millis(end) < millis(now));
        let range = self.waiting.range((hash, 0)..=(hash, u64::MAX)).take_while(|(_, waiting)| ended(waiting));
        let disturbed: Vec<u64> =
            range.filter(|(_, waiting)| waiting.found.key == *key).map(|((_, serial), _)| *serial).collect();
        let mut out = Vec::new();
        for serial in disturbed {
            let Some(waiting) = self.waiting.remove(&(hash, serial)) else { continue };
            self.starts.remove(&(waiting.start, serial, hash));
            out.extend(waiting.accepted(sequence, Some(now)));
        }
        out
    }

    /// The sequences whose time has passed at `now`, in the order of their completion, and what is too old to matter dropped.
    pub fn settle(&mut self, sequence: &Sequence, now: Instant) -> Vec<Found> {
        let Some(span) = sequence.maxspan() else { return Vec::new() };
        let passed = |from: Instant| millis(now) - millis(from) > span / MILLISECOND;
        while let Some((id, _)) = self.latest.oldest().filter(|(_, absent)| passed(absent.latest)) {
            self.latest.remove(id);
        }
        let mut ready = Vec::new();
        while let Some((_, serial, hash)) = self.starts.first().copied().filter(|(start, ..)| passed(*start)) {
            self.starts.pop_first();
            ready.extend(self.waiting.remove(&(hash, serial)).map(|waiting| (serial, waiting)));
        }
        ready.sort_unstable_by_key(|(serial, _)| *serial);
        ready.into_iter().filter_map(|(_, waiting)| waiting.accepted(sequence, None)).collect()
    }

    /// Ends the stream: what waited for an absence has seen it.
    pub fn finish(&mut self, sequence: &Sequence) -> Vec<Found> {
        self.starts.clear();
        let mut all: Vec<_> = std::mem::take(&mut self.waiting).into_iter().collect();
        all.sort_unstable_by_key(|((_, serial), _)| *serial);
        all.into_iter().filter_map(|(_, waiting)| waiting.accepted(sequence, None)).collect()
    }

    /// Keeps at most `limit` of each; tells how many were dropped, the oldest first.
    pub fn evict(&mut self, limit: usize) -> u64 {
        let mut dropped = 0;
        while self.latest.len() > limit
            && let Some((id, _)) = self.latest.oldest()
        {
            self.latest.remove(id);
            dropped += 1;
        }
        dropped + self.shed(limit)
    }

    /// Gives up the oldest waiting sequences until there are `limit`; says how many.
    pub fn shed(&mut self, limit: usize) -> u64 {
        let mut dropped = 0;
        while self.waiting.len() > limit
            && let Some((_, serial, hash)) = self.starts.pop_first()
        {
            self.waiting.remove(&(hash, serial));
            dropped += 1;
        }
        dropped
    }
}

impl Waiting {
    /// The sequence, if some window of `maxspan` holds its events and none of those that should be absent.
    pub fn accepted(self, sequence: &Sequence, first_trailing: Option<Instant>) -> Option<Found> {
        let span = sequence.maxspan().unwrap_or(Instant::MAX) / MILLISECOND;
        let end = self.found.end.timestamp.unwrap_or(self.start);
        let longer = |from: Instant, to: Instant| millis(to) - millis(from) > span;
        let (leads, trails) = (sequence.leads(), sequence.trails());
        let accepted = match (self.last_leading, first_trailing) {
            (None, None) => true,
            (None, Some(_)) if leads => true,
            (Some(_), None) if trails => true,
            (Some(leading), Some(trailing)) if leads && trails => longer(leading, trailing),
            (Some(leading), None) => leads && longer(leading, end),
            (None, Some(trailing)) => trails && longer(self.start, trailing),
            (Some(_), Some(_)) => false,
        };
        accepted.then_some(self.found)
    }
}
