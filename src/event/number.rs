//! Numbers as numeric fields keep them.

use std::cmp::Ordering;

/// A number, exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Whole.
    Int(i128),
    /// Any other.
    Float(f64),
}

/// Equal numbers of a kind have equal hashes, the two zeros among them.
impl std::hash::Hash for Number {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self {
            Self::Int(value) => value.hash(state),
            Self::Float(value) => (value + 0.0).to_bits().hash(state),
        }
    }
}

/// The nearest double.
pub const fn to_f64(number: Number) -> f64 {
    match number {
        Number::Int(value) => value as f64,
        Number::Float(value) => value,
    }
}

/// The order of two numbers by their exact values; NaN after all others.
pub fn compare(left: Number, right: Number) -> Ordering {
    match (left, right) {
        (Number::Int(a), Number::Int(b)) => a.cmp(&b),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
        (Number::Int(a), Number::Float(b)) => int_float(a, b),
        (Number::Float(a), Number::Int(b)) => int_float(b, a).reverse(),
    }
}

fn int_float(int: i128, float: f64) -> Ordering {
    if float.is_nan() {
        return Ordering::Less;
    }
    // Beyond 2^100 the saturated conversion still lies on the right side of every 64-bit number.
    let floor = float.floor();
    int.cmp(&(floor as i128)).then(if float > floor { Ordering::Less } else { Ordering::Equal })
}

/// The number as the floating type of a field rounds it. `factor` is that of `scaled_float`, whose values are counts of
/// its fraction.
pub fn rounded(number: Number, kind: FloatKind, factor: f64) -> Number {
    let value = to_f64(number);
    match kind {
        FloatKind::Double => number,
        FloatKind::Float => Number::Float(f64::from(value as f32)),
        FloatKind::Half => Number::Float(half(value as f32)),
        FloatKind::Scaled => Number::Int((value * factor).round() as i128),
    }
}

/// The floating types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatKind {
    /// 64 bits.
    Double,
    /// 32 bits.
    Float,
    /// 16 bits.
    Half,
    /// A whole multiple of a fraction.
    Scaled,
}

/// Rounds to 16 bits: 11 significant bits, exponents from -14 to 15, ties to even.
fn half(value: f32) -> f64 {
    let value = f64::from(value);
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let exponent = value.abs().log2().floor().max(-14.0);
    let unit = (exponent - 10.0).exp2();
    let rounded = (value / unit).round_ties_even() * unit;
    if rounded.abs() >= 65_520.0 { f64::INFINITY.copysign(value) } else { rounded }
}
