//! How many bytes the events take that the state holds, whoever holds them.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::event::Event;

/// The events that were held when they had been judged, oldest first, without keeping them alive.
#[derive(Debug)]
pub(super) struct Budget {
    limit: Option<usize>,
    noted: VecDeque<(Weak<Event>, usize)>,
    /// The bytes of all that are noted, those that are gone since among them.
    bytes: usize,
}

impl Budget {
    pub const fn new(limit: Option<usize>) -> Self {
        Self { limit, noted: VecDeque::new(), bytes: 0 }
    }

    /// Notes an event if something besides the caller holds it.
    pub fn note(&mut self, event: &Arc<Event>) {
        if self.limit.is_some() && Arc::strong_count(event) > 1 {
            let bytes = event.bytes();
            self.bytes += bytes;
            self.noted.push_back((Arc::downgrade(event), bytes));
        }
    }

    /// Whether the limit is passed. Each time that costs a look at all events, something is given up or half of them are gone, so
    /// that it is seldom.
    pub fn is_passed(&mut self) -> bool {
        self.limit.is_some_and(|limit| self.bytes > limit) && self.is_above_half()
    }

    /// Whether the events that are still held take more than half of the limit.
    pub fn is_above_half(&mut self) -> bool {
        self.noted.retain(|(event, _)| event.strong_count() > 0);
        self.bytes = self.noted.iter().map(|(_, bytes)| bytes).sum();
        self.limit.is_some_and(|limit| self.bytes > limit / 2)
    }
}
