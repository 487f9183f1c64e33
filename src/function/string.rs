//! Functions on strings. Positions count UTF-16 units, as Java's do.

use super::Datum;
use crate::text::{parse_block, parse_ip};

type Answer = Result<Datum, String>;

/// The text of an argument; `None` for null.
fn text(datum: &Datum) -> Result<Option<&str>, String> {
    match datum {
        Datum::Null => Ok(None),
        other => match other.as_text() {
            Some(text) => Ok(Some(text)),
            None => Err(format!("A string/char is required; received [{}]", other.to_text().unwrap_or_default())),
        },
    }
}

fn integer(datum: &Datum) -> Result<Option<i64>, String> {
    match datum {
        Datum::Null => Ok(None),
        other => match other.as_integer() {
            Some(value) => Ok(Some(value.clamp(i64::MIN.into(), i64::MAX.into()) as i64)),
            None => Err(format!("A number is required; received [{}]", other.to_text().unwrap_or_default())),
        },
    }
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn from_units(units: &[u16]) -> Datum {
    Datum::from(String::from_utf16_lossy(units))
}

fn lowered(text: &str, fold: bool) -> String {
    if fold { text.to_lowercase() } else { text.to_owned() }
}

/// The first place of `part` in `whole` at or after `from`.
fn find(whole: &[u16], part: &[u16], from: usize) -> Option<usize> {
    if part.is_empty() {
        return Some(from.min(whole.len()));
    }
    let rest = whole.get(from..)?;
    rest.windows(part.len()).position(|window| window == part).map(|at| at + from)
}

fn find_last(whole: &[u16], part: &[u16]) -> Option<usize> {
    whole.windows(part.len().max(1)).rposition(|window| window == part)
}

/// Whether a text begins with, ends with or holds another.
pub(super) fn affix(source: &Datum, affix: &Datum, fold: bool, holds: fn(&str, &str) -> bool) -> Answer {
    let (source, affix) = (text(source)?, text(affix)?);
    let (Some(source), Some(affix)) = (source, affix) else { return Ok(Datum::Null) };
    Ok(Datum::Bool(if fold { holds(&source.to_lowercase(), &affix.to_lowercase()) } else { holds(source, affix) }))
}

pub(super) fn between(args: &[Datum], fold: bool) -> Answer {
    let arg = |index: usize| args.get(index).unwrap_or(&Datum::Null);
    let Some(source) = text(arg(0))? else { return Ok(Datum::Null) };
    let required = |datum| text(datum)?.ok_or_else(|| "A string/char is required; received [null]".to_owned());
    let (left, right) = (required(arg(1))?, required(arg(2))?);
    let greedy = match args.get(3) {
        None => false,
        Some(Datum::Bool(value)) => *value,
        Some(other) => {
            return Err(format!(
                "A boolean is required; received [{}]",
                other.to_text().unwrap_or_else(|| "null".into())
            ));
        }
    };
    if source.is_empty() || left.is_empty() || right.is_empty() {
        return Ok(Datum::from(source));
    }
    let whole = units(&lowered(source, fold));
    let (left, right) = (units(&lowered(left, fold)), units(&lowered(right, fold)));
    let Some(start) = find(&whole, &left, 0).map(|at| at + left.len()) else { return Ok(Datum::from("")) };
    let end = if greedy { find_last(&whole, &right) } else { find(&whole, &right, start) };
    let Some(end) = end else { return Ok(Datum::from("")) };
    Ok(from_units(units(source).get(start..end).unwrap_or_default()))
}

pub(super) fn cidr_match(address: &Datum, blocks: &[Datum]) -> Answer {
    let ip = match address {
        Datum::Null => return Ok(Datum::Null),
        Datum::Ip(ip) => *ip,
        other => match other.as_text().map(parse_ip) {
            Some(Some(ip)) => ip,
            _ => return Err(format!("'{}' is not an IP string literal.", other.to_text().unwrap_or_default())),
        },
    };
    let mut found = false;
    for block in blocks {
        let Some(text) = text(block)? else { return Ok(Datum::Null) };
        let net = parse_block(text).ok_or_else(|| format!("'{text}' is not a CIDR block"))?;
        found |= crate::text::IpSet::new([net]).contains(ip);
    }
    Ok(Datum::Bool(found))
}

pub(super) fn concat(args: &[Datum]) -> Datum {
    let texts: Option<Vec<String>> = args.iter().map(Datum::to_text).collect();
    texts.map_or(Datum::Null, |texts| Datum::from(texts.concat()))
}

pub(super) fn index_of(source: &Datum, part: &Datum, start: &Datum, fold: bool) -> Answer {
    let (source, part) = (text(source)?, text(part)?);
    let (Some(source), Some(part)) = (source, part) else { return Ok(Datum::Null) };
    let start = usize::try_from(integer(start)?.unwrap_or(0).max(0)).unwrap_or(usize::MAX);
    let (whole, part) = (units(&lowered(source, fold)), units(&lowered(part, fold)));
    Ok(find(&whole, &part, start).map_or(Datum::Null, small))
}

/// A position or a length, whose type is `integer`.
fn small(value: usize) -> Datum {
    i32::try_from(value).map_or(Datum::Long(value as i64), Datum::Int)
}

pub(super) fn length(source: &Datum) -> Answer {
    Ok(text(source)?.map_or(Datum::Null, |text| small(text.encode_utf16().count())))
}

pub(super) fn number(source: &Datum, base: &Datum) -> Answer {
    let Some(source) = text(source)? else { return Ok(Datum::Null) };
    let given = match base {
        Datum::Null => None,
        other => match other.as_integer() {
            Some(base) => Some(base),
            None => {
                return Err(format!("An integer base is required; received [{}]", other.to_text().unwrap_or_default()));
            }
        },
    };
    let hex = source.starts_with("0x");
    let base = given.unwrap_or(if hex { 16 } else { 10 });
    let failed = || format!("Unable to convert [{source}] to number of base [{base}]");
    let digits = if hex && base == 16 { &source[2..] } else { source };
    if base == 10
        && let Some(value) = java_number(digits)
    {
        return Ok(value);
    }
    let radix = u32::try_from(base).ok().filter(|radix| (2..=36).contains(radix) && base != 10).ok_or_else(failed)?;
    i64::from_str_radix(digits, radix).map(Datum::Long).map_err(|_| failed())
}

/// A long, else what Java's `Double.parseDouble` reads.
fn java_number(text: &str) -> Option<Datum> {
    if let Ok(value) = text.parse::<i64>() {
        return Some(Datum::Long(value));
    }
    let trimmed = text.trim_matches(|c: char| c <= ' ');
    let body = trimmed.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(trimmed);
    let digits = body.trim_start_matches(['+', '-']);
    let named = matches!(trimmed.trim_start_matches(['+', '-']), "NaN" | "Infinity");
    if !named && !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    (if named { trimmed } else { body }).parse().ok().map(Datum::Double)
}

pub(super) fn substring(source: &Datum, start: &Datum, end: &Datum) -> Answer {
    let Some(source) = text(source)? else { return Ok(Datum::Null) };
    let Some(start) = integer(start)? else { return Ok(Datum::from(source)) };
    let whole = units(source);
    let length = whole.len() as i64;
    let from = if start < 0 { (start.saturating_add(length)).max(0) } else { start };
    let to = match integer(end)? {
        None => length,
        Some(end) if end < 0 => end.saturating_add(length).max(0),
        Some(end) => end.min(length),
    };
    if from >= to {
        return Ok(Datum::from(""));
    }
    Ok(from_units(whole.get(from as usize..to as usize).unwrap_or_default()))
}
