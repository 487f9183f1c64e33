//! What queries find by themselves they find in a set too: verdicts on events, and runs over the events that the set lets through.
#![allow(dead_code, reason = "each test uses its own part")]

use std::sync::Arc;

use elkhound::event::Event;
use elkhound::query::{Hit, Matches, Query, QuerySet, Run};
use serde_json::Value as Json;

/// Queries in one set.
pub struct Together {
    queries: Vec<Query>,
    set: QuerySet,
    matches: Matches,
}

impl Together {
    pub fn new(queries: &[Query]) -> Self {
        Self { queries: queries.to_vec(), set: QuerySet::new(queries).unwrap(), matches: Matches::default() }
    }

    /// The queries that the set gives an event, asked as a text and as a value.
    pub fn concerned(&mut self, document: &Json) -> Vec<usize> {
        let event = Event::from_value(document.clone());
        let found = self.set.matches(&event, &mut self.matches).to_vec();
        let text = document.to_string();
        assert_eq!(self.set.matches_json(text.as_bytes(), &mut self.matches).unwrap(), found, "from text: {text}");
        found.into_iter().map(|query| query as usize).collect()
    }

    /// Of each document, the queries that the set gives it.
    pub fn all(&mut self, documents: &[Json]) -> Vec<Vec<usize>> {
        documents.iter().map(|document| self.concerned(document)).collect()
    }

    /// Asserts that the set gives each event the queries that say by themselves that it concerns them; returns how many.
    pub fn same_verdicts(&mut self, documents: &[Json]) -> usize {
        let mut yes = 0;
        for document in documents {
            let event = Event::from_value(document.clone());
            let expected: Vec<usize> =
                (0..self.queries.len()).filter(|&query| self.queries[query].concerns(&event)).collect();
            assert_eq!(self.concerned(document), expected, "{document}");
            yes += expected.len();
        }
        yes
    }

    /// The hits of a run of each query over what the set lets through to it of a stream.
    pub fn streamed(&mut self, documents: &[Json], events: &[Arc<Event>]) -> Vec<Vec<Hit>> {
        let mut runs: Vec<(Run, Vec<Hit>)> = self.queries.iter().map(|query| (query.start(), Vec::new())).collect();
        for (document, event) in documents.iter().zip(events) {
            for query in self.concerned(document) {
                let (run, hits) = &mut runs[query];
                hits.extend(run.push(Arc::clone(event)));
            }
        }
        let finished = |(mut run, mut hits): (Run, Vec<Hit>)| {
            hits.extend(run.finish());
            hits
        };
        runs.into_iter().map(finished).collect()
    }

    /// Asserts that runs over what the set lets through find what runs over everything find; returns how many hits.
    pub fn same_streams(&mut self, documents: &[Json]) -> usize {
        let events: Vec<Arc<Event>> =
            documents.iter().map(|document| Arc::new(Event::from_value(document.clone()))).collect();
        let found = self.streamed(documents, &events);
        let mut total = 0;
        for (query, found) in self.queries.iter().zip(found) {
            let mut run = query.start();
            let mut alone: Vec<Hit> = events.iter().flat_map(|event| run.push(Arc::clone(event))).collect();
            alone.extend(run.finish());
            assert_eq!(places(&found, &events), places(&alone, &events), "{:?} over {documents:?}", query.plan());
            total += alone.len();
        }
        total
    }
}

/// The hits by the places of their events; one that is made by a pipe stands for itself.
fn places(hits: &[Hit], events: &[Arc<Event>]) -> Vec<Vec<Option<String>>> {
    let place = |event: &Arc<Event>| {
        let place = events.iter().position(|other| Arc::ptr_eq(other, event));
        place.map_or_else(|| event.source().to_string(), |place| place.to_string())
    };
    hits.iter().map(|hit| hit.events().iter().map(|event| event.as_ref().map(place)).collect()).collect()
}
