//! The characters of KQL: terminals that look at the text, one value at a time. No state, no errors.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while_m_n};
use nom::combinator::{recognize, value};
use nom::error::Error;
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// What stands for a wildcard in Kibana's own trees.
pub(super) const WILDCARD: &str = "@kuery-wildcard@";

/// One decoded character of a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A character.
    Char(char),
    /// A UTF-16 unit of `\uXXXX`.
    Code(u16),
    /// The letters of an escaped keyword, as typed.
    Word(&'static str, [u8; 3]),
    /// An unescaped `*`.
    Star,
}

type Read<'a> = IResult<&'a str, Unit, Error<&'a str>>;

/// `Space`: the five characters that separate.
pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{a0}')
}

/// `Special`: the ten characters that need an escape outside quotes.
pub(super) const fn is_special(c: char) -> bool {
    matches!(c, '\\' | '(' | ')' | ':' | '<' | '>' | '"' | '*' | '{' | '}')
}

/// White space as `String.prototype.trim` sees it.
pub(super) fn is_trimmed(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

fn blank(input: &str) -> Read<'_> {
    alt((value(Unit::Char('\t'), tag("\\t")), value(Unit::Char('\r'), tag("\\r")), value(Unit::Char('\n'), tag("\\n"))))
        .parse(input)
}

fn unicode(input: &str) -> Read<'_> {
    let hex = take_while_m_n(4, 4, |c: char| c.is_ascii_hexdigit());
    let (rest, digits) = preceded(tag("\\u"), recognize(hex)).parse(input)?;
    Ok((rest, Unit::Code(u16::from_str_radix(digits, 16).unwrap_or(0xFFFD))))
}

fn keyword_escape(input: &str) -> Read<'_> {
    let word = alt((tag_no_case::<_, _, Error<&str>>("or"), tag_no_case("and"), tag_no_case("not")));
    let (rest, word) = preceded(tag("\\"), word).parse(input)?;
    let mut letters = [0; 3];
    for (to, from) in letters.iter_mut().zip(word.bytes()) {
        *to = from;
    }
    Ok((rest, Unit::Word(if word.len() == 2 { "or" } else { "and" }, letters)))
}

fn special_escape(input: &str) -> Option<(&str, Unit)> {
    let mut chars = input.strip_prefix('\\')?.chars();
    let c = chars.next().filter(|&c| is_special(c))?;
    Some((chars.as_str(), Unit::Char(c)))
}

/// `QChar`: one character inside quotes.
pub(super) fn quoted(input: &str) -> Option<(&str, Unit)> {
    if let Ok(found) = alt((blank, unicode)).parse(input) {
        return Some(found);
    }
    for (escape, c) in [("\\\\", '\\'), ("\\\"", '"')] {
        if let Some(rest) = input.strip_prefix(escape) {
            return Some((rest, Unit::Char(c)));
        }
    }
    let mut chars = input.chars();
    let c = chars.next().filter(|&c| c != '"')?;
    Some((chars.as_str(), Unit::Char(c)))
}

/// `UChar` without its look-ahead for keywords, which the parser does.
pub(super) fn unquoted(input: &str) -> Option<(&str, Unit)> {
    let c = input.chars().next()?;
    match c {
        '\\' => blank(input)
            .ok()
            .or_else(|| special_escape(input))
            .or_else(|| unicode(input).ok())
            .or_else(|| keyword_escape(input).ok()),
        '*' => Some((&input[1..], Unit::Star)),
        c if is_special(c) => None,
        c => Some((&input[c.len_utf8()..], Unit::Char(c))),
    }
}

/// The decoded text of a literal, cut at its wildcards.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// The texts between the wildcards.
    pub parts: Vec<String>,
    current: String,
    high: Option<u16>,
}

impl Decoded {
    /// Appends a unit. Two `\u` escapes in a row may be one astral character; a lone half becomes U+FFFD.
    pub fn push(&mut self, unit: Unit) {
        if let Unit::Code(code) = unit {
            return self.push_code(code);
        }
        self.flush();
        match unit {
            Unit::Char(c) => self.current.push(c),
            Unit::Word(word, letters) => self.current.extend(letters.iter().take(word.len()).map(|&b| char::from(b))),
            Unit::Star => self.parts.push(std::mem::take(&mut self.current)),
            Unit::Code(_) => {}
        }
    }

    fn push_code(&mut self, code: u16) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(c)) = char::decode_utf16([high, code]).next() {
                return self.current.push(c);
            }
            self.current.push('\u{fffd}');
        }
        match char::from_u32(u32::from(code)) {
            Some(c) => self.current.push(c),
            None if code < 0xDC00 => self.high = Some(code),
            None => self.current.push('\u{fffd}'),
        }
    }

    fn flush(&mut self) {
        if self.high.take().is_some() {
            self.current.push('\u{fffd}');
        }
    }

    /// The texts between the wildcards; one where there was none.
    pub fn finish(mut self) -> Vec<String> {
        self.flush();
        self.parts.push(self.current);
        self.parts
    }
}
