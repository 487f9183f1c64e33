//! What a field's type makes of a JSON value: the value as Elasticsearch would index it, or none.
//! (Elasticsearch: field mappers, with `ignore_malformed`.)

use std::borrow::Cow;
use std::net::IpAddr;

use crate::event::Value;
use crate::event::number::{Number, rounded};
use crate::event::time::{DateFormat, Instant, MILLISECOND, Rounding};
use crate::schema::{Field, FieldType};
use crate::text::parse_ip;

/// What reading a field's values needs, settled once.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub kind: FieldType,
    ignore_above: Option<usize>,
    null_value: Option<serde_json::Value>,
    lowercase: bool,
    scaling_factor: f64,
    format: Option<DateFormat>,
}

impl Reader {
    pub fn new(field: &Field) -> Self {
        Self {
            kind: field.kind,
            ignore_above: field.ignore_above,
            null_value: field.null_value.clone(),
            lowercase: field.lowercase,
            scaling_factor: field.scaling_factor,
            format: field
                .kind
                .is_date()
                .then(|| field.format.as_deref().map_or_else(DateFormat::default, DateFormat::new)),
        }
    }

    /// Whether the field has this text as it is.
    #[inline]
    pub fn takes_as_is(&self, text: &str) -> bool {
        !self.lowercase && self.ignore_above.is_none_or(|limit| text.len() <= limit)
    }

    /// Whether the field has every text, however long.
    pub const fn takes_all(&self) -> bool {
        self.ignore_above.is_none()
    }

    /// Whether texts are read in lower case.
    pub const fn lowers(&self) -> bool {
        self.lowercase
    }

    /// Whether something stands in for null.
    pub const fn fills_null(&self) -> bool {
        self.null_value.is_some()
    }

    /// What counts of `scaled_float` are multiples of, inverted.
    pub const fn scaling_factor(&self) -> f64 {
        self.scaling_factor
    }

    /// The value, or what stands in for an explicit null.
    pub fn or_null_value<'v>(&'v self, value: Value<'v>) -> Value<'v> {
        match (&self.null_value, value) {
            (Some(instead), Value::Null) => match instead {
                serde_json::Value::String(text) => Value::Str(text),
                serde_json::Value::Bool(value) => Value::Bool(*value),
                serde_json::Value::Number(number) => Value::from(number),
                _ => Value::Null,
            },
            _ => value,
        }
    }

    /// The value as text, numbers and booleans as their JSON text.
    pub fn text<'v>(&self, value: Value<'v>) -> Option<Cow<'v, str>> {
        let text = match value {
            Value::Str(text) => Cow::Borrowed(text),
            Value::Int(value) => Cow::Owned(value.to_string()),
            Value::UInt(value) => Cow::Owned(value.to_string()),
            Value::Float(value) => {
                Cow::Owned(serde_json::Number::from_f64(value).map_or_else(String::new, |n| n.to_string()))
            }
            Value::Bool(true) => Cow::Borrowed("true"),
            Value::Bool(false) => Cow::Borrowed("false"),
            Value::Null | Value::Object(_) => return None,
        };
        if let Some(limit) = self.ignore_above
            && text.len() > limit
            && text.encode_utf16().count() > limit
        {
            return None;
        }
        let is_lower = |text: &str| text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        Some(if self.lowercase && !is_lower(&text) { Cow::Owned(crate::text::tokens::lower(&text)) } else { text })
    }

    /// The value as a number of the field's type.
    pub fn number(&self, value: Value<'_>) -> Option<Number> {
        let number = match value {
            Value::Int(value) => Number::Int(i128::from(value)),
            Value::UInt(value) => Number::Int(i128::from(value)),
            Value::Float(value) => Number::Float(value),
            Value::Str(text) if self.kind != FieldType::Inferred => text_number(text)?,
            _ => return None,
        };
        if let Some(kind) = self.kind.float_kind() {
            return Some(rounded(number, kind, self.scaling_factor));
        }
        if self.kind == FieldType::Inferred {
            return Some(number);
        }
        // Whole-number types cut fractions off.
        let whole = match number {
            Number::Int(value) => value,
            Number::Float(value) if value.abs() < 1e30 => value as i128,
            Number::Float(_) => return None,
        };
        let (least, most) = integer_bounds(self.kind);
        (least..=most).contains(&whole).then_some(Number::Int(whole))
    }

    /// The value as an address.
    pub fn ip(&self, value: Value<'_>) -> Option<IpAddr> {
        match value {
            Value::Str(text) => parse_ip(text),
            _ => None,
        }
    }

    /// The value as an instant, to the millisecond for `date`.
    pub fn date(&self, value: Value<'_>) -> Option<Instant> {
        let format = self.format.as_ref()?;
        let instant = match value {
            Value::Str(text) => format.parse(text, Rounding::Down).ok(),
            Value::Int(value) => format.parse_number(value),
            Value::Float(value) => format.parse_float(value),
            _ => None,
        }?;
        Some(if self.kind == FieldType::Date { instant.div_euclid(MILLISECOND) * MILLISECOND } else { instant })
    }

    /// The value as a boolean.
    pub fn boolean(&self, value: Value<'_>) -> Option<bool> {
        match value {
            Value::Bool(value) => Some(value),
            Value::Str("true") => Some(true),
            Value::Str("false" | "") => Some(false),
            _ => None,
        }
    }

    /// Whether the field has this value at all.
    pub fn exists(&self, value: Value<'_>) -> bool {
        match self.kind {
            FieldType::Object
            | FieldType::Inferred
            | FieldType::Flattened
            | FieldType::Nested
            | FieldType::Unsearchable => value.exists(),
            kind if kind.is_number() => self.number(value).is_some(),
            kind if kind.is_date() => self.date(value).is_some(),
            FieldType::Ip => self.ip(value).is_some(),
            FieldType::Boolean => self.boolean(value).is_some(),
            _ => self.text(value).is_some(),
        }
    }
}

/// A number in a string, as numeric fields coerce it.
fn text_number(text: &str) -> Option<Number> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i128>() {
        return Some(Number::Int(whole));
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let value: f64 = text.parse().ok().filter(|_| plain)?;
    Some(Number::Float(value))
}

const fn integer_bounds(kind: FieldType) -> (i128, i128) {
    match kind {
        FieldType::Byte => (i8::MIN as i128, i8::MAX as i128),
        FieldType::Short => (i16::MIN as i128, i16::MAX as i128),
        FieldType::Integer => (i32::MIN as i128, i32::MAX as i128),
        FieldType::UnsignedLong => (0, u64::MAX as i128),
        _ => (i64::MIN as i128, i64::MAX as i128),
    }
}
