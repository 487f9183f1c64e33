//! Names with wildcards, and free text: questions that go to several fields.

use std::sync::Arc;

use super::{Analysis, Question, is_visible, query_string, unmapped};
use crate::analysis::leaf::{Leaf, Request};
use crate::plan::{AnyField, Predicate, Test, Types};
use crate::schema::{Field, FieldType, Lookup, Origin};
use crate::source::Span;
use crate::syntax::kql::ast::LiteralKind;
use crate::text::{Wildcard, WildcardPart};

/// What is asked of each of several fields.
type Ask<'a> = &'a dyn Fn(Request<'_>, &Arc<Field>) -> Leaf;

/// The types of fields that only the event shows, besides those that no free text reaches.
const KINDS: [FieldType; 20] = [
    FieldType::Inferred,
    FieldType::Keyword,
    FieldType::ConstantKeyword,
    FieldType::Wildcard,
    FieldType::MatchOnlyText,
    FieldType::Text,
    FieldType::Ip,
    FieldType::Long,
    FieldType::Integer,
    FieldType::Short,
    FieldType::Byte,
    FieldType::UnsignedLong,
    FieldType::Float,
    FieldType::HalfFloat,
    FieldType::Double,
    FieldType::Boolean,
    FieldType::Date,
    FieldType::DateNanos,
    FieldType::Version,
    FieldType::FlattenedKey,
];

impl Analysis<'_> {
    /// A test on all fields whose names fit.
    pub(super) fn by_pattern(
        &mut self,
        span: Span,
        parts: &[String],
        question: Question<'_>,
        group: Option<&str>,
    ) -> Predicate {
        let fields = self.leaves(parts);
        if self.settings.typed && !(fields.is_empty() && self.context.schema.is_closed()) {
            let mut asked: Vec<Predicate> =
                fields.iter().map(|field| self.selected(field, question, group, span)).collect();
            if !self.context.schema.is_closed() {
                asked.push(self.at_run_time(parts, &|request, field| self.leaf_with(request, field, question)));
            }
            return Predicate::or(asked);
        }
        self.as_one_name(span, parts, question, group)
    }

    /// A field that Kibana selects for a pattern; a nested one gets a group of its own.
    fn selected(&mut self, field: &Arc<Field>, question: Question<'_>, group: Option<&str>, span: Span) -> Predicate {
        match (&field.nested, group) {
            (Some(path), None) => {
                let inner = self.ask(field, question, Some(path), span);
                Predicate::nested(path, inner)
            }
            (_, group) => {
                if group.is_some() {
                    self.check_group(field, group, span);
                }
                self.ask(field, question, group, span)
            }
        }
    }

    /// The pattern is sent as it is: Elasticsearch expands it in `exists` and `query_string` and nowhere else.
    fn as_one_name(&mut self, span: Span, parts: &[String], question: Question<'_>, group: Option<&str>) -> Predicate {
        let field = self.literally(parts, group);
        let leaf = match question {
            Question::Value(value) if value.is_star() => {
                self.any_of(parts, group, &|request, field| Ok(request.exists(field)))
            }
            Question::Value(value) => match &value.kind {
                LiteralKind::Wildcard(value) => query_string(value).and_then(|query| {
                    query.combine(&mut |clause| self.any_of(parts, group, &|request, field| clause.on(request, field)))
                }),
                _ => self.value(&field, value),
            },
            Question::Range(..) if field.kind == FieldType::FlattenedKey => self.leaf(&field, question, group),
            Question::Range(..) => Ok(Predicate::Const(false)),
        };
        leaf.unwrap_or_else(|refusal| {
            self.refuse(&field, span.join(question.literal().span), &refusal);
            Predicate::Const(false)
        })
    }

    /// The field that a pattern is the very name of: a key of a flattened field, or none.
    fn literally(&self, parts: &[String], group: Option<&str>) -> Arc<Field> {
        let name = parts.join("*");
        match self.context.schema.lookup(&name) {
            Lookup::Field(field) if field.kind == FieldType::FlattenedKey => field,
            _ => unmapped(&name, group),
        }
    }

    /// Any of the fields whose names fit. The first refusal counts for all.
    pub(super) fn any_of(&self, parts: &[String], group: Option<&str>, ask: Ask<'_>) -> Leaf {
        let mut asked = Vec::new();
        for field in self.leaves(parts) {
            let predicate = ask(self.request(""), &field)?;
            if is_visible(&field, group) {
                asked.push(predicate);
            }
        }
        if !self.context.schema.is_closed() {
            asked.push(self.at_run_time(parts, ask));
        }
        Ok(Predicate::or(asked))
    }

    /// The declared fields with values whose names fit.
    fn leaves(&self, parts: &[String]) -> Vec<Arc<Field>> {
        let mut fields = self.context.schema.expand(parts);
        fields.retain(|field| !matches!(field.kind, FieldType::Object | FieldType::Nested) && field.searchable);
        fields
    }

    fn leaf_with(&self, request: Request<'_>, field: &Arc<Field>, question: Question<'_>) -> Leaf {
        match question {
            Question::Value(value) if value.is_star() => Ok(request.exists(field)),
            Question::Range(_, bound) if bound.is_null() => Ok(request.exists(field)),
            Question::Value(value) => self.value(field, value),
            Question::Range(operator, bound) => request.range(field, super::side(operator), &bound.to_text()),
        }
    }

    /// Fields that no schema declares are found in the event.
    fn at_run_time(&self, parts: &[String], ask: Ask<'_>) -> Predicate {
        self.in_event(Wildcard::between(parts), &[FieldType::Inferred], ask)
    }

    fn in_event(&self, name: Wildcard, kinds: &[FieldType], ask: Ask<'_>) -> Predicate {
        let tests = kinds.iter().filter_map(|&kind| {
            let field = Arc::new(Field::plain("", kind, Origin::Ecs));
            match ask(self.request(""), &field) {
                Ok(Predicate::Leaf(_, test)) => Some((kind, test)),
                _ => None,
            }
        });
        let tests: Vec<(FieldType, Test)> = tests.collect();
        if tests.is_empty() {
            return Predicate::Const(false);
        }
        let types = Types::Schema(Arc::clone(&self.context.schema));
        Predicate::AnyField(Box::new(AnyField { name, types, tests }))
    }

    /// A request on every field: the declared ones of a closed schema, else those of the event and the sub-fields of the
    /// declared ones.
    pub(super) fn everywhere(&self, group: Option<&str>, ask: Ask<'_>) -> Predicate {
        let closed = self.context.schema.is_closed();
        let fields = self.leaves(&[String::new(), String::new()]);
        let asked = fields
            .iter()
            .filter(|field| (closed || field.path != field.name) && is_visible(field, group) && field.name != "_index");
        let mut asked: Vec<Predicate> = asked.filter_map(|field| ask(self.request(""), field).ok()).collect();
        if !closed {
            asked.push(self.in_event(Wildcard(vec![WildcardPart::Any]), &KINDS, ask));
        }
        Predicate::or(asked)
    }
}
