//! New terms: combinations of values that were never seen before.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::StateLimits;
use super::terms::{TermFields, digest, names};
use crate::event::Event;
use crate::event::time::{DateError, DateFormat, Instant, Rounding, date_math};
use crate::rule::Rule;
use crate::schema::Schema;

/// Terms that were never seen before (Kibana: new terms rules).
#[derive(Debug)]
pub(in crate::engine) struct NewTerms {
    fields: TermFields,
    history_start: String,
    limit: usize,
}

/// The terms seen, and when each was last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Seen {
    last: BTreeMap<u128, Instant>,
    by_time: BTreeSet<(Instant, u128)>,
    dropped: u64,
}

impl Seen {
    /// Notes a term; tells whether it is new.
    fn insert(&mut self, term: u128, time: Instant, limit: usize) -> bool {
        let before = self.last.get(&term).copied();
        if before.is_none_or(|before| before < time) {
            self.last.insert(term, time);
            self.by_time.insert((time, term));
            if let Some(before) = before {
                self.by_time.remove(&(before, term));
            }
        }
        while self.last.len() > limit {
            self.pop();
            self.dropped += 1;
        }
        before.is_none()
    }

    fn pop(&mut self) {
        if let Some((_, term)) = self.by_time.pop_first() {
            self.last.remove(&term);
        }
    }

    /// How many terms are remembered.
    pub fn len(&self) -> usize {
        self.last.len()
    }

    /// Terms forgotten because there were too many, and combinations of values left out.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl NewTerms {
    pub fn of(rule: &Rule, schema: &Schema, limits: &StateLimits) -> Result<Self, String> {
        let fields = names(rule.document().get("new_terms_fields"));
        if !(1..=3).contains(&fields.len()) {
            return Err(format!("new terms rules have 1 to 3 fields, not {}", fields.len()));
        }
        let history_start = rule.text("history_window_start").unwrap_or_default().to_owned();
        let new = Self { fields: TermFields::new(fields, schema), history_start, limit: limits.terms };
        new.history_start(0).map_err(|error| format!("`history_window_start`: {error}"))?;
        Ok(new)
    }

    /// The fields whose values make a term.
    pub const fn fields(&self) -> &TermFields {
        &self.fields
    }

    /// Where the history begins for a window that ends at `to`.
    pub fn history_start(&self, to: Instant) -> Result<Instant, DateError> {
        date_math(&self.history_start, &DateFormat::default(), Rounding::Down, to, None)
    }

    /// The terms of an event, and how many were left out.
    pub fn terms(&self, event: &Event) -> (Vec<Vec<String>>, u64) {
        self.fields.combinations(event)
    }

    /// The order of the buckets of an aggregation.
    pub fn compare(&self, left: &[String], right: &[String]) -> std::cmp::Ordering {
        self.fields.compare(left, right)
    }

    /// The terms of the event that are new, in order. An event without a time is older than all others.
    pub fn new_terms(&self, seen: &mut Seen, event: &Event, time: Option<Instant>) -> Vec<Vec<String>> {
        let (mut terms, dropped) = self.terms(event);
        seen.dropped += dropped;
        let time = time.unwrap_or(Instant::MIN);
        terms.retain(|term| seen.insert(digest(term.iter().map(String::as_str)), time, self.limit));
        terms
    }
}
