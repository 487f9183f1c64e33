//! The documents that Kibana writes for an alert. (Kibana: alert documents of detection rules.)

pub(super) mod group;
mod rule;

use serde_json::{Value as Json, json};

use super::identity::{Origin, SPACE, named, rule_uuid, structural};
use super::minimal::{enrichment, threshold};
use super::overrides::{Overrides, each_value};
use super::reason::reason;
use super::source::{Object, at, below, clean, remove, time};
use super::{Alert, Details, Suppressed};
use crate::event::Event;
use crate::event::time::{Instant, to_iso};

/// A document that an alert was made of: what it came from itself, and how deep it lies.
#[derive(Debug, Clone)]
pub(super) struct Parent {
    /// Its ancestors, then itself.
    pub line: Vec<Json>,
    pub depth: u64,
}

impl Parent {
    /// An event, or an alert that became an event of another rule.
    pub fn of_event(event: &Event) -> Self {
        let origin = Origin::of(event);
        if !event.may_say("kibana") {
            return Self::raw(&origin);
        }
        let empty = Object::new();
        let source = event.source().as_object().unwrap_or(&empty);
        if at(source, "kibana.alert.uuid").is_none() {
            return Self::raw(&origin);
        }
        let mut line = at(source, "kibana.alert.ancestors").and_then(Json::as_array).cloned().unwrap_or_default();
        let depth = at(source, "kibana.alert.depth").and_then(Json::as_u64).unwrap_or(1);
        let rule = at(source, "kibana.alert.rule.uuid").cloned().unwrap_or_default();
        line.push(json!({"rule": rule, "id": origin.id, "type": "signal", "index": origin.index, "depth": depth}));
        Self { line, depth }
    }

    /// A document that is no alert.
    pub fn raw(origin: &Origin) -> Self {
        Self { line: vec![json!({"id": origin.id, "type": "event", "index": origin.index, "depth": 0})], depth: 0 }
    }
}

/// Whether an event is an alert of the rule, or one that an alert of the rule led to.
pub(super) fn descends_from(event: &Event, rule: &str) -> bool {
    // Most events are none, and need not be parsed to tell.
    if !event.may_say("kibana") {
        return false;
    }
    let Some(source) = event.source().as_object() else { return false };
    if !source.keys().any(|key| key.starts_with("kibana")) {
        return false;
    }
    let mut found = false;
    for field in ["kibana.alert.rule.uuid", "kibana.alert.ancestors.rule"] {
        each_value(source, field, |value| found |= value.as_str() == Some(rule));
    }
    found
}

/// What differs between the documents of one alert.
pub(super) struct Parts<'a> {
    pub parents: &'a [Parent],
    pub overrides: &'a Overrides,
    pub reason: String,
    pub uuid: String,
    pub original_time: Option<String>,
}

/// The documents of an alert: one, or for a sequence or sample the shell and its building blocks.
pub(super) fn documents(alert: &Alert) -> Vec<Json> {
    if matches!(alert.finding.details, Details::Group(_)) {
        return group::documents(alert);
    }
    let source = alert.source();
    let parent = match (&alert.finding.details, alert.events().iter().flatten().next()) {
        (Details::Threshold(_), _) | (_, None) => Parent::raw(&alert.threshold_origin()),
        (_, Some(event)) => Parent::of_event(event),
    };
    let overrides = alert.overrides(&source);
    let parts = Parts {
        reason: reason(&source, &overrides, alert.rules.settings.compat),
        parents: &[parent],
        overrides: &overrides,
        uuid: alert.id(),
        original_time: original_time(&source),
    };
    let mut out = document(alert, source, &parts);
    let details = details(alert, &out);
    if details.contains_key("threat") {
        remove(&mut out, "threat.enrichments");
    }
    out.extend(details);
    vec![Json::Object(out)]
}

/// A source with the fields of an alert laid over it.
pub(super) fn document(alert: &Alert, mut source: Object, parts: &Parts<'_>) -> Object {
    let mut originals = Object::new();
    for (above, name) in [("event", "original_event"), ("data_stream", "original_data_stream")] {
        let fields = below(&source, above).into_iter();
        originals.extend(fields.map(|(field, value)| (format!("kibana.alert.{name}.{field}"), value)));
    }
    remove(&mut source, "event.kind");
    source.extend(originals);
    source.extend(alert_fields(alert, parts));
    source
}

