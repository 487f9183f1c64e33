//! The meaning of KQL: the request that Kibana sends for each node, and what Elasticsearch makes of it.
//! (Kibana: kbn-es-query, `toElasticsearchQuery`; Elasticsearch: field mappers.)

mod findings;
mod names;
mod slips;

use std::sync::Arc;

use super::Context;
use super::leaf::{Constant, Leaf, Request, Side, Words};
use super::query_string::{Clause, QueryString};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::plan::Predicate;
use crate::schema::{Field, FieldType, Lookup, Origin};
use crate::source::{Source, Span};
use crate::syntax::kql::ast::{Kind, Literal, LiteralKind, Node, RangeOperator};
use crate::text::{Fold, Wildcard};

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
    let mut analysis = Analysis { settings, context, findings: Vec::new(), near: Default::default() };
    let predicate = analysis.node(node, None);
    analysis.findings.extend(slips::slips(node, source));
    let findings = Diagnostics::new(source.clone(), analysis.findings);
    if findings.has_errors() { Err(findings) } else { Ok((predicate, findings)) }
}

struct Analysis<'a> {
    settings: &'a Settings,
    context: &'a Context,
    findings: Vec<Diagnostic>,
    /// The unknown name before, and the known one most like it: a list of values asks again for each value.
    near: (String, Option<String>),
}

/// What is asked of each field that a name stands for.
#[derive(Clone, Copy)]
enum Question<'a> {
    Value(&'a Literal),
    Range(RangeOperator, &'a Literal),
}

impl Question<'_> {
    const fn literal(&self) -> &Literal {
        match self {
            Self::Value(literal) | Self::Range(_, literal) => literal,
        }
    }
}

