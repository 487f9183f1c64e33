//! Event queries, sequences and joins over a stream in input order.

use std::sync::Arc;

use serde_json::Value as Json;

use super::eval::Environment;
use super::pipe::{Item, apply};
use super::relation::{Map, Relations};
use super::{Program, Scope};
use crate::event::Event;
use crate::syntax::eql::ast::{EventFilter, Expr, Join, Query, Sequence, Term};

/// Windows file time counts a hundred nanoseconds.
const TICKS: f64 = 10_000_000.0;
/// Most sequences under way.
const MAX_PENDING: usize = 1_000_000;

/// The state of a query over a stream.
#[derive(Debug)]
pub struct Run {
    program: Arc<Program>,
    pub(super) relations: Relations,
    /// For each state of a sequence, or for a join, what waits, by key.
    pub(super) pending: Vec<Map<Waiting>>,
    pub(super) items: Vec<Item>,
}

#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub start: f64,
    pub events: Vec<Option<Arc<Event>>>,
}

impl Run {
    pub(super) fn new(program: Arc<Program>) -> Self {
        let relations = Relations::of(&program.statement);
        let states = match &program.statement.query {
            Query::Sequence(sequence) => sequence.terms.len(),
            _ => 1,
        };
        Self { program, relations, pending: (0..states).map(|_| Map::new()).collect(), items: Vec::new() }
    }

    /// Takes the next event. Results come from [`Run::finish`], after the pipes.
    pub fn push(&mut self, event: &Arc<Event>) {
        let program = Arc::clone(&self.program);
        self.relations.update(&program.scope, event.source());
        match &program.statement.query {
            Query::Event(filter) => {
                if self.satisfies(filter, event.source()) {
                    self.items.push(Item::Events(vec![Arc::clone(event)]));
                }
            }
            Query::Sequence(sequence) => self.sequence(sequence, event),
            Query::Join(join) => self.join(join, event),
            Query::Sample(_) => {}
        }
    }

    /// An empty run of the same query.
    pub fn restarted(&self) -> Self {
        Self::new(Arc::clone(&self.program))
    }

    /// The results, after the pipes: each a list of events. A record of a counting pipe is an event of its own.
    pub fn finish(self) -> Vec<Vec<Arc<Event>>> {
        let items = apply(&self.program.scope, &self.program.statement.pipes, self.items);
        items.into_iter().map(Item::into_events).collect()
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
            self.pending.iter_mut().for_each(|state| state.retain(|_, waiting| waiting.start >= oldest));
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
                if self.pending[1 % sequence.terms.len()].len() < MAX_PENDING {
                    self.pending[1 % sequence.terms.len()].insert(key, waiting);
                }
                continue;
            }
            let found = if term.fork { self.pending[at].get(&key).cloned() } else { self.pending[at].remove(&key) };
            let Some(mut waiting) = found else { continue };
            waiting.events.push(Some(Arc::clone(event)));
            if at + 1 == sequence.terms.len() {
                self.items.push(Item::Events(waiting.events.into_iter().flatten().collect()));
            } else {
                self.pending[at + 1].insert(key, waiting);
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
            let empty = || Waiting { start: 0.0, events: vec![None; join.terms.len()] };
            let waiting = self.pending[0].entry(key.clone()).or_insert_with(empty);
            waiting.events[at].get_or_insert_with(|| Arc::clone(event));
            if waiting.events.iter().all(Option::is_some)
                && let Some(full) = self.pending[0].remove(&key)
            {
                self.items.push(Item::Events(full.events.into_iter().flatten().collect()));
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
