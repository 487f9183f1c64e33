//! What matches and yet became no alert, and why.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::engine::schedule::Window;
use crate::event::Event;
use crate::event::time::{Instant, to_iso};

/// Events that match a rule and became no alert of any run.
#[derive(Debug, Clone)]
pub struct Missed {
    /// The event, or those of a sequence, `None` for missing ones.
    pub events: Vec<Option<Arc<Event>>>,
    /// The time of the first, in nanoseconds since 1970.
    pub time: Instant,
    /// Why.
    pub reason: MissedReason,
    /// The start of the run that was the last to look there, or, for a gap, the first one after it.
    pub run: Instant,
}

/// Why no run found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MissedReason {
    /// It arrived when every run whose window holds it had started.
    Late,
    /// No window holds it.
    Gap,
    /// A run saw it, and had made as many alerts as it may.
    Capped,
    /// No single window holds all events of the sequence, or none holds them as the sequence that the whole recording gives.
    Split,
}

impl MissedReason {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Gap => "gap",
            Self::Capped => "capped",
            Self::Split => "split",
        }
    }
}

impl Missed {
    pub(super) fn to_json(&self) -> Json {
        let event = |event: &Option<Arc<Event>>| match event {
            Some(event) => json!({"_index": event.index(), "_id": event.id()}),
            None => json!({"missing": true}),
        };
        json!({
            "reason": self.reason.name(),
            "time": to_iso(self.time),
            "run": to_iso(self.run),
            "events": self.events.iter().map(event).collect::<Vec<_>>(),
        })
    }
}

/// Every window that was searched, with the start of its run.
#[derive(Debug, Default)]
pub(super) struct Searched {
    windows: Vec<(Window, Instant)>,
    earliest: Option<Instant>,
}

/// How windows lie to some instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    /// Before the first window or after the last one.
    Outside,
    /// In none; the run is the next one.
    Gap(Instant),
    /// In some window; the run is the last whose window holds them.
    Held(Instant),
    /// Each in some, all in none.
    Split(Instant),
}

impl Searched {
    pub fn push(&mut self, window: Window, run: Instant) {
        self.earliest = [self.earliest, Some(window.from)].into_iter().flatten().min();
        self.windows.push((window, run));
    }

    /// To be called once all are pushed.
    pub fn sort(&mut self) {
        self.windows.sort_by_key(|(window, run)| (window.to, *run));
    }

    /// Where these instants, in ascending order, lie.
    pub fn coverage(&self, times: &[Instant]) -> Coverage {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return Coverage::Outside };
        let latest = self.windows.last().map(|(window, _)| window.to);
        if self.earliest.is_none_or(|earliest| first < earliest) || latest.is_none_or(|latest| last > latest) {
            return Coverage::Outside;
        }
        if let Some(run) = self.holding(first, last) {
            return Coverage::Held(run);
        }
        let hole = times.iter().find(|time| self.holding(**time, **time).is_none());
        let after = |time: Instant| self.windows.partition_point(|(window, _)| window.to < time);
        let run = |time: Instant| self.windows.get(after(time)).map_or(time, |(_, run)| *run);
        hole.map_or(Coverage::Split(run(last)), |time| Coverage::Gap(run(*time)))
    }

    /// The last run whose window holds both. Windows that end later begin later.
    fn holding(&self, first: Instant, last: Instant) -> Option<Instant> {
        let from = self.windows.partition_point(|(window, _)| window.to < last);
        let holding = self.windows[from..].iter().take_while(|(window, _)| window.from <= first);
        holding.map(|(_, run)| *run).max()
    }
}
