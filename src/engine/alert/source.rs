//! The fields of an event's source as an alert keeps them. (Kibana: source fields of alert documents.)

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use crate::event::time::{DateFormat, Instant, MILLISECOND, Rounding};
use crate::event::{Tree, Value};
use crate::schema::{FieldType, Lookup, Origin, Schema};
use crate::text::parse_ip;

pub(super) type Object = Map<String, Json>;

/// What an alert writes itself, so that a source cannot.
const RESERVED: &[&str] = &["kibana", "signal", "threshold_result"];

/// The source without reserved fields, and without values that do not fit the type that ECS gives their field.
pub(super) fn clean(source: &Json) -> Object {
    let empty = Object::new();
    let reserved = |key: &str| RESERVED.contains(&key.split('.').next().unwrap_or(key));
    let kept = source.as_object().unwrap_or(&empty).iter().filter(|(key, _)| !reserved(key));
    Cleaner { schema: Schema::ecs() }.members(kept, "")
}

/// Shows as a text each scalar of a field, which is none of the reserved ones, that [`clean`] leaves in the source: for those who
/// ask for a few fields only.
pub(super) fn each_clean(source: &Tree<'_>, field: &str, visit: &mut dyn FnMut(String)) {
    Cleaner { schema: Schema::ecs() }.walk(source, (field, 0), true, visit);
}

/// Longer names are none of ECS, and looking each of their parts up would take too long.
const LONGEST_NAME: usize = 256;

struct Cleaner {
    schema: Schema,
}

impl Cleaner {
    fn members<'a>(&self, members: impl Iterator<Item = (&'a String, &'a Json)>, above: &str) -> Object {
        let each = members.filter_map(|(key, value)| {
            let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
            Some((key.clone(), self.value(value, &path)?))
        });
        each.collect()
    }

    /// What is left of the value of a field; `None` where nothing is.
    fn value(&self, value: &Json, path: &str) -> Option<Json> {
        match value {
            Json::Array(items) => {
                let left: Vec<Json> = items.iter().filter_map(|item| self.value(item, path)).collect();
                (!left.is_empty() || items.is_empty()).then_some(Json::Array(left))
            }
            Json::Object(object) => match self.kind(path) {
                Some(FieldType::Object | FieldType::Nested) => {
                    let left = self.members(object.iter(), path);
                    (!left.is_empty() || object.is_empty()).then_some(Json::Object(left))
                }
                Some(FieldType::Flattened | FieldType::Unsearchable) | None => Some(value.clone()),
                Some(_) => None,
            },
            Json::Null => Some(Json::Null),
            scalar => {
                let fits = |kind| Value::of_scalar(scalar).is_some_and(|scalar| fits(scalar, kind));
                self.kind(path).is_none_or(fits).then(|| scalar.clone())
            }
        }
    }

    /// As [`each_clean`], of an object that stands where the first `start` bytes of the field lead to. Below a field without a type
    /// all is left as it is.
    fn walk(&self, object: &Tree<'_>, (field, start): (&str, usize), typed: bool, visit: &mut dyn FnMut(String)) {
        let rest = &field[start..];
        let kind = |path: &str| if typed { self.kind(path) } else { None };
        if let Some(found) = object.get(rest) {
            let kind = kind(field);
            let scalars = found.elements().iter().filter_map(Tree::scalar);
            let kept = scalars.filter(|scalar| kind.is_none_or(|kind| fits(*scalar, kind)));
            kept.filter_map(text).for_each(&mut *visit);
        }
        for (dot, _) in rest.match_indices('.') {
            let Some(found) = object.get(&rest[..dot]) else { continue };
            let typed = match kind(&field[..start + dot]) {
                Some(FieldType::Object | FieldType::Nested) => true,
                Some(FieldType::Flattened | FieldType::Unsearchable) | None => false,
                Some(_) => continue,
            };
            for below in found.elements() {
                self.walk(below, (field, start + dot + 1), typed, visit);
            }
        }
    }

    /// The type that ECS gives a field; `None` for fields that it does not know.
    fn kind(&self, path: &str) -> Option<FieldType> {
        if path.len() > LONGEST_NAME {
            return None;
        }
        match self.schema.lookup(path) {
            Lookup::Field(field) if field.origin == Origin::Ecs => Some(field.kind),
            _ => None,
        }
    }
}

fn fits(scalar: Value<'_>, kind: FieldType) -> bool {
    let is_number = |text: &str| text.trim().parse::<f64>().is_ok_and(f64::is_finite);
    match (kind, scalar) {
        (FieldType::Object | FieldType::Nested | FieldType::Flattened, _) => false,
        (FieldType::Ip, Value::Str(text)) => parse_ip(text).is_some(),
        (FieldType::Boolean, Value::Str(text)) => matches!(text, "true" | "false"),
        (FieldType::Date | FieldType::DateNanos, _) => instant(scalar).is_some(),
        (kind, Value::Str(text)) if kind.is_number() => is_number(text),
        (kind, Value::Int(_) | Value::UInt(_) | Value::Float(_)) if kind.is_number() => true,
        (FieldType::Boolean, Value::Bool(_)) => true,
        (FieldType::Ip | FieldType::Boolean, _) => false,
        (kind, _) => !kind.is_number(),
    }
}

/// A value as a text, `None` for what is no value.
pub(super) fn text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.to_owned()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::UInt(value) => Some(value.to_string()),
        // `5.0` is the number 5.
        Value::Float(value) => Some(value.to_string()),
        Value::Null | Value::Object(_) => None,
    }
}

