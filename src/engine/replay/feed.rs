//! Recorded events as a rule's runs see them: when each happened, and when it had arrived.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::engine::schedule::Window;
use crate::engine::time::{RuleTime, earliest};
use crate::eval::column::Column;
use crate::event::Event;
use crate::event::time::Instant;
use crate::rule::Rule;
use crate::schema::Schema;

/// What places an event in time.
#[derive(Debug)]
pub(super) struct Clocks {
    time: RuleTime,
    ingested: Column,
    delay: Option<Instant>,
}

/// A recorded event.
#[derive(Debug)]
pub(super) struct Recorded {
    pub event: Arc<Event>,
    /// The time that decides about windows: the primary one, else the secondary one.
    pub time: Instant,
    primary: Option<Instant>,
    secondary: Option<Instant>,
    /// From when on it is seen.
    pub arrival: Instant,
    pub position: usize,
}

/// The events that matter to a rule, by time.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub events: Vec<Recorded>,
    /// Events without a time, which no run sees.
    pub untimed: Vec<Arc<Event>>,
}

impl Clocks {
    pub fn new(rule: &Rule, schema: &Schema, delay: Option<Instant>) -> Self {
        Self { time: RuleTime::of(rule, schema), ..Self::plain(schema, delay) }
    }

    /// Without any override.
    pub fn plain(schema: &Schema, delay: Option<Instant>) -> Self {
        Self { time: RuleTime::plain(schema), ingested: Column::date(schema, "event.ingested"), delay }
    }

    fn read(&self, event: &Arc<Event>, position: usize) -> Option<Recorded> {
        let (primary, secondary) = self.time.read(event);
        let time = primary.or(secondary)?;
        let arrival = match self.delay {
            Some(delay) => time + delay,
            None => earliest(&self.ingested, event).unwrap_or(time),
        };
        Some(Recorded { event: Arc::clone(event), time, primary, secondary, arrival, position })
    }

    /// When an event happened and when it had arrived; `None` where it has no time.
    pub fn times(&self, event: &Arc<Event>) -> Option<(Instant, Instant)> {
        self.read(event, 0).map(|recorded| (recorded.time, recorded.arrival))
    }
}

impl Feed {
    /// The events at these places of the recording.
    pub fn new(clocks: &Clocks, recording: &[Arc<Event>], places: &[usize]) -> Self {
        let mut feed = Self::default();
        for &place in places {
            let Some(event) = recording.get(place) else { continue };
            match clocks.read(event, place) {
                Some(recorded) => feed.events.push(recorded),
                None => feed.untimed.push(Arc::clone(event)),
            }
        }
        feed.events.sort_by_key(|recorded| (recorded.time, recorded.position));
        feed
    }

    /// The places in [`Feed::events`] of what a run at `now` sees in a window, by time.
    pub fn seen(&self, window: Window, now: Instant) -> Vec<usize> {
        let first = self.events.partition_point(|recorded| recorded.time < window.from);
        let within = self.events.iter().enumerate().skip(first).take_while(|(_, each)| each.time <= window.to);
        within.filter(|(_, each)| each.arrival <= now).map(|(at, _)| at).collect()
    }
}

impl Recorded {
    /// The order of search results: primary, then secondary time; what is missing comes last.
    pub fn compare(&self, other: &Self) -> Ordering {
        let last = |time: Option<Instant>| (time.is_none(), time);
        let key = |each: &Self| (last(each.primary), last(each.secondary), each.position);
        key(self).cmp(&key(other))
    }
}
