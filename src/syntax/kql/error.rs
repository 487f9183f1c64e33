//! What the parser expected, as Kibana words it for programs and as an author needs it.

use std::collections::BTreeSet;

use super::advice::{advise, is_keyword, words};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// Something that would have fitted at the furthest place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expected {
    /// A character of the language: `(`, `:`, `<=`.
    Token(&'static str),
    /// `and` between spaces.
    And,
    /// `not` and a space.
    Not,
    /// `or` between spaces.
    Or,
    /// The end of the text.
    End,
    /// A field name.
    FieldName,
    /// A bound after a range operator.
    Literal,
    /// A value.
    Value,
    /// A space.
    Whitespace,
    /// The caret, where the completion productions are on.
    Caret,
}

impl Expected {
    fn product(self) -> String {
        match self {
            Self::Token(token) => format!("\"{token}\""),
            Self::And => "AND".into(),
            Self::Not => "NOT".into(),
            Self::Or => "OR".into(),
            Self::End => "end of input".into(),
            Self::FieldName => "field name".into(),
            Self::Literal => "literal".into(),
            Self::Value => "value".into(),
            Self::Whitespace => "whitespace".into(),
            Self::Caret => "\"@kuery-cursor@\"".into(),
        }
    }

    fn words(self) -> Option<String> {
        Some(match self {
            Self::Token(token) => format!("`{token}`"),
            Self::And => "`and`".into(),
            Self::Not => "`not`".into(),
            Self::Or => "`or`".into(),
            Self::End => "the end of the query".into(),
            Self::FieldName => "a field name".into(),
            Self::Literal | Self::Value => "a value".into(),
            Self::Whitespace | Self::Caret => return None,
        })
    }
}

/// The finding for a text that is not KQL; `at` is the furthest place that could be read.
pub(super) fn syntax(text: &str, at: usize, expected: &BTreeSet<Expected>) -> Diagnostic {
    let found = text.get(at..).and_then(|rest| rest.chars().next());
    let span = Span::new(at, at + found.map_or(0, char::len_utf8));
    let words: Vec<String> = expected.iter().filter_map(|what| what.words()).collect();
    let shown = shown(text, at);
    let message = match &shown {
        Some(word) => format!("unexpected `{word}`"),
        None => "the query ends too early".to_owned(),
    };
    let item = Diagnostic::error(Code::KqlSyntax, span, message)
        .with_note(format!("expected {}", list(&words)))
        .with_product(product(text, at, found, expected));
    advise(text, at, stray_keywords(text, at, item))
}

/// The finding for a value that begins with `*` where that is switched off.
pub(super) fn leading_wildcard(text: &str, span: Span) -> Diagnostic {
    let short = "Leading wildcards are disabled. See query:allowLeadingWildcards in Advanced Settings.";
    Diagnostic::error(Code::LeadingWildcard, span, "a value begins with `*`, and leading wildcards are switched off")
        .with_help("begin the value with other characters, or allow leading wildcards")
        .with_product(framed(text, span.start, short))
}

fn product(text: &str, at: usize, found: Option<char>, expected: &BTreeSet<Expected>) -> String {
    let mut names: Vec<String> = expected.iter().map(|what| what.product()).collect();
    names.sort();
    let found = found.map_or_else(|| "end of input".to_owned(), |c| format!("\"{c}\""));
    framed(text, at, &format!("Expected {} but {found} found.", names.join(", ")))
}

fn framed(text: &str, at: usize, short: &str) -> String {
    let offset = text.get(..at).unwrap_or(text).encode_utf16().count();
    format!("{short}\n{text}\n{}^", "-".repeat(offset))
}

/// The word at `at`, shortened; `None` at the end.
fn shown(text: &str, at: usize) -> Option<String> {
    let rest = text.get(at..)?;
    let first = rest.chars().next()?;
    if !first.is_alphanumeric() {
        return Some(first.to_string());
    }
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-')).collect();
    Some(word.chars().take(40).collect())
}

fn list(words: &[String]) -> String {
    match words {
        [] => "nothing".into(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Labels each keyword that stands where a value was meant: after `(` or `:`, or after another keyword. Kibana reads such
/// a word as text, so its own error comes later than the slip.
fn stray_keywords(text: &str, at: usize, mut item: Diagnostic) -> Diagnostic {
    let mut open = true;
    let mut strays = 0;
    for (start, word) in words(text) {
        let keyword = is_keyword(word);
        let own = start == at
            || (word.eq_ignore_ascii_case("not") && !matches!(next_word(text, start + word.len()), Some("and" | "or")));
        if keyword && open && !own {
            strays += 1;
            let words = format!("`{word}` is read as a value here; is a value missing before it?");
            item = item.with_label(Span::new(start, start + word.len()), words);
            // After a word read as text, the next keyword joins again.
            open = false;
        } else {
            open = keyword || word.ends_with(['(', ':']);
        }
    }
    if strays > 0 {
        item = item.with_help(
            "a keyword stands where a value was expected; write the missing values, or quote the word to search for it",
        );
    }
    item
}

fn next_word(text: &str, at: usize) -> Option<&str> {
    words(text.get(at..)?).map(|(_, word)| word).next()
}
