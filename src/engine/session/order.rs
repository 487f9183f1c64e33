//! Rules with an order of time of their own: in a recording their events wait until all have come.

use std::sync::Arc;

use super::reorder::Reorder;
use crate::engine::kind::Kind;
use crate::engine::rule_set::CompiledRule;
use crate::engine::time::RuleTime;
use crate::event::Event;
use crate::event::time::Instant;
use crate::query::Query;
use crate::rule::RuleType;

/// The events of a rule that wait.
#[derive(Debug)]
pub(super) struct OwnOrder {
    by: By,
    waiting: Reorder,
    events: u64,
}

/// What places them.
#[derive(Debug)]
enum By {
    /// The timestamp and the tiebreaker of the query.
    Query(Query),
    Rule(Arc<RuleTime>),
}

impl OwnOrder {
    /// The order of a rule, where it is not that of the engine and something depends on it: which events make a sequence or are cut
    /// off by a pipe, which is the first of a term or a group. At most `most` events wait.
    pub fn of(compiled: &CompiledRule, most: usize) -> Option<Self> {
        let by = match (&compiled.time, &compiled.kind) {
            _ if compiled.rule.kind() == RuleType::Eql && compiled.has_clock => return None,
            _ if compiled.rule.kind() == RuleType::Eql => By::Query(compiled.query.clone()),
            // What a threshold counts comes in any order.
            (Some(time), Kind::Hits | Kind::NewTerms(_) | Kind::ThreatMatch(_)) => By::Rule(Arc::clone(time)),
            _ => return None,
        };
        Some(Self { by, waiting: Reorder::new(Instant::MAX, most), events: 0 })
    }

    /// Takes an event; gives those that cannot wait.
    pub fn push(&mut self, event: &Arc<Event>) -> Vec<Arc<Event>> {
        let ordinal = match &self.by {
            By::Query(query) => query.ordinal(event, self.events),
            By::Rule(time) => time.ordinal(event, self.events),
        };
        self.events += 1;
        let at_once = self.waiting.push(ordinal, Arc::clone(event));
        let ready = at_once.into_iter().chain(std::iter::from_fn(|| self.waiting.pop()));
        ready.map(|(_, event)| event).collect()
    }

    /// Gives up waiting for all but the latest half of the events.
    pub fn shed(&mut self) -> Vec<Arc<Event>> {
        let keep = self.waiting.len() / 2;
        std::iter::from_fn(|| self.waiting.pop_above(keep)).map(|(_, event)| event).collect()
    }

    /// All that wait, in their order.
    pub fn drain(&mut self) -> Vec<Arc<Event>> {
        self.waiting.drain().into_iter().map(|(_, event)| event).collect()
    }

    /// How many events were judged before their time, and how many came after others that were.
    pub const fn counts(&self) -> (u64, u64) {
        (self.waiting.forced, self.waiting.late)
    }
}
