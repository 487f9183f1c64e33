//! What holds beside a rule's query: its filters, and the exception items of its lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::rule_set::RuleSettings;
use crate::analysis::Context;
use crate::analysis::exception::{ValueKind, ValueList};
use crate::analysis::filter::{Filters, Notice};
use crate::diagnostic::{Code, Diagnostic};
use crate::event::time::{DateFormat, Instant, Rounding};
use crate::plan::Predicate;
use crate::query::{of_index, replace_in};
use crate::rule::{Problem, Rule, RuleType};
use crate::schema::Schema;
use crate::source::Span;

/// The conditions beside a rule's query.
pub(super) struct Beside {
    /// What the rule's filters ask of an event.
    pub filters: Predicate,
    /// What is asked of indicators besides their query.
    pub indicator_filters: Predicate,
    /// That no exception hides it.
    pub exceptions: Predicate,
    /// What is not applied, and why.
    pub notes: Vec<Diagnostic>,
}

/// The exceptions of a rule set: lists, items and values, shared by its rules.
#[derive(Debug)]
pub(super) struct Exceptions<'a> {
    /// Lists and items.
    objects: Vec<&'a Json>,
    values: BTreeMap<&'a str, Arc<[String]>>,
    now: Instant,
}

/// The list that the product keeps for its endpoint agent, which applies it itself.
const ENDPOINT_LIST: &str = "endpoint_list";

impl<'a> Exceptions<'a> {
    /// Those of the settings, to which the ones that came with the rules have been added.
    pub fn new(settings: &'a RuleSettings) -> Self {
        let values = settings.value_lists.iter().map(|(name, values)| (name.as_str(), values.as_slice().into()));
        Self { objects: settings.exceptions.iter().collect(), values: values.collect(), now: settings.query.now }
    }

    /// Whether any item ends at some time.
    pub fn expire(&self) -> bool {
        self.objects.iter().any(|object| text(object, "expire_time").is_some())
    }

    /// What holds beside the query of `rule`; where the indices of a mapping differ, each event is asked as its own has it.
    pub fn beside(&self, rule: &Rule, settings: &RuleSettings) -> Result<Beside, Box<Problem>> {
        let schema = &settings.query.schema;
        let mut all = self.under(rule, Arc::clone(schema), settings.query.now)?;
        let context = Context::new(Arc::clone(schema), settings.query.now);
        for (name, own) in schema.by_index() {
            let own = self.under(rule, Arc::new(own), settings.query.now)?;
            let test =
                of_index(&name, &context).map_err(|error| Box::new(Problem::at(rule, "index", error.to_string())))?;
            replace_in(&test, &mut all.filters, &own.filters);
            replace_in(&test, &mut all.indicator_filters, &own.indicator_filters);
            replace_in(&test, &mut all.exceptions, &own.exceptions);
        }
        Ok(all)
    }

    /// The same under one schema.
    fn under(&self, rule: &Rule, schema: Arc<Schema>, now: Instant) -> Result<Beside, Box<Problem>> {
        let mut filters = Filters::new(schema, now);
        let mut notes = Vec::new();
        let own = compile_filters(rule, "filters", &mut filters, &mut notes)?;
        let indicator = compile_filters(rule, "threat_filters", &mut filters, &mut notes)?;
        let hidden = self.hidden(rule, &mut filters, &mut notes)?;
        Ok(Beside { filters: own, indicator_filters: indicator, exceptions: hidden.negate(), notes })
    }

