//! Arithmetic with Elasticsearch's widths: nothing wraps, nothing is promoted beyond its operands.
//! (Elasticsearch: QL, Arithmetics.)

use super::Datum;

/// `+ - * / %`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
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

/// Applies an operator; null where an operand is null.
///
/// # Errors
/// Overflow and division by zero of whole numbers, and operands that are no numbers.
pub fn apply(operator: Operator, left: &Datum, right: &Datum) -> Result<Datum, String> {
    match (left, right) {
        (Datum::Null, _) | (_, Datum::Null) => Ok(Datum::Null),
        (Datum::Double(_), _) | (_, Datum::Double(_)) => floats(operator, left, right),
        _ => integers(operator, left, right),
    }
}

fn float(datum: &Datum) -> Result<f64, String> {
    datum.as_number().map(crate::event::number::to_f64).ok_or_else(|| no_number(datum))
}

fn no_number(datum: &Datum) -> String {
    format!("A number is required; received [{}]", datum.to_text().unwrap_or_default())
}

fn floats(operator: Operator, left: &Datum, right: &Datum) -> Result<Datum, String> {
    let (a, b) = (float(left)?, float(right)?);
    Ok(Datum::Double(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::Modulo => a % b,
    }))
}

fn integers(operator: Operator, left: &Datum, right: &Datum) -> Result<Datum, String> {
    let (Some(a), Some(b)) = (left.as_integer(), right.as_integer()) else {
        return Err(no_number(if left.as_integer().is_none() { left } else { right }));
    };
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide | Operator::Modulo if b == 0 => return Err("/ by zero".into()),
        Operator::Divide => a.checked_div(b),
        Operator::Modulo => a.checked_rem(b),
    };
    let (width, name) = Width::of(left, right);
    result.and_then(|value| width.datum(value)).ok_or_else(|| format!("{name} overflow"))
}

/// The width in which two whole numbers are combined.
enum Width {
    Int,
    Long,
    Unsigned,
}

impl Width {
    const fn of(left: &Datum, right: &Datum) -> (Self, &'static str) {
        match (left, right) {
            (Datum::UnsignedLong(_), _) | (_, Datum::UnsignedLong(_)) => (Self::Unsigned, "unsigned_long"),
            (Datum::Int(_), Datum::Int(_)) => (Self::Int, "integer"),
            _ => (Self::Long, "long"),
        }
    }

    fn datum(&self, value: i128) -> Option<Datum> {
        match self {
            Self::Int => i32::try_from(value).ok().map(Datum::Int),
            Self::Long => i64::try_from(value).ok().map(Datum::Long),
            Self::Unsigned => u64::try_from(value).ok().map(|value| match i64::try_from(value) {
                Ok(value) => Datum::Long(value),
                Err(_) => Datum::UnsignedLong(value),
            }),
        }
    }
}

/// `-x`
///
/// # Errors
/// The least number of a width, an unsigned number, and what is no number.
pub fn negate(value: &Datum) -> Result<Datum, String> {
    match value {
        Datum::Null => Ok(Datum::Null),
        Datum::Double(value) => Ok(Datum::Double(-value)),
        Datum::Int(value) => value.checked_neg().map(Datum::Int).ok_or_else(|| "integer overflow".into()),
        Datum::Long(value) => value.checked_neg().map(Datum::Long).ok_or_else(|| "long overflow".into()),
        Datum::UnsignedLong(_) => Err("unsigned_long overflow".into()),
        other => Err(no_number(other)),
    }
}
