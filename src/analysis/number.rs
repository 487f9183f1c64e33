//! Numbers of queries, as a numeric field reads them (Elasticsearch: NumberFieldMapper).

use std::ops::Bound;

use crate::event::number::{FloatKind, rounded, to_f64};
use crate::plan::test::{Number, NumberTest};
use crate::schema::{Field, FieldType};

/// The number that Java's `Double.parseDouble` reads, exact where it is whole.
pub(super) fn parse(text: &str) -> Option<Number> {
    let text = text.trim_matches(|c: char| c <= ' ');
    if let Ok(whole) = text.parse::<i128>() {
        return Some(Number::Int(whole));
    }
    let body = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let digits = body.trim_start_matches(['+', '-']);
    if !(digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || matches!(digits, "NaN" | "Infinity")) {
        return None;
    }
    body.parse::<f64>().ok().map(exact)
}

/// A whole double as a whole number.
fn exact(value: f64) -> Number {
    if value.fract() == 0.0 && value.abs() < 1e30 { Number::Int(value as i128) } else { Number::Float(value) }
}

/// The least and greatest value of an integer type.
pub(super) const fn bounds(kind: FieldType) -> (i128, i128) {
    match kind {
        FieldType::Byte => (i8::MIN as i128, i8::MAX as i128),
        FieldType::Short => (i16::MIN as i128, i16::MAX as i128),
        FieldType::Integer => (i32::MIN as i128, i32::MAX as i128),
        FieldType::UnsignedLong => (0, u64::MAX as i128),
        _ => (i64::MIN as i128, i64::MAX as i128),
    }
}

/// The number that a value of the field has to equal; `None` where none can.
pub(super) fn term(number: Number, field: &Field) -> Option<Number> {
    if field.kind.is_integer() {
        let (least, most) = bounds(field.kind);
        return match number {
            Number::Int(value) if (least..=most).contains(&value) => Some(number),
            _ => None,
        };
    }
    Some(match field.kind.float_kind() {
        Some(kind) => rounded(number, kind, field.scaling_factor),
        None => number,
    })
}

/// Whether a value of a field of no declared type equals the number.
pub(super) fn inferred_term(number: Number, field: &Field) -> NumberTest {
    if field.scaling_factor == 1.0 {
        return NumberTest::In(vec![number]);
    }
    // All values that round to the same multiple of the fraction.
    let multiple = to_f64(rounded(number, FloatKind::Scaled, field.scaling_factor));
    let edge = |half: f64| Number::Float((multiple + half) / field.scaling_factor);
    NumberTest::Range(Bound::Included(edge(-0.5)), Bound::Excluded(edge(0.5)))
}

/// The bound of a range over the field. Only `scaled_float` changes it: its values are whole multiples of a fraction.
pub(super) fn bound(number: Number, field: &Field) -> Number {
    match field.kind.float_kind() {
        Some(FloatKind::Scaled) => exact(to_f64(number) * field.scaling_factor),
        Some(kind) => rounded(number, kind, 1.0),
        None => number,
    }
}
