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

/// The length of the [`is_space`] at the start, 0 where there is none.
pub(super) const fn space_length(text: &[u8]) -> usize {
    match text {
        [b' ' | b'\t' | b'\r' | b'\n', ..] => 1,
        [0xC2, 0xA0, ..] => 2,
        _ => 0,
    }
}

/// The length of all of them.
pub(super) fn spaces_length(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match space_length(&text[at..]) {
            0 => return at,
            length => at += length,
        }
    }
}

/// Whether the text begins with the word, in whatever case.
pub(super) fn starts_with_word(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// The bytes that stand for themselves outside quotes whatever follows: no space and none that begins one, no special
/// character, and not the first letter of `not`.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8 as char;
        // Of all bytes beyond ASCII only the first of the no-break space matters.
        plain[byte] = byte != 0xC2 && !(c.is_ascii() && (is_space(c) || is_special(c) || matches!(c, 'n' | 'N')));
        byte += 1;
    }
    plain
};

/// The length of what stands for itself outside quotes.
pub(super) fn unquoted_run(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at)
        && (PLAIN[usize::from(byte)] || matches!(text[at..], [b'n' | b'N', next, ..] if !matches!(next, b'o' | b'O')))
    {
        at += 1;
    }
    at
}

/// The length of what stands for itself inside quotes.
pub(super) fn quoted_run(text: &[u8]) -> usize {
    memchr::memchr2(b'"', b'\\', text).unwrap_or(text.len())
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

/// `QChar`: one character inside quotes; whether `\uXXXX` is one depends on the version.
pub(super) fn quoted(input: &str, with_unicode: bool) -> Option<(&str, Unit)> {
    let found = blank(input).ok().or_else(|| if with_unicode { unicode(input).ok() } else { None });
    if found.is_some() {
        return found;
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
pub(super) fn unquoted(input: &str, with_unicode: bool) -> Option<(&str, Unit)> {
    let c = input.chars().next()?;
    match c {
        '\\' => blank(input)
            .ok()
            .or_else(|| special_escape(input))
            .or_else(|| if with_unicode { unicode(input).ok() } else { None })
            .or_else(|| keyword_escape(input).ok()),
        '*' => Some((&input[1..], Unit::Star)),
        c if is_special(c) => None,
        c => Some((&input[c.len_utf8()..], Unit::Char(c))),
    }
}

/// The decoded text of a literal, cut at its wildcards.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// The texts before the wildcards.
    parts: Vec<String>,
    current: String,
    high: Option<u16>,
}

impl Decoded {
    /// Appends characters that stand for themselves.
    pub fn push_run(&mut self, run: &str) {
        if !run.is_empty() {
            self.flush();
            self.current.push_str(run);
        }
    }

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

    /// The texts before the wildcards, and the one after the last.
    pub fn finish(mut self) -> (Vec<String>, String) {
        self.flush();
        (self.parts, self.current)
    }

    /// The whole text, wildcards as Kibana's tree keeps them.
    pub fn marked(self) -> String {
        let (mut parts, last) = self.finish();
        parts.push(last);
        parts.join(WILDCARD)
    }
}
