//! Hits, and the response that Elasticsearch would give.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::event::Event;
use crate::event::time::{MILLISECOND, to_iso};
use crate::function::Datum;

/// What a query found: an event, a sequence or a sample.
#[derive(Debug, Clone)]
pub struct Hit {
    pub(super) shape: Shape,
    pub(super) join_keys: Vec<Datum>,
    pub(super) events: Vec<Option<Arc<Event>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Shape {
    Event,
    Sequence,
    Sample,
}

impl Hit {
    /// The values that join the events; empty where nothing joins them.
    pub fn join_keys(&self) -> &[Datum] {
        &self.join_keys
    }

    /// The events in the order of the stages; `None` stands for a missing event.
    pub fn events(&self) -> &[Option<Arc<Event>>] {
        &self.events
    }

    /// Whether it is a single event of an event query.
    pub fn is_event(&self) -> bool {
        self.shape == Shape::Event
    }

    /// The hit as a part of an `_eql/search` response: an event, or a sequence with its keys and events.
    pub fn to_json(&self) -> Json {
        if self.shape == Shape::Event {
            return self.events.first().map_or(Json::Null, |event| event_json(event.as_deref()));
        }
        let events: Vec<Json> = self.events.iter().map(|event| event_json(event.as_deref())).collect();
        if self.join_keys.is_empty() {
            return json!({"events": events});
        }
        json!({"join_keys": self.join_keys_json(), "events": events})
    }

    /// The values that join the events, as the response has them.
    pub(crate) fn join_keys_json(&self) -> Vec<Json> {
        self.join_keys.iter().map(|key| key_json(key, self.shape)).collect()
    }
}

fn event_json(event: Option<&Event>) -> Json {
    let Some(event) = event else { return json!({"missing": true}) };
    json!({"_index": event.index().unwrap_or_default(), "_id": event.id().unwrap_or_default(), "_source": event.source()})
}

/// A key in its own type; dates print as text in sequences and as milliseconds in samples.
fn key_json(key: &Datum, shape: Shape) -> Json {
    match key {
        Datum::Null => Json::Null,
        Datum::Bool(value) => json!(value),
        Datum::Int(value) => json!(value),
        Datum::Long(value) => json!(value),
        Datum::UnsignedLong(value) => json!(value),
        Datum::Double(value) => json!(value),
        Datum::Date(instant) if shape == Shape::Sample => json!((instant.div_euclid(MILLISECOND)) as i64),
        Datum::Date(instant) => json!(to_iso(*instant)),
        Datum::Text(_) | Datum::Version(_) | Datum::Ip(_) => json!(key.to_text()),
    }
}

/// The hits in the shape of an `_eql/search` response.
///
/// `events` says that the query was about single events, for the case that there are no hits.
pub fn response(hits: &[Hit], events: bool) -> Json {
    let list: Vec<Json> = hits.iter().map(Hit::to_json).collect();
    let name = if events { "events" } else { "sequences" };
    json!({"hits": {"total": {"value": hits.len(), "relation": "eq"}, name: list}})
}
