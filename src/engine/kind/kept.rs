//! Events inside serialized state, as Elasticsearch hits.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value as Json, json};

use crate::event::Event;

pub fn serialize<S: Serializer>(events: &[Arc<Event>], serializer: S) -> Result<S::Ok, S::Error> {
    let hit = |event: &Arc<Event>| json!({"_index": event.index(), "_id": event.id(), "_source": event.source()});
    events.iter().map(hit).collect::<Vec<Json>>().serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arc<Event>>, D::Error> {
    let hits = Vec::<Json>::deserialize(deserializer)?;
    Ok(hits.into_iter().map(|hit| Arc::new(Event::from_value(hit))).collect())
}
