//! The values of computed expressions.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use crate::event::number::{Number, compare};
use crate::event::time::{Instant, SECOND};
use crate::text::{Fold, compare_versions, ip_number};

/// A value inside a computed expression.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
    Ip(IpAddr),
    /// An instant in nanoseconds since 1970.
    Date(Instant),
    /// A version.
    Version(Arc<str>),
}

impl From<String> for Datum {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Datum {
    /// Whether it is unknown.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a text or a version.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Version(text) => Some(text),
            _ => None,
        }
    }

    /// The number, exact.
    pub const fn as_number(&self) -> Option<Number> {
        Some(match self {
            Self::Int(value) => Number::Int(*value as i128),
            Self::Long(value) => Number::Int(*value as i128),
            Self::UnsignedLong(value) => Number::Int(*value as i128),
            Self::Double(value) => Number::Float(*value),
            _ => return None,
        })
    }

    /// The whole number, where it is one.
    pub const fn as_integer(&self) -> Option<i128> {
        match self.as_number() {
            Some(Number::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// The text form: as the function `string` gives it; `None` for null.
    pub fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Long(value) => value.to_string(),
            Self::UnsignedLong(value) => value.to_string(),
            Self::Double(value) => java_double(*value),
            Self::Text(text) | Self::Version(text) => text.to_string(),
            Self::Ip(ip) => ip.to_string(),
            Self::Date(instant) => java_date(*instant),
        })
    }

    /// Whether it is in the list; null for null, and for a miss beside a null.
    #[must_use]
    pub fn is_in(&self, list: &[Self], fold: Fold) -> Self {
        if self.is_null() {
            return Self::Null;
        }
        let same = |item: &Self| match (self.as_text(), item.as_text()) {
            (Some(a), Some(b)) if fold != Fold::Exact => fold.same(a, b),
            _ => self.order(item).is_some_and(Ordering::is_eq),
        };
        if list.iter().any(same) {
            return Self::Bool(true);
        }
        if list.iter().any(Self::is_null) { Self::Null } else { Self::Bool(false) }
    }

    /// The order of two values in a computed expression; `None` where they cannot be compared or one is null.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Ip(a), Self::Ip(b)) => Some(ip_number(*a).cmp(&ip_number(*b))),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Version(a), Self::Version(b) | Self::Text(b)) | (Self::Text(a), Self::Version(b)) => {
                Some(compare_versions(a, b))
            }
            (Self::Double(a), Self::Double(b)) => Some(a.total_cmp(b)),
            _ => Some(compare(self.as_number()?, other.as_number()?)),
        }
    }

    /// An order of all values for sorting: by kind, null first, then by value; numbers of any width are one kind.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other, self.as_number().zip(other.as_number())) {
            (_, _, Some((a, b))) => compare(a, b),
            (Self::Version(a), Self::Version(b), _) => compare_versions(a, b).then_with(|| a.cmp(b)),
            _ => self.rank().cmp(&other.rank()).then_with(|| self.order(other).unwrap_or(Ordering::Equal)),
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Long(_) | Self::UnsignedLong(_) | Self::Double(_) => 2,
            Self::Date(_) => 3,
            Self::Ip(_) => 4,
            Self::Text(_) => 5,
            Self::Version(_) => 6,
        }
    }
}

/// As Java's `Double.toString` prints it.
pub fn java_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    // Two digits at least, those nearest to the value: the least double is 4.9E-324, though 5E-324 would tell it.
    let text = if text.contains('.') { text } else { format!("{value:.1e}") };
    text.replace('e', "E")
}

/// As Java prints a zoned date: no zero seconds, the fraction in groups of three digits.
fn java_date(instant: Instant) -> String {
    let iso = crate::event::time::to_iso(instant);
    let (whole, fraction) = iso.trim_end_matches('Z').split_once('.').unwrap_or((&iso, ""));
    let nanos = instant.rem_euclid(SECOND);
    if nanos == 0 {
        let short = whole.strip_suffix(":00").unwrap_or(whole);
        return format!("{short}Z");
    }
    let digits = format!("{nanos:09}");
    let digits = match () {
        () if nanos % 1_000_000 == 0 => &digits[..3],
        () if nanos % 1000 == 0 => &digits[..6],
        () => &digits,
    };
    debug_assert!(!fraction.is_empty());
    format!("{whole}.{digits}Z")
}
