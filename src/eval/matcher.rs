//! Asking an event: leaves over the values of a field, and the logic above them.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use hashbrown::HashSet;
use memchr::memmem::Finder;

use super::compile::Node;
use super::program::Program;
use super::value::Reader;
use crate::event::number::{Number, compare};
use crate::event::time::Instant;
use crate::event::{Document, FieldKey, Value};
use crate::schema::{FieldType, Lookup, Schema};
use crate::text::{Fold, IpSet, Regex, Wildcard, any_token, compare_versions};

/// A question about an event.
#[derive(Debug)]
pub(super) struct Leaf {
    pub field: FieldKey,
    pub asker: Asker,
}

/// Whom a leaf asks.
#[derive(Debug)]
pub(super) enum Asker {
    /// Each value of the leaf's field.
    Values { reader: Reader, ask: Ask },
    /// Each value of each field whose name fits.
    AnyField { name: Wildcard, types: LeafTypes, tests: Vec<(FieldType, Ask)>, inside: String },
    /// A computed expression.
    Computed(Box<super::expr::Compiled>),
}

/// What types the leaves of an event have.
#[derive(Debug)]
pub(super) enum LeafTypes {
    /// Each its own.
    Schema(Arc<Schema>),
    /// All the same.
    Same(Reader),
}

/// A question about one value, in its compiled form. Texts that are compared with folding are folded.
#[derive(Debug)]
pub(super) enum Ask {
    Exists,
    Text(String, Fold),
    Texts(HashSet<String>, Fold),
    Prefix(String, Fold),
    Suffix(String, Fold),
    Contains(Box<Finder<'static>>, Fold),
    Wildcard(Wildcard, Fold),
    Regex(Regex),
    TextRange(Bound<String>, Bound<String>),
    /// Some token of the value.
    Token(Box<Ask>),
    Phrase(Vec<String>),
    Numbers(Vec<Number>),
    NumberRange(Bound<Number>, Bound<Number>),
    Ips(IpSet),
    DateRange(Bound<Instant>, Bound<Instant>),
    /// Whether false, and whether true, will do.
    Bools(bool, bool),
    VersionRange(Bound<String>, Bound<String>),
    /// Of strings, numbers, booleans.
    Inferred(Box<[Option<Ask>; 3]>),
    Any(Vec<Ask>),
}

impl Asker {
    /// Whether the values of the leaf's field tell the answer, one by one.
    pub const fn is_about_values(&self) -> bool {
        matches!(self, Self::Values { .. })
    }

    /// A rough cost, for the order of questions.
    pub fn cost(&self) -> u32 {
        match self {
            Self::Values { ask, .. } => ask.cost(),
            Self::AnyField { .. } => 100,
            Self::Computed(_) => 20,
        }
    }
}

impl Ask {
    fn cost(&self) -> u32 {
        match self {
            Self::Exists | Self::Bools(..) | Self::Numbers(_) | Self::NumberRange(..) => 1,
            Self::Text(..) | Self::Texts(..) | Self::Prefix(..) | Self::Suffix(..) => 2,
            Self::Ips(_) | Self::TextRange(..) => 4,
            Self::Contains(..) | Self::Wildcard(..) | Self::DateRange(..) | Self::VersionRange(..) => 6,
            Self::Regex(_) | Self::Token(_) | Self::Phrase(_) => 12,
            Self::Inferred(each) => each.iter().flatten().map(Self::cost).max().unwrap_or(1),
            Self::Any(each) => each.iter().map(Self::cost).sum(),
        }
    }

    /// Whether the value, read as the field's type has it, answers yes.
    pub fn of(&self, reader: &Reader, value: Value<'_>) -> bool {
        if let Value::Str(text) = value
            && self.is_about_text()
            && reader.takes_as_is(text)
        {
            return self.of_text(text);
        }
        let value = reader.or_null_value(value);
        match self {
            Self::Exists => reader.exists(value),
            Self::Numbers(numbers) => {
                reader.number(value).is_some_and(|found| numbers.iter().any(|&number| compare(found, number).is_eq()))
            }
            Self::NumberRange(low, high) => reader.number(value).is_some_and(|found| within(found, low, high)),
            Self::Ips(set) => reader.ip(value).is_some_and(|ip| set.contains(ip)),
            Self::DateRange(low, high) => reader.date(value).is_some_and(|found| (*low, *high).contains(&found)),
            Self::Bools(no, yes) => reader.boolean(value).is_some_and(|found| if found { *yes } else { *no }),
            Self::Inferred(each) => self.inferred(each, reader, value),
            Self::Any(each) => each.iter().any(|ask| ask.of(reader, value)),
            _ => reader.text(value).is_some_and(|text| self.of_text(&text)),
        }
    }

    /// Whether the question is about a text and nothing else, so that how the field reads numbers and the like is no matter.
    fn is_about_text(&self) -> bool {
        match self {
            Self::Text(..)
            | Self::Texts(..)
            | Self::Prefix(..)
            | Self::Suffix(..)
            | Self::Contains(..)
            | Self::Wildcard(..) => true,
            Self::Any(each) => each.iter().all(Self::is_about_text),
            _ => false,
        }
    }

    fn inferred(&self, each: &[Option<Self>; 3], reader: &Reader, value: Value<'_>) -> bool {
        let ask = match value {
            Value::Str(_) => &each[0],
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => &each[1],
            Value::Bool(_) => &each[2],
            Value::Null | Value::Object(_) => return false,
        };
        ask.as_ref().is_some_and(|ask| ask.of(reader, value))
    }

