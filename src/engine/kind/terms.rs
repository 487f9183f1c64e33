//! The values of an event's fields as terms: texts, and combinations of them.

use serde_json::Value as Json;

use crate::event::{Document, Event, FieldKey, Value};

/// Most values of one field, and combinations of them, that one event adds.
const MAX_COMBINATIONS: usize = 10_000;

/// The texts of a field's values, without repetition.
pub(in crate::engine) fn values(event: &Event, field: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    event.any(&FieldKey::new(0, field), &mut |value| {
        let text = match value {
            Value::Str(text) => text.to_owned(),
            Value::Int(value) => value.to_string(),
            Value::UInt(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Object(_) => return false,
        };
        if !out.contains(&text) {
            out.push(text);
        }
        out.len() >= MAX_COMBINATIONS
    });
    out
}

/// Every combination of one value for each field; none where a field has no value.
pub(in crate::engine) fn combinations(event: &Event, fields: &[String]) -> Vec<Vec<String>> {
    let mut out = vec![Vec::new()];
    for field in fields {
        let values = values(event, field);
        let extend = |row: &Vec<String>| {
            values.iter().map(|value| [row.as_slice(), std::slice::from_ref(value)].concat()).collect::<Vec<_>>()
        };
        out = out.iter().flat_map(extend).take(MAX_COMBINATIONS).collect();
    }
    out
}

/// The names in a rule that has one or a list of them.
pub(super) fn names(json: Option<&Json>) -> Vec<String> {
    match json {
        Some(Json::String(text)) if !text.is_empty() => vec![text.clone()],
        Some(Json::Array(items)) => {
            items.iter().filter_map(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
