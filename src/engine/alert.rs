//! Alerts: a hit of a rule, as a document.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::rule_set::RuleSet;
use crate::event::Event;
use crate::query::Hit;
use crate::rule::Rule;

/// What a rule found.
#[derive(Debug, Clone)]
pub struct Alert {
    pub(super) rules: Arc<RuleSet>,
    pub(super) rule: usize,
    pub(super) events: Vec<Option<Arc<Event>>>,
    pub(super) hit: Option<Hit>,
    /// What the type of the rule adds: a threshold's result, new terms, enrichments.
    pub(super) details: Json,
}

impl Alert {
    /// The rule.
    pub fn rule(&self) -> &Rule {
        &self.rules.rules[self.rule].rule
    }

    /// The place of the rule in its set.
    pub const fn rule_index(&self) -> usize {
        self.rule
    }

    /// The events, `None` for missing ones of a sequence.
    pub fn events(&self) -> &[Option<Arc<Event>>] {
        &self.events
    }

    /// A number that is the same for the same rule and events on every machine.
    pub fn id(&self) -> String {
        let mut halves = [0_u64; 2];
        for (seed, half) in halves.iter_mut().enumerate() {
            let mut hasher = foldhash::quality::FixedState::with_seed(seed as u64).build_hasher();
            hasher.write(self.rule().id().unwrap_or(self.rule().name()).as_bytes());
            for event in self.events.iter().flatten() {
                hasher.write(event.index().unwrap_or_default().as_bytes());
                match event.id() {
                    Some(id) => hasher.write(id.as_bytes()),
                    None => hasher.write(event.source().to_string().as_bytes()),
                }
            }
            hasher.write(self.details.to_string().as_bytes());
            *half = hasher.finish();
        }
        format!("{:016x}{:016x}", halves[0], halves[1])
    }

    /// The sentence that Kibana writes over an alert (Kibana: reason formatters); ports are printed.
    pub fn reason(&self) -> String {
        let source = self.events.iter().flatten().next();
        let part = |field: &str| {
            let values = source.map(|event| super::aggregate::values(event, field)).unwrap_or_default();
            let values: Vec<String> = values.into_iter().filter(|value| !value.is_empty() && value != "-").collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        let mut out = part("event.category").map(|category| format!("{category} ")).unwrap_or_default();
        out.push_str("event");
        let with = [
            part("process.name").map(|name| format!(" process {name},")),
            part("process.parent.name").map(|name| format!(" parent process {name},")),
            part("file.name").map(|name| format!(" file {name},")),
            address(part("source.ip"), part("source.port")).map(|text| format!(" source {text},")),
            address(part("destination.ip"), part("destination.port")).map(|text| format!(" destination {text},")),
        ];
        if with.iter().any(Option::is_some) {
            out.push_str(" with");
            with.iter().flatten().for_each(|text| out.push_str(text));
        }
        if let Some(user) = part("user.name") {
            out.push_str(&format!(" by {user}"));
        }
        if let Some(host) = part("host.name") {
            out.push_str(&format!(" on {host}"));
        }
        out.push_str(&format!(" created {} alert {}.", self.rule().severity(), self.rule().name()));
        out
    }

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
        if let Some(keys) = self.hit.as_ref().map(Hit::to_json).and_then(|hit| hit.get("join_keys").cloned()) {
            out.insert("join_keys".into(), keys);
        }
        if let Json::Object(details) = &self.details {
            out.extend(details.clone());
        }
        let event = |event: &Option<Arc<Event>>| match event {
            None => json!({"missing": true}),
            Some(event) => {
                json!({"_index": event.index().unwrap_or_default(), "_id": event.id().unwrap_or_default(), "_source": event.source()})
            }
        };
        out.insert("events".into(), self.events.iter().map(event).collect());
        Json::Object(out)
    }
}

fn address(ip: Option<String>, port: Option<String>) -> Option<String> {
    match (ip, port) {
        (Some(ip), Some(port)) => Some(format!("{ip}:{port}")),
        (Some(ip), None) => Some(ip),
        (None, Some(port)) => Some(format!(":{port}")),
        (None, None) => None,
    }
}