    fn of_text(&self, text: &str) -> bool {
        match self {
            Self::Text(wanted, fold) => fold.same(text, wanted),
            Self::Texts(wanted, fold) => fold.with(text, |text| wanted.contains(text)),
            Self::Prefix(prefix, fold) => fold.strip_prefix(text, prefix).is_some(),
            Self::Suffix(suffix, fold) => fold.ends_with(text, suffix),
            Self::Contains(part, Fold::Exact) => part.find(text.as_bytes()).is_some(),
            Self::Contains(part, fold) => fold.contains(text, part.needle()),
            Self::Wildcard(pattern, fold) => pattern.matches(text, *fold),
            Self::Regex(regex) => regex.matches(text),
            Self::TextRange(low, high) => RangeBounds::<str>::contains(&(as_str(low), as_str(high)), text),
            Self::VersionRange(low, high) => version_within(text, low, high),
            Self::Token(ask) => any_token(text, &mut |token| ask.of_text(token)),
            Self::Phrase(tokens) => phrase(text, tokens),
            Self::Exists => true,
            Self::Any(each) => each.iter().any(|ask| ask.of_text(text)),
            _ => false,
        }
    }
}

fn as_str(bound: &Bound<String>) -> Bound<&str> {
    bound.as_ref().map(String::as_str)
}

fn within(found: Number, low: &Bound<Number>, high: &Bound<Number>) -> bool {
    let above = match low {
        Bound::Unbounded => true,
        Bound::Included(bound) => compare(found, *bound).is_ge(),
        Bound::Excluded(bound) => compare(found, *bound).is_gt(),
    };
    above
        && match high {
            Bound::Unbounded => true,
            Bound::Included(bound) => compare(found, *bound).is_le(),
            Bound::Excluded(bound) => compare(found, *bound).is_lt(),
        }
}

fn version_within(text: &str, low: &Bound<String>, high: &Bound<String>) -> bool {
    let above = match low {
        Bound::Unbounded => true,
        Bound::Included(bound) => compare_versions(text, bound).is_ge(),
        Bound::Excluded(bound) => compare_versions(text, bound).is_gt(),
    };
    above
        && match high {
            Bound::Unbounded => true,
            Bound::Included(bound) => compare_versions(text, bound).is_le(),
            Bound::Excluded(bound) => compare_versions(text, bound).is_lt(),
        }
}

/// Whether `tokens` stand one after the other in `text`. Each token of the text is looked at once (Knuth, Morris and Pratt),
/// since a long phrase of one word would be compared anew at each place of a long text.
fn phrase(text: &str, tokens: &[String]) -> bool {
    let borders = borders(tokens);
    let mut fitting = 0;
    any_token(text, &mut |token| {
        fitting = longer(tokens, &borders, fitting, token);
        fitting == tokens.len()
    })
}

/// For each beginning of the tokens, how many of its last ones are its first ones as well.
fn borders(tokens: &[String]) -> Vec<usize> {
    let mut borders = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let before = borders.last().copied().unwrap_or(0);
        borders.push(if at == 0 { 0 } else { longer(tokens, &borders, before, token) });
    }
    borders
}

/// How many of the first tokens fit the last ones of a text once `token` follows, where `fitting` did before.
fn longer(tokens: &[String], borders: &[usize], mut fitting: usize, token: &str) -> usize {
    while tokens.get(fitting).is_none_or(|next| next != token) {
        if fitting == 0 {
            return 0;
        }
        fitting = borders.get(fitting - 1).copied().unwrap_or(0);
    }
    fitting + 1
}

impl Program {
    pub(super) fn holds(&self, node: &Node, event: &dyn Document) -> bool {
        match node {
            Node::Const(value) => *value,
            Node::And(nodes) => nodes.iter().all(|node| self.holds(node, event)),
            Node::Or(nodes) => nodes.iter().any(|node| self.holds(node, event)),
            Node::Not(inner) => !self.holds(inner, event),
            Node::Leaf(id) => self.leaves.get(*id as usize).is_some_and(|leaf| leaf.holds(event)),
            Node::Nested(path, inner) => event.any_object(path, &mut |object| self.holds(inner, object)),
        }
    }
}

impl Leaf {
    /// Whether one value of the field is enough for a yes; `false` of a leaf that asks about more than its field.
    pub fn holds_of(&self, value: Value<'_>) -> bool {
        matches!(&self.asker, Asker::Values { reader, ask } if ask.of(reader, value))
    }

    pub fn holds(&self, event: &dyn Document) -> bool {
        match &self.asker {
            Asker::Values { reader, ask } => event.any(&self.field, &mut |value| ask.of(reader, value)),
            Asker::Computed(compiled) => compiled.holds(event),
            Asker::AnyField { name, types, tests, inside } => event.any_leaf("", &mut |path, value| {
                let path = if inside.is_empty() { path.to_owned() } else { format!("{inside}{path}") };
                name.matches(&path, Fold::Exact) && any_field(&path, inside, types, tests, value)
            }),
        }
    }
}

fn any_field(path: &str, inside: &str, types: &LeafTypes, tests: &[(FieldType, Ask)], value: Value<'_>) -> bool {
    let ask = |reader: &Reader| {
        let asked = tests.iter().filter(|(kind, _)| *kind == reader.kind);
        asked.into_iter().any(|(_, ask)| ask.of(reader, value))
    };
    let schema = match types {
        LeafTypes::Schema(schema) => schema,
        LeafTypes::Same(reader) => return ask(reader),
    };
    match schema.lookup(path) {
        Lookup::Field(field) if field.nested.as_deref().is_none_or(|own| inside.strip_suffix('.') == Some(own)) => {
            ask(&Reader::new(&field))
        }
        _ => false,
    }
}
