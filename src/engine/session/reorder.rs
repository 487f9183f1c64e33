//! The reorder buffer: events that come before their turn wait for it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::eval::order::{Clock, Ordinal};
use crate::event::Event;
use crate::event::table::{EventTable, StateError, event_of};
use crate::event::time::Instant;

/// Events that wait until no earlier one can come, in the order of time, tiebreaker and position.
#[derive(Debug)]
pub(super) struct Reorder {
    held: BinaryHeap<Early>,
    lateness: Instant,
    limit: usize,
    /// The time of the newest event, or of the clock if that is later.
    newest: Option<Instant>,
    /// The latest time that was let go because the buffer was full.
    forced_until: Option<Instant>,
    pub late: u64,
    pub forced: u64,
}

/// An event that waits; the earliest is the greatest.
#[derive(Debug)]
struct Early(Ordinal, Arc<Event>);

impl PartialEq for Early {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Early {}

impl PartialOrd for Early {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Early {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.compare(&self.0)
    }
}

/// A reorder buffer as data: the numbers of its events and their places in the input.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ReorderState {
    held: Vec<(u32, u64)>,
    newest: Option<Instant>,
    forced_until: Option<Instant>,
    late: u64,
    forced: u64,
}

impl Reorder {
    pub fn save(&self, events: &mut EventTable) -> ReorderState {
        let mut held: Vec<(u64, &Arc<Event>)> =
            self.held.iter().map(|Early(ordinal, event)| (ordinal.position, event)).collect();
        held.sort_unstable_by_key(|(position, _)| *position);
        ReorderState {
            held: held.into_iter().map(|(position, event)| (events.number(event), position)).collect(),
            newest: self.newest,
            forced_until: self.forced_until,
            late: self.late,
            forced: self.forced,
        }
    }

    pub fn load(&mut self, state: &ReorderState, clock: &Clock, events: &[Arc<Event>]) -> Result<(), StateError> {
        for &(number, position) in &state.held {
            let event = event_of(events, number)?;
            self.held.push(Early(clock.ordinal(event.as_ref(), position), event));
        }
        (self.newest, self.forced_until) = (state.newest, state.forced_until);
        (self.late, self.forced) = (state.late, state.forced);
        Ok(())
    }

    pub fn new(lateness: Instant, limit: usize) -> Self {
        Self {
            held: BinaryHeap::new(),
            lateness: lateness.max(0),
            limit: limit.max(1),
            newest: None,
            forced_until: None,
            late: 0,
            forced: 0,
        }
    }

    /// Takes an event; gives it back where it is to be judged at once: without a time, late, or with no lateness allowed.
    pub fn push(&mut self, ordinal: Ordinal, event: Arc<Event>) -> Option<(Option<Instant>, Arc<Event>)> {
        let Some(time) = ordinal.timestamp else { return Some((None, event)) };
        let late = self.settled().is_some_and(|settled| time < settled);
        self.late += u64::from(late);
        self.newest = self.newest.max(Some(time));
        if late || self.lateness == 0 {
            return Some((Some(time), event));
        }
        self.held.push(Early(ordinal, event));
        None
    }

    /// The next event whose turn it is.
    pub fn pop(&mut self) -> Option<(Option<Instant>, Arc<Event>)> {
        self.pop_above(self.limit)
    }

    /// The next event whose turn it is, or which is one more than `limit`.
    pub fn pop_above(&mut self, limit: usize) -> Option<(Option<Instant>, Arc<Event>)> {
        let time = self.held.peek()?.0.timestamp;
        if time >= self.settled() {
            if self.held.len() <= limit {
                return None;
            }
            self.forced += 1;
            self.forced_until = self.forced_until.max(time);
        }
        self.held.pop().map(|Early(_, event)| (time, event))
    }

    /// Every event that waits, in order; the stream has ended.
    pub fn drain(&mut self) -> Vec<(Option<Instant>, Arc<Event>)> {
        let held = std::mem::take(&mut self.held).into_sorted_vec();
        held.into_iter().rev().map(|Early(ordinal, event)| (ordinal.timestamp, event)).collect()
    }

    /// Takes the time of a clock.
    pub fn advance(&mut self, time: Instant) {
        self.newest = self.newest.max(Some(time));
    }

    /// The time before which every event is late.
    pub fn settled(&self) -> Option<Instant> {
        self.newest.map(|newest| newest.saturating_sub(self.lateness)).max(self.forced_until)
    }

    pub const fn newest(&self) -> Option<Instant> {
        self.newest
    }

    pub fn len(&self) -> usize {
        self.held.len()
    }
}
