//! What kind of value an expression has, as far as its text tells, and what functions and pipes want.

use super::function::SHAPES;
use crate::syntax::eql::ast::{Expr, ExprKind, Literal};

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The event decides.
    Unknown,
    /// Null, which fits everywhere.
    Null,
    /// A truth.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
}

/// What an argument has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// Anything.
    Any,
    /// A text.
    Text,
    /// A text that is written out.
    Literal,
    /// A number.
    Number,
    /// A truth.
    Bool,
    /// An array; no expression but a field has one.
    Array,
    /// Something with a length.
    TextOrArray,
    /// A name that stands for each element of an array.
    Variable,
}

impl Kind {
    /// The kind of value an expression has.
    pub fn of(expr: &Expr) -> Self {
        match &expr.kind {
            ExprKind::Literal(Literal::Null) => Self::Null,
            ExprKind::Literal(Literal::Bool(_)) => Self::Bool,
            ExprKind::Literal(Literal::Integer(_) | Literal::Float(_)) => Self::Number,
            ExprKind::Literal(Literal::String { .. }) => Self::Text,
            ExprKind::Field(_) => Self::Unknown,
            ExprKind::Call { name, .. } => {
                SHAPES.iter().find(|shape| shape.name == name.text).map_or(Self::Unknown, |shape| shape.gives)
            }
            ExprKind::Not(inner) => Self::of(inner),
            ExprKind::Sign(_, inner) => match Self::of(inner) {
                kind @ (Self::Unknown | Self::Null) => kind,
                _ => Self::Number,
            },
            ExprKind::Arithmetic(..) => Self::Number,
            _ => Self::Bool,
        }
    }

    /// Whether two values can be of one kind.
    pub fn fits(self, other: Self) -> bool {
        self == other || [self, other].iter().any(|kind| matches!(kind, Self::Unknown | Self::Null))
    }

    /// How messages call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "a value",
            Self::Null => "null",
            Self::Bool => "a truth",
            Self::Number => "a number",
            Self::Text => "a text",
        }
    }
}

impl Wants {
    /// Whether an expression is such an argument.
    pub fn takes(self, expr: &Expr) -> bool {
        let kind = Kind::of(expr);
        match self {
            Self::Any => true,
            Self::Text => kind.fits(Kind::Text),
            Self::Literal => super::literal_text(expr).is_some(),
            Self::Number => kind.fits(Kind::Number),
            Self::Bool => kind.fits(Kind::Bool),
            Self::Array => matches!(kind, Kind::Unknown | Kind::Null),
            Self::TextOrArray => kind.fits(Kind::Text),
            Self::Variable => matches!(expr.kind, ExprKind::Field(_)),
        }
    }

    /// How messages call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text => "a text",
            Self::Literal => "a constant text",
            Self::Number => "a number",
            Self::Bool => "a truth",
            Self::Array => "an array",
            Self::TextOrArray => "a text or an array",
            Self::Variable => "a name for the elements",
        }
    }
}

/// Whether no event changes the value.
pub(super) fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) => true,
        ExprKind::Field(_) | ExprKind::Relation { .. } | ExprKind::Match { .. } => false,
        ExprKind::Call { args, .. } => args.iter().all(is_constant),
        ExprKind::Sign(_, inner) | ExprKind::Not(inner) => is_constant(inner),
        ExprKind::Arithmetic(_, left, right) | ExprKind::Compare(_, left, right) => {
            is_constant(left) && is_constant(right)
        }
        ExprKind::In { value, list, .. } => is_constant(value) && list.iter().all(is_constant),
        ExprKind::And(items) | ExprKind::Or(items) => items.iter().all(is_constant),
    }
}
