//! The meaning of Kibana's filter objects, which go beside a rule's query. (Kibana: filters; Elasticsearch: Query DSL.)
//!
//! Takes JSON, gives a predicate. Nothing is ignored: what is not evaluated is an error that names it.

mod clause;

pub(super) use clause::between;

use std::sync::Arc;

use serde_json::Value as Json;

use super::Context;
use super::kql::is_visible;
use super::leaf::{Constant, Leaf, Request};
use crate::event::time::Instant;
use crate::plan::Predicate;
use crate::schema::{Field, Lookup, Schema};
use crate::text::Fold;

/// Why a filter or an exception cannot be evaluated.
pub type Unsupported = String;
pub(super) type Compiled = Result<Predicate, Unsupported>;

/// Something of a filter or an exception that has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Elasticsearch would refuse it if the types that were only inferred were true; it matches nothing.
    Refused(String),
    /// A value of a value list that does not fit the list's type; the other values stay.
    LeftOut(String),
}

/// Compiles filters and exceptions, and notices what of them has no effect.
#[derive(Debug)]
pub struct Filters {
    context: Context,
    /// The path of the nested objects around.
    group: Option<String>,
    notices: Vec<Notice>,
}

impl Filters {
    /// A compiler for these types and this clock.
    pub fn new(schema: Arc<Schema>, now: Instant) -> Self {
        Self { context: Context::new(schema, now), group: None, notices: Vec::new() }
    }

    /// What was noticed since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// How many refusals there are so far.
    pub(super) fn refusals(&self) -> usize {
        self.notices.iter().filter(|notice| matches!(notice, Notice::Refused(_))).count()
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// The predicate of one of a rule's `filters`; one that is switched off holds for every event.
    ///
    /// # Errors
    /// A filter of a kind that is not evaluated, by name.
    pub fn filter(&mut self, filter: &Json) -> Result<Predicate, Unsupported> {
        let object = filter.as_object().ok_or("a filter that is no object")?;
        let flag = |name: &str| filter.pointer(name).and_then(Json::as_bool).unwrap_or(false);
        if flag("/meta/disabled") {
            return Ok(Predicate::Const(true));
        }
        let predicate = if filter.pointer("/meta/type").and_then(Json::as_str) == Some("combined") {
            self.combined(filter)?
        } else if let Some(query) = object.get("query").filter(|query| !query.is_null()) {
            self.query(query)?
        } else {
            // Old filters have the query's kind at the top.
            let mut others = object.iter().filter(|(name, _)| !matches!(name.as_str(), "meta" | "$state" | "query"));
            match (others.next(), others.next()) {
                (Some((name, body)), None) => self.clause(name, body)?,
                (None, _) => return Err("a filter without a query".into()),
                (Some((first, _)), Some((second, _))) => {
                    return Err(format!("a filter with two queries, `{first}` and `{second}`"));
                }
            }
        };
        Ok(if flag("/meta/negate") { predicate.negate() } else { predicate })
    }

    /// Filters joined by `and` or `or` (Kibana: combined filters).
    fn combined(&mut self, filter: &Json) -> Compiled {
        let parts = filter.pointer("/meta/params").and_then(Json::as_array).ok_or("a combined filter without parts")?;
        let each = parts.iter().map(|part| self.filter(part)).collect::<Result<Vec<_>, _>>()?;
        match filter.pointer("/meta/relation").and_then(Json::as_str) {
            Some("OR") => Ok(Predicate::or(each)),
            Some("AND") | None => Ok(Predicate::and(each)),
            Some(other) => Err(format!("filters combined by `{other}` are not evaluated")),
        }
    }

    /// What is asked of one field. What Elasticsearch refuses matches nothing where the type is only inferred.
    pub(super) fn on_field(&mut self, name: &str, ask: &dyn Fn(Request<'_>, &Arc<Field>) -> Leaf) -> Compiled {
        let Lookup::Field(field) = self.context.schema.lookup(name) else { return Ok(Predicate::Const(false)) };
        if !is_visible(&field, self.group.as_deref()) {
            return Ok(Predicate::Const(false));
        }
        let request = Request { context: &self.context, fold: Fold::Exact, time_zone: None };
        match ask(request, &field) {
            Ok(predicate) => Ok(predicate),
            Err(refusal) if self.context.is_strict(&field) => Err(format!("on `{name}`: {refusal}")),
            Err(refusal) => {
                self.notices.push(Notice::Refused(format!("on `{name}`: {refusal}")));
                Ok(Predicate::Const(false))
            }
        }
    }

    /// What `inner` asks of one object at `path`.
    pub(super) fn nested(&mut self, path: &str, inner: impl FnOnce(&mut Self) -> Compiled) -> Compiled {
        let outside = self.group.replace(path.to_owned());
        let predicate = inner(self);
        self.group = outside;
        Ok(Predicate::nested(path, predicate?))
    }
}

pub(super) fn constant(value: &Json) -> Constant {
    match value {
        Json::Bool(value) => Constant::Bool(*value),
        Json::String(text) => Constant::Text(text.clone()),
        other => Constant::Text(other.to_string()),
    }
}
