//! Relations between processes: which are children or descendants of events that satisfy a query.

use hashbrown::HashSet;
use serde_json::Value as Json;

use super::Scope;
use super::eval::Environment;
use super::run::event_type;
use crate::source::Span;
use crate::syntax::eql::ast::{EventFilter, Expr, ExprKind, Query, Statement};

/// The relations of a statement, inner ones first.
#[derive(Debug, Default)]
pub(super) struct Relations {
    all: Vec<Relation>,
}

#[derive(Debug)]
struct Relation {
    place: Span,
    kind: Kind,
    filter: EventFilter,
    sources: HashSet<String>,
    related: HashSet<String>,
    /// Processes that ended; they are forgotten at the next process event.
    ended: Vec<String>,
}

/// What a relation knows, as data.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct RelationState {
    sources: Vec<String>,
    related: Vec<String>,
    ended: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Child,
    Descendant,
    Event,
}

impl Relations {
    pub fn of(statement: &Statement) -> Self {
        let mut out = Self::default();
        let filters: Vec<&EventFilter> = match &statement.query {
            Query::Event(filter) => vec![filter],
            Query::Sequence(sequence) => {
                sequence.terms.iter().chain(sequence.until.as_deref()).map(|term| &term.filter).collect()
            }
            Query::Join(join) => join.terms.iter().chain(join.until.as_deref()).map(|term| &term.filter).collect(),
            Query::Sample(_) => Vec::new(),
        };
        filters.into_iter().for_each(|filter| out.collect(&filter.condition));
        out
    }

    fn collect(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Relation { kind, filter } => {
                self.collect(&filter.condition);
                let kind = match kind.text.as_str() {
                    "child" => Kind::Child,
                    "descendant" => Kind::Descendant,
                    _ => Kind::Event,
                };
                let (sources, related) = (HashSet::new(), HashSet::new());
                self.all.push(Relation {
                    place: expr.span,
                    kind,
                    filter: (**filter).clone(),
                    sources,
                    related,
                    ended: Vec::new(),
                });
            }
            ExprKind::And(items) | ExprKind::Or(items) => items.iter().for_each(|item| self.collect(item)),
            ExprKind::Not(inner) | ExprKind::Sign(_, inner) => self.collect(inner),
            ExprKind::Compare(_, left, right) | ExprKind::Arithmetic(_, left, right) => {
                self.collect(left);
                self.collect(right);
            }
            ExprKind::Call { args, .. } => args.iter().for_each(|arg| self.collect(arg)),
            ExprKind::In { value, list, .. } => {
                self.collect(value);
                list.iter().for_each(|item| self.collect(item));
            }
            _ => {}
        }
    }

    /// What is known so far, as data.
    pub fn save(&self) -> Vec<RelationState> {
        let sorted = |set: &HashSet<String>| {
            let mut all: Vec<String> = set.iter().cloned().collect();
            all.sort_unstable();
            all
        };
        let save = |relation: &Relation| RelationState {
            sources: sorted(&relation.sources),
            related: sorted(&relation.related),
            ended: relation.ended.clone(),
        };
        self.all.iter().map(save).collect()
    }

    /// Takes up what was saved; tells whether it is of the same statement.
    pub fn load(&mut self, saved: &[RelationState]) -> bool {
        for (relation, state) in self.all.iter_mut().zip(saved) {
            relation.sources = state.sources.iter().cloned().collect();
            relation.related = state.related.iter().cloned().collect();
            relation.ended.clone_from(&state.ended);
        }
        self.all.len() == saved.len()
    }

    /// Takes an event into account, before the query's own matching; tells how many processes were not noted because a
    /// relation has `limit` of them.
    pub fn update(&mut self, scope: &Scope, event: &Json, limit: usize) -> u64 {
        let mut dropped = 0;
        for at in 0..self.all.len() {
            dropped += self.all[at].advance(event, limit);
            let adds = event["pid"].as_i64().is_none_or(|pid| pid != 0) && self.satisfies(at, scope, event);
            if let (true, Some(key)) = (adds, process(event, "pid")) {
                dropped += add(&mut self.all[at].sources, key, limit);
            }
        }
        dropped
    }

    fn satisfies(&self, at: usize, scope: &Scope, event: &Json) -> bool {
        let filter = &self.all[at].filter;
        let of_type = filter.category.as_ref().is_none_or(|name| name.text == "any" || name.text == event_type(event));
        of_type && Environment::new(scope, event).with_relations(self).holds(&filter.condition)
    }

    /// What the relation written at `place` says of the event.
    pub fn result(&self, place: Span, event: &Json) -> Option<bool> {
        let relation = self.all.iter().find(|relation| relation.place == place)?;
        let Some(key) = process(event, "pid") else { return Some(false) };
        Some(match relation.kind {
            Kind::Event => relation.sources.contains(&key),
            Kind::Child | Kind::Descendant => relation.related.contains(&key),
        })
    }
}

impl Relation {
    fn advance(&mut self, event: &Json, limit: usize) -> u64 {
        if event_type(event) != "process" {
            return 0;
        }
        for key in self.ended.drain(..) {
            self.sources.remove(&key);
            self.related.remove(&key);
        }
        let (Some(pid), parent) = (process(event, "pid"), process(event, "ppid")) else { return 0 };
        match change(event) {
            Some(true) => {
                if event["pid"] == 4 && event["process_name"] == "System" {
                    self.sources.clear();
                    self.related.clear();
                }
                let known = |set: &HashSet<String>| parent.as_ref().is_some_and(|parent| set.contains(parent));
                if known(&self.sources) || (self.kind == Kind::Descendant && known(&self.related)) {
                    return add(&mut self.related, pid, limit);
                }
            }
            Some(false) => self.ended.push(pid),
            None => {}
        }
        0
    }
}

/// Adds a process unless there is no room; tells whether there was none.
fn add(set: &mut HashSet<String>, key: String, limit: usize) -> u64 {
    if set.len() >= limit && !set.contains(&key) {
        return 1;
    }
    set.insert(key);
    0
}

fn process(event: &Json, field: &str) -> Option<String> {
    event.get(field).filter(|value| !value.is_null()).map(Json::to_string)
}

/// Whether a process event is a start (true) or an end (false).
fn change(event: &Json) -> Option<bool> {
    if let Some(code) = event["opcode"].as_i64() {
        return match code {
            1 | 3 | 9 => Some(true),
            2 | 4 => Some(false),
            _ => None,
        };
    }
    match event["subtype"].as_str() {
        Some("create" | "fork") => Some(true),
        Some("terminate") => Some(false),
        _ => None,
    }
}
