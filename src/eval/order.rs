//! The order of events: timestamp, tiebreaker, position (Elasticsearch: EQL, Ordinal).

use std::cmp::Ordering;

use super::expr::datum;
use super::value::Reader;
use crate::event::time::Instant;
use crate::event::{Document, FieldKey};
use crate::function::Datum;
use crate::schema::{Field, FieldType, Lookup, Origin, Schema};

/// Where an event stands among others.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ordinal {
    /// Nanoseconds since 1970; `None` where the event has no single instant.
    pub timestamp: Option<Instant>,
    /// The value of the tiebreaker field.
    pub tiebreaker: Option<Datum>,
    /// The place in the input.
    pub position: u64,
}

impl Ordinal {
    /// The order of matching: a missing tiebreaker comes after all others.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.timestamp.cmp(&other.timestamp).then_with(|| self.ties(other, Ordering::Greater))
    }

    /// The order of results of event queries: missing values come first.
    pub fn compare_results(&self, other: &Self) -> Ordering {
        self.timestamp.cmp(&other.timestamp).then_with(|| self.ties(other, Ordering::Less))
    }

    fn ties(&self, other: &Self, missing: Ordering) -> Ordering {
        let tie = match (&self.tiebreaker, &other.tiebreaker) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => missing,
            (Some(_), None) => missing.reverse(),
            (Some(a), Some(b)) => a.compare(b),
        };
        tie.then(self.position.cmp(&other.position))
    }
}

/// Reads timestamps and tiebreakers.
#[derive(Debug)]
pub struct Clock {
    timestamp: (FieldKey, Reader),
    tiebreaker: Option<(FieldKey, Reader)>,
}

impl Clock {
    /// A clock for these fields; a timestamp field without a declared type is a date.
    pub fn new(schema: &Schema, timestamp: &str, tiebreaker: Option<&str>) -> Self {
        let known = |name: &str, otherwise: FieldType| match schema.lookup(name) {
            Lookup::Field(field) if field.kind != FieldType::Inferred => (*field).clone(),
            _ => Field::plain(name, otherwise, Origin::Inferred),
        };
        let read = |field: Field| (FieldKey::new(0, field.path.as_str()), Reader::new(&field));
        Self {
            timestamp: read(known(timestamp, FieldType::Date)),
            tiebreaker: tiebreaker.map(|name| read(known(name, FieldType::Inferred))),
        }
    }

    /// Where the event stands; `position` is its place in the input.
    pub fn ordinal(&self, event: &dyn Document, position: u64) -> Ordinal {
        let (key, reader) = &self.timestamp;
        let (mut timestamp, mut several) = (None, false);
        event.any(key, &mut |value| {
            if let Some(instant) = reader.date(value) {
                several |= timestamp.is_some();
                timestamp = Some(instant);
            }
            several
        });
        let mut tie = None;
        if let Some((key, reader)) = &self.tiebreaker {
            event.any(key, &mut |value| {
                tie = datum(reader, value);
                tie.is_some()
            });
        }
        Ordinal { timestamp: timestamp.filter(|_| !several), tiebreaker: tie, position }
    }
}
