//! Days, months and zones.

use jiff::civil;
use jiff::tz::TimeZone;

use super::{Instant, MILLISECOND, Rounding, SECOND};

const DAY: Instant = 86_400 * SECOND;

/// The parts of a date as far as a text gives them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    pub year: i32,
    pub month: Option<u8>,
    pub day: Option<u8>,
    pub hour: Option<u8>,
    pub minute: Option<u8>,
    pub second: Option<u8>,
    pub nanos: Option<u32>,
    /// Seconds east of UTC.
    pub offset: Option<i32>,
}

impl Parts {
    /// The instant in `zone`, unless the text has an offset of its own; `None` for a date that does not exist.
    pub fn instant(&self, rounding: Rounding, zone: &TimeZone) -> Option<Instant> {
        let up = rounding == Rounding::Up;
        let fill = |part: Option<u8>, last: u8| part.unwrap_or(if up { last } else { 0 });
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let days = days_from_civil(self.year, month, day)?;
        let (hour, minute, second) = (fill(self.hour, 23), fill(self.minute, 59), fill(self.second, 59));
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let nanos = self.nanos.unwrap_or(if up { 999_999_999 } else { 0 });
        let seconds = Instant::from(hour) * 3600 + Instant::from(minute) * 60 + Instant::from(second);
        let local = Instant::from(days) * DAY + seconds * SECOND + Instant::from(nanos);
        match self.offset {
            Some(offset) => Some(local - Instant::from(offset) * SECOND),
            None => Some(from_local(local, zone)),
        }
    }
}

/// Whether a year has a 29th of February.
const fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The days of a month.
const fn month_days(year: i32, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01; `None` for a date that does not exist.
fn days_from_civil(year: i32, month: u8, day: u8) -> Option<i64> {
    if !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return None;
    }
    // Years that begin in March put the leap day last.
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * i64::from((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil_from_days(days: i64) -> (i32, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u8;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u8;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i32, month, day)
}

/// An instant cut into the days since 1970 and the nanoseconds of its day.
fn split(instant: Instant) -> (i64, Instant) {
    (instant.div_euclid(DAY) as i64, instant.rem_euclid(DAY))
}

fn from_local(local: Instant, zone: &TimeZone) -> Instant {
    if *zone == TimeZone::UTC {
        return local;
    }
    let (days, nanos) = split(local);
    let (year, month, day) = civil_from_days(days);
    let seconds = nanos / SECOND;
    let Ok(year) = i16::try_from(year) else { return local };
    let part = |value: Instant| i8::try_from(value).unwrap_or(0);
    let civil = civil::DateTime::new(
        year,
        month as i8,
        day as i8,
        part(seconds / 3600),
        part(seconds / 60 % 60),
        part(seconds % 60),
        (nanos % SECOND) as i32,
    );
    let zoned = civil.and_then(|civil| zone.to_timestamp(civil));
    zoned.map_or(local, |timestamp| timestamp.as_nanosecond())
}

/// The local time of an instant, as if it were UTC.
fn to_local(instant: Instant, zone: &TimeZone) -> Instant {
    if *zone == TimeZone::UTC {
        return instant;
    }
    let offset = jiff::Timestamp::from_nanosecond(instant).map(|timestamp| zone.to_offset(timestamp).seconds());
    instant + offset.map_or(0, Instant::from) * SECOND
}

/// A unit of date math.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

impl Unit {
    pub const fn of(c: char) -> Option<Self> {
        Some(match c {
            'y' => Self::Year,
            'M' => Self::Month,
            'w' => Self::Week,
            'd' => Self::Day,
            'h' | 'H' => Self::Hour,
            'm' => Self::Minute,
            's' => Self::Second,
            _ => return None,
        })
    }

    const fn nanoseconds(self) -> Option<Instant> {
        Some(match self {
            Self::Year | Self::Month => return None,
            Self::Week => 7 * DAY,
            Self::Day => DAY,
            Self::Hour => 3600 * SECOND,
            Self::Minute => 60 * SECOND,
            Self::Second => SECOND,
        })
    }
}

/// Adds `count` units; months keep the day as far as the month has it.
pub(super) fn add(instant: Instant, count: i64, unit: Unit) -> Instant {
    if let Some(length) = unit.nanoseconds() {
        return instant.saturating_add(length.saturating_mul(Instant::from(count)));
    }
    let (days, nanos) = split(instant);
    let (year, month, day) = civil_from_days(days);
    let months = if unit == Unit::Year { count.saturating_mul(12) } else { count };
    let total = i64::from(year).saturating_mul(12).saturating_add(i64::from(month) - 1).saturating_add(months);
    let total = total.clamp(-120_000, 1_200_000);
    let (year, month) = (total.div_euclid(12) as i32, (total.rem_euclid(12) + 1) as u8);
    let day = day.min(month_days(year, month));
    days_from_civil(year, month, day).map_or(instant, |days| Instant::from(days) * DAY + nanos)
}

/// The start of the unit that holds the instant, or its last nanosecond.
pub(super) fn round(instant: Instant, unit: Unit, rounding: Rounding, zone: &TimeZone) -> Instant {
    let start = floor(to_local(instant, zone), unit);
    match rounding {
        Rounding::Down => from_local(start, zone),
        Rounding::Up => from_local(add(start, 1, unit), zone) - 1,
    }
}

fn floor(local: Instant, unit: Unit) -> Instant {
    let (days, _) = split(local);
    let (year, month, _) = civil_from_days(days);
    let first = |month| days_from_civil(year, month, 1).map_or(local, |days| Instant::from(days) * DAY);
    match unit {
        Unit::Year => first(1),
        Unit::Month => first(month),
        // 1970-01-01 was a Thursday; weeks start on Monday.
        Unit::Week => Instant::from(days - (days + 3).rem_euclid(7)) * DAY,
        _ => {
            let length = unit.nanoseconds().unwrap_or(DAY);
            local - local.rem_euclid(length)
        }
    }
}

/// The instant as Elasticsearch prints it: `2024-05-01T10:00:00.000Z`; with nine digits where it has nanoseconds.
///
/// ```
/// assert_eq!(elkhound::event::time::to_iso(1_500_000_000), "1970-01-01T00:00:01.500Z");
/// ```
pub fn to_iso(instant: Instant) -> String {
    let (days, nanos) = split(instant);
    let (year, month, day) = civil_from_days(days);
    let (seconds, fraction) = (nanos / SECOND, nanos % SECOND);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let time = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction % MILLISECOND == 0 {
        format!("{time}.{:03}Z", fraction / MILLISECOND)
    } else {
        format!("{time}.{fraction:09}Z")
    }
}
