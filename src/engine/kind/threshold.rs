//! Thresholds: so many events, and so many distinct values, for each group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::terms::{combinations, names, values};
use crate::engine::alert::ThresholdResult;
use crate::event::Event;
use crate::rule::Rule;

/// A threshold: so many events, and so many distinct values, for each group (Kibana: threshold rules).
#[derive(Debug)]
pub(in crate::engine) struct Threshold {
    fields: Vec<String>,
    least: u64,
    cardinality: Option<(String, u64)>,
}

/// The events of one group so far.
#[derive(Debug, Default)]
pub(in crate::engine) struct Group {
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
        Ok(Self { fields: names(threshold.get("field")), least, cardinality })
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

    /// The groups that reach the threshold, in the order of their keys: the events kept, and what the alert says of them.
    pub fn reached(&self, groups: BTreeMap<Vec<String>, Group>) -> Vec<(Vec<Arc<Event>>, ThresholdResult)> {
        let reached = |group: &Group| {
            let distinct = group.distinct.len() as u64;
            group.count >= self.least && self.cardinality.as_ref().is_none_or(|(_, least)| distinct >= *least)
        };
        let result = |(key, group): (Vec<String>, Group)| {
            let cardinality = self.cardinality.as_ref().map(|(field, _)| (field.clone(), group.distinct.len() as u64));
            let terms = self.fields.iter().cloned().zip(key).collect();
            (group.events, ThresholdResult { terms, count: group.count, cardinality, from: None, to: None })
        };
        groups.into_iter().filter(|(_, group)| reached(group)).map(result).collect()
    }
}
