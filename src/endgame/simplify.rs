//! The simplest form of an expression: constants folded out of `and` and `or`, wildcards made calls.

use super::literal_text;
use crate::source::Span;
use crate::syntax::eql::ast::{CompareOperator, Expr, ExprKind, Literal, Name};

/// The expression in its simplest form. Two expressions that the dialect treats alike print alike after it, as far as
/// wildcards and constants in `and` and `or` go.
pub fn simplify(expr: &Expr) -> Expr {
    let kind = match &expr.kind {
        ExprKind::And(items) => junction(items, false),
        ExprKind::Or(items) => junction(items, true),
        ExprKind::Not(inner) => not(simplify(inner)),
        ExprKind::Compare(operator, left, right) => compare(*operator, left, right),
        other => other.clone(),
    };
    Expr { kind, span: expr.span }
}

const fn as_bool(expr: &Expr) -> Option<bool> {
    match expr.kind {
        ExprKind::Literal(Literal::Bool(value)) => Some(value),
        _ => None,
    }
}

fn junction(items: &[Expr], decides: bool) -> ExprKind {
    let mut out = Vec::new();
    for item in items.iter().map(simplify) {
        match as_bool(&item) {
            Some(value) if value == decides => return ExprKind::Literal(Literal::Bool(decides)),
            Some(_) => {}
            None => out.push(item),
        }
    }
    match (out.len(), decides) {
        (0, _) => ExprKind::Literal(Literal::Bool(!decides)),
        (1, _) => out.swap_remove(0).kind,
        (_, true) => ExprKind::Or(out),
        (_, false) => ExprKind::And(out),
    }
}

fn not(inner: Expr) -> ExprKind {
    match inner.kind {
        ExprKind::Literal(Literal::Bool(value)) => ExprKind::Literal(Literal::Bool(!value)),
        ExprKind::Not(inner) => inner.kind,
        _ => ExprKind::Not(Box::new(inner)),
    }
}

fn compare(operator: CompareOperator, left: &Expr, right: &Expr) -> ExprKind {
    let equality = matches!(operator, CompareOperator::Equal | CompareOperator::NotEqual);
    for (pattern, value) in [(right, left), (left, right)] {
        if equality && literal_text(pattern).is_some_and(|text| text.contains('*')) {
            let name = Name { text: "wildcard".into(), quoted: false, span: Span::default() };
            let call = ExprKind::Call { name, fold: false, args: vec![simplify(value), pattern.clone()] };
            let call = Expr { kind: call, span: left.span.join(right.span) };
            return if operator == CompareOperator::Equal { call.kind } else { not(call) };
        }
    }
    ExprKind::Compare(operator, Box::new(simplify(left)), Box::new(simplify(right)))
}
