//! Alerts: what a rule found, as a document.

mod ecs;
mod identity;
mod kibana;
mod minimal;
mod overrides;
mod reason;
mod source;

use std::sync::Arc;

use super::rule_set::{Compat, RuleSet};
use crate::event::Event;
use crate::event::time::Instant;
use crate::query::Hit;
use crate::rule::Rule;

/// The forms in which an alert is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlertForm {
    /// The rule, the reason, and the events unchanged: [`Alert::to_json`].
    #[default]
    Minimal,
    /// The documents that Kibana writes: one, or for a sequence or a sample a shell and its building blocks.
    Kibana,
    /// The source event with the ECS fields of an alert: `event.kind`, `rule.*`, `threat.*`, and the reason as `message`.
    Ecs,
}

/// What a rule found, with its rule and the time at which it was found.
#[derive(Debug, Clone)]
pub struct Alert {
    pub(super) rules: Arc<RuleSet>,
    pub(super) rule: usize,
    pub(super) finding: Finding,
    /// When the alert was created: the start of the scheduled run, or the time of the newest event of a stream, so that the
    /// same input gives the same alert.
    pub(super) created: Option<Instant>,
}

/// What a rule found, before it is written as an alert.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The events, in the order of the stages; `None` for missing ones of a sequence. The first is the source of the alert.
    pub events: Vec<Option<Arc<Event>>>,
    /// What the type of the rule adds.
    pub details: Details,
    /// What was suppressed into this alert, if the rule suppresses.
    pub suppressed: Option<Suppressed>,
}

/// What the type of a rule adds to its events.
#[derive(Debug, Clone)]
pub enum Details {
    /// One event that a query found.
    Event,
    /// Events of a sequence or a sample (Kibana: a shell alert over building blocks).
    Group(Hit),
    /// A group that reached a threshold.
    Threshold(ThresholdResult),
    /// Values never seen before, in the order of the rule's fields.
    NewTerms(Vec<String>),
    /// Indicators that the event matches.
    Threat(Vec<Enrichment>),
}

/// A group of events that reached a threshold (Kibana: `kibana.alert.threshold_result`).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ThresholdResult {
    /// The fields of the group and their values.
    pub terms: Vec<(String, String)>,
    /// How many events.
    pub count: u64,
    /// The field whose distinct values are counted, and their number.
    pub cardinality: Option<(String, u64)>,
    /// The time of the earliest event.
    pub from: Option<Instant>,
    /// The time of the latest event.
    pub to: Option<Instant>,
}

/// An indicator that an event matches (Kibana: `threat.enrichments`).
#[derive(Debug, Clone)]
pub struct Enrichment {
    /// The indicator.
    pub indicator: Arc<Event>,
    /// Where the indicator's own object stands in it.
    pub path: String,
    /// The event's field that matched.
    pub field: String,
    /// The event's value.
    pub value: Option<String>,
}

/// What became part of another alert instead of one of its own (Kibana: alert suppression).
#[derive(Debug, Clone, PartialEq)]
pub struct Suppressed {
    /// The fields that group, and their values in this group; empty for a missing field.
    pub terms: Vec<(String, Vec<serde_json::Value>)>,
    /// The time of the earliest event of the group.
    pub start: Option<Instant>,
    /// The time of the latest.
    pub end: Option<Instant>,
    /// How many findings were suppressed into this alert.
    pub count: u64,
    /// When the scheduled run started that counted the latest of them; a stream has no runs.
    pub detected: Option<Instant>,
}

impl Finding {
    /// A hit of a query.
    pub(super) fn of_hit(hit: Hit) -> Self {
        let events = hit.events().to_vec();
        let details = if hit.is_event() { Details::Event } else { Details::Group(hit) };
        Self { events, details, suppressed: None }
    }

    /// Whether an event of it is an alert that the rule had a part in: it makes no further alert (Kibana: duplicates among
    /// ancestors). A group that reached a threshold is not asked.
    pub(super) fn feeds_itself(&self, rule: &Rule) -> bool {
        let is_group = matches!(self.details, Details::Threshold(_));
        !is_group && self.events.iter().flatten().any(|event| kibana::descends_from(event, &identity::rule_uuid(rule)))
    }

    /// One event and what the rule's type adds to it.
    pub(super) fn of_event(event: Arc<Event>, details: Details) -> Self {
        Self { events: vec![Some(event)], details, suppressed: None }
    }
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

    /// What was found.
    pub const fn finding(&self) -> &Finding {
        &self.finding
    }

    /// The documents of the alert in a form; several only for sequences and samples in Kibana's.
    pub fn to_documents(&self, form: AlertForm) -> Vec<serde_json::Value> {
        match form {
            AlertForm::Minimal => vec![self.to_json()],
            AlertForm::Kibana => kibana::documents(self),
            AlertForm::Ecs => vec![ecs::document(self)],
        }
    }

    /// The documents of [`Alert::to_documents`] as JSON text, each on a line of its own.
    pub fn to_lines(&self, form: AlertForm) -> String {
        // Nothing in them can fail to be written.
        let line = |document: &serde_json::Value| serde_json::to_string(document).unwrap_or_default() + "\n";
        match form {
            AlertForm::Minimal => serde_json::to_string(&minimal::Minimal(self)).unwrap_or_default() + "\n",
            AlertForm::Kibana | AlertForm::Ecs => self.to_documents(form).iter().map(line).collect(),
        }
    }

    /// The events, `None` for missing ones of a sequence.
    pub fn events(&self) -> &[Option<Arc<Event>>] {
        &self.finding.events
    }

    /// When it was created, in nanoseconds since 1970.
    pub const fn created(&self) -> Option<Instant> {
        self.created
    }
}
