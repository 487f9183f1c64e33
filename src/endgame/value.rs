//! Values: JSON, compared the Endgame way.

use std::cmp::Ordering;

use serde_json::{Number, Value as Json};

use super::Scope;

impl Scope {
    /// A text as it is compared.
    pub fn folded(&self, text: &str) -> String {
        if self.case_sensitive { text.to_owned() } else { text.to_lowercase() }
    }

    /// The order of two values; `None` where they have none.
    pub fn order(&self, left: &Json, right: &Json) -> Option<Ordering> {
        match (left, right) {
            (Json::String(a), Json::String(b)) => Some(self.folded(a).cmp(&self.folded(b))),
            (Json::Bool(a), Json::Bool(b)) => Some(a.cmp(b)),
            (Json::Number(a), Json::Number(b)) => numbers(a, b),
            _ => None,
        }
    }

    /// Whether two values are the same as keys.
    pub fn same(&self, left: &Json, right: &Json) -> bool {
        match (left, right) {
            (Json::Null, Json::Null) => true,
            (Json::Array(_) | Json::Object(_), _) => left == right,
            _ => self.order(left, right).is_some_and(Ordering::is_eq),
        }
    }

    /// A text that is the same for the same key values.
    pub fn key(&self, values: &[Json]) -> String {
        let part = |value: &Json| match value {
            Json::String(text) => format!("s{}", Json::String(self.folded(text))),
            Json::Number(number) => format!("n{}", number.as_f64().unwrap_or(f64::NAN)),
            other => other.to_string(),
        };
        values.iter().map(part).collect::<Vec<_>>().join(",")
    }
}

fn numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// A double as JSON; null where JSON has none.
pub(super) fn float(value: f64) -> Json {
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}

/// A whole number as JSON, as a double where it is too large.
pub(super) fn integer(value: i128) -> Json {
    i64::try_from(value).map_or_else(|_| float(value as f64), Json::from)
}

/// A number as Python prints it.
pub(super) fn text_of(value: &Json) -> Option<String> {
    Some(match value {
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
        Json::Bool(value) => value.to_string(),
        Json::String(text) => text.clone(),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(value) => with_exponent(format!("{value:?}")),
            None => number.to_string(),
        },
    })
}

/// Exponents with a sign and two digits at least.
fn with_exponent(text: String) -> String {
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}
