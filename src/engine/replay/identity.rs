//! Which findings are the same, whatever run found them (Kibana: ids of alerts).

use std::collections::{HashSet, VecDeque};

use crate::engine::alert::{Details, Finding};
use crate::engine::kind::terms::digest;
use crate::event::Event;

/// The identities of alerts that exist, the oldest first to go.
#[derive(Debug)]
pub(super) struct Identities {
    known: HashSet<u128>,
    order: VecDeque<u128>,
    limit: usize,
    pub dropped: u64,
}

impl Identities {
    pub fn new(limit: usize) -> Self {
        Self { known: HashSet::new(), order: VecDeque::new(), limit: limit.max(1), dropped: 0 }
    }

    pub fn contains(&self, identity: u128) -> bool {
        self.known.contains(&identity)
    }

    pub fn insert(&mut self, identity: u128) {
        if !self.known.insert(identity) {
            return;
        }
        self.order.push_back(identity);
        while self.order.len() > self.limit {
            let oldest = self.order.pop_front();
            self.dropped += u64::from(oldest.is_some_and(|oldest| self.known.remove(&oldest)));
        }
    }
}

/// The events, and the values where one event can be found for several. A threshold's group is new in every run, so it has none.
pub(super) fn identity(finding: &Finding) -> Option<u128> {
    if matches!(finding.details, Details::Threshold(_)) {
        return None;
    }
    let mut parts: Vec<String> = Vec::new();
    for event in &finding.events {
        match event {
            None => parts.push(String::new()),
            Some(event) => parts.extend(source(event)),
        }
    }
    if let Details::NewTerms(terms) = &finding.details {
        parts.extend(terms.iter().cloned());
    }
    Some(digest(parts.iter().map(String::as_str)))
}

/// Index and id of an event; its content where it has no id.
fn source(event: &Event) -> [String; 2] {
    match event.id() {
        Some(id) => [event.index().unwrap_or_default().to_owned(), id.to_owned()],
        None => [event.index().unwrap_or_default().to_owned(), event.to_line()],
    }
}
