//! The values of an event's fields as terms: texts, and combinations of them.

use std::cmp::Ordering;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::eval::column::Column;
use crate::event::time::to_iso;
use crate::event::{Document, Event, FieldKey, Value};
use crate::function::Datum;
use crate::schema::{FieldType, Schema};

/// Most combinations of values that one event adds.
const MAX_COMBINATIONS: usize = 10_000;

/// Fields whose values are terms.
#[derive(Debug)]
pub(in crate::engine) struct TermFields(Vec<(String, Column)>);

impl TermFields {
    pub fn new(names: Vec<String>, schema: &Schema) -> Self {
        Self(names.into_iter().map(|name| (name.clone(), Column::new(schema, &name))).collect())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub const fn len(&self) -> usize {
        self.0.len()
    }

    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.0.iter().map(|(_, column)| column)
    }

    /// Every combination of one value for each field, and how many were left out; none where a field has no value.
    pub fn combinations(&self, event: &Event) -> (Vec<Vec<String>>, u64) {
        let mut out = vec![Vec::new()];
        let mut dropped = 0;
        for (_, column) in &self.0 {
            let (terms, beyond) = distinct(column, event);
            dropped += beyond + (out.len() * terms.len()).saturating_sub(MAX_COMBINATIONS) as u64;
            let extend = |row: &Vec<String>| {
                terms.iter().map(|term| [row.as_slice(), std::slice::from_ref(term)].concat()).collect::<Vec<_>>()
            };
            out = out.iter().flat_map(extend).take(MAX_COMBINATIONS).collect();
        }
        (out, dropped)
    }

    /// The order of the buckets of an aggregation: by the value of each field in turn.
    pub fn compare(&self, left: &[String], right: &[String]) -> Ordering {
        let each = self.0.iter().zip(left.iter().zip(right));
        each.map(|((_, column), (left, right))| in_order_of(column.kind(), left, right))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

fn in_order_of(kind: FieldType, left: &str, right: &str) -> Ordering {
    let numbers = || Some(left.parse::<f64>().ok()?.total_cmp(&right.parse().ok()?));
    let addresses = || {
        let number = |text| crate::text::parse_ip(text).map(crate::text::ip_number);
        Some(number(left)?.cmp(&number(right)?))
    };
    let typed = match kind {
        FieldType::Ip => addresses(),
        kind if kind.is_number() => numbers(),
        _ => None,
    };
    typed.unwrap_or(Ordering::Equal).then_with(|| left.cmp(right))
}

/// The values of a field, and how many are beyond the most that are taken. A mapping would give an undeclared field one type of
/// number, in which `5` and `5.0` are the same.
pub(in crate::engine) fn values_of(column: &Column, event: &Event) -> (Vec<Datum>, u64) {
    let (mut values, beyond) = column.values(event);
    if column.kind() == FieldType::Inferred {
        values.iter_mut().for_each(make_whole);
    }
    (values, beyond)
}

/// A floating number without a fraction becomes the whole number that it is.
pub(in crate::engine) fn make_whole(value: &mut Datum) {
    // Beyond, not every whole number is a double.
    const EXACT: f64 = (1_i64 << 53) as f64;
    if let Datum::Double(number) = value
        && number.fract() == 0.0
        && number.abs() <= EXACT
    {
        *value = Datum::Long(*number as i64);
    }
}

/// The terms of a field, each once, and how many of its values are beyond the most that are taken.
pub(in crate::engine) fn distinct(column: &Column, event: &Event) -> (Vec<String>, u64) {
    let (values, beyond) = values_of(column, event);
    let mut out: Vec<String> = values.iter().filter_map(term).collect();
    let mut seen = hashbrown::HashSet::new();
    if out.len() > 1 {
        out.retain(|text| seen.insert(text.clone()));
    }
    (out, beyond)
}

/// A value as the key of a bucket.
pub(in crate::engine) fn term(value: &Datum) -> Option<String> {
    match value {
        Datum::Date(instant) => Some(to_iso(*instant)),
        other => other.to_text(),
    }
}

/// A value in its own type.
pub(in crate::engine) fn json(value: &Datum) -> Option<Json> {
    Some(match value {
        Datum::Bool(value) => Json::from(*value),
        Datum::Int(value) => Json::from(*value),
        Datum::Long(value) => Json::from(*value),
        Datum::UnsignedLong(value) => Json::from(*value),
        Datum::Double(value) => Json::from(*value),
        other => Json::from(term(other)?),
    })
}

/// 128 bits that stand for a list of texts, the same on every machine: half of a SHA-256, so that nobody can make two lists share it.
pub(in crate::engine) fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> u128 {
    let mut hash = Sha256::new();
    for text in texts {
        // The length keeps `a`, `b` apart from `ab`.
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

/// The texts of a field's values as the event has them, without repetition.
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

/// The names in a rule that has one or a list of them.
pub(in crate::engine) fn names(json: Option<&Json>) -> Vec<String> {
    match json {
        Some(Json::String(text)) if !text.is_empty() => vec![text.clone()],
        Some(Json::Array(items)) => {
            items.iter().filter_map(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
