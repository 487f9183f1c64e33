//! The short form of an alert: the rule, the reason, and the events unchanged.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value as Json, json};

use super::source::at;
use super::{Alert, Details, Enrichment, Suppressed, ThresholdResult, kibana};
use crate::event::time::to_iso;
use crate::event::{Event, Tree};
use crate::query::Hit;
use crate::rule::Rule;

impl Alert {
    /// The alert as a document: the rule's identity, severity, risk and threat, the reason, and the events unchanged.
    pub fn to_json(&self) -> Json {
        // Nothing in it can fail to be written.
        serde_json::to_value(Minimal(self)).unwrap_or_default()
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

/// The short form of an alert, which borrows its events.
pub(super) struct Minimal<'a>(pub &'a Alert);

impl Serialize for Minimal<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let alert = self.0;
        let events: Vec<Shown<'_>> = alert.events().iter().map(|event| Shown::of(event.as_deref())).collect();
        let first = events.iter().find_map(Shown::source);
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("id", &alert.id_of(first))?;
        out.serialize_entry("rule", &ShownRule::of(alert.rule()))?;
        out.serialize_entry("reason", &alert.reason_of(first))?;
        if let Json::Object(details) = alert.details() {
            details.iter().try_for_each(|(name, value)| out.serialize_entry(name, value))?;
        }
        if let Some(suppressed) = &alert.finding.suppressed {
            out.serialize_entry("suppression", &suppression(suppressed))?;
        }
        out.serialize_entry("events", &events)?;
        out.end()
    }
}

/// A rule of an alert.
#[derive(serde::Serialize)]
struct ShownRule<'a> {
    id: Option<&'a str>,
    name: &'a str,
    version: Option<u64>,
    r#type: &'static str,
    severity: &'static str,
    risk_score: u8,
    threat: &'a Json,
}

impl<'a> ShownRule<'a> {
    fn of(rule: &'a Rule) -> Self {
        Self {
            id: rule.id(),
            name: rule.name(),
            version: rule.version(),
            r#type: rule.kind().name(),
            severity: rule.severity().name(),
            risk_score: rule.risk_score(),
            threat: rule.threat(),
        }
    }
}

/// An event of an alert.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Missing {
        missing: bool,
    },
    Event {
        #[serde(rename = "_index")]
        index: &'a str,
        #[serde(rename = "_id")]
        id: &'a str,
        #[serde(rename = "_source")]
        source: Tree<'a>,
    },
}

impl<'a> Shown<'a> {
    fn of(event: Option<&'a Event>) -> Self {
        let Some(event) = event else { return Self::Missing { missing: true } };
        let (index, id) = (event.index().unwrap_or_default(), event.id().unwrap_or_default());
        Self::Event { index, id, source: event.tree() }
    }

    fn source(&self) -> Option<&Tree<'a>> {
        match self {
            Self::Missing { .. } => None,
            Self::Event { source, .. } => Some(source),
        }
    }
}

fn join_keys(hit: &Hit) -> Json {
    match hit.join_keys_json() {
        keys if keys.is_empty() => Json::Null,
        keys => json!({"join_keys": keys}),
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
