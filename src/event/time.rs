//! Instants, as nanoseconds since 1970: the date formats of mappings, date math, durations. No clock: `now` is given.
//!
//! (Elasticsearch: date field, date math, mapping date format.)

mod calendar;
mod format;
mod math;

pub use calendar::to_iso;
pub use format::DateFormat;
pub(super) use format::zone;
pub use math::{date_math, parse_duration};

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type Instant = i128;

/// Nanoseconds of a second.
pub const SECOND: Instant = 1_000_000_000;
/// Nanoseconds of a millisecond.
pub const MILLISECOND: Instant = 1_000_000;

/// Whether there is a zone of this name or offset, such as `Europe/Berlin` or `+01:00`.
pub fn is_zone(name: &str) -> bool {
    zone(name).is_some()
}

/// How the parts that a date leaves out are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// With their least values.
    Down,
    /// Month and day with 1, the time of day with its last nanosecond (Elasticsearch: rounding up a parsed date).
    Up,
}

/// A date that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to parse date field [{text}] with format [{format}]")]
pub struct DateError {
    /// What was to be read.
    pub text: String,
    /// The format in force.
    pub format: String,
}
