//! The meaning of KQL: the request that Kibana sends for each node, and what Elasticsearch makes of it.
//! (Kibana: kbn-es-query, `toElasticsearchQuery`; Elasticsearch: field mappers.)

use std::sync::Arc;

use super::leaf::{Constant, Leaf, Request, Side, Words};
use super::query_string::{AnyClause, QueryString};
use super::{Context, suggest};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::plan::{AnyField, Predicate, Test};
use crate::schema::{Field, FieldType, Lookup, Origin};
use crate::source::{Source, Span};
use crate::syntax::kql::ast::{Kind, Literal, LiteralKind, Node, RangeOperator};
use crate::text::{Fold, Wildcard, WildcardPart};

/// How KQL is read, besides the types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether Kibana knows the types (a data view). Without it every value is sent as a `match`, every pattern as a
    /// `query_string`.
    pub typed: bool,
    /// `dateFormatTZ`: the zone of dates without one; sent only for date fields of a data view.
    pub time_zone: Option<String>,
    /// `caseInsensitive`: whether terms and patterns on keyword fields ignore the case of ASCII letters.
    pub case_insensitive: bool,
    /// `nestedIgnoreUnmapped`: whether a nested group on a path that is not nested matches nothing instead of failing.
    pub nested_ignore_unmapped: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { typed: true, time_zone: None, case_insensitive: false, nested_ignore_unmapped: false }
    }
}

/// The predicate that the tree means, with warnings.
///
/// # Errors
/// Requests that Kibana or Elasticsearch refuses, where the context is strict; all of them at once.
pub fn analyze(
    node: &Node,
    source: &Source,
    settings: &Settings,
    context: &Context,
) -> Result<(Predicate, Diagnostics), Diagnostics> {
    let mut analysis = Analysis { settings, context, findings: Vec::new() };
    let predicate = analysis.node(node, None);
    let findings = Diagnostics::new(source.clone(), analysis.findings);
    if findings.has_errors() { Err(findings) } else { Ok((predicate, findings)) }
}

struct Analysis<'a> {
    settings: &'a Settings,
    context: &'a Context,
    findings: Vec<Diagnostic>,
}

