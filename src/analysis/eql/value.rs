//! Values and truths while they are worked out.

use std::sync::Arc;

use crate::plan::Predicate;
use crate::plan::expr::{Datum, Expr};
use crate::schema::{Field, FieldType};
use crate::source::Span;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Boolean,
    Integer,
    Long,
    UnsignedLong,
    Double,
    Keyword,
    Text,
    Ip,
    Date,
    Version,
    /// The event decides.
    Unknown,
}

impl Type {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Long => "long",
            Self::UnsignedLong => "unsigned_long",
            Self::Double => "double",
            Self::Keyword => "keyword",
            Self::Text => "text",
            Self::Ip => "ip",
            Self::Date => "datetime",
            Self::Version => "version",
            Self::Unknown => "unknown",
        }
    }

    pub const fn is_string(self) -> bool {
        matches!(self, Self::Keyword | Self::Text | Self::Null | Self::Unknown)
    }

    pub const fn is_integer(self) -> bool {
        matches!(self, Self::Integer | Self::Long | Self::UnsignedLong | Self::Null | Self::Unknown)
    }

    pub const fn is_number(self) -> bool {
        self.is_integer() || matches!(self, Self::Double)
    }

    pub const fn is_boolean(self) -> bool {
        matches!(self, Self::Boolean | Self::Null | Self::Unknown)
    }

    /// Whether values of both can be compared for membership and as keys.
    pub fn is_like(self, other: Self) -> bool {
        self == other
            || matches!(self, Self::Null | Self::Unknown)
            || matches!(other, Self::Null | Self::Unknown)
            || (self.is_number() && other.is_number())
            || (self.is_string() && other.is_string())
    }

    pub const fn of_datum(datum: &Datum) -> Self {
        match datum {
            Datum::Null => Self::Null,
            Datum::Bool(_) => Self::Boolean,
            Datum::Int(_) => Self::Integer,
            Datum::Long(_) => Self::Long,
            Datum::UnsignedLong(_) => Self::UnsignedLong,
            Datum::Double(_) => Self::Double,
            Datum::Text(_) => Self::Keyword,
            Datum::Ip(_) => Self::Ip,
            Datum::Date(_) => Self::Date,
            Datum::Version(_) => Self::Version,
        }
    }

    pub const fn of_field(kind: FieldType) -> Self {
        match kind {
            FieldType::Text | FieldType::MatchOnlyText => Self::Text,
            FieldType::Version => Self::Version,
            FieldType::Integer | FieldType::Short | FieldType::Byte => Self::Integer,
            FieldType::Long => Self::Long,
            FieldType::UnsignedLong => Self::UnsignedLong,
            FieldType::Double | FieldType::Float | FieldType::HalfFloat | FieldType::ScaledFloat => Self::Double,
            FieldType::Boolean => Self::Boolean,
            FieldType::Ip => Self::Ip,
            FieldType::Date | FieldType::DateNanos => Self::Date,
            FieldType::Inferred => Self::Unknown,
            _ => Self::Keyword,
        }
    }
}

/// A truth while conditions are worked out. Null exists only in constants.
#[derive(Debug, Clone)]
pub(super) enum Truth {
    /// Folded.
    Known(Option<bool>),
    /// The event decides.
    Test(Predicate),
}

impl Truth {
    pub fn into_predicate(self) -> Predicate {
        match self {
            Self::Known(value) => Predicate::Const(value == Some(true)),
            Self::Test(predicate) => predicate,
        }
    }

    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Known(value) => Self::Known(value.map(|value| !value)),
            Self::Test(predicate) => Self::Test(predicate.negate()),
        }
    }

    /// `and`: false decides, then null, which swallows what only the event knows.
    pub fn and(items: Vec<Self>) -> Self {
        if items.iter().any(|item| matches!(item, Self::Known(Some(false)))) {
            return Self::Known(Some(false));
        }
        if items.iter().any(|item| matches!(item, Self::Known(None))) {
            return Self::Known(None);
        }
        let tests: Vec<Predicate> = items.into_iter().filter_map(Self::test).collect();
        if tests.is_empty() { Self::Known(Some(true)) } else { Self::Test(Predicate::and(tests)) }
    }

    /// `or`: true decides; null stands only where nothing else does.
    pub fn or(items: Vec<Self>) -> Self {
        if items.iter().any(|item| matches!(item, Self::Known(Some(true)))) {
            return Self::Known(Some(true));
        }
        let unknown = items.iter().any(|item| matches!(item, Self::Known(None)));
        let tests: Vec<Predicate> = items.into_iter().filter_map(Self::test).collect();
        match (tests.is_empty(), unknown) {
            (false, _) => Self::Test(Predicate::or(tests)),
            (true, true) => Self::Known(None),
            (true, false) => Self::Known(Some(false)),
        }
    }

    fn test(self) -> Option<Predicate> {
        match self {
            Self::Test(predicate) => Some(predicate),
            Self::Known(_) => None,
        }
    }
}

/// An expression that was worked out.
#[derive(Debug, Clone)]
pub(super) struct Value {
    /// As part of a larger computed expression.
    pub expr: Expr,
    pub kind: Type,
    /// Of a condition: what it is at the top of a leaf.
    pub truth: Option<Truth>,
    /// Of a bare field.
    pub field: Option<Arc<Field>>,
    pub span: Span,
}

impl Value {
    pub fn constant(datum: Datum, span: Span) -> Self {
        let truth = match &datum {
            Datum::Bool(value) => Some(Truth::Known(Some(*value))),
            _ => None,
        };
        Self { kind: Type::of_datum(&datum), expr: Expr::Constant(datum), truth, field: None, span }
    }

    pub const fn computed(expr: Expr, kind: Type, span: Span) -> Self {
        Self { expr, kind, truth: None, field: None, span }
    }

    /// A condition: `expr` inside an expression, `truth` at the top.
    pub fn condition(expr: Expr, truth: Truth, span: Span) -> Self {
        let expr = match &truth {
            Truth::Known(value) => Expr::Constant(value.map_or(Datum::Null, Datum::Bool)),
            Truth::Test(_) => expr,
        };
        let kind = if matches!(truth, Truth::Known(None)) { Type::Null } else { Type::Boolean };
        Self { expr, kind, truth: Some(truth), field: None, span }
    }

    pub const fn as_constant(&self) -> Option<&Datum> {
        match &self.expr {
            Expr::Constant(datum) => Some(datum),
            _ => None,
        }
    }

    pub fn into_constant(self) -> Option<Datum> {
        match self.expr {
            Expr::Constant(datum) => Some(datum),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        self.as_constant().is_some_and(Datum::is_null)
    }
}
