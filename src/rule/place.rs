//! Where things stand in a rule file: spans of fields, and how a quoted text maps to the file's bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::diagnostic::Diagnostics;
use crate::source::{Source, Span};

/// One rule's part of a file: the file's text and where each field's value stands in it, by dotted name.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub file: Arc<str>,
    pub text: Arc<str>,
    /// The rule as a whole.
    pub whole: Span,
    pub fields: BTreeMap<String, Span>,
}

impl Places {
    pub fn new(file: &Arc<str>, text: &Arc<str>, whole: Span) -> Self {
        Self { file: Arc::clone(file), text: Arc::clone(text), whole, fields: BTreeMap::new() }
    }

    /// The file as the source of diagnostics about its fields.
    pub fn source(&self) -> Source {
        Source::new(Arc::clone(&self.file), Arc::clone(&self.text))
    }

    pub fn diagnostics(&self, items: Vec<crate::diagnostic::Diagnostic>) -> Diagnostics {
        Diagnostics::new(self.source(), items)
    }

    /// Where the value of `field` stands; the nearest above it that is known where it has none.
    pub fn span(&self, field: &str) -> Span {
        if let Some(span) = self.fields.get(field) {
            return *span;
        }
        let Some((above, name)) = field.rsplit_once('.') else { return self.whole };
        let above = self.span(above);
        self.child(above, name).unwrap_or(above)
    }

    /// A member of what stands at `span`, if that is a JSON object or list.
    fn child(&self, span: Span, name: &str) -> Option<Span> {
        let raw = self.text.get(span.start..span.end)?;
        let part = match name.parse::<usize>() {
            Ok(at) => *serde_json::from_str::<Vec<&RawValue>>(raw).ok()?.get(at)?,
            Err(_) => *serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(raw).ok()?.get(name)?,
        };
        let start = span.start + (part.get().as_ptr() as usize).checked_sub(raw.as_ptr() as usize)?;
        Some(Span::new(start, start + part.get().len()))
    }

    /// The text of `field` as a source of its own that knows its place in the file.
    pub fn inner(&self, field: &str, value: &str) -> Source {
        let source = Source::new(Arc::clone(&self.file), value);
        let Some(span) = self.fields.get(field) else { return source };
        let Some(raw) = self.text.get(span.start..span.end) else { return source };
        source.inside(Arc::clone(&self.text), text_map(raw, value, span.start))
    }
}

/// How the decoded `value` lies in `raw`, a string of TOML or JSON with its quotes that begins at byte `start` of the file:
/// pairs of offsets as [`Source::inside`] wants them.
pub(super) fn text_map(raw: &str, value: &str, start: usize) -> Vec<(usize, usize)> {
    let opening = opening(raw);
    let literal = raw.starts_with('\'');
    let mut map = vec![(0, start + opening)];
    let (mut at, mut decoded) = (opening, 0);
    while let (Some(rest), Some(value)) = (raw.get(at..), value.get(decoded..)) {
        let plain = plain(rest, value, literal);
        (at, decoded) = (at + plain, decoded + plain);
        let (Some(raw_char), Some(char)) = (char_at(rest, plain), char_at(value, plain)) else { break };
        if raw_char == '\\' && !literal {
            let escape = Escape::of(&raw[at..]);
            at += escape.raw;
            decoded += if escape.empty { 0 } else { char.len_utf8() };
        } else {
            // A line break that the format normalizes: the file has a carriage return more.
            at += raw_char.len_utf8();
        }
        map.push((decoded, start + at));
    }
    map
}

/// How many bytes two texts begin with alike, up to an escape in the first.
fn plain(raw: &str, value: &str, literal: bool) -> usize {
    let alike = raw.bytes().zip(value.bytes()).take_while(|(a, b)| a == b && (literal || *a != b'\\')).count();
    // Two characters may begin with the same bytes.
    (0..=alike).rev().find(|&at| raw.is_char_boundary(at)).unwrap_or(0)
}

fn char_at(text: &str, offset: usize) -> Option<char> {
    text.get(offset..).and_then(|rest| rest.chars().next())
}

/// The length of the opening quotes, with the line break that TOML drops after three of them.
fn opening(raw: &str) -> usize {
    for (quotes, dropped) in
        [("'''\r\n", 5), ("'''\n", 4), ("'''", 3), ("\"\"\"\r\n", 5), ("\"\"\"\n", 4), ("\"\"\"", 3)]
    {
        // Two quotes may be all there is: an empty text.
        if raw.starts_with(quotes) && raw.len() >= 6 {
            return dropped;
        }
    }
    1
}

/// One escape: how many bytes the file spends on it, and whether it stands for nothing.
struct Escape {
    raw: usize,
    empty: bool,
}

impl Escape {
    fn of(raw: &str) -> Self {
        match char_at(raw, 1) {
            Some('u') if is_high_surrogate(raw) => Self { raw: 12, empty: false },
            Some('u') => Self { raw: 6, empty: false },
            Some('U') => Self { raw: 10, empty: false },
            Some('x') => Self { raw: 4, empty: false },
            Some(blank) if blank.is_whitespace() => {
                let rest = raw[1..].trim_start();
                Self { raw: raw.len() - rest.len(), empty: true }
            }
            Some(other) => Self { raw: 1 + other.len_utf8(), empty: false },
            None => Self { raw: 1, empty: false },
        }
    }
}

fn is_high_surrogate(raw: &str) -> bool {
    let unit = raw.get(2..6).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    unit.is_some_and(|unit| (0xD800..0xDC00).contains(&unit)) && raw.get(6..8) == Some("\\u")
}

#[cfg(test)]
mod tests {
    use super::text_map;

    #[test]
    fn literal_text_begins_after_the_dropped_line_break() {
        assert_eq!(text_map("'''\na\\b\n'''", "a\\b\n", 10), [(0, 14)]);
        assert_eq!(text_map("'ab'", "ab", 10), [(0, 11)]);
    }

    #[test]
    fn escapes_begin_a_new_pair() {
        assert_eq!(text_map(r#""a\"b""#, "a\"b", 0), [(0, 1), (2, 4)]);
        assert_eq!(text_map(r#""\u00e9x""#, "éx", 0), [(0, 1), (2, 7)]);
        assert_eq!(text_map(r#""\ud83d\ude00x""#, "😀x", 0), [(0, 1), (4, 13)]);
    }

    #[test]
    fn a_line_ending_backslash_stands_for_nothing() {
        assert_eq!(text_map("\"\"\"a\\\n   b\"\"\"", "ab", 0), [(0, 3), (1, 9)]);
    }

    #[test]
    fn normalized_line_breaks() {
        assert_eq!(text_map("'''\r\na\r\nb'''", "a\nb", 0), [(0, 5), (1, 7)]);
    }
}
