//! Samples: events that share keys, in any order (Elasticsearch: EQL, SampleIterator).

use std::sync::Arc;

use hashbrown::HashMap;

use super::key::{Key, KeyReader};
use super::program::Verdicts;
use crate::event::{Document, Event};
use crate::plan;

/// A sample, compiled.
#[derive(Debug)]
pub struct Sample {
    filters: Vec<(usize, KeyReader)>,
}

impl Sample {
    /// Compiles a sample whose filters are predicates `first…` of a program.
    pub fn new(plan: &plan::Sample, first: usize) -> Self {
        let filter = |(at, stage): (usize, &plan::Stage)| (first + at, KeyReader::new(&stage.keys));
        Self { filters: plan.stages.iter().enumerate().map(filter).collect() }
    }

    /// How many filters there are.
    pub(super) const fn len(&self) -> usize {
        self.filters.len()
    }

    /// The keys under which the event fits a filter, without repetition.
    pub fn keys(&self, verdicts: Verdicts<'_>, document: &dyn Document) -> Vec<Key> {
        let mut out: Vec<Key> = Vec::new();
        for (predicate, keys) in &self.filters {
            if verdicts.holds(*predicate, document) {
                keys.collect(document, &mut out);
            }
        }
        out
    }
}

/// The events of each filter, by key.
#[derive(Debug, Default)]
pub struct SampleRun {
    candidates: HashMap<Key, Vec<Vec<Arc<Event>>>>,
    held: usize,
    dropped: u64,
}

impl SampleRun {
    /// Takes an event; beyond `limit` held events it is dropped and counted.
    pub fn push(&mut self, sample: &Sample, verdicts: Verdicts<'_>, event: &Arc<Event>, limit: usize) {
        let document: &dyn Document = event.as_ref();
        for (at, (predicate, keys)) in sample.filters.iter().enumerate() {
            if !verdicts.holds(*predicate, document) {
                continue;
            }
            for key in keys.keys(document, &mut self.dropped) {
                if self.held >= limit {
                    self.dropped += 1;
                    continue;
                }
                let filters = self.candidates.entry(key).or_insert_with(|| vec![Vec::new(); sample.filters.len()]);
                filters[at].push(Arc::clone(event));
                self.held += 1;
            }
        }
    }

    /// Gives up all events: which of them matter is known only at the end.
    pub fn shed(&mut self) {
        self.dropped += self.held as u64;
        self.held = 0;
        self.candidates.clear();
    }

    /// A state with these events.
    pub(super) fn of(candidates: Vec<(Key, Vec<Vec<Arc<Event>>>)>, dropped: u64) -> Self {
        let held = candidates.iter().flat_map(|(_, filters)| filters).map(Vec::len).sum();
        Self { candidates: candidates.into_iter().collect(), held, dropped }
    }

    /// The events of each filter, by key, in no order.
    pub(super) fn candidates(&self) -> impl Iterator<Item = (&Key, &Vec<Vec<Arc<Event>>>)> {
        self.candidates.iter()
    }

    /// Events held and events dropped.
    pub const fn counts(&self) -> (usize, u64) {
        (self.held, self.dropped)
    }

    /// The samples, by key, at most `per_key` of each and `size` in all.
    pub fn finish(&mut self, per_key: usize, size: usize) -> Vec<(Key, Vec<Arc<Event>>)> {
        let mut keys: Vec<(Key, Vec<Vec<Arc<Event>>>)> =
            self.candidates.drain().filter(|(_, filters)| filters.iter().all(|events| !events.is_empty())).collect();
        self.held = 0;
        keys.sort_by(|(a, _), (b, _)| a.compare(b));
        let mut out = Vec::new();
        for (key, filters) in keys {
            let mut search = Search {
                filters: &filters,
                left: per_key.min(size - out.len()),
                chosen: Vec::new(),
                found: Vec::new(),
                steps: 0,
            };
            search.descend();
            self.dropped += u64::from(search.steps > MAX_STEPS);
            out.extend(search.found.into_iter().map(|events| (key.clone(), events)));
            if out.len() >= size {
                break;
            }
        }
        out
    }
}

/// Most steps of the search for one key.
const MAX_STEPS: usize = 1_000_000;

/// A depth-first search for distinct events, one of each filter.
struct Search<'a> {
    filters: &'a [Vec<Arc<Event>>],
    left: usize,
    chosen: Vec<Arc<Event>>,
    found: Vec<Vec<Arc<Event>>>,
    steps: usize,
}

impl Search<'_> {
    fn descend(&mut self) {
        let Some(candidates) = self.filters.get(self.chosen.len()) else {
            self.found.push(self.chosen.clone());
            self.left -= 1;
            return;
        };
        for event in candidates {
            self.steps += 1;
            if self.left == 0 || self.steps > MAX_STEPS {
                return;
            }
            if self.chosen.iter().any(|other| Arc::ptr_eq(other, event)) {
                continue;
            }
            self.chosen.push(Arc::clone(event));
            self.descend();
            self.chosen.pop();
        }
    }
}
