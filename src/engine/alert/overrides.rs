//! What an event says instead of its rule: severity, risk score, name. (Kibana: mappings of rules.)

use serde_json::Value as Json;

use super::source::{Object, at, elements, text};
use crate::event::Value;
use crate::rule::{Rule, RuleSeverity};

/// Severity, risk score and name of an alert.
#[derive(Debug, Clone)]
pub(super) struct Overrides {
    pub severity: RuleSeverity,
    pub risk_score: Json,
    pub name: String,
}

impl Overrides {
    /// The rule's own, as sequences have them.
    pub fn none(rule: &Rule) -> Self {
        Self { severity: rule.severity(), risk_score: rule.risk_score().into(), name: rule.name().to_owned() }
    }

    /// Whether the source of an alert can say anything else than its rule.
    pub fn may_come_from_source(rule: &Rule) -> bool {
        let is_mapped = |name: &str| !rule.list(name).is_empty();
        is_mapped("severity_mapping") || is_mapped("risk_score_mapping") || rule.text("rule_name_override").is_some()
    }

    /// Those that the source of the alert gives.
    pub fn of(rule: &Rule, source: &Object) -> Self {
        let own = Self::none(rule);
        Self {
            severity: severity(rule, source).unwrap_or(own.severity),
            risk_score: risk_score(rule, source).unwrap_or(own.risk_score),
            name: name(rule, source).unwrap_or(own.name),
        }
    }
}

/// Shows each value of a field, for every way to spell its path.
pub(super) fn each_value(source: &Object, field: &str, mut visit: impl FnMut(&Json)) {
    walk(source, field, &mut visit);
}

fn walk(source: &Object, field: &str, visit: &mut dyn FnMut(&Json)) {
    if let Some(found) = source.get(field) {
        elements(found).iter().for_each(&mut *visit);
    }
    for (dot, _) in field.match_indices('.') {
        let below = source.get(&field[..dot]).into_iter().flat_map(elements).filter_map(Json::as_object);
        below.for_each(|below| walk(below, &field[dot + 1..], visit));
    }
}

/// The highest severity of the entries whose field has their value.
fn severity(rule: &Rule, source: &Object) -> Option<RuleSeverity> {
    let entries = rule.list("severity_mapping").iter().filter(|entry| holds(entry, source));
    let severities = entries.filter_map(|entry| {
        let name = entry.get("severity")?.as_str()?;
        RuleSeverity::ALL.iter().copied().find(|one| one.name() == name)
    });
    severities.max()
}

fn holds(entry: &Json, source: &Object) -> bool {
    let wanted = match entry.get("value") {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => return false,
    };
    let Some(field) = entry.get("field").and_then(Json::as_str) else { return false };
    if entry.get("operator").and_then(Json::as_str).is_some_and(|operator| operator != "equals") {
        return false;
    }
    let number = wanted.parse::<f64>().map(f64::floor);
    let mut found = false;
    each_value(source, field, |value| {
        found |= match (field, &number, Value::of_scalar(value).and_then(text)) {
            ("event.severity", Ok(number), Some(text)) => text.parse::<f64>().is_ok_and(|own| own == *number),
            (_, _, own) => own.as_ref() == Some(&wanted),
        };
    });
    found
}

/// The greatest number from 0 to 100 in the field of the first entry.
fn risk_score(rule: &Rule, source: &Object) -> Option<Json> {
    let field = rule.list("risk_score_mapping").first()?.get("field")?.as_str()?;
    let mut best: Option<f64> = None;
    each_value(source, field, |value| {
        let number = Value::of_scalar(value).and_then(text).filter(|_| !value.is_boolean());
        let number = number.and_then(|text| text.trim().parse::<f64>().ok()).filter(|n| (0.0..=100.0).contains(n));
        best = best.into_iter().chain(number).reduce(f64::max);
    });
    let best = best?;
    Some(if best.fract() == 0.0 { Json::from(best as u64) } else { Json::from(best) })
}

fn name(rule: &Rule, source: &Object) -> Option<String> {
    let name = at(source, rule.text("rule_name_override")?)?.as_str()?;
    (!name.is_empty()).then(|| name.to_owned())
}
