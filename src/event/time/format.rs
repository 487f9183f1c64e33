//! Date formats: the named ones of mappings, and patterns of letters.

use jiff::tz::{Offset, TimeZone};

use super::calendar::Parts;
use super::{DateError, Instant, MILLISECOND, Rounding, SECOND};

/// The formats of a date field, tried in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFormat {
    text: String,
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// ISO 8601 with everything after the year optional.
    Iso,
    EpochMillis,
    EpochSecond,
    Pattern(Vec<Item>),
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// This letter, so many times.
    Letter(char, usize),
    /// This text.
    Text(String),
    /// Pieces that may be absent.
    Optional(Vec<Item>),
}

impl Default for DateFormat {
    fn default() -> Self {
        Self::new("strict_date_optional_time||epoch_millis")
    }
}

impl DateFormat {
    /// The format as a mapping writes it: names and patterns with `||` between them.
    ///
    /// ```
    /// use elkhound::event::time::{DateFormat, Rounding};
    /// let format = DateFormat::new("dd-MM-yyyy||epoch_second");
    /// assert_eq!(format.parse("02-01-1970", Rounding::Down).ok(), Some(86_400_000_000_000));
    /// ```
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), kinds: text.split("||").map(kind).collect() }
    }

    /// The format as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Reads a date in UTC.
    ///
    /// # Errors
    /// A text that fits none of the formats.
    pub fn parse(&self, text: &str, rounding: Rounding) -> Result<Instant, DateError> {
        self.parse_in(text, rounding, &TimeZone::UTC)
    }

    pub(super) fn parse_in(&self, text: &str, rounding: Rounding, zone: &TimeZone) -> Result<Instant, DateError> {
        let found = self.kinds.iter().find_map(|kind| kind.parse(text, rounding, zone));
        found.ok_or_else(|| DateError { text: text.to_owned(), format: self.text.clone() })
    }

    /// Reads a JSON number: as the first epoch format has it, else its digits as a text.
    pub fn parse_number(&self, number: i64) -> Option<Instant> {
        match self.epoch() {
            Some(unit) => Some(Instant::from(number) * unit),
            None => self.parse(&number.to_string(), Rounding::Down).ok(),
        }
    }

    /// Reads a JSON number with a fraction, likewise; what no count of 64 bits holds is no date.
    pub fn parse_float(&self, number: f64) -> Option<Instant> {
        match self.epoch() {
            Some(unit) => (number.abs() <= i64::MAX as f64).then_some((number * unit as f64) as Instant),
            None => self.parse(&number.to_string(), Rounding::Down).ok(),
        }
    }

    /// The unit of the first epoch format, in nanoseconds.
    fn epoch(&self) -> Option<Instant> {
        self.kinds.iter().find_map(|kind| match kind {
            Kind::EpochMillis => Some(MILLISECOND),
            Kind::EpochSecond => Some(SECOND),
            _ => None,
        })
    }
}

fn kind(name: &str) -> Kind {
    let name = name.trim();
    match name.strip_prefix("strict_").unwrap_or(name) {
        "epoch_millis" => Kind::EpochMillis,
        "epoch_second" => Kind::EpochSecond,
        "date_optional_time"
        | "date_optional_time_nanos"
        | "iso8601"
        | "date_time"
        | "date_time_no_millis"
        | "date_hour_minute_second"
        | "date"
        | "year_month_day"
        | "year_month"
        | "year" => Kind::Iso,
        "basic_date" => Kind::Pattern(items("uuuuMMdd")),
        "basic_date_time" => Kind::Pattern(items("uuuuMMdd'T'HHmmss.SSSX")),
        "basic_date_time_no_millis" => Kind::Pattern(items("uuuuMMdd'T'HHmmssX")),
        _ => Kind::Pattern(items(name)),
    }
}

impl Kind {
    fn parse(&self, text: &str, rounding: Rounding, zone: &TimeZone) -> Option<Instant> {
        match self {
            Self::Iso => iso(text)?.instant(rounding, zone),
            Self::EpochMillis => epoch(text, MILLISECOND),
            Self::EpochSecond => epoch(text, SECOND),
            Self::Pattern(items) => {
                let (mut parts, rest) = (Parts { year: 1970, ..Parts::default() }, text);
                let rest = read_all(items, rest, &mut parts)?;
                if rest.is_empty() { parts.instant(rounding, zone) } else { None }
            }
        }
    }
}

/// A whole number of units, with an optional fraction.
fn epoch(text: &str, unit: Instant) -> Option<Instant> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty()
        || whole.len() > 19
        || ![whole, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return None;
    }
    let mut value = whole.parse::<Instant>().ok()? * unit;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        value += Instant::from(digit.wrapping_sub(b'0')) * place;
    }
    Some(sign * value)
}