/// What is asked of each field that a name stands for.
enum Question<'a> {
    Value(&'a Literal),
    Range(RangeOperator, &'a Literal),
}

impl Analysis<'_> {
    fn node(&mut self, node: &Node, group: Option<&str>) -> Predicate {
        match &node.kind {
            Kind::MatchAll => Predicate::Const(true),
            Kind::And(nodes) => Predicate::and(nodes.iter().map(|node| self.node(node, group)).collect::<Vec<_>>()),
            Kind::Or(nodes) => Predicate::or(nodes.iter().map(|node| self.node(node, group)).collect::<Vec<_>>()),
            Kind::Not(inner) => self.node(inner, group).negate(),
            Kind::Is { field, value } => self.is(node.span, field, value, group),
            Kind::Range { field, operator, bound } => self.test(field, &Question::Range(*operator, bound), group),
            Kind::Nested { path, query } => self.nested(path, query, group),
            Kind::Cursor(_) => Predicate::Const(false),
        }
    }

    fn is(&mut self, span: Span, field: &Literal, value: &Literal, group: Option<&str>) -> Predicate {
        if field.is_star() && value.is_star() {
            return Predicate::Const(true);
        }
        // Inside a group of a data view Kibana asks for a field called `null`.
        if field.is_null() && (group.is_none() || !self.settings.typed) {
            return self.free_text(span, value);
        }
        self.test(field, &Question::Value(value), group)
    }

    fn nested(&mut self, path: &Literal, query: &Node, group: Option<&str>) -> Predicate {
        let name = path.to_text();
        let full = group.map_or_else(|| name.clone(), |outer| format!("{outer}.{name}"));
        let predicate = self.node(query, Some(&full));
        let mapped = match self.context.schema.lookup(&full) {
            Lookup::Field(field) => field.kind == FieldType::Nested || field.origin != Origin::Caller,
            Lookup::Unmapped => false,
        };
        if mapped {
            return Predicate::Nested(full, Box::new(predicate));
        }
        if !self.settings.nested_ignore_unmapped {
            let refusal = format!("[nested] failed to find nested object under path [{full}]");
            let field = Field::plain(&full, FieldType::Object, Origin::Caller);
            self.refuse(&field, path.span, &refusal);
        }
        Predicate::Const(false)
    }

    /// A test on the field or fields of a name.
    fn test(&mut self, name: &Literal, question: &Question<'_>, group: Option<&str>) -> Predicate {
        let in_group = |text: String| group.map_or_else(|| text.clone(), |path| format!("{path}.{text}"));
        if let LiteralKind::Wildcard(parts) = &name.kind {
            let mut parts = parts.clone();
            if let Some(first) = parts.first_mut() {
                *first = in_group(std::mem::take(first));
            }
            return self.named_by_pattern(name, &parts, question, group);
        }
        let text = in_group(if name.is_null() { "null".into() } else { name.to_text() });
        match self.context.schema.lookup(&text) {
            Lookup::Field(field) => {
                self.check_group(&field, group, name.span);
                self.warn_unknown(&field, name.span);
                self.ask(&field, question, name.span)
            }
            Lookup::Unmapped => {
                self.warn_unmapped(&text, name.span);
                Predicate::Const(false)
            }
        }
    }

    fn named_by_pattern(
        &mut self,
        name: &Literal,
        parts: &[String],
        question: &Question<'_>,
        group: Option<&str>,
    ) -> Predicate {
        // Elasticsearch expands patterns in `exists` and `query_string`; in all other requests only Kibana does.
        let expands = match question {
            Question::Value(value) => matches!(value.kind, LiteralKind::Wildcard(_)),
            Question::Range(..) => false,
        };
        if !self.settings.typed && !expands {
            return Predicate::Const(false);
        }
        let fields = self.context.schema.expand(parts);
        let mut asked = Vec::new();
        for field in fields.iter().filter(|field| field.kind != FieldType::Object && field.searchable) {
            let predicate = self.ask(field, question, name.span);
            asked.push(match (&field.nested, group) {
                (Some(path), None) if self.settings.typed => Predicate::Nested(path.clone(), Box::new(predicate)),
                (Some(_), None) => Predicate::Const(false),
                _ => predicate,
            });
        }
        if !self.context.schema.is_closed() {
            let declared = asked;
            return Predicate::or(declared.into_iter().chain([self.at_run_time(Wildcard::between(parts), question)]));
        }
        Predicate::or(asked)
    }

    /// Fields that no schema declares are found in the event.
    fn at_run_time(&mut self, name: Wildcard, question: &Question<'_>) -> Predicate {
        let (request, schema) = (self.request(), Arc::clone(&self.context.schema));
        let field = Arc::new(Field::plain("", FieldType::Inferred, Origin::Inferred));
        let leaf = match question {
            Question::Value(value) if value.is_star() => Ok(request.exists(&field)),
            Question::Value(value) => self.value_leaf(&field, value),
            Question::Range(operator, bound) => request.range(&field, side(*operator), &bound.to_text()),
        };
        match leaf {
            Ok(Predicate::Leaf(_, test)) => Predicate::AnyField(Box::new(AnyField {
                name,
                nested: false,
                schema: Some(schema),
                tests: vec![(FieldType::Inferred, test)],
            })),
            _ => Predicate::Const(false),
        }
    }

    fn request(&self) -> Request<'_> {
        let fold = if self.settings.case_insensitive { Fold::Ascii } else { Fold::Exact };
        let time_zone = self.settings.time_zone.as_deref().filter(|_| self.settings.typed);
        Request { context: self.context, fold, time_zone }
    }

    fn ask(&mut self, field: &Arc<Field>, question: &Question<'_>, span: Span) -> Predicate {
        let (leaf, place) = match question {
            Question::Value(value) => (self.value_leaf(field, value), value.span),
            Question::Range(operator, bound) => {
                let leaf = if bound.is_null() && !field.kind.is_date() {
                    Err("value cannot be null".to_owned())
                } else if bound.is_null() {
                    Ok(self.request().exists(field))
                } else {
                    self.request().range(field, side(*operator), &bound.to_text())
                };
                (leaf, bound.span)
            }
        };
        leaf.unwrap_or_else(|refusal| {
            self.refuse(field, span.join(place), &refusal);
            Predicate::Const(false)
        })
    }

    /// The request that Kibana sends for `field: value`.
    fn value_leaf(&self, field: &Arc<Field>, value: &Literal) -> Leaf {
        let request = self.request();
        let keyword = self.settings.typed && (field.kind.is_keyword() || field.kind == FieldType::Inferred);
        let folded = if keyword { request } else { Request { fold: Fold::Exact, ..request } };
        match &value.kind {
            _ if value.is_star() => Ok(request.exists(field)),
            LiteralKind::Wildcard(parts) if keyword => folded.wildcard(field, &Wildcard::between(parts)),
            LiteralKind::Wildcard(parts) => match QueryString::parse(parts) {
                Some(query) => query.on(folded, field),
                None => Err(format!("Failed to parse query [{}]", crate::syntax::kql::escape_query_string(parts))),
            },
            LiteralKind::Null => self.null(field, keyword),
            LiteralKind::Bool(value) => folded.equals(field, &Constant::Bool(*value), Words::Any),
            LiteralKind::Text { value, quoted } => {
                let words = if *quoted { Words::Phrase } else { Words::Any };
                folded.equals(field, &Constant::Text(value.clone()), words)
            }
            LiteralKind::Cursor(_) => Ok(Predicate::Const(false)),
        }
    }

    fn null(&self, field: &Arc<Field>, keyword: bool) -> Leaf {
        match field.kind {
            kind if kind.is_date() && self.settings.typed => Ok(self.request().exists(field)),
            _ if keyword => Err("value cannot be null".into()),
            _ => Err("No text specified for text query".into()),
        }
    }

    /// Free text: every field that can be searched, each as its type has it, refusals aside.
    fn free_text(&mut self, span: Span, value: &Literal) -> Predicate {
        match &value.kind {
            LiteralKind::Null => {
                let field = Field::plain("*", FieldType::Text, Origin::Caller);
                self.refuse(&field, span, "No text specified for text query");
                Predicate::Const(false)
            }
            LiteralKind::Wildcard(parts) => match QueryString::parse(parts) {
                Some(query) => {
                    let leaf = query.on_all(&mut |clause| {
                        Ok(self.everywhere(&|request, field| match clause {
                            AnyClause::Run(text) => {
                                request.equals(field, &Constant::Text((*text).to_owned()), Words::Any)
                            }
                            AnyClause::Pattern(pattern) => request.wildcard(field, pattern),
                        }))
                    });
                    leaf.unwrap_or(Predicate::Const(false))
                }
                None => Predicate::Const(false),
            },
            _ => {
                let (constant, words) = match &value.kind {
                    LiteralKind::Bool(value) => (Constant::Bool(*value), Words::Any),
                    LiteralKind::Text { value, quoted } => {
                        (Constant::Text(value.clone()), if *quoted { Words::Phrase } else { Words::Any })
                    }
                    _ => return Predicate::Const(false),
                };
                self.everywhere(&|request, field| request.equals(field, &constant, words))
            }
        }
    }

    /// A request on every field: the declared ones of a closed schema, else those of the event.
    fn everywhere(&self, ask: &dyn Fn(Request<'_>, &Arc<Field>) -> Leaf) -> Predicate {
        let request = Request { fold: Fold::Exact, time_zone: None, ..self.request() };
        if self.context.schema.is_closed() {
            let fields = self.context.schema.expand(&[String::new(), String::new()]);
            let searchable =
                fields.iter().filter(|field| field.nested.is_none() && field.searchable && field.name != "_index");
            return Predicate::or(searchable.filter_map(|field| ask(request, field).ok()).collect::<Vec<_>>());
        }
        let kinds = [
            FieldType::Inferred,
            FieldType::Keyword,
            FieldType::Wildcard,
            FieldType::MatchOnlyText,
            FieldType::Text,
            FieldType::Ip,
            FieldType::Long,
            FieldType::Float,
            FieldType::Double,
            FieldType::Boolean,
            FieldType::Date,
            FieldType::Version,
            FieldType::FlattenedKey,
        ];
        let tests = kinds.into_iter().filter_map(|kind| {
            let field = Arc::new(Field::plain("", kind, Origin::Ecs));
            match ask(request, &field) {
                Ok(Predicate::Leaf(_, test)) => Some((kind, test)),
                _ => None,
            }
        });
        let (name, schema) = (Wildcard(vec![WildcardPart::Any]), Some(Arc::clone(&self.context.schema)));
        let tests: Vec<(FieldType, Test)> = tests.collect();
        Predicate::AnyField(Box::new(AnyField { name, nested: false, schema, tests }))
    }

    /// What Kibana checks of nested fields when it has a data view.
    fn check_group(&mut self, field: &Field, group: Option<&str>, span: Span) {
        if !self.settings.typed || field.origin != Origin::Caller {
            return;
        }
        let name = &field.name;
        let product = match (group, field.nested.as_deref()) {
            (Some(path), None) => {
                format!("{name} is not a nested field but is in nested group \"{path}\" in the KQL expression.")
            }
            (None, Some(_)) => {
                format!("{name} is a nested field, but is not in a nested group in the KQL expression.")
            }
            (Some(path), Some(own)) if path != own => {
                format!(
                    "Nested field {name} is being queried with the incorrect nested path. The correct path is {own}."
                )
            }
            _ => return,
        };
        let message = match field.nested.as_deref() {
            Some(own) => format!("`{name}` lies in nested objects; write `{own}: {{ … }}`"),
            None => format!("`{name}` does not lie in nested objects"),
        };
        self.findings.push(Diagnostic::error(Code::NestedGroup, span, message).with_product(product));
    }

    fn refuse(&mut self, field: &Field, span: Span, refusal: &str) {
        let message =
            format!("Elasticsearch refuses this on `{}`, a field of type `{}`: {refusal}", field.name, field.type_name);
        let item = if self.context.is_strict(field) {
            Diagnostic::error(Code::Refused, span, message)
        } else {
            Diagnostic::warning(Code::RefusedLenient, span, message).with_help("it matches nothing here")
        };
        self.findings.push(item.with_product(refusal));
    }

    /// A name that a table of types does not know, though it knows one much like it.
    fn warn_unknown(&mut self, field: &Field, span: Span) {
        if field.kind != FieldType::Inferred {
            return;
        }
        let near: Vec<String> =
            suggest::nearest(&field.name, self.context.schema.names()).iter().map(|&n| n.to_owned()).collect();
        if let Some(first) = near.first() {
            let item = Diagnostic::warning(Code::NearName, span, format!("no type is known for `{}`", field.name));
            self.findings.push(item.with_help(format!("a field with a similar name exists: `{first}`")));
        }
    }

    fn warn_unmapped(&mut self, name: &str, span: Span) {
        let near = suggest::nearest(name, self.context.schema.names());
        let mut item =
            Diagnostic::warning(Code::Unmapped, span, format!("`{name}` is not mapped, so this never matches"));
        if let Some(first) = near.first() {
            item = item.with_help(format!("a field with a similar name exists: `{first}`"));
        }
        self.findings.push(item);
    }
}

const fn side(operator: RangeOperator) -> Side {
    match operator {
        RangeOperator::Lt => Side::Below { inclusive: false },
        RangeOperator::Lte => Side::Below { inclusive: true },
        RangeOperator::Gt => Side::Above { inclusive: false },
        RangeOperator::Gte => Side::Above { inclusive: true },
    }
}
