//! Join keys: their values, equality, order, and the combinations of an event's values.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use hashbrown::HashSet;

use super::expr::{datum, is_datum};
use super::value::Reader;
use crate::event::number::to_f64;
use crate::event::{Document, FieldKey};
use crate::function::Datum;
use crate::plan::JoinKey;

/// Most combinations of key values that one event may stand for, unless one key alone has more.
const MAX_COMBINATIONS: usize = 10_000;

/// The key values of an event or a partial sequence. Numbers equal by value, all else exactly.
#[derive(Debug, Clone)]
pub struct Key(pub Vec<Datum>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| same(a, b))
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|datum| hash(datum, state));
    }
}

fn hash<H: Hasher>(datum: &Datum, state: &mut H) {
    match datum {
        Datum::Null => 0_u8.hash(state),
        Datum::Bool(value) => value.hash(state),
        Datum::Text(text) | Datum::Version(text) => text.hash(state),
        Datum::Ip(ip) => crate::text::ip_number(*ip).hash(state),
        Datum::Date(instant) => instant.hash(state),
        // Equal numbers of any width have the same double, but for the sign of zero.
        number => number.as_number().map(|number| (to_f64(number) + 0.0).to_bits()).hash(state),
    }
}

fn same(left: &Datum, right: &Datum) -> bool {
    left.compare(right).is_eq()
}

impl Key {
    /// The order in which hits that end together, and samples, come: component by component, as [`Datum::compare`], texts
    /// by their bytes.
    pub fn compare(&self, other: &Self) -> Ordering {
        let parts = self.0.iter().zip(&other.0).map(|(a, b)| order(a, b));
        parts.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn order(left: &Datum, right: &Datum) -> Ordering {
    match (left, right) {
        (Datum::Text(a), Datum::Text(b)) => a.cmp(b),
        _ => left.compare(right),
    }
}

/// Reads the keys of a stage.
#[derive(Debug)]
pub struct KeyReader(Vec<Part>);

#[derive(Debug)]
struct Part {
    field: Option<(FieldKey, Reader)>,
    optional: bool,
    /// The value that every document of the mapping has, whatever its source says.
    constant: Option<Datum>,
}

impl KeyReader {
    pub(super) fn new(keys: &[JoinKey]) -> Self {
        let part = |key: &JoinKey| Part {
            field: key.field.as_ref().map(|field| (FieldKey::new(0, field.path.as_str()), Reader::new(field))),
            optional: key.optional,
            constant: key.field.as_ref().and_then(|field| field.constant.as_deref()).map(Datum::from),
        };
        Self(keys.iter().map(part).collect())
    }

    /// Adds the event's keys to those that are there already.
    pub fn collect(&self, event: &dyn Document, out: &mut Vec<Key>) {
        let seen: HashSet<Key> = out.iter().cloned().collect();
        out.extend(self.keys(event, &mut 0).into_iter().filter(|key| !seen.contains(key)));
    }

    /// Whether the event has this key and no other.
    pub(super) fn is_only(&self, event: &dyn Document, key: &Key) -> bool {
        self.0.len() == key.0.len() && self.0.iter().zip(&key.0).all(|(part, known)| part.is_only(event, known))
    }

    /// The combinations of the event's key values, in the order of the values; none where a mandatory key is absent. Adds to
    /// `dropped` how many there are beyond the most.
    pub fn keys(&self, event: &dyn Document, dropped: &mut u64) -> Vec<Key> {
        let mut out = vec![Key(Vec::with_capacity(self.0.len()))];
        let mut all = 1_usize;
        for part in &self.0 {
            let values = part.values(event);
            if values.is_empty() {
                return Vec::new();
            }
            if let [only] = values.as_slice() {
                out.iter_mut().for_each(|key| key.0.push(only.clone()));
                continue;
            }
            all = all.saturating_mul(values.len());
            let most = MAX_COMBINATIONS.max(out.len()).max(values.len());
            let extend =
                |key: Key| values.iter().map(move |value| [key.0.as_slice(), std::slice::from_ref(value)].concat());
            out = out.into_iter().flat_map(extend).map(Key).take(most).collect();
        }
        *dropped += (all - out.len()) as u64;
        out
    }
}

/// How many values are compared with each other before they are hashed.
const FEW: usize = 16;

impl Part {
    /// The different values, in the order of the event.
    fn values(&self, event: &dyn Document) -> Vec<Datum> {
        if let Some(constant) = &self.constant {
            return vec![constant.clone()];
        }
        let mut out: Vec<Datum> = Vec::new();
        let mut many: HashSet<One> = HashSet::new();
        if let Some((key, reader)) = &self.field {
            event.any(key, &mut |value| {
                let Some(datum) = datum(reader, value) else { return false };
                if out.len() == FEW && many.is_empty() {
                    many.extend(out.iter().cloned().map(One));
                }
                let fresh = match many.is_empty() {
                    true => !out.iter().any(|known| same(known, &datum)),
                    false => many.insert(One(datum.clone())),
                };
                if fresh {
                    out.push(datum);
                }
                false
            });
        }
        if out.is_empty() && self.optional {
            out.push(Datum::Null);
        }
        out
    }

    /// Whether the event has this value and no other.
    fn is_only(&self, event: &dyn Document, known: &Datum) -> bool {
        if let Some(constant) = &self.constant {
            return same(constant, known);
        }
        let (mut has, mut has_other) = (false, false);
        if let Some((key, reader)) = &self.field {
            event.any(key, &mut |value| {
                match is_datum(reader, value, known) {
                    Some(true) => has = true,
                    Some(false) => has_other = true,
                    None => {}
                }
                has_other
            });
        }
        !has_other && (has || self.optional && *known == Datum::Null)
    }
}

/// A value of a key, equal and hashed as in the key.
struct One(Datum);

impl PartialEq for One {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for One {}

impl Hash for One {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}