    /// The events that some exception item hides.
    fn hidden(
        &self,
        rule: &Rule,
        filters: &mut Filters,
        notes: &mut Vec<Diagnostic>,
    ) -> Result<Predicate, Box<Problem>> {
        let mut all = Vec::new();
        let references = rule.list("exceptions_list").iter().enumerate();
        for (at, reference) in references.filter(|(_, list)| text(list, "list_id") != Some(ENDPOINT_LIST)) {
            let place = format!("exceptions_list.{at}");
            let refuse = |reason| Box::new(Problem::at(rule, &place, reason));
            let objects: Vec<&Json> =
                self.objects.iter().copied().filter(|object| belongs(object, reference)).collect();
            let span = rule.span(&place);
            let ignored = |message: String| Diagnostic::warning(Code::RuleIgnored, span, message);
            if objects.is_empty() {
                let id = text(reference, "list_id").unwrap_or_default();
                notes.push(ignored(format!("the exception list `{id}` is not given; the rule runs without it")));
            }
            for item in objects.into_iter().filter(|object| is_item(object)) {
                if self.expired(item) {
                    continue;
                }
                if !applies_large_lists(rule.kind())
                    && let Some(list) = self.large_list(item)
                {
                    let name = rule.kind().name();
                    let why = format!("too large or of a type that `{name}` rules do not apply");
                    notes.push(ignored(format!("the value list `{list}` is {why}")));
                    continue;
                }
                let hidden = filters.exception(item, &|id, kind| self.list(id, kind));
                let name = item_name(item);
                notes.extend(warnings(filters, span, &name));
                all.push(hidden.map_err(|reason| refuse(format!("{name}: {reason}")))?);
            }
        }
        Ok(Predicate::or(all))
    }

    fn list(&self, id: &str, kind: ValueKind) -> Option<ValueList> {
        self.values.get(id).map(|values| ValueList::new(kind, Arc::clone(values)))
    }

    /// The first list of the item that Kibana leaves out of the filter of a search.
    fn large_list<'b>(&self, item: &'b Json) -> Option<&'b str> {
        let entries = item.get("entries").and_then(Json::as_array).into_iter().flatten();
        entries.filter_map(|entry| entry.get("list")).find_map(|list| {
            let id = text(list, "id")?;
            let kind = ValueKind::of(text(list, "type").unwrap_or_default());
            self.list(id, kind)?.is_large().then_some(id)
        })
    }

    fn expired(&self, item: &Json) -> bool {
        let end = text(item, "expire_time");
        end.and_then(|end| DateFormat::default().parse(end, Rounding::Down).ok()).is_some_and(|end| end < self.now)
    }
}

/// Whether rules of the type also judge what their searches find by the lists that are too large for a filter.
const fn applies_large_lists(kind: RuleType) -> bool {
    matches!(kind, RuleType::Query | RuleType::SavedQuery | RuleType::ThreatMatch)
}

fn text<'a>(json: &'a Json, key: &str) -> Option<&'a str> {
    json.get(key).and_then(Json::as_str)
}

/// Whether a list or an item belongs to the list that a rule refers to.
fn belongs(object: &Json, reference: &Json) -> bool {
    let same = |key: &str| match (text(object, key), text(reference, key)) {
        (Some(own), Some(wanted)) => Some(own == wanted),
        _ => None,
    };
    same("list_id") == Some(true) && same("namespace_type") != Some(false)
}

fn is_item(object: &Json) -> bool {
    object.get("entries").is_some() || object.get("item_id").is_some()
}

fn item_name(item: &Json) -> String {
    let name = text(item, "name").or(text(item, "item_id")).or(text(item, "list_id"));
    format!("the exception item `{}`", name.unwrap_or_default())
}

/// What `filters` noticed in the filter or the item that is called `name` and stands at `span`.
fn warnings(filters: &mut Filters, span: Span, name: &str) -> Vec<Diagnostic> {
    let of = |notice| match notice {
        Notice::Refused(text) => {
            (Code::RefusedLenient, format!("{name}: Elasticsearch refuses this, so it matches nothing here: {text}"))
        }
        Notice::LeftOut(text) => (Code::RuleIgnored, format!("{name}: {text}")),
    };
    let found = filters.take_notices().into_iter().map(of);
    found.map(|(code, message)| Diagnostic::warning(code, span, message)).collect()
}

fn compile_filters(
    rule: &Rule,
    key: &str,
    filters: &mut Filters,
    notes: &mut Vec<Diagnostic>,
) -> Result<Predicate, Box<Problem>> {
    let each = rule.list(key).iter().enumerate().map(|(at, filter)| {
        let place = format!("{key}.{at}");
        let predicate = filters.filter(filter);
        notes.extend(warnings(filters, rule.span(&place), "the filter"));
        predicate.map_err(|reason| Box::new(Problem::at(rule, &place, reason)))
    });
    each.collect::<Result<Vec<_>, _>>().map(Predicate::and)
}
