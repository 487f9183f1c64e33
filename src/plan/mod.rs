//! What is *meant*: the one plan that both languages become. Types and case rules are settled here; nothing below asks which
//! language a query came from.
//!
//! Unstable: public so that tests, fuzzing and tools can read it.

pub mod expr;
pub mod test;

use std::sync::Arc;

pub use expr::Expr;
pub use test::Test;

use crate::schema::{Field, FieldType, Schema};
use crate::text::Wildcard;

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What is looked for.
    pub kind: QueryKind,
    /// What is done with the results, in order.
    pub pipes: Vec<Pipe>,
}

/// The kinds of query.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryKind {
    /// Single events.
    Event(Predicate),
    /// Events one after the other.
    Sequence(Sequence),
    /// Events that share keys, in any order.
    Sample(Sample),
}

impl QueryKind {
    /// The conditions of the query: one, or one for each stage, and that of `until` last.
    pub fn filters(&self) -> Vec<&Predicate> {
        match self {
            Self::Event(filter) => vec![filter],
            Self::Sequence(_) | Self::Sample(_) => self.stages().map(|stage| &stage.filter).collect(),
        }
    }

    /// The stages of a sequence or a sample, then `until`.
    pub fn stages(&self) -> impl Iterator<Item = &Stage> {
        let (stages, until) = match self {
            Self::Event(_) => (&[][..], None),
            Self::Sequence(sequence) => (sequence.stages.as_slice(), sequence.until.as_ref()),
            Self::Sample(sample) => (sample.stages.as_slice(), None),
        };
        stages.iter().chain(until)
    }

    /// The same, to change them.
    pub fn stages_mut(&mut self) -> impl Iterator<Item = &mut Stage> {
        let (stages, until) = match self {
            Self::Event(_) => (&mut [][..], None),
            Self::Sequence(sequence) => (sequence.stages.as_mut_slice(), sequence.until.as_mut()),
            Self::Sample(sample) => (sample.stages.as_mut_slice(), None),
        };
        stages.iter_mut().chain(until)
    }

    /// The conditions of the query, to change them.
    pub fn filters_mut(&mut self) -> Vec<&mut Predicate> {
        match self {
            Self::Event(filter) => vec![filter],
            Self::Sequence(_) | Self::Sample(_) => self.stages_mut().map(|stage| &mut stage.filter).collect(),
        }
    }
}

/// A truth about one event. Two-valued: a leaf that cannot be decided is false, and its negation true
/// (Elasticsearch: EQL syntax, missing fields; query DSL, bool query).
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// Always or never.
    Const(bool),
    /// All of them.
    And(Vec<Predicate>),
    /// Any of them.
    Or(Vec<Predicate>),
    /// Not it.
    Not(Box<Predicate>),
    /// Some value of the field passes the test.
    Leaf(Arc<Field>, Test),
    /// Some value of some leaf field passes the test that its type has: free text, and patterns in field names that only the
    /// event can resolve.
    AnyField(Box<AnyField>),
    /// A computed expression is true for some combination of the values of its fields.
    Computed(Expr),
    /// One object at the path satisfies the predicate; field paths within stay absolute.
    Nested(String, Box<Predicate>),
}

/// Fields that are known only when the event is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct AnyField {
    /// Which fields.
    pub name: Wildcard,
    /// What type each of them has.
    pub types: Types,
    /// What to ask of a field of each type. A type that is not listed never matches.
    pub tests: Vec<(FieldType, Test)>,
}

/// The types of fields that are known only when the event is seen.
#[derive(Debug, Clone)]
pub enum Types {
    /// Where the type of each is looked up, and which fields are hidden in `nested` objects.
    Schema(Arc<Schema>),
    /// All are read as this field is: the keys of a flattened field.
    Same(Arc<Field>),
}

impl PartialEq for Types {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Schema(a), Self::Schema(b)) => Arc::ptr_eq(a, b),
            (Self::Same(a), Self::Same(b)) => a == b,
            _ => false,
        }
    }
}

impl Predicate {
    /// All of `items`: flat, without constants.
    pub fn and(items: impl IntoIterator<Item = Self>) -> Self {
        let mut out = Vec::new();
        for item in items {
            match item {
                Self::Const(true) => {}
                Self::Const(false) => return Self::Const(false),
                Self::And(inner) => out.extend(inner),
                other => out.push(other),
            }
        }
        Self::settle(out, true, Self::And)
    }

    /// Any of `items`: flat, without constants.
    pub fn or(items: impl IntoIterator<Item = Self>) -> Self {
        let mut out = Vec::new();
        for item in items {
            match item {
                Self::Const(false) => {}
                Self::Const(true) => return Self::Const(true),
                Self::Or(inner) => out.extend(inner),
                other => out.push(other),
            }
        }
        Self::settle(out, false, Self::Or)
    }

    /// One object at `path` satisfies `inner`.
    pub fn nested(path: &str, inner: Self) -> Self {
        match inner {
            Self::Const(false) => inner,
            inner => Self::Nested(path.to_owned(), Box::new(inner)),
        }
    }

    fn settle(mut items: Vec<Self>, none: bool, join: fn(Vec<Self>) -> Self) -> Self {
        if items.len() > 1 { join(items) } else { items.pop().unwrap_or(Self::Const(none)) }
    }

    /// Not `item`. A method rather than `Not::not`, because it simplifies.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Const(value) => Self::Const(!value),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

/// Events one after the other (Elasticsearch: EQL syntax, sequences).
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// The stages; `with runs` is already written out.
    pub stages: Vec<Stage>,
    /// What ends the partial sequences of its keys.
    pub until: Option<Stage>,
    /// The longest time from first to last event, in nanoseconds.
    pub maxspan: Option<i128>,
}

/// One stage of a sequence or sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Which events fit.
    pub filter: Predicate,
    /// The keys that join it to the other stages.
    pub keys: Vec<JoinKey>,
    /// Whether the stage is the *absence* of such an event.
    pub missing: bool,
}

/// A join key.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinKey {
    /// The field; `None` where an optional field is not mapped, so that the key is null in every event.
    pub field: Option<Arc<Field>>,
    /// The name as written.
    pub name: String,
    /// Whether an event without it has the key null; otherwise it does not fit.
    pub optional: bool,
}

/// Events that share keys (Elasticsearch: EQL syntax, samples).
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The filters; no stage is missing.
    pub stages: Vec<Stage>,
}

/// A step on the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipe {
    /// The first so many.
    Head(usize),
    /// The last so many.
    Tail(usize),
}
