//! Indicator match: events whose values stand in indicators (Kibana: indicator match rules).

use std::sync::Arc;

use serde_json::Value as Json;

use super::terms::values;
use crate::engine::alert::Enrichment;
use crate::event::Event;
use crate::query::{Builder, Query};
use crate::rule::{Problem, Rule};
use crate::source::Source;

/// Most indicators that an alert lists.
const MAX_ENRICHMENTS: usize = 200;

/// The mapping of a rule and the query of its indicators.
#[derive(Debug)]
pub(in crate::engine) struct ThreatMatch {
    groups: Vec<Vec<Entry>>,
    indicators: Query,
    path: String,
}

#[derive(Debug)]
struct Entry {
    field: String,
    indicator: String,
    negate: bool,
}

impl ThreatMatch {
    /// `builder` makes the query of the indicators, with what holds beside it.
    pub fn of(rule: &Rule, builder: Builder) -> Result<Self, Box<Problem>> {
        let unsupported = |reason: &str| Box::new(Problem::unsupported(rule, reason));
        let text = |entry: &Json, name: &str| entry.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let entry = |entry: &Json| Entry {
            field: text(entry, "field"),
            indicator: text(entry, "value"),
            negate: entry.get("negate").and_then(Json::as_bool).unwrap_or(false),
        };
        let groups: Vec<Vec<Entry>> = rule
            .document()
            .get("threat_mapping")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(|group| group.get("entries")?.as_array())
            .map(|entries| entries.iter().map(entry).collect())
            .collect();
        if groups.is_empty() {
            return Err(unsupported("the rule maps no fields to indicators"));
        }
        if groups.iter().any(|group| group.iter().all(|entry| entry.negate)) {
            return Err(unsupported("a group of the mapping has only negated entries"));
        }
        if rule.text("threat_language").is_some_and(|language| language != "kuery") {
            return Err(Box::new(Problem::at(rule, "threat_language", "only `kuery` is evaluated")));
        }
        let query = rule.source("threat_query").unwrap_or_else(|| Source::new(rule.file(), "*:*"));
        let indicators = builder.kql_source(&query);
        let indicators = indicators.map_err(|findings| Box::new(Problem::of_rule(rule, findings)))?;
        let path = rule.text("threat_indicator_path").unwrap_or("threat.indicator").to_owned();
        Ok(Self { groups, indicators, path })
    }

    /// The indicators that the rule's own query selects.
    pub fn select(&self, indicators: &[Arc<Event>]) -> Vec<Arc<Event>> {
        self.indicators
            .search(indicators.iter().cloned())
            .iter()
            .flat_map(|hit| hit.events().iter().flatten().cloned())
            .collect()
    }

    /// What the indicators say of an event; empty where none hits it.
    pub fn hits(&self, indicators: &[Arc<Event>], event: &Event) -> Vec<Enrichment> {
        let hits = indicators.iter().flat_map(|indicator| {
            self.groups
                .iter()
                .filter(|group| group.iter().all(|entry| entry.holds(event, indicator)))
                .map(move |group| (indicator, group))
        });
        hits.take(MAX_ENRICHMENTS).map(|(indicator, group)| self.enrichment(event, indicator, group)).collect()
    }

    fn enrichment(&self, event: &Event, indicator: &Arc<Event>, group: &[Entry]) -> Enrichment {
        let field = group.iter().find(|entry| !entry.negate).map_or("", |entry| entry.field.as_str());
        Enrichment {
            indicator: Arc::clone(indicator),
            path: self.path.clone(),
            field: field.to_owned(),
            value: values(event, field).into_iter().next(),
        }
    }
}

impl Entry {
    fn holds(&self, event: &Event, indicator: &Event) -> bool {
        let (own, wanted) = (values(event, &self.field), values(indicator, &self.indicator));
        !wanted.is_empty() && own.iter().any(|value| wanted.contains(value)) != self.negate
    }
}