/// A date as events write it: a text, or milliseconds since 1970.
pub(super) fn instant(value: Value<'_>) -> Option<Instant> {
    match value {
        Value::Str(text) => DateFormat::default().parse(text, Rounding::Down).ok(),
        Value::Int(millis) => Some(Instant::from(millis) * MILLISECOND),
        _ => None,
    }
}

/// The time of a source; of several the earliest, which is the one that decides about windows.
pub(super) fn time(source: &Object) -> Option<Instant> {
    let times = elements(at(source, "@timestamp")?).iter();
    times.filter_map(|value| instant(Value::of_scalar(value)?)).min()
}

/// What stands at a path, for every way to spell it with dots and objects.
pub(super) fn at<'a>(object: &'a Object, path: &str) -> Option<&'a Json> {
    if let Some(found) = object.get(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(dot, _)| at(object.get(&path[..dot])?.as_object()?, &path[dot + 1..]))
}

/// Removes what stands at a path, and the objects that are empty then.
pub(super) fn remove(object: &mut Object, path: &str) {
    object.shift_remove(path);
    for (dot, _) in path.match_indices('.') {
        let above = &path[..dot];
        if let Some(below) = object.get_mut(above).and_then(Json::as_object_mut)
            && !below.is_empty()
        {
            remove(below, &path[dot + 1..]);
            if below.is_empty() {
                object.shift_remove(above);
            }
        }
    }
}

/// The fields below a path with their names from there on. Objects are flattened, up to names that no field has.
pub(super) fn below(object: &Object, path: &str) -> Vec<(String, Json)> {
    let mut out = Vec::new();
    leaves(object, "", path, &mut out);
    out
}

fn leaves(object: &Object, above: &str, wanted: &str, out: &mut Vec<(String, Json)>) {
    for (key, value) in object {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        let name = path.strip_prefix(wanted).and_then(|rest| rest.strip_prefix('.'));
        let leads_there = name.is_some() || path == wanted;
        match (value, name) {
            (Json::Object(below), _) if leads_there && !below.is_empty() && path.len() <= LONGEST_NAME => {
                leaves(below, &path, wanted, out);
            }
            (_, Some(name)) => out.push((name.to_owned(), value.clone())),
            _ => {}
        }
    }
}

/// The fields that all objects have with the same values; of lists, the elements that all have.
pub(super) fn common<'a>(mut objects: impl Iterator<Item = &'a Object>) -> Object {
    let Some(first) = objects.next() else { return Object::new() };
    objects.fold(first.clone(), |all, next| intersection(&all, next))
}

fn intersection(left: &Object, right: &Object) -> Object {
    let same = |(key, left): (&String, &Json)| {
        let right = right.get(key)?;
        let value = match (left, right) {
            (Json::Object(left), Json::Object(right)) => {
                let both = intersection(left, right);
                (!both.is_empty()).then_some(Json::Object(both))
            }
            (Json::Array(_), _) | (_, Json::Array(_)) => {
                // Each element once, as its text: lists may be long.
                let mut right: HashSet<String> = elements(right).iter().map(Json::to_string).collect();
                let both = elements(left).iter().filter(|item| right.remove(&item.to_string())).cloned();
                let both: Vec<Json> = both.collect();
                (!both.is_empty()).then_some(Json::Array(both))
            }
            (left, right) => (left == right).then(|| left.clone()),
        };
        Some((key.clone(), value?))
    };
    left.iter().filter_map(same).collect()
}

/// The elements of a list; any other value is its own.
pub(super) fn elements(value: &Json) -> &[Json] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::overrides::each_value;
    use super::*;

    #[test]
    fn a_few_fields_of_a_source_are_those_of_the_clean_one() {
        let values = [
            json!("10.0.0.1"),
            json!("none"),
            json!(443),
            json!("443"),
            json!(true),
            json!(null),
            json!(["10.0.0.1", "x", null, 5, ["10.0.0.2"], {"ip": "10.0.0.3"}]),
            json!([]),
            json!({}),
            json!({"ip": "10.0.0.4", "port": "x", "name": ["a", {"b": "c"}]}),
            json!([{"name": "a"}, {"name": {"b": "c"}}, {"parent": {"name": 5}}]),
            json!({"parent": [{"name": "p"}, {"name": "q"}], "parent.name": "r"}),
            json!({"ip": {"x": "10.0.0.5"}}),
        ];
        let fields = [
            "source.ip",
            "source.port",
            "process.name",
            "process.parent.name",
            "host.name",
            "labels.a.b",
            "own.a.name",
        ];
        let keys = ["source", "process", "process.parent", "host", "labels", "labels.a", "own", "own.a"];
        for first in keys {
            for (one, other) in values.iter().flat_map(|one| values.iter().map(move |other| (one, other))) {
                for second in
                    ["source.ip", "source.port", "process.name", "process.parent.name", "host.name", "own.a.name"]
                {
                    let source = json!({first: one, second: other, "kibana": {"x": 1}});
                    let clean = clean(&source);
                    for field in fields {
                        let (mut wanted, mut found) = (Vec::new(), Vec::new());
                        each_value(&clean, field, |value| wanted.extend(Value::of_scalar(value).and_then(text)));
                        each_clean(&Tree::of(&source), field, &mut |text| found.push(text));
                        assert_eq!(found, wanted, "{field} of {source}");
                    }
                }
            }
        }
    }
}
