//! The tree of an EQL query: what was written, nothing desugared, a span on every node.

use crate::source::Span;

/// A whole text.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Statement {
    /// What is asked for.
    pub query: Query,
    /// What is done with the results, in order.
    pub pipes: Vec<Pipe>,
}

/// The kinds of query.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Query {
    /// `process where …`
    Event(EventFilter),
    /// `sequence …`
    Sequence(Sequence),
    /// `sample …`
    Sample(Sample),
    /// `join …` (Endgame; Elasticsearch parses and refuses it)
    Join(Join),
}

/// `category where condition`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct EventFilter {
    /// The category, `None` for `any`.
    pub category: Option<Name>,
    /// The condition.
    pub condition: Expr,
    /// Where the filter stands, category included.
    pub span: Span,
}

/// A bare or quoted word.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Name {
    /// The decoded text.
    pub text: String,
    /// Whether it stood in quotes or back-ticks.
    pub quoted: bool,
    /// Where.
    pub span: Span,
}

/// `sequence by k with maxspan=5m [ ] [ ] until [ ]`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Sequence {
    /// Keys common to all terms.
    pub by: Vec<Expr>,
    /// The longest time from first to last event.
    pub maxspan: Option<MaxSpan>,
    /// The stages as written.
    pub terms: Vec<Term>,
    /// What ends a partial sequence.
    pub until: Option<Box<Term>>,
    /// Where the whole stands.
    pub span: Span,
}

/// A checked `maxspan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct MaxSpan {
    /// The amount.
    pub amount: u64,
    /// Its unit.
    pub unit: TimeUnit,
    /// Where amount and unit stand.
    pub span: Span,
}

/// Units of `maxspan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum TimeUnit {
    /// `ms`
    Millisecond,
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
}

/// One stage of a sequence, sample or join.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Term {
    /// Whether it is a missing event, `![ … ]`.
    pub missing: bool,
    /// The events.
    pub filter: EventFilter,
    /// Keys of this term alone.
    pub by: Vec<Expr>,
    /// `with runs=n`: how often it repeats; 1 where not written.
    pub runs: u32,
    /// `fork` (Endgame): the partial sequence stays where it was.
    pub fork: bool,
    /// Where the whole stands.
    pub span: Span,
}

/// `sample by k [ ] [ ]`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Sample {
    /// Keys common to all terms.
    pub by: Vec<Expr>,
    /// The filters as written.
    pub terms: Vec<Term>,
    /// Where the whole stands.
    pub span: Span,
}

/// `join by k [ ] [ ] until [ ]`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Join {
    /// Keys common to all terms.
    pub by: Vec<Expr>,
    /// The terms as written.
    pub terms: Vec<Term>,
    /// What clears a key.
    pub until: Option<Box<Term>>,
    /// Where the whole stands.
    pub span: Span,
}

/// `| head 5`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Pipe {
    /// Its name.
    pub name: Name,
    /// Its arguments.
    pub args: Vec<Expr>,
    /// Where the whole stands.
    pub span: Span,
}

/// An expression and its place.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands, parentheses not included.
    pub span: Span,
}

/// The kinds of expression.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// A field.
    Field(Field),
    /// `length(x)`, `startsWith~(a, b)`.
    Call {
        /// The name as typed, without `~`.
        name: Name,
        /// Whether `~` followed the name.
        fold: bool,
        /// The arguments.
        args: Vec<Expr>,
    },
    /// `-x` (`true`) or `+x` (`false`).
    Sign(bool, Box<Expr>),
    /// `a + b` and its kin.
    Arithmetic(ArithmeticOperator, Box<Expr>, Box<Expr>),
    /// `a == b` and its kin.
    Compare(CompareOperator, Box<Expr>, Box<Expr>),
    /// `x in (a, b)`.
    In {
        /// The left side.
        value: Box<Expr>,
        /// `not in`
        negated: bool,
        /// `in~`
        fold: bool,
        /// The list.
        list: Vec<Expr>,
    },
    /// `x : "a*"`, `x like ("a*", "b")`, `x regex~ "a.*"`.
    Match {
        /// The left side.
        value: Box<Expr>,
        /// Which operator.
        operator: MatchOperator,
        /// The patterns, constants all.
        patterns: Vec<Expr>,
        /// Whether the patterns stood in parentheses.
        list: bool,
    },
    /// `not x`.
    Not(Box<Expr>),
    /// `a and b and c`: two or more.
    And(Vec<Expr>),
    /// `a or b or c`: two or more.
    Or(Vec<Expr>),
    /// `descendant of [ … ]` (Endgame; Elasticsearch parses and refuses it).
    Relation {
        /// `child`, `descendant` or `event`.
        kind: Name,
        /// The related events.
        filter: Box<EventFilter>,
    },
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number that fits in 128 bits.
    Integer(i128),
    /// Any other number, and a whole number beyond 2^64-1.
    Float(f64),
    /// A string, escapes decoded.
    String {
        /// The decoded text.
        value: String,
        /// Whether it was a raw string.
        raw: bool,
    },
}

/// `?process.parent.args[0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Field {
    /// Whether `?` stood before it.
    pub optional: bool,
    /// Its parts.
    pub path: Vec<FieldPart>,
}

/// A part of a field's path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum FieldPart {
    /// A name.
    Name {
        /// The decoded text.
        text: String,
        /// Whether it stood in back-ticks.
        quoted: bool,
    },
    /// `[0]` (Endgame).
    Index(u64),
}

impl Field {
    /// The dotted name, without the question mark.
    ///
    /// ```
    /// use elkhound::syntax::eql::ast::{Field, FieldPart};
    /// let part = |text: &str| FieldPart::Name { text: text.into(), quoted: false };
    /// let field = Field { optional: true, path: vec![part("process"), part("name")] };
    /// assert_eq!(field.dotted(), "process.name");
    /// ```
    pub fn dotted(&self) -> String {
        let length = |part: &FieldPart| if let FieldPart::Name { text, .. } = part { text.len() + 1 } else { 8 };
        let mut out = String::with_capacity(self.path.iter().map(length).sum());
        for part in &self.path {
            match part {
                FieldPart::Name { text, .. } => {
                    if !out.is_empty() {
                        out.push('.');
                    }
                    out.push_str(text);
                }
                FieldPart::Index(index) => out.push_str(&format!("[{index}]")),
            }
        }
        out
    }
}

/// `+ - * / %`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum ArithmeticOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// `== != < <= > >=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum CompareOperator {
    /// `==`, and `=` where a dialect has it
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// `: like like~ regex regex~`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum MatchOperator {
    /// `:`
    Colon,
    /// `like`
    Like,
    /// `like~`
    LikeFold,
    /// `regex`
    Regex,
    /// `regex~`
    RegexFold,
}
