//! Rules that judge many events together: thresholds and new terms.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::event::{Document, Event, FieldKey, Value};
use crate::rule::Rule;

/// Most values of one field, and combinations of them, that one event adds.
const MAX_COMBINATIONS: usize = 10_000;

/// The texts of a field's values, without repetition.
pub(super) fn values(event: &Event, field: &str) -> Vec<String> {
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
pub(super) fn combinations(event: &Event, fields: &[String]) -> Vec<Vec<String>> {
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

fn texts(json: Option<&Json>) -> Vec<String> {
    match json {
        Some(Json::String(text)) if !text.is_empty() => vec![text.clone()],
        Some(Json::Array(items)) => {
            items.iter().filter_map(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// A threshold: so many events, and so many distinct values, for each group (Kibana: threshold rules).
#[derive(Debug)]
pub(super) struct Threshold {
    fields: Vec<String>,
    least: u64,
    cardinality: Option<(String, u64)>,
}

/// The events of one group so far.
#[derive(Debug, Default)]
pub(super) struct Group {
    count: u64,
    distinct: BTreeSet<String>,
    events: Vec<Arc<Event>>,
}

/// Events of a group that are kept for its alert; all are counted.
const KEPT_EVENTS: usize = 100;

impl Threshold {
    pub fn of(rule: &Rule) -> Result<Self, String> {
        let threshold = rule.document().get("threshold").ok_or("the rule has no threshold")?;
        let least = threshold
            .get("value")
            .and_then(Json::as_u64)
            .filter(|&value| value > 0)
            .ok_or("the threshold has no value")?;
        let cardinality = match threshold.get("cardinality") {
            Some(Json::Array(items)) => items.first(),
            other => other,
        };
        let cardinality =
            cardinality.and_then(|each| Some((each.get("field")?.as_str()?.to_owned(), each.get("value")?.as_u64()?)));
        Ok(Self { fields: texts(threshold.get("field")), least, cardinality })
    }

    pub fn add(&self, groups: &mut BTreeMap<Vec<String>, Group>, event: &Arc<Event>) {
        for key in combinations(event, &self.fields) {
            let group = groups.entry(key).or_default();
            group.count += 1;
            if let Some((field, _)) = &self.cardinality {
                group.distinct.extend(values(event, field));
            }
            if group.events.len() < KEPT_EVENTS {
                group.events.push(Arc::clone(event));
            }
        }
    }

    /// The groups that reach the threshold, in the order of their keys: events, and what the alert says of them.
    pub fn alerts(&self, groups: BTreeMap<Vec<String>, Group>) -> Vec<(Vec<Arc<Event>>, Json)> {
        let reached = |group: &Group| {
            group.count >= self.least
                && self.cardinality.as_ref().is_none_or(|(_, least)| group.distinct.len() as u64 >= *least)
        };
        let alert = |(key, group): (Vec<String>, Group)| {
            let terms: Vec<Json> =
                self.fields.iter().zip(&key).map(|(field, value)| json!({"field": field, "value": value})).collect();
            let mut result = json!({"terms": terms, "count": group.count});
            if let Some((field, _)) = &self.cardinality {
                result["cardinality"] = json!([{"field": field, "value": group.distinct.len()}]);
            }
            (group.events, json!({"threshold_result": result}))
        };
        groups.into_iter().filter(|(_, group)| reached(group)).map(alert).collect()
    }
}

/// Terms that were never seen before (Kibana: new terms rules).
#[derive(Debug)]
pub(super) struct NewTerms {
    fields: Vec<String>,
}

impl NewTerms {
    pub fn of(rule: &Rule) -> Result<Self, String> {
        let fields = texts(rule.document().get("new_terms_fields"));
        match fields.len() {
            1..=3 => Ok(Self { fields }),
            count => Err(format!("new terms rules have 1 to 3 fields, not {count}")),
        }
    }

    /// The terms of the event that are new, in order.
    pub fn new_terms(&self, seen: &mut BTreeSet<Vec<String>>, event: &Event) -> Vec<Vec<String>> {
        let terms = combinations(event, &self.fields).into_iter();
        terms.filter(|term| seen.insert(term.clone())).collect()
    }
}
