//! The tree as JSON: every node an object with `type` and `span` (`[start, end]` in bytes).

use serde_json::{Map, Value, json};

use super::ast::{EventFilter, Expr, ExprKind, Literal, Query, Statement, Term};
use super::print::print_expression;
use crate::source::Span;

/// The tree as JSON.
///
/// `{"query": {"type": "event" | "sequence" | "sample" | "join", …}, "pipes": [{"name", "args"}]}`; expressions are
/// `{"type": "literal" | "field" | "call" | "negate" | "plus" | "arithmetic" | "compare" | "in" | "match" | "not" | "and" | "or" |
/// "relation", …}`.
pub fn json(statement: &Statement) -> Value {
    let pipes: Vec<Value> = statement
        .pipes
        .iter()
        .map(|pipe| json!({"name": pipe.name.text, "args": all(&pipe.args), "span": span(pipe.span)}))
        .collect();
    json!({"query": query(&statement.query), "pipes": pipes})
}

fn query(query: &Query) -> Value {
    match query {
        Query::Event(filter) => node("event", filter.span, event(filter)),
        Query::Sequence(sequence) => {
            let maxspan = sequence.maxspan.map(|span| format!("{}{}", span.amount, span.unit.symbol()));
            let until = sequence.until.as_deref().map(term);
            let parts =
                json!({"by": all(&sequence.by), "maxspan": maxspan, "terms": terms(&sequence.terms), "until": until});
            node("sequence", sequence.span, parts)
        }
        Query::Sample(sample) => {
            node("sample", sample.span, json!({"by": all(&sample.by), "terms": terms(&sample.terms)}))
        }
        Query::Join(join) => {
            let until = join.until.as_deref().map(term);
            node("join", join.span, json!({"by": all(&join.by), "terms": terms(&join.terms), "until": until}))
        }
    }
}

fn node(name: &str, place: Span, parts: Value) -> Value {
    let mut out = Map::new();
    out.insert("type".into(), json!(name));
    if let Value::Object(parts) = parts {
        out.extend(parts);
    }
    out.insert("span".into(), span(place));
    Value::Object(out)
}

fn span(span: Span) -> Value {
    json!([span.start, span.end])
}

fn event(filter: &EventFilter) -> Value {
    json!({"category": filter.category.as_ref().map(|name| &name.text), "condition": expression(&filter.condition)})
}

fn terms(terms: &[Term]) -> Vec<Value> {
    terms.iter().map(term).collect()
}

fn term(term: &Term) -> Value {
    let mut parts = event(&term.filter);
    parts["by"] = json!(all(&term.by));
    parts["missing"] = json!(term.missing);
    parts["runs"] = json!(term.runs);
    if term.fork {
        parts["fork"] = json!(true);
    }
    node("term", term.span, parts)
}

fn all(items: &[Expr]) -> Vec<Value> {
    items.iter().map(expression).collect()
}

fn expression(expr: &Expr) -> Value {
    let (name, parts) = match &expr.kind {
        ExprKind::Literal(value) => ("literal", json!({"value": literal(value)})),
        ExprKind::Field(field) => ("field", json!({"name": field.dotted(), "optional": field.optional})),
        ExprKind::Call { name, fold, args } => {
            ("call", json!({"name": name.text, "case_insensitive": fold, "args": all(args)}))
        }
        ExprKind::Sign(minus, inner) => (if *minus { "negate" } else { "plus" }, json!({"value": expression(inner)})),
        ExprKind::Arithmetic(operator, left, right) => {
            ("arithmetic", json!({"operator": operator.symbol(), "left": expression(left), "right": expression(right)}))
        }
        ExprKind::Compare(operator, left, right) => {
            ("compare", json!({"operator": operator.symbol(), "left": expression(left), "right": expression(right)}))
        }
        ExprKind::In { value, negated, fold, list } => {
            ("in", json!({"value": expression(value), "negated": negated, "case_insensitive": fold, "list": all(list)}))
        }
        ExprKind::Match { value, operator, patterns, .. } => {
            ("match", json!({"operator": operator.symbol(), "value": expression(value), "patterns": all(patterns)}))
        }
        ExprKind::Not(inner) => ("not", json!({"value": expression(inner)})),
        ExprKind::And(items) => ("and", json!({"items": all(items)})),
        ExprKind::Or(items) => ("or", json!({"items": all(items)})),
        ExprKind::Relation { kind, filter } => ("relation", node(&kind.text, filter.span, event(filter))),
    };
    let mut parts = parts;
    if name == "relation" {
        parts = json!({"relation": parts});
    }
    let mut out = node(name, expr.span, parts);
    if name == "field" {
        out["text"] = json!(print_expression(expr));
    }
    out
}

fn literal(value: &Literal) -> Value {
    match value {
        Literal::Null => Value::Null,
        Literal::Bool(value) => json!(value),
        Literal::Integer(value) => {
            u64::try_from(*value).map_or_else(|_| json!(value.to_string()), |value| json!(value))
        }
        Literal::Float(value) => json!(value),
        Literal::String { value, .. } => json!(value),
    }
}
