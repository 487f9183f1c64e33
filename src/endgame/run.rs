//! Event queries, sequences and joins over a stream in input order.

use std::sync::Arc;

use serde_json::Value as Json;

use super::eval::Environment;
use super::pass::{Passed, Pipes};
use super::pending::{Pending, Waiting};
use super::pipe::Item;
use super::relation::Relations;
use super::{Program, Scope};
use crate::event::Event;
use crate::syntax::eql::ast::{EventFilter, Expr, Join, Query, Sequence, Term};

/// Windows file time counts a hundred nanoseconds.
const TICKS: f64 = 10_000_000.0;

/// The state of a query over a stream.
#[derive(Debug)]
pub struct Run {
    program: Arc<Program>,
    limit: usize,
    pub(super) relations: Relations,
    /// For each state of a sequence, or for a join, what waits, by key.
    pub(super) pending: Vec<Pending>,
    pub(super) pipes: Pipes,
    pub(super) dropped: u64,
    out: Vec<Item>,
}

impl Run {
    pub(super) fn new(program: Arc<Program>, limit: usize) -> Self {
        let relations = Relations::of(&program.statement);
        let states = match &program.statement.query {
            Query::Sequence(sequence) => sequence.terms.len(),
            _ => 1,
        };
        let pipes = Pipes::new(&program.statement.pipes, limit);
        let pending = (0..states).map(|_| Pending::default()).collect();
        Self { program, limit: limit.max(1), relations, pending, pipes, dropped: 0, out: Vec::new() }
    }

    /// Takes the next event; gives the results that no later event changes, each a list of events.
    pub fn push(&mut self, event: &Arc<Event>) -> Vec<Vec<Arc<Event>>> {
        let program = Arc::clone(&self.program);
        self.dropped += self.relations.update(&program.scope, event.source(), self.limit);
        match &program.statement.query {
            Query::Event(filter) => {
                if self.satisfies(filter, event.source()) {
                    self.found(Item::Events(vec![Arc::clone(event)]));
                }
            }
            Query::Sequence(sequence) => self.sequence(sequence, event),
            Query::Join(join) => self.join(join, event),
            Query::Sample(_) => {}
        }
        for state in &mut self.pending {
            self.dropped += state.evict(self.limit);
        }
        self.out.drain(..).map(Item::into_events).collect()
    }

    /// Ends the stream: the results of pipes that waited for it. A record of a counting pipe is an event of its own.
    pub fn finish(&mut self) -> Vec<Vec<Arc<Event>>> {
        let program = Arc::clone(&self.program);
        let items = self.pipes.finish(&program.scope, &program.statement.pipes);
        let dropped = self.dropped;
        *self = Self::new(program, self.limit);
        self.dropped = dropped;
        items.into_iter().map(Item::into_events).collect()
    }

    /// How many sequences are under way and results held, and how much was dropped.
    pub fn counts(&self) -> (usize, u64) {
        (self.pending.iter().map(Pending::len).sum::<usize>() + self.pipes.held().count(), self.dropped)
    }

    fn found(&mut self, item: Item) {
        let program = Arc::clone(&self.program);
        match self.pipes.push(&program.scope, &program.statement.pipes, item, self.limit) {
            Passed::Through(item) => self.out.push(item),
            Passed::Kept => {}
            Passed::Dropped => self.dropped += 1,
        }
    }

    fn scope(&self) -> &Scope {
        &self.program.scope
    }

    fn satisfies(&self, filter: &EventFilter, event: &Json) -> bool {
        let of_type = filter.category.as_ref().is_none_or(|name| name.text == "any" || name.text == event_type(event));
        of_type && Environment::new(self.scope(), event).with_relations(&self.relations).holds(&filter.condition)
    }

    fn key(&self, by: &[Expr], term: &Term, event: &Json) -> String {
        let mut env = Environment::new(self.scope(), event);
        let values: Vec<Json> = by.iter().chain(&term.by).map(|key| env.eval(key)).collect();
        self.scope().key(&values)
    }

    fn sequence(&mut self, sequence: &Sequence, event: &Arc<Event>) {
        let json = event.source();
        let now = json["timestamp"].as_f64().unwrap_or(0.0);
        let known_type = |term: &Term| term.filter.category.as_ref().is_none_or(|name| name.text == event_type(json));
        if let Some(span) = sequence.maxspan.filter(|_| sequence.terms.iter().any(known_type)) {
            // Spans are cut to whole seconds.
            let oldest = now - (span.nanoseconds() / 1_000_000_000) as f64 * TICKS;
            self.pending.iter_mut().for_each(|state| state.expire(oldest));
        }
        if let Some(until) = sequence.until.as_deref().filter(|until| self.satisfies(&until.filter, json)) {
            let key = self.key(&sequence.by, until, json);
            self.pending.iter_mut().for_each(|state| drop(state.remove(&key)));
        }
        for (at, term) in sequence.terms.iter().enumerate().rev() {
            if !self.satisfies(&term.filter, json) {
                continue;
            }
            let key = self.key(&sequence.by, term, json);
            if at == 0 {
                let waiting = Waiting { start: now, events: vec![Some(Arc::clone(event))] };
                self.pending[1 % sequence.terms.len()].insert(&key, waiting);
                continue;
            }
            let found = if term.fork { self.pending[at].get(&key).cloned() } else { self.pending[at].remove(&key) };
            let Some(mut waiting) = found else { continue };
            waiting.events.push(Some(Arc::clone(event)));
            if at + 1 == sequence.terms.len() {
                self.found(Item::Events(waiting.events.into_iter().flatten().collect()));
            } else {
                self.pending[at + 1].insert(&key, waiting);
            }
        }
    }

    fn join(&mut self, join: &Join, event: &Arc<Event>) {
        let json = event.source();
        if let Some(until) = join.until.as_deref().filter(|until| self.satisfies(&until.filter, json)) {
            let key = self.key(&join.by, until, json);
            self.pending[0].remove(&key);
        }
        for (at, term) in join.terms.iter().enumerate() {
            if !self.satisfies(&term.filter, json) {
                continue;
            }
            let key = self.key(&join.by, term, json);
            if self.pending[0].get(&key).is_none() {
                self.pending[0].insert(&key, Waiting { start: 0.0, events: vec![None; join.terms.len()] });
            }
            let Some(waiting) = self.pending[0].get_mut(&key) else { continue };
            waiting.events[at].get_or_insert_with(|| Arc::clone(event));
            if waiting.events.iter().all(Option::is_some)
                && let Some(full) = self.pending[0].remove(&key)
            {
                self.found(Item::Events(full.events.into_iter().flatten().collect()));
            }
        }
    }
}

/// The type of an event: `event_type`, else `event_type_full` without its ending, else `generic`.
pub(super) fn event_type(event: &Json) -> &str {
    if let Some(name) = event["event_type"].as_str() {
        return name;
    }
    event["event_type_full"].as_str().map_or("generic", |name| name.strip_suffix("_event").unwrap_or(name))
}
