//! An alert as an ECS document: the event, and about the rule what ECS has fields for. (ECS: event, rule and threat fields.)
//!
//! One document for each alert. The source event keeps its fields and its time; for a sequence or a sample it is what all
//! events have in common, at the time of the first. What ECS has no field for stands under `alert`.

use serde_json::{Value as Json, json};

use super::identity::{Origin, rule_uuid};
use super::kibana::original_time;
use super::minimal::{enrichment, suppression};
use super::source::{Object, at, clean, elements, remove};
use super::{Alert, Details};
use crate::rule::{Rule, RuleSeverity};

/// The document of an alert.
pub(super) fn document(alert: &Alert) -> Json {
    let mut out = alert.source();
    let overrides = alert.overrides(&out);
    let first = alert.events().iter().flatten().next().map(|event| clean(event.source()));
    if let Some(time) = original_time(&out).or_else(|| original_time(&first?)) {
        out.insert("@timestamp".into(), time.into());
    }
    let event = json!({
        "kind": "alert",
        "created": alert.created_iso(),
        "severity": severity(overrides.severity),
        "risk_score": overrides.risk_score,
    });
    lay(&mut out, "event", event);
    lay(&mut out, "rule", rule(alert.rule(), &overrides.name));
    let threat = threat(alert, &out);
    lay(&mut out, "threat", threat);
    let own = at(&out, "tags").map(elements).unwrap_or_default();
    let tags: Vec<Json> = own.iter().chain(alert.rule().list("tags")).cloned().collect();
    if !tags.is_empty() {
        out.insert("tags".into(), tags.into());
    }
    out.insert("message".into(), alert.reason().into());
    out.insert("alert".into(), alert_object(alert));
    Json::Object(out)
}

/// Puts the fields of `group` in place of those that the source has there.
fn lay(out: &mut Object, group: &str, fields: Json) {
    let Json::Object(fields) = fields else { return };
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
        remove(out, &format!("{group}.{name}"));
        let below = out.entry(group).or_insert_with(|| json!({}));
        if !below.is_object() {
            *below = json!({});
        }
        if let Some(below) = below.as_object_mut() {
            below.insert(name, value);
        }
    }
}

/// The score that the public rules have at a severity.
const fn severity(severity: RuleSeverity) -> u8 {
    match severity {
        RuleSeverity::Low => 21,
        RuleSeverity::Medium => 47,
        RuleSeverity::High => 73,
        RuleSeverity::Critical => 99,
    }
}

fn rule(rule: &Rule, name: &str) -> Json {
    let author = rule.list("author");
    json!({
        "id": rule.id(),
        "uuid": rule_uuid(rule),
        "name": name,
        "description": rule.text("description"),
        "category": rule.kind().name(),
        "version": rule.version().map(|version| version.to_string()),
        "license": rule.text("license"),
        "author": (!author.is_empty()).then_some(author),
        "reference": rule.list("references").first(),
    })
}

/// What the rule maps to, and the indicators: after what the source says of its own.
fn threat(alert: &Alert, source: &Object) -> Json {
    let tactics = alert.rule().list("threat");
    let techniques: Vec<&Json> = below(tactics.iter(), "technique").collect();
    let all = |entries: &[&Json], key: &str| -> Json {
        let found: Vec<&Json> = entries.iter().filter_map(|entry| entry.get(key)).collect();
        if found.is_empty() { Json::Null } else { json!(found) }
    };
    let three = |entries: &[&Json]| {
        if entries.is_empty() {
            return Json::Null;
        }
        json!({"id": all(entries, "id"), "name": all(entries, "name"), "reference": all(entries, "reference")})
    };
    let mut technique = three(&techniques);
    let subtechniques: Vec<&Json> = below(techniques.iter().copied(), "subtechnique").collect();
    if !subtechniques.is_empty() {
        technique["subtechnique"] = three(&subtechniques);
    }
    let hits = match &alert.finding.details {
        Details::Threat(hits) => hits.as_slice(),
        _ => &[],
    };
    let own = at(source, "threat.enrichments").map(elements).unwrap_or_default();
    let enrichments: Vec<Json> = own.iter().cloned().chain(hits.iter().map(enrichment)).collect();
    json!({
        "framework": tactics.first().and_then(|entry| entry.get("framework")),
        "tactic": three(&tactics.iter().filter_map(|entry| entry.get("tactic")).collect::<Vec<_>>()),
        "technique": technique,
        "enrichments": (!enrichments.is_empty()).then_some(enrichments),
    })
}

fn below<'a>(entries: impl Iterator<Item = &'a Json>, key: &'a str) -> impl Iterator<Item = &'a Json> {
    entries.filter_map(move |entry| entry.get(key)?.as_array()).flatten()
}

/// What ECS has no field for: the id, the source events, and what the type of the rule and suppression add.
fn alert_object(alert: &Alert) -> Json {
    let origins = alert.events().iter().flatten().map(|event| Origin::of(event));
    let events: Vec<Json> = origins.map(|origin| json!({"id": origin.id, "index": origin.index})).collect();
    let mut out = json!({"id": alert.id(), "events": events});
    if let (Json::Object(details), Json::Object(out)) = (alert.details(), &mut out) {
        out.extend(details.into_iter().filter(|(key, _)| key != "threat"));
    }
    if let Some(suppressed) = &alert.finding.suppressed {
        out["suppression"] = suppression(suppressed);
    }
    out
}
