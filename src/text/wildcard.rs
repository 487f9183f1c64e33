//! Patterns of literal text, `*` and `?`.

use super::Fold;
use super::fold::find_ascii;

/// A pattern of literal text, `*` (any run) and `?` (one character). Both match line breaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wildcard(pub Vec<WildcardPart>);

/// A part of a [`Wildcard`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WildcardPart {
    /// This text.
    Text(String),
    /// `*`
    Any,
    /// `?`
    One,
}

impl Wildcard {
    /// The texts between `*`s, as KQL's parser gives them.
    pub fn between(parts: &[String]) -> Self {
        let mut out = Self(Vec::new());
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                out.push(WildcardPart::Any);
            }
            if !part.is_empty() {
                out.push(WildcardPart::Text(part.clone()));
            }
        }
        out
    }

    /// A text in which `*` and `?` are wildcards and nothing is an escape (Elasticsearch: EQL, `like` and `:`).
    pub fn like(text: &str) -> Self {
        Self::parse(text, false)
    }

    /// A text in which `*` and `?` are wildcards and a backslash escapes (Elasticsearch: wildcard query).
    pub fn escaped(text: &str) -> Self {
        Self::parse(text, true)
    }

    fn parse(text: &str, escapes: bool) -> Self {
        let mut out = Self(Vec::new());
        let (mut literal, mut rest) = (String::new(), text);
        let is_special = |byte: u8| matches!(byte, b'*' | b'?') || (escapes && byte == b'\\');
        while let Some(at) = rest.bytes().position(is_special) {
            literal.push_str(&rest[..at]);
            let special = rest.as_bytes()[at];
            rest = &rest[at + 1..];
            if special == b'\\' {
                let mut chars = rest.chars();
                literal.push(chars.next().unwrap_or('\\'));
                rest = chars.as_str();
                continue;
            }
            out.flush(&mut literal);
            out.push(if special == b'*' { WildcardPart::Any } else { WildcardPart::One });
        }
        literal.push_str(rest);
        out.flush(&mut literal);
        out
    }

    fn flush(&mut self, literal: &mut String) {
        if !literal.is_empty() {
            self.0.push(WildcardPart::Text(std::mem::take(literal)));
        }
    }

    fn push(&mut self, part: WildcardPart) {
        // A run of `*` is one `*`.
        if part != WildcardPart::Any || self.0.last() != Some(&WildcardPart::Any) {
            self.0.push(part);
        }
    }

    /// The text, where the pattern is one text without wildcards.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [WildcardPart::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether every text fits.
    pub fn is_any(&self) -> bool {
        self.0 == [WildcardPart::Any]
    }

    /// The pattern with its texts mapped.
    #[must_use]
    pub fn map(&self, mut change: impl FnMut(&str) -> String) -> Self {
        let part = |part: &WildcardPart| match part {
            WildcardPart::Text(text) => WildcardPart::Text(change(text)),
            other => other.clone(),
        };
        Self(self.0.iter().map(part).collect())
    }

    /// Whether `text` fits as a whole. Linear in the text for each `*`.
    ///
    /// ```
    /// use elkhound::text::{Fold, Wildcard};
    /// assert!(Wildcard::like("*\\cmd.?x?").matches("C:\\Windows\\CMD.EXE", Fold::Ascii));
    /// ```
    pub fn matches(&self, text: &str, fold: Fold) -> bool {
        let (mut parts, mut rest) = (self.0.as_slice(), text);
        // Where to go on after the last `*`: the parts after it, and the text one character further.
        let mut retry: Option<(&[WildcardPart], &str)> = None;
        loop {
            let step = match parts.first() {
                Some(WildcardPart::Any) => {
                    if parts.len() == 1 {
                        return true;
                    }
                    retry = Some((&parts[1..], rest));
                    Some(rest)
                }
                Some(WildcardPart::One) => next_char(rest),
                Some(WildcardPart::Text(literal)) => fold.strip_prefix(rest, literal),
                None if rest.is_empty() => return true,
                None => None,
            };
            if let Some(after) = step {
                (parts, rest) = (&parts[1..], after);
                continue;
            }
            let Some((after, from)) = retry else { return false };
            let Some(from) = restart(after, from, fold) else { return false };
            (parts, rest, retry) = (after, from, Some((after, from)));
        }
    }
}

/// The next place at which the parts after a `*` may begin.
fn restart<'a>(after: &[WildcardPart], from: &'a str, fold: Fold) -> Option<&'a str> {
    let next = next_char(from)?;
    match (after, fold) {
        ([WildcardPart::Text(literal)], _) => {
            // Only the end of the text can fit.
            let end = next.char_indices().rev().nth(literal.chars().count().checked_sub(1)?).map(|(at, _)| at)?;
            Some(&next[end..])
        }
        ([WildcardPart::Text(literal), ..], Fold::Exact) => next.find(literal.as_str()).map(|at| &next[at..]),
        ([WildcardPart::Text(literal), ..], fold) if literal.is_ascii() && fold.is_ascii_for(next) => {
            find_ascii(next.as_bytes(), literal.as_bytes()).and_then(|at| next.get(at..))
        }
        _ => Some(next),
    }
}

fn next_char(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
}
