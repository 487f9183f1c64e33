//! Computed expressions: three-valued inside, over occurrences of fields (Elasticsearch: EQL syntax; painless scripts).

use std::sync::Arc;

pub use crate::function::arithmetic::Operator as Arithmetic;
pub use crate::function::{Datum, Function};
use crate::schema::Field;
use crate::text::{Fold, Regex, Wildcard};

/// An expression over the values of an event. A null operand gives null unless the node says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A constant.
    Constant(Datum),
    /// One occurrence of a field; the number is unique within the whole expression, so that a field written twice varies
    /// independently.
    Field(usize, Arc<Field>),
    /// A function and whether it folds case.
    Call(Function, bool, Vec<Expr>),
    /// `a + b` and its kin.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `-a`
    Negate(Box<Expr>),
    /// `a < b` and its kin.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Whether the value is one of these.
    In(Box<Expr>, Vec<Datum>, Fold),
    /// Whether the text fits one of the patterns as a whole.
    Wildcard(Box<Expr>, Arc<[Wildcard]>, Fold),
    /// Whether the text fits the expression as a whole.
    Regex(Box<Expr>, Regex),
    /// Whether the value is null; never null itself.
    IsNull(Box<Expr>),
    /// All of them, by Kleene's rules.
    And(Vec<Expr>),
    /// Any of them, by Kleene's rules.
    Or(Vec<Expr>),
    /// Not it; null stays null.
    Not(Box<Expr>),
}

/// Comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether two values in this order satisfy it.
    pub const fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The comparison with its sides exchanged.
    #[must_use]
    pub const fn flipped(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}