/// Reads what stands at the front of a text.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.0.get(..count)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.0 = &self.0[count..];
        digits.parse().ok()
    }

    fn two(&mut self) -> Option<u8> {
        self.digits(2).and_then(|value| u8::try_from(value).ok())
    }

    fn eat(&mut self, c: char) -> bool {
        match self.0.strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Up to nine digits of a second.
    fn fraction(&mut self) -> Option<u32> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        let value = self.digits(count)?;
        Some(value * 10_u32.pow(9 - count as u32))
    }

    /// `Z`, `+hh`, `+hh:mm`, `+hhmm`
    fn offset(&mut self) -> Option<i32> {
        if self.eat('Z') {
            return Some(0);
        }
        let sign = if self.eat('+') {
            1
        } else if self.eat('-') {
            -1
        } else {
            return None;
        };
        let hours = i32::from(self.two()?);
        let more = self.eat(':') || self.0.starts_with(|c: char| c.is_ascii_digit());
        let minutes = if more { i32::from(self.two()?) } else { 0 };
        (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// `yyyy[-MM[-dd['T'[HH[:mm[:ss[.fraction]]]][offset]]]]`
fn iso(text: &str) -> Option<Parts> {
    let mut reader = Reader(text);
    let mut parts = Parts { year: i32::try_from(reader.digits(4)?).ok()?, ..Parts::default() };
    if reader.eat('-') {
        parts.month = Some(reader.two()?);
        if reader.eat('-') {
            parts.day = Some(reader.two()?);
        }
    }
    if reader.eat('T') {
        parts.day?;
        if !reader.0.is_empty() {
            iso_time(&mut reader, &mut parts)?;
        }
    }
    reader.0.is_empty().then_some(parts)
}

fn iso_time(reader: &mut Reader<'_>, parts: &mut Parts) -> Option<()> {
    parts.hour = Some(reader.two()?);
    if reader.eat(':') {
        parts.minute = Some(reader.two()?);
        if reader.eat(':') {
            parts.second = Some(reader.two()?);
            if reader.eat('.') || reader.eat(',') {
                parts.nanos = Some(reader.fraction()?);
            }
        }
    }
    if !reader.0.is_empty() {
        parts.offset = Some(reader.offset()?);
    }
    Some(())
}

fn items(pattern: &str) -> Vec<Item> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    read_items(&chars, &mut at)
}

fn read_items(chars: &[char], at: &mut usize) -> Vec<Item> {
    let mut out = Vec::new();
    while let Some(&c) = chars.get(*at) {
        *at += 1;
        match c {
            ']' => return out,
            '[' if out.len() < 64 => out.push(Item::Optional(read_items(chars, at))),
            '\'' => {
                let end = chars[*at..].iter().position(|&c| c == '\'').map_or(chars.len(), |end| *at + end);
                let text: String = chars[*at..end].iter().collect();
                *at = (end + 1).min(chars.len());
                out.push(Item::Text(if text.is_empty() { "'".into() } else { text }));
            }
            c if c.is_ascii_alphabetic() => {
                let count = 1 + chars[*at..].iter().take_while(|&&next| next == c).count();
                *at += count - 1;
                out.push(Item::Letter(c, count));
            }
            c => out.push(Item::Text(c.to_string())),
        }
    }
    out
}

fn read_all<'a>(items: &[Item], mut text: &'a str, parts: &mut Parts) -> Option<&'a str> {
    for item in items {
        text = match item {
            Item::Text(expected) => text.strip_prefix(expected.as_str())?,
            Item::Optional(inner) => {
                let before = *parts;
                read_all(inner, text, parts).unwrap_or_else(|| {
                    *parts = before;
                    text
                })
            }
            Item::Letter(letter, count) => read_letter(*letter, *count, text, parts)?,
        };
    }
    Some(text)
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

fn read_letter<'a>(letter: char, count: usize, text: &'a str, parts: &mut Parts) -> Option<&'a str> {
    let mut reader = Reader(text);
    let available = text.bytes().take_while(u8::is_ascii_digit).count();
    // One letter takes as many digits as there are; more take exactly so many.
    let width = if count == 1 { available.clamp(1, 2) } else { count };
    let small = |value: u32| u8::try_from(value).ok();
    match letter {
        'u' | 'y' if count == 2 => parts.year = 2000 + i32::try_from(reader.digits(2)?).ok()?,
        'u' | 'y' => {
            parts.year = i32::try_from(reader.digits(if count == 1 { available.clamp(1, 4) } else { count })?).ok()?
        }
        'M' if count >= 3 => {
            let name = text.get(..3)?.to_ascii_lowercase();
            parts.month = Some(MONTHS.iter().position(|month| *month == name)? as u8 + 1);
            let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
            reader.0 = &text[if count == 3 { 3 } else { length }..];
        }
        'M' => parts.month = Some(small(reader.digits(width)?)?),
        'd' => parts.day = Some(small(reader.digits(width)?)?),
        'H' | 'k' => parts.hour = Some(small(reader.digits(width)?)?),
        'h' => parts.hour = Some(small(reader.digits(width)?)? % 12),
        'm' => parts.minute = Some(small(reader.digits(width)?)?),
        's' => parts.second = Some(small(reader.digits(width)?)?),
        'S' => {
            let value = reader.digits(count.min(9))?;
            parts.nanos = Some(value * 10_u32.pow(9 - count.min(9) as u32));
        }
        'a' => {
            let afternoon = text.get(..2)?.eq_ignore_ascii_case("pm");
            reader.0 = &text[2..];
            parts.hour = parts.hour.map(|hour| hour % 12 + if afternoon { 12 } else { 0 });
        }
        'E' => reader.0 = text.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
        'X' | 'x' | 'Z' | 'z' | 'V' => parts.offset = Some(reader.offset()?),
        _ => return None,
    }
    Some(reader.0)
}

/// The zone of a name or an offset; `None` where there is no such zone.
pub(in crate::event) fn zone(name: &str) -> Option<TimeZone> {
    if matches!(name, "Z" | "UTC" | "Zulu" | "GMT" | "utc") {
        return Some(TimeZone::UTC);
    }
    let mut reader = Reader(name);
    if let Some(seconds) = reader.offset().filter(|_| reader.0.is_empty()) {
        return Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
    }
    TimeZone::get(name).ok()
}
