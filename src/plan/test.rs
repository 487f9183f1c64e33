//! What is asked of one value of a field, once the field's type has settled how to read it.

use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use ipnet::IpNet;

pub use crate::event::number::Number;
pub use crate::text::{Fold, Regex, Wildcard, WildcardPart};

/// A question about one value. A value that the field's type cannot hold has no answer and fails.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum Test {
    /// The field has a value (not null, not an empty object; not longer than `ignore_above`).
    Exists,
    /// The value as text: keyword, wildcard, constant, flattened fields. Numbers and booleans are their JSON text.
    Text(TextTest),
    /// The value as analyzed text.
    Tokens(TokenTest),
    /// The value as a number of the field's type.
    Number(NumberTest),
    /// The value as an address.
    Ip(IpTest),
    /// The value as an instant, in nanoseconds since 1970.
    Date(DateTest),
    /// The value as a boolean.
    Bool(Vec<bool>),
    /// The value as a version.
    Version(VersionTest),
    /// A field without a declared type: the JSON type of each value picks the question.
    Inferred(Box<InferredTest>),
    /// Any of these.
    Any(Vec<Test>),
}

/// A question about a text.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum TextTest {
    /// Equal to one of these.
    In(Vec<String>, Fold),
    /// Begins with this.
    Prefix(String, Fold),
    /// Ends with this.
    Suffix(String, Fold),
    /// Holds this.
    Contains(String, Fold),
    /// Fits one of these as a whole.
    Wildcard(Arc<[Wildcard]>, Fold),
    /// Fits the expression as a whole.
    Regex(Regex),
    /// Lies between the bounds in the order of code points.
    Range(Bound<String>, Bound<String>),
}

/// A question about analyzed text (Elasticsearch: text field, standard analyzer).
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum TokenTest {
    /// Any of these tokens occurs.
    Any(Vec<String>),
    /// These tokens stand one after the other in one value.
    Phrase(Vec<String>),
    /// Some token fits the pattern.
    Wildcard(Wildcard, Fold),
    /// Some token lies between the bounds.
    Range(Bound<String>, Bound<String>),
}

/// A question about a number.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum NumberTest {
    /// Equal to one of these.
    In(Vec<Number>),
    /// Between the bounds.
    Range(Bound<Number>, Bound<Number>),
}

/// A question about an address. An IPv4-mapped IPv6 address is the IPv4 address.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum IpTest {
    /// In one of these blocks; a single address is a block of one. An IPv6 block is taken over the 128-bit form, so `::/0`
    /// holds every address.
    In(Vec<IpNet>),
    /// Between the bounds, as 128-bit numbers.
    Range(Bound<IpAddr>, Bound<IpAddr>),
}

/// A question about an instant in nanoseconds since 1970, which may be relative to the clock.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum DateTest {
    /// Between the bounds.
    Range(Bound<i128>, Bound<i128>),
}

/// A question about a version (Elasticsearch: version field). Invalid versions come after all valid ones.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum VersionTest {
    /// Equal to one of these.
    In(Vec<String>),
    /// Between the bounds in the order of versions.
    Range(Bound<String>, Bound<String>),
    /// The version's text fits the pattern.
    Wildcard(Wildcard),
}

/// One question for each JSON type; `None` never holds.
#[derive(Debug, Clone, PartialEq, Hash, Default)]
pub struct InferredTest {
    /// Of strings, read as keyword.
    pub string: Option<Test>,
    /// Of numbers.
    pub number: Option<Test>,
    /// Of booleans.
    pub boolean: Option<Test>,
}
