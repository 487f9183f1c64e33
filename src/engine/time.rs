//! The time of an event for a rule (Kibana: timestamp override and its fallback).

use crate::eval::column::Column;
use crate::eval::order::Ordinal;
use crate::event::Event;
use crate::event::time::Instant;
use crate::function::Datum;
use crate::rule::Rule;
use crate::schema::Schema;

/// The fields that place an event in time.
#[derive(Debug)]
pub(super) struct RuleTime {
    primary: Column,
    secondary: Option<Column>,
}

impl RuleTime {
    /// By `@timestamp`, unless the rule has an override.
    pub fn of(rule: &Rule, schema: &Schema) -> Self {
        Self::overridden(rule, schema).unwrap_or_else(|| Self::plain(schema))
    }

    /// By what the rule has in place of `@timestamp`, if anything.
    pub fn overridden(rule: &Rule, schema: &Schema) -> Option<Self> {
        let field = Self::field(rule)?;
        let disabled = rule.document().get("timestamp_override_fallback_disabled");
        let falls_back = disabled.and_then(serde_json::Value::as_bool) != Some(true);
        let secondary = falls_back.then(|| Column::date(schema, "@timestamp"));
        Some(Self { primary: Column::date(schema, field), secondary })
    }

    /// By `@timestamp`.
    pub fn plain(schema: &Schema) -> Self {
        Self { primary: Column::date(schema, "@timestamp"), secondary: None }
    }

    /// The field that a rule has in place of `@timestamp`.
    pub fn field(rule: &Rule) -> Option<&str> {
        rule.text("timestamp_override").filter(|field| *field != "@timestamp")
    }

    /// The primary time and the secondary one; the first that there is decides about windows.
    pub fn read(&self, event: &Event) -> (Option<Instant>, Option<Instant>) {
        (earliest(&self.primary, event), self.secondary.as_ref().and_then(|column| earliest(column, event)))
    }

    /// The time that decides.
    pub fn when(&self, event: &Event) -> Option<Instant> {
        let (primary, secondary) = self.read(event);
        primary.or(secondary)
    }

    /// Where the event stands; `position` is its place in the input.
    pub fn ordinal(&self, event: &Event, position: u64) -> Ordinal {
        Ordinal { timestamp: self.when(event), tiebreaker: None, position }
    }
}

/// The earliest instant of a field.
pub(super) fn earliest(column: &Column, event: &Event) -> Option<Instant> {
    let mut first: Option<Instant> = None;
    column.each(event, &mut |value| {
        if let Datum::Date(instant) = value {
            first = Some(first.map_or(instant, |first| first.min(instant)));
        }
    });
    first
}
