//! The short form of an alert: the rule, the reason, and the events unchanged.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::source::at;
use super::{Alert, Details, Enrichment, Suppressed, ThresholdResult, kibana};
use crate::event::Event;
use crate::event::time::to_iso;
use crate::query::Hit;

impl Alert {
    /// The alert as a document: the rule's identity, severity, risk and threat, the reason, and the events unchanged.
    pub fn to_json(&self) -> Json {
        let rule = self.rule();
        let mut out = Map::new();
        out.insert("id".into(), json!(self.id()));
        out.insert(
            "rule".into(),
            json!({
                "id": rule.id(), "name": rule.name(), "version": rule.version(), "type": rule.kind().name(),
                "severity": rule.severity().name(), "risk_score": rule.risk_score(), "threat": rule.threat(),
            }),
        );
        out.insert("reason".into(), json!(self.reason()));
        if let Json::Object(details) = self.details() {
            out.extend(details);
        }
        if let Some(suppressed) = &self.finding.suppressed {
            out.insert("suppression".into(), suppression(suppressed));
        }
        out.insert("events".into(), self.events().iter().map(event).collect());
        Json::Object(out)
    }

    /// What the type of the rule adds.
    pub(super) fn details(&self) -> Json {
        match &self.finding.details {
            Details::Event => Json::Null,
            Details::Group(hit) => join_keys(hit),
            Details::Threshold(result) => json!({"threshold_result": threshold(result)}),
            Details::NewTerms(terms) => json!({"new_terms": terms}),
            Details::Threat(hits) => {
                json!({"threat": {"enrichments": hits.iter().map(enrichment).collect::<Vec<_>>()}})
            }
        }
    }
}

fn event(event: &Option<Arc<Event>>) -> Json {
    match event {
        None => json!({"missing": true}),
        Some(event) => {
            json!({"_index": event.index().unwrap_or_default(), "_id": event.id().unwrap_or_default(), "_source": event.source()})
        }
    }
}

fn join_keys(hit: &Hit) -> Json {
    match hit.to_json().get("join_keys") {
        Some(keys) => json!({"join_keys": keys}),
        None => Json::Null,
    }
}

/// What was suppressed into an alert.
pub(super) fn suppression(suppressed: &Suppressed) -> Json {
    json!({
        "terms": kibana::terms(suppressed),
        "start": suppressed.start.map(to_iso),
        "end": suppressed.end.map(to_iso),
        "docs_count": suppressed.count,
    })
}

/// A threshold's result as Kibana writes it.
pub(super) fn threshold(result: &ThresholdResult) -> Json {
    let terms: Vec<Json> = result.terms.iter().map(|(field, value)| json!({"field": field, "value": value})).collect();
    let mut out = json!({"terms": terms, "count": result.count});
    if let Some((field, count)) = &result.cardinality {
        out["cardinality"] = json!([{"field": field, "value": count}]);
    }
    if let Some(from) = result.from {
        out["from"] = json!(to_iso(from));
    }
    out
}

/// An enrichment as Kibana writes it.
pub(super) fn enrichment(hit: &Enrichment) -> Json {
    let indicator = &hit.indicator;
    let part = |path: &str| at(indicator.source().as_object()?, path).cloned();
    let feed = part("threat.feed.name").map_or_else(|| json!({}), |name| json!({"name": name}));
    json!({
        "indicator": part(&hit.path).unwrap_or_else(|| json!({})),
        "feed": feed,
        "matched": {
            "atomic": hit.value,
            "field": hit.field,
            "id": indicator.id(),
            "index": indicator.index(),
            "type": "indicator_match_rule",
        },
    })
}
