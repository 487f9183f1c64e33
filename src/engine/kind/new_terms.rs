//! New terms: combinations of values that were never seen before.

use std::collections::BTreeSet;

use super::terms::{combinations, names};
use crate::event::Event;
use crate::rule::Rule;

/// Terms that were never seen before (Kibana: new terms rules).
#[derive(Debug)]
pub(in crate::engine) struct NewTerms {
    fields: Vec<String>,
}

impl NewTerms {
    pub fn of(rule: &Rule) -> Result<Self, String> {
        let fields = names(rule.document().get("new_terms_fields"));
        match fields.len() {
            1..=3 => Ok(Self { fields }),
            count => Err(format!("new terms rules have 1 to 3 fields, not {count}")),
        }
    }

    /// The terms of the event that are new, in order.
    pub fn new_terms(&self, seen: &mut BTreeSet<Vec<String>>, event: &Event) -> Vec<Vec<String>> {
        let terms = combinations(event, &self.fields).into_iter();
        terms.filter(|term| seen.insert(term.clone())).collect()
    }
}
