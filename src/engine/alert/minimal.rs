//! The short form of an alert: the rule, the reason, and the events unchanged.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{Alert, Details, Enrichment, ThresholdResult};
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
    let pointer = format!("/{}", hit.path.replace('.', "/"));
    let indicator = &hit.indicator;
    json!({
        "indicator": indicator.source().pointer(&pointer),
        "feed": {"name": indicator.source().pointer("/threat/feed/name")},
        "matched": {
            "atomic": hit.value,
            "field": hit.field,
            "id": indicator.id(),
            "index": indicator.index(),
            "type": "indicator_match_rule",
        },
    })
}
