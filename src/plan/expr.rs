//! Computed expressions: three-valued inside, over occurrences of fields (Elasticsearch: EQL syntax; painless scripts).

use std::sync::Arc;

use crate::schema::Field;

/// An expression over the values of an event. A null operand gives null unless the node says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A constant.
    Constant(Datum),
    /// One occurrence of a field; the number is unique within the whole expression, so that a field written twice varies
    /// independently.
    Field(usize, Arc<Field>),
}

/// A value inside a computed expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// Unknown or absent.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number of 32 bits (constants only).
    Int(i32),
    /// A whole number of 64 bits.
    Long(i64),
    /// A whole number from 2^63 to 2^64-1.
    UnsignedLong(u64),
    /// A number of 64 bits.
    Double(f64),
    /// A text.
    Text(Arc<str>),
    /// An address.
    Ip(std::net::IpAddr),
    /// An instant in nanoseconds since 1970.
    Date(i128),
    /// A version.
    Version(Arc<str>),
}