/// The fields of an alert (Kibana: `buildAlertFields`).
pub(super) fn alert_fields(alert: &Alert, parts: &Parts<'_>) -> Object {
    let created = alert.created_iso();
    let depth = 1 + parts.parents.iter().map(|parent| parent.depth).max().unwrap_or_default();
    let ancestors: Vec<&Json> = parts.parents.iter().flat_map(|parent| &parent.line).collect();
    let fields = json!({
        "@timestamp": created,
        "event.kind": "signal",
        "kibana.space_ids": [SPACE],
        "kibana.alert.uuid": parts.uuid,
        "kibana.alert.original_time": parts.original_time,
        "kibana.alert.ancestors": ancestors,
        "kibana.alert.depth": depth,
        "kibana.alert.status": "active",
        "kibana.alert.workflow_status": "open",
        "kibana.alert.workflow_tags": [],
        "kibana.alert.workflow_assignee_ids": [],
        "kibana.alert.reason": parts.reason,
        "kibana.alert.severity": parts.overrides.severity.name(),
        "kibana.alert.risk_score": parts.overrides.risk_score,
        "kibana.alert.building_block_type": alert.rule().text("building_block_type"),
        "kibana.alert.start": created,
        "kibana.alert.last_detected": created,
        "kibana.alert.intended_timestamp": created,
        "kibana.alert.rule.execution.type": "scheduled",
        "kibana.alert.rule.execution.timestamp": created,
        "kibana.alert.rule.execution.uuid": named(&format!("{}{}", rule_uuid(alert.rule()), created.as_deref().unwrap_or_default())),
    });
    let mut out = rule::fields(alert.rule(), &parts.overrides.name);
    if let Json::Object(fields) = fields {
        out.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    out
}

/// What the type of the rule and suppression add. Enrichments come after those that `document` has.
fn details(alert: &Alert, document: &Object) -> Object {
    let mut out = suppression(alert);
    match &alert.finding.details {
        Details::Threshold(result) => {
            out.insert("kibana.alert.threshold_result".into(), threshold(result));
        }
        Details::NewTerms(terms) => {
            out.insert("kibana.alert.new_terms".into(), json!(terms));
        }
        Details::Threat(hits) => {
            let own = at(document, "threat.enrichments").and_then(Json::as_array).cloned().unwrap_or_default();
            let all: Vec<Json> = own.into_iter().chain(hits.iter().map(enrichment)).collect();
            let mut threat = document.get("threat").and_then(Json::as_object).cloned().unwrap_or_default();
            threat.insert("enrichments".into(), all.into());
            out.insert("threat".into(), Json::Object(threat));
        }
        Details::Event | Details::Group(_) => {}
    }
    out
}

/// What was suppressed into the alert; empty where the rule does not suppress.
pub(super) fn suppression(alert: &Alert) -> Object {
    let Some(suppressed) = &alert.finding.suppressed else { return Object::new() };
    let terms = terms(suppressed);
    let fields = json!({
        // An alert of an earlier run that took something in was detected again then; a stream's run is the event.
        "kibana.alert.last_detected":
            suppressed.detected.or_else(|| suppressed.end.max(alert.created.or_else(|| alert.latest()))).map(to_iso),
        "kibana.alert.instance.id": structural(&json!([terms, rule_uuid(alert.rule()), SPACE])),
        "kibana.alert.suppression.terms": terms,
        "kibana.alert.suppression.start": suppressed.start.map(to_iso),
        "kibana.alert.suppression.end": suppressed.end.map(to_iso),
        "kibana.alert.suppression.docs_count": suppressed.count,
    });
    let Json::Object(fields) = fields else { return Object::new() };
    fields.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// The group of a suppressed alert; a missing field is null.
pub(super) fn terms(suppressed: &Suppressed) -> Vec<Json> {
    let value = |values: &[Json]| if values.is_empty() { Json::Null } else { values.into() };
    suppressed.terms.iter().map(|(field, values)| json!({"field": field, "value": value(values)})).collect()
}

/// The source's own time.
pub(super) fn original_time(source: &Object) -> Option<String> {
    time(source).map(to_iso)
}

impl Alert {
    /// The source that the alert is about: its event; what the events of a sequence or a sample have in common; the group that
    /// reached a threshold.
    pub(super) fn source(&self) -> Object {
        match &self.finding.details {
            Details::Threshold(result) => {
                let time = result.to.or_else(|| self.latest()).map(to_iso);
                let time = time.map(|time| ("@timestamp".to_owned(), Json::from(time)));
                let terms = result.terms.iter().map(|(field, value)| (field.clone(), Json::from(value.as_str())));
                time.into_iter().chain(terms).collect()
            }
            Details::Group(_) => group::common_source(self),
            _ => self.events().iter().flatten().next().map(|event| clean(event.source())).unwrap_or_default(),
        }
    }

    /// What the source says instead of the rule. Sequences and samples are not asked.
    pub(super) fn overrides(&self, source: &Object) -> Overrides {
        match &self.finding.details {
            Details::Group(_) => Overrides::none(self.rule()),
            _ => Overrides::of(self.rule(), source),
        }
    }

    /// When the alert was created, else the time of its newest event.
    pub(super) fn created_iso(&self) -> Option<String> {
        self.created.or_else(|| self.latest()).map(to_iso)
    }

    fn latest(&self) -> Option<Instant> {
        self.events().iter().flatten().filter_map(|event| time(event.source().as_object()?)).max()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

    use super::*;
    use crate::engine::{AlertForm, Engine, RuleSet};

    /// The alert of a rule over one event, with what was suppressed into it.
    fn alert(kind: &str, suppressed: Option<Suppressed>) -> Alert {
        let rule = format!(r#"{{"id": "u", "name": "R", "severity": "low", "risk_score": 1, {kind}}}"#);
        let loaded = RuleSet::load_text("r.json", &rule);
        assert!(loaded.problems.is_empty());
        let event =
            Event::from_json(r#"{"_index": "i", "_id": "1", "_source": {"@timestamp": 0, "user": {"name": "a"}}}"#);
        let mut alert = Engine::new(loaded.rules).push(event.unwrap()).remove(0);
        alert.finding.suppressed = suppressed;
        alert
    }

    fn suppressed(count: u64) -> Suppressed {
        let terms = vec![("user.name".to_owned(), vec![json!("a")]), ("host.name".to_owned(), Vec::new())];
        Suppressed { terms, start: Some(0), end: Some(1_000_000_000), count, detected: None }
    }

    #[test]
    fn suppressed_alerts_say_what_they_stand_for() {
        let documents = alert(r#""type": "query", "query": "*""#, Some(suppressed(4))).to_documents(AlertForm::Kibana);
        let document = &documents[0];
        let terms = json!([{"field": "user.name", "value": ["a"]}, {"field": "host.name", "value": null}]);
        assert_eq!(document["kibana.alert.suppression.terms"], terms);
        assert_eq!(document["kibana.alert.suppression.docs_count"], 4);
        assert_eq!(document["kibana.alert.suppression.start"], "1970-01-01T00:00:00.000Z");
        assert_eq!(document["kibana.alert.suppression.end"], "1970-01-01T00:00:01.000Z");
        // The group and the rule make the instance, not what fell into it.
        let other = alert(r#""type": "query", "query": "*""#, Some(suppressed(9))).to_documents(AlertForm::Kibana);
        assert_eq!(document["kibana.alert.instance.id"], other[0]["kibana.alert.instance.id"]);
        let ecs = alert(r#""type": "query", "query": "*""#, Some(suppressed(4))).to_documents(AlertForm::Ecs);
        assert_eq!(ecs[0]["alert"]["suppression"]["docs_count"], 4);
    }

    #[test]
    fn the_group_is_part_of_a_query_rule_s_id_only() {
        let query = r#""type": "query", "query": "*""#;
        let later = Suppressed { end: Some(2_000_000_000), ..suppressed(4) };
        assert_ne!(alert(query, None).id(), alert(query, Some(suppressed(4))).id());
        assert_eq!(
            alert(query, Some(later)).id(),
            alert(query, Some(suppressed(4))).id(),
            "the alert of an open window"
        );
        let eql = r#""type": "eql", "query": "any where true""#;
        assert_eq!(alert(eql, None).id(), alert(eql, Some(suppressed(4))).id());
    }

    #[test]
    fn a_threshold_alert_is_new_in_every_run() {
        let rule = r#"{"id": "u", "name": "R", "severity": "low", "risk_score": 1, "type": "threshold", "query": "*",
            "threshold": {"field": ["a"], "value": 1}}"#;
        let alert = |value: &str, created| {
            let mut engine = Engine::new(RuleSet::load_text("r.json", rule).rules);
            engine.push(Event::from_json(format!(r#"{{"@timestamp": 0, "a": "{value}"}}"#)).unwrap());
            let mut alert = engine.finish().remove(0);
            alert.created = Some(created);
            alert
        };
        assert_eq!(alert("x", 1).id(), alert("x", 1).id());
        assert_ne!(alert("x", 1).id(), alert("y", 1).id());
        assert_ne!(alert("x", 0).id(), alert("x", 5_000_000_000).id());
    }

    #[test]
    fn events_without_an_id_are_known_by_their_content() {
        let rule = r#"{"id": "u", "name": "R", "severity": "low", "risk_score": 1, "type": "query", "query": "*"}"#;
        let id = |text: &str, file: Option<&str>| {
            let event = Event::from_json(text).unwrap();
            let event = file.map_or_else(|| event.clone(), |file| event.clone().with_origin(&file.into(), 7));
            Engine::new(RuleSet::load_text("r.json", rule).rules).push(event).remove(0).id()
        };
        let own = id(r#"{"a": 1, "b": {"c": [2, "x"]}}"#, None);
        assert_eq!(
            own,
            id(r#"{ "b": {"c": [2, "x"]}, "a": 1 }"#, Some("/some/file")),
            "order, blanks and place do not count"
        );
        assert_ne!(own, id(r#"{"a": 1, "b": {"c": ["2", "x"]}}"#, None));
        assert_ne!(own, id(r#"{"a": 1, "b": {"c": [[2], "x"]}}"#, None));
        let stream = r#""data_stream": {"dataset": "d", "type": "logs"}"#;
        let by_index =
            |index: &str| id(&format!(r#"{{"_index": "{index}", "_id": "1", "_source": {{{stream}}}}}"#), None);
        assert_ne!(by_index("a"), by_index("b"));
    }
}
