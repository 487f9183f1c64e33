//! Date math and durations.

use jiff::tz::TimeZone;

use super::calendar::{self, Unit};
use super::format::zone;
use super::{DateError, DateFormat, Instant, Rounding, SECOND};

/// Reads a date or an expression of date math: `now-1d/d`, `2024-05-01||+1M/d`, or a date alone.
///
/// `zone_name` shifts parsing and rounding, not `now`. UTC where absent or unknown.
///
/// # Errors
/// A date that does not fit the format, or a malformed expression (Elasticsearch: date math).
///
/// ```
/// use elkhound::event::time::{DateFormat, Rounding, date_math};
/// let now = 90_000_000_000_000;
/// assert_eq!(date_math("now/d", &DateFormat::default(), Rounding::Down, now, None), Ok(86_400_000_000_000));
/// ```
pub fn date_math(
    text: &str,
    format: &DateFormat,
    rounding: Rounding,
    now: Instant,
    zone_name: Option<&str>,
) -> Result<Instant, DateError> {
    let failed = || DateError { text: text.to_owned(), format: format.as_str().to_owned() };
    let zone = zone_name.and_then(zone).unwrap_or(TimeZone::UTC);
    if let Some(rest) = text.strip_prefix("now") {
        return apply(now, rest, rounding, &zone).ok_or_else(failed);
    }
    match text.split_once("||") {
        // The anchor itself is rounded down, even where nothing follows it.
        Some((anchor, rest)) => {
            let anchor = format.parse_in(anchor, Rounding::Down, &zone)?;
            apply(anchor, rest, rounding, &zone).ok_or_else(failed)
        }
        None => format.parse_in(text, rounding, &zone),
    }
}

fn apply(start: Instant, text: &str, rounding: Rounding, zone: &TimeZone) -> Option<Instant> {
    let mut instant = start;
    let mut chars = text.chars().peekable();
    while let Some(operator) = chars.next() {
        let mut digits = String::new();
        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        let count: i64 = if digits.is_empty() { 1 } else { digits.parse().ok()? };
        let unit = Unit::of(chars.next()?)?;
        instant = match operator {
            '+' => calendar::add(instant, count, unit),
            '-' => calendar::add(instant, -count, unit),
            '/' if digits.is_empty() => calendar::round(instant, unit, rounding, zone),
            _ => return None,
        };
    }
    Some(instant)
}

/// A duration such as `5m`, `30s`, `500ms`, `1d`, in nanoseconds.
///
/// ```
/// assert_eq!(elkhound::event::time::parse_duration("90s"), Some(90_000_000_000));
/// ```
pub fn parse_duration(text: &str) -> Option<Instant> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (amount, unit) = text.split_at(digits);
    let length = match unit {
        "ms" => SECOND / 1000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3600 * SECOND,
        "d" => 86_400 * SECOND,
        "w" => 7 * 86_400 * SECOND,
        _ => return None,
    };
    amount.parse::<i64>().ok().map(|amount| Instant::from(amount) * length)
}
