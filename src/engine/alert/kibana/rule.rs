//! The rule in an alert's document.

use serde_json::{Value as Json, json};

use super::super::identity::rule_uuid;
use super::super::source::Object;
use crate::rule::{Rule, RuleType};

/// Fields that are the rule's under the same name.
const COPIED: &[&str] = &[
    "actions",
    "author",
    "created_at",
    "created_by",
    "description",
    "exceptions_list",
    "false_positives",
    "from",
    "interval",
    "license",
    "max_signals",
    "namespace",
    "note",
    "references",
    "revision",
    "risk_score_mapping",
    "rule_id",
    "rule_name_override",
    "setup",
    "severity_mapping",
    "tags",
    "threat",
    "throttle",
    "timeline_id",
    "timeline_title",
    "timestamp_override",
    "to",
    "type",
    "updated_at",
    "updated_by",
];

/// `kibana.alert.rule.*`, with the name that the alert goes by.
pub(super) fn fields(rule: &Rule, name: &str) -> Object {
    let document = rule.document();
    let mut out = Object::new();
    let mut put = |key: &str, value: Json| {
        if !value.is_null() {
            out.insert(format!("kibana.alert.rule.{key}"), value);
        }
    };
    put("category", json!(category(rule.kind())));
    put("consumer", json!("siem"));
    put("producer", json!("siem"));
    put("rule_type_id", json!(type_id(rule.kind())));
    put("uuid", json!(rule_uuid(rule)));
    put("name", json!(name));
    put("version", json!(rule.version().unwrap_or(1)));
    put("enabled", document.get("enabled").cloned().unwrap_or(json!(true)));
    put("immutable", document.get("immutable").cloned().unwrap_or(json!(false)));
    put("indices", json!(rule.patterns()));
    put("parameters", document.clone());
    for key in COPIED {
        put(key, document.get(*key).cloned().unwrap_or_default());
    }
    for (key, value) in document.get("meta").and_then(Json::as_object).into_iter().flatten() {
        put(&format!("meta.{key}"), value.clone());
    }
    out
}

/// What Kibana calls rules of the type in an alert.
const fn category(kind: RuleType) -> &'static str {
    match kind {
        RuleType::Query | RuleType::SavedQuery => "Custom Query Rule",
        RuleType::Eql => "Event Correlation Rule",
        RuleType::Threshold => "Threshold Rule",
        RuleType::NewTerms => "New Terms Rule",
        RuleType::ThreatMatch => "Indicator Match Rule",
        RuleType::Esql => "ES|QL Rule",
        RuleType::MachineLearning => "Machine Learning Rule",
    }
}

const fn type_id(kind: RuleType) -> &'static str {
    match kind {
        RuleType::Query => "siem.queryRule",
        RuleType::SavedQuery => "siem.savedQueryRule",
        RuleType::Eql => "siem.eqlRule",
        RuleType::Threshold => "siem.thresholdRule",
        RuleType::NewTerms => "siem.newTermsRule",
        RuleType::ThreatMatch => "siem.indicatorRule",
        RuleType::Esql => "siem.esqlRule",
        RuleType::MachineLearning => "siem.mlRule",
    }
}
