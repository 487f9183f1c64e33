//! Literals: quoted or not, with their look-ahead for keywords and the caret of the completion productions.

use super::ast::{Literal, LiteralKind};
use super::lexis::{self, Decoded, is_special, is_trimmed, space_length, starts_with_word};
use super::parse::Parser;
use crate::source::Span;

impl Parser<'_> {
    /// `Quoted / Unquoted`
    pub fn literal(&mut self) -> Option<Literal> {
        let start = self.at;
        if self.bytes().first() == Some(&b'"') {
            let found = self.quoted();
            if found.is_none() {
                self.at = start;
                self.note_caret(start);
            }
            return found;
        }
        self.unquoted()
    }

    fn quoted(&mut self) -> Option<Literal> {
        let start = self.at;
        self.at += 1;
        let mut text = CaretText::default();
        loop {
            self.pass_run(&mut text, lexis::quoted_run);
            if self.bytes().first() == Some(&b'"') {
                break;
            }
            if self.at_cursor(&mut text) {
                continue;
            }
            if self.at_second_cursor() {
                return None;
            }
            let (rest, unit) = lexis::quoted(self.rest(), self.options.since(7, 13))?;
            text.decoded.push(unit);
            self.at = self.text.len() - rest.len();
        }
        self.at += 1;
        Some(self.literal_of(start, text, true))
    }

    fn unquoted(&mut self) -> Option<Literal> {
        let start = self.at;
        let mut text = CaretText::default();
        loop {
            self.pass_run(&mut text, lexis::unquoted_run);
            if self.at_cursor(&mut text) {
                continue;
            }
            if self.at_second_cursor() || self.at_keyword() {
                break;
            }
            let Some((rest, unit)) = lexis::unquoted(self.rest(), self.options.since(7, 13)) else { break };
            text.decoded.push(unit);
            self.at = self.text.len() - rest.len();
        }
        if text.before.is_none() || self.bytes().is_empty() {
            self.note_caret(self.at);
        }
        (self.at > start).then(|| self.literal_of(start, text, false))
    }

    /// Passes characters that stand for themselves. With the completion productions on, the caret may be any of them.
    fn pass_run(&mut self, text: &mut CaretText, length: fn(&[u8]) -> usize) {
        if self.options.cursor_symbol.is_some() {
            return;
        }
        let end = self.at + length(self.bytes());
        text.decoded.push_run(&self.text[self.at..end]);
        self.at = end;
    }

    /// The look-ahead `!Keyword`. Notes where a space was looked for in vain.
    fn at_keyword(&mut self) -> bool {
        let bytes = self.bytes();
        match bytes.first() {
            None => {
                self.silent.insert(self.at);
                return false;
            }
            Some(b'n' | b'N') => return starts_with_word(bytes, "not") && self.space_at(self.at + 3),
            Some(_) => {}
        }
        let before = space_length(bytes);
        let word = ["or", "and"].into_iter().find(|word| before > 0 && starts_with_word(&bytes[before..], word));
        word.is_some_and(|word| self.space_at(self.at + before + word.len()))
    }

    fn space_at(&mut self, at: usize) -> bool {
        let found = space_length(&self.text.as_bytes()[at..]) > 0;
        if !found {
            self.silent.insert(at);
        }
        found
    }

    fn note_caret(&mut self, at: usize) {
        if self.options.cursor_symbol.is_some() {
            self.silent_caret.insert(at);
        }
    }

    /// Passes the caret, once, when the completion productions are on.
    fn at_cursor(&mut self, text: &mut CaretText) -> bool {
        let Some(symbol) = self.options.cursor_symbol.as_deref() else { return false };
        let found = text.before.is_none() && self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
            text.before = Some(std::mem::take(&mut text.decoded).marked());
        }
        found
    }

    /// Whether a caret stands where one was passed already; the productions know only one.
    fn at_second_cursor(&self) -> bool {
        self.options.cursor_symbol.as_deref().is_some_and(|symbol| self.rest().starts_with(symbol))
    }

    fn literal_of(&mut self, start: usize, text: CaretText, quoted: bool) -> Literal {
        let span = Span::new(start, self.at);
        if !quoted && !self.bytes().first().is_some_and(|&byte| is_special(byte.into())) {
            self.silent.insert(self.at);
        }
        let kind = match text.before {
            Some(before) => LiteralKind::Cursor(Box::new(self.caret(start, &before, &text.decoded.marked()))),
            None if quoted => LiteralKind::Text { value: text.decoded.finish().1, quoted },
            None => unquoted_kind(text.decoded),
        };
        Literal { kind, span }
    }
}

/// The decoded text of a literal, and the part of it before the caret.
#[derive(Default)]
struct CaretText {
    before: Option<String>,
    decoded: Decoded,
}

fn unquoted_kind(decoded: Decoded) -> LiteralKind {
    let (mut parts, mut last) = decoded.finish();
    let first = parts.first_mut().unwrap_or(&mut last);
    first.drain(..first.len() - first.trim_start_matches(is_trimmed).len());
    last.truncate(last.trim_end_matches(is_trimmed).len());
    if !parts.is_empty() {
        parts.push(last);
        // Kibana's tree keeps wildcards as this text, so where it is typed it is one.
        if parts.iter().any(|part| part.contains('@')) {
            parts = parts.iter().flat_map(|part| part.split(lexis::WILDCARD)).map(str::to_owned).collect();
        }
        return LiteralKind::Wildcard(parts);
    }
    match last.as_str() {
        "null" => LiteralKind::Null,
        "true" => LiteralKind::Bool(true),
        "false" => LiteralKind::Bool(false),
        _ => LiteralKind::Text { value: last, quoted: false },
    }
}
