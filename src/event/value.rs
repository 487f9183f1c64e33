//! The values of an event's fields, and [`Document`] for [`serde_json::Value`].

use serde_json::{Map, Value as Json};

use super::layout::{NOWHERE, ROOT};
use super::{Document, FieldKey, Layout, Scratch};

/// One value of a field, typed as JSON gave it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// An explicit `null`.
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number from -2^63 to 2^63-1.
    Int(i64),
    /// A whole number from 2^63 to 2^64-1.
    UInt(u64),
    /// Any other number.
    Float(f64),
    /// A string, escapes decoded.
    Str(&'a str),
    /// An object at the field's own path; says whether any leaf below it has a value.
    Object(bool),
}

impl<'a> Value<'a> {
    /// A JSON value that is neither a list nor an object.
    pub(crate) fn of_scalar(json: &'a Json) -> Option<Self> {
        match json {
            Json::Null => Some(Self::Null),
            Json::Bool(value) => Some(Self::Bool(*value)),
            Json::Number(number) => Some(Self::from(number)),
            Json::String(text) => Some(Self::Str(text)),
            Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// Whether the value counts as one: neither null nor an object without leaves.
    pub const fn exists(self) -> bool {
        !matches!(self, Self::Null | Self::Object(false))
    }
}

impl<'a> From<&'a serde_json::Number> for Value<'a> {
    fn from(number: &'a serde_json::Number) -> Self {
        if let Some(int) = number.as_i64() {
            Self::Int(int)
        } else if let Some(uint) = number.as_u64() {
            Self::UInt(uint)
        } else {
            Self::Float(number.as_f64().unwrap_or(f64::NAN))
        }
    }
}

impl Document for Json {
    fn any(&self, field: &FieldKey, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        at_path(self, field.path(), &mut |json| any_value(json, visit))
    }

    fn list(&self, layout: &Layout, into: &mut Scratch) -> Option<()> {
        list(self, ROOT, layout, into)?;
        // The layout keeps these two apart: an event says them itself.
        for (field, name) in [(layout.index, "_index"), (layout.id, "_id")] {
            if let Some(field) = field {
                let mut complete = Some(());
                self.any(&FieldKey::new(field, name), &mut |value| {
                    complete = into.list(field, value);
                    complete.is_none()
                });
                complete?;
            }
        }
        Some(())
    }

    fn any_leaf(&self, prefix: &str, visit: &mut dyn FnMut(&str, Value<'_>) -> bool) -> bool {
        let mut path = prefix.to_owned();
        if prefix.is_empty() {
            return leaves(self, &mut path, visit);
        }
        at_path(self, prefix, &mut |json| leaves(json, &mut path, visit))
    }

    fn any_object(&self, path: &str, visit: &mut dyn FnMut(&dyn Document) -> bool) -> bool {
        at_path(self, path, &mut |json| any_object(json, visit))
    }
}

/// Lists what stands at the fields below a node of the layout.
pub(super) fn list(json: &Json, node: u32, layout: &Layout, into: &mut Scratch) -> Option<()> {
    if let Json::Array(items) = json {
        return items.iter().try_for_each(|item| list(item, node, layout, into));
    }
    if let Some(field) = layout.node(node)?.field {
        into.list(field, scalar(json))?;
    }
    let Json::Object(object) = json else { return Some(()) };
    object.iter().try_for_each(|(key, below)| match layout.step(node, key.as_bytes()) {
        NOWHERE => Some(()),
        child => list(below, child, layout, into),
    })
}

/// Shows what stands at `path`, for every way the document spells the path.
fn at_path(json: &Json, path: &str, visit: &mut dyn FnMut(&Json) -> bool) -> bool {
    match json {
        Json::Array(items) => items.iter().any(|item| at_path(item, path, visit)),
        Json::Object(object) => at_key(object, path, visit),
        _ => false,
    }
}

/// Up to how many keys are compared one by one, which takes less than hashing the parts of a path.
const FEW: usize = 32;

/// Shows what the keys of an object that `path` begins with lead to.
fn at_key(object: &Map<String, Json>, path: &str, visit: &mut dyn FnMut(&Json) -> bool) -> bool {
    if object.len() > FEW {
        return at_each_key(object, path, visit);
    }
    let ends_there = |key: &str| match path.as_bytes().get(key.len()) {
        None => key.len() == path.len(),
        Some(&next) => next == b'.',
    };
    let mut leading = object.iter().filter(|(key, _)| ends_there(key) && path.starts_with(key.as_str()));
    match (leading.next(), leading.next()) {
        (None, _) => false,
        (Some((key, below)), None) if key.len() < path.len() => at_path(below, &path[key.len() + 1..], visit),
        (Some((_, found)), None) => visit(found),
        _ => at_each_key(object, path, visit),
    }
}

/// Tries each prefix of `path` as a key: `a`, `a.b`, `a.b.c`.
fn at_each_key(object: &Map<String, Json>, path: &str, visit: &mut dyn FnMut(&Json) -> bool) -> bool {
    let dots = path.match_indices('.').map(|(at, _)| at);
    let nested = dots
        .into_iter()
        .any(|dot| object.get(&path[..dot]).is_some_and(|below| at_path(below, &path[dot + 1..], visit)));
    nested || object.get(path).is_some_and(visit)
}

fn any_value(json: &Json, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
    match json {
        Json::Array(items) => items.iter().any(|item| any_value(item, visit)),
        other => visit(scalar(other)),
    }
}

fn scalar(json: &Json) -> Value<'_> {
    match json {
        Json::Object(_) => Value::Object(leaves(json, &mut String::new(), &mut |_, value| value.exists())),
        other => Value::of_scalar(other).unwrap_or(Value::Null),
    }
}

fn leaves(json: &Json, path: &mut String, visit: &mut dyn FnMut(&str, Value<'_>) -> bool) -> bool {
    match json {
        Json::Array(items) => items.iter().any(|item| leaves(item, path, visit)),
        Json::Object(object) => object.iter().any(|(key, below)| {
            let length = path.len();
            if length > 0 {
                path.push('.');
            }
            path.push_str(key);
            let found = leaves(below, path, visit);
            path.truncate(length);
            found
        }),
        leaf => visit(path, scalar(leaf)),
    }
}

fn any_object(json: &Json, visit: &mut dyn FnMut(&dyn Document) -> bool) -> bool {
    match json {
        Json::Array(items) => items.iter().any(|item| any_object(item, visit)),
        Json::Object(_) => visit(json),
        _ => false,
    }
}