impl Analysis<'_> {
    fn node(&mut self, node: &Node, group: Option<&str>) -> Predicate {
        match &node.kind {
            Kind::MatchAll => Predicate::Const(true),
            Kind::And(nodes) => Predicate::and(nodes.iter().map(|node| self.node(node, group)).collect::<Vec<_>>()),
            Kind::Or(nodes) => Predicate::or(nodes.iter().map(|node| self.node(node, group)).collect::<Vec<_>>()),
            Kind::Not(inner) => self.node(inner, group).negate(),
            Kind::Is { field, value } => self.is(node.span, field, value, group),
            Kind::Range { field, operator, bound } => self.test(field, Question::Range(*operator, bound), group),
            Kind::Nested { path, query } => self.nested(path, query, group),
            Kind::Cursor(_) => Predicate::Const(false),
        }
    }

    fn is(&mut self, span: Span, field: &Literal, value: &Literal, group: Option<&str>) -> Predicate {
        if field.is_star() && value.is_star() {
            return Predicate::Const(true);
        }
        // Inside a group Kibana asks for a field called `null` instead.
        if field.is_null() && group.is_none() {
            return self.free_text(span, value, group);
        }
        self.test(field, Question::Value(value), group)
    }

    fn nested(&mut self, path: &Literal, query: &Node, group: Option<&str>) -> Predicate {
        let name = path.to_text();
        let full = group.map_or_else(|| name.clone(), |outer| format!("{outer}.{name}"));
        let before = self.findings.len();
        let predicate = self.node(query, Some(&full));
        let mapped = match self.context.schema.lookup(&full) {
            Lookup::Field(field) => field.kind == FieldType::Nested || field.origin != Origin::Caller,
            Lookup::Unmapped => false,
        };
        if mapped {
            return Predicate::nested(&full, predicate);
        }
        if !self.settings.nested_ignore_unmapped {
            let refusal = format!("[nested] failed to find nested object under path [{full}]");
            let field = Field::plain(&full, FieldType::Object, Origin::Caller);
            self.refuse(&field, path.span, &refusal);
            return Predicate::Const(false);
        }
        // The inner request is read and never built, so only what its reader refuses is refused.
        let inside = self.findings.split_off(before);
        let is_built = |item: &Diagnostic| matches!(item.code, Code::Refused | Code::RefusedLenient) && !is_read(item);
        self.findings.extend(inside.into_iter().filter(|item| !is_built(item)));
        Predicate::Const(false)
    }

    /// A test on the field or fields of a name.
    fn test(&mut self, name: &Literal, question: Question<'_>, group: Option<&str>) -> Predicate {
        let in_group = |text: String| match group {
            Some(path) => format!("{path}.{text}"),
            None => text,
        };
        if let LiteralKind::Wildcard(parts) = &name.kind {
            let mut parts = parts.clone();
            if let Some(first) = parts.first_mut() {
                *first = in_group(std::mem::take(first));
            }
            return self.by_pattern(name.span, &parts, question, group);
        }
        let text = in_group(name.to_text());
        match self.context.schema.lookup(&text) {
            Lookup::Field(field) => {
                self.check_group(&field, group, name.span);
                self.warn_unknown(&field, name.span);
                self.ask(&field, question, group, name.span)
            }
            Lookup::Unmapped => {
                self.warn_unmapped(&text, name.span);
                self.ask(&unmapped(&text, group), question, group, name.span)
            }
        }
    }

    /// One field's answer. What Elasticsearch refuses matches nothing, and is reported.
    fn ask(&mut self, field: &Arc<Field>, question: Question<'_>, group: Option<&str>, span: Span) -> Predicate {
        let predicate = self.leaf(field, question, group).unwrap_or_else(|refusal| {
            self.refuse(field, span.join(question.literal().span), &refusal);
            Predicate::Const(false)
        });
        if is_visible(field, group) { predicate } else { Predicate::Const(false) }
    }

    fn leaf(&self, field: &Arc<Field>, question: Question<'_>, group: Option<&str>) -> Leaf {
        match question {
            // Open on both sides. An object has no values, and a key of a flattened field asks for two bounds.
            Question::Range(_, bound) if bound.is_null() && field.kind == FieldType::Object => {
                Ok(Predicate::Const(false))
            }
            Question::Range(_, bound) if bound.is_null() && field.kind != FieldType::FlattenedKey => {
                self.exists(field, group)
            }
            Question::Value(value) if value.is_star() => self.exists(field, group),
            Question::Range(operator, bound) => {
                let text = bound.to_text();
                self.request(&text).range(field, side(operator), &text)
            }
            Question::Value(value) => self.value(field, value),
        }
    }

    fn exists(&self, field: &Arc<Field>, group: Option<&str>) -> Leaf {
        if field.kind == FieldType::Object && field.origin == Origin::Caller && field.searchable {
            let below = [format!("{}.", field.name), String::new()];
            return self.any_of(&below, group, &|request, field| Ok(request.exists(field)));
        }
        Ok(self.request("").exists(field))
    }

    /// How requests about `text` are carried out. Kibana names a time zone only for what is no plain number.
    fn request(&self, text: &str) -> Request<'_> {
        let number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // As Kibana sends it: nothing for an empty one, and the browser's own is not known here.
        let time_zone = match self.settings.time_zone.as_deref().filter(|_| self.settings.typed && !number) {
            Some("") => None,
            Some("Browser") => Some("UTC"),
            zone => zone,
        };
        Request { context: self.context, fold: Fold::Exact, time_zone }
    }

    /// The request that Kibana sends for `field: value`.
    fn value(&self, field: &Arc<Field>, value: &Literal) -> Leaf {
        // Kibana knows the two metadata fields by types of their own.
        let metadata = matches!(field.name.as_str(), "_index" | "_id");
        let keyword =
            self.settings.typed && !metadata && (field.kind.is_keyword() || field.kind == FieldType::Inferred);
        let fold = if keyword && self.settings.case_insensitive { Fold::Ascii } else { Fold::Exact };
        let text = if let LiteralKind::Text { value, .. } = &value.kind { value } else { "" };
        let request = Request { fold, ..self.request(text) };
        match &value.kind {
            LiteralKind::Wildcard(parts) if keyword => request.wildcard(field, &Wildcard::between(parts)),
            LiteralKind::Wildcard(parts) => {
                let request = Request { time_zone: None, ..request };
                query_string(parts)?.combine(&mut |clause| clause.on(request, field))
            }
            LiteralKind::Null => self.null(field, keyword),
            LiteralKind::Bool(value) => request.equals(field, &Constant::Bool(*value), Words::Any),
            LiteralKind::Text { value, quoted } => {
                request.equals(field, &Constant::Text(value.clone()), words(*quoted))
            }
            LiteralKind::Cursor(_) => Ok(Predicate::Const(false)),
        }
    }

    fn null(&self, field: &Arc<Field>, keyword: bool) -> Leaf {
        match field.kind {
            kind if kind.is_date() && self.settings.typed => Ok(self.request("").exists(field)),
            _ if keyword => Err(NO_VALUE.into()),
            _ => Err(NO_TEXT.into()),
        }
    }

    /// Free text: every field that can be searched, each as its type has it, refusals aside.
    fn free_text(&mut self, span: Span, value: &Literal, group: Option<&str>) -> Predicate {
        let leaf = match &value.kind {
            LiteralKind::Null => Err(NO_TEXT.into()),
            LiteralKind::Wildcard(parts) => query_string(parts).and_then(|query| {
                query.combine(&mut |clause| {
                    Ok(match clause {
                        Clause::Exists => Predicate::Const(true),
                        clause => self.everywhere(group, &|request, field| clause.on(request, field)),
                    })
                })
            }),
            LiteralKind::Bool(value) => {
                let constant = Constant::Bool(*value);
                Ok(self.everywhere(group, &|request, field| request.equals(field, &constant, Words::Any)))
            }
            LiteralKind::Text { value, quoted } => {
                let constant = Constant::Text(value.clone());
                Ok(self.everywhere(group, &|request, field| request.equals(field, &constant, words(*quoted))))
            }
            LiteralKind::Cursor(_) => Ok(Predicate::Const(false)),
        };
        leaf.unwrap_or_else(|refusal| {
            self.refuse(&Field::plain("*", FieldType::Text, Origin::Caller), span, &refusal);
            Predicate::Const(false)
        })
    }
}

const NO_TEXT: &str = "No text specified for text query";
const NO_VALUE: &str = "value cannot be null";

/// Whether Elasticsearch refuses it while it reads a request, before it looks at fields.
fn is_read(item: &Diagnostic) -> bool {
    item.product.as_deref().is_some_and(|product| [NO_TEXT, NO_VALUE].contains(&product))
}

const fn words(quoted: bool) -> Words {
    if quoted { Words::Phrase } else { Words::Any }
}

fn query_string(parts: &[String]) -> Result<QueryString, String> {
    let failed = || format!("Failed to parse query [{}]", crate::syntax::kql::escape_query_string(parts));
    QueryString::parse(parts).ok_or_else(failed)
}

/// A field that no event has.
fn unmapped(name: &str, group: Option<&str>) -> Arc<Field> {
    let nested = group.map(str::to_owned);
    Arc::new(Field { searchable: false, nested, ..Field::plain(name, FieldType::Object, Origin::Caller) })
}

/// Whether a leaf on the field sees its values: those of nested objects are hidden from everything but a group of their own
/// path (Elasticsearch: nested field).
pub(super) fn is_visible(field: &Field, group: Option<&str>) -> bool {
    match (field.nested.as_deref(), group) {
        (None, None) => true,
        (None, Some(_)) => field.origin != Origin::Caller,
        (own, group) => own == group,
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
