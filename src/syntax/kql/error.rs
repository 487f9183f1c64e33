//! What the parser expected, as Kibana words it for programs and as an author needs it.

use std::collections::BTreeSet;

use super::lexis::is_space;
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
        let keyword = ["and", "or", "not"].iter().any(|k| word.eq_ignore_ascii_case(k));
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

/// Words, quoted texts, and single special characters, with their places.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].len() - text[at..].trim_start_matches(is_space).len();
        let rest = &text[at..];
        let first = rest.chars().next()?;
        let length = match first {
            '"' => quoted_length(rest),
            '(' | ')' | ':' | '{' | '}' | '<' | '>' => 1,
            _ => rest.find(|c: char| is_space(c) || "():{}<>\"".contains(c)).unwrap_or(rest.len()),
        };
        let start = at;
        at += length;
        Some((start, &rest[..length]))
    })
}

fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Adds the help for a slip that the text shows.
fn advise(text: &str, at: usize, item: Diagnostic) -> Diagnostic {
    if item.help.is_some() {
        return item;
    }
    match slip(text, at) {
        Some(help) => item.with_help(help),
        None => item,
    }
}

fn slip(text: &str, at: usize) -> Option<&'static str> {
    let before = text.get(..at)?.trim_end_matches(is_space);
    let rest = text.get(at..)?;
    let last = before.chars().next_back();
    if rest.is_empty() && quote_count(text).is_multiple_of(2) && matches!(last, Some(':' | '<' | '>' | '=')) {
        return Some("a value is missing; `field: *` finds events that have the field");
    }
    if rest.is_empty() && text.matches('(').count() > text.matches(')').count() {
        return Some("a parenthesis is not closed");
    }
    if rest.starts_with(')') && text.matches(')').count() > text.matches('(').count() {
        return Some("no parenthesis is open here; one inside a value needs a backslash or quotes");
    }
    if text.contains(['\u{201c}', '\u{201d}', '\u{201e}']) {
        return Some("curly quotes are ordinary characters; use straight quotes `\"`");
    }
    if before.ends_with("==") || rest.starts_with("==") {
        return Some("KQL compares with `:`; `==` is EQL");
    }
    if text.contains("[") && contains_word(text, "TO") {
        return Some("ranges are written `field >= 1 and field <= 2`; `[1 TO 2]` is Lucene");
    }
    if rest.starts_with(':') && last.is_some_and(|c| c != ':') {
        return Some("a colon inside a value needs quotes or a backslash: `\"fe80::1\"`, `http\\://x`");
    }
    if before.to_ascii_lowercase().ends_with("not") && rest.starts_with('(') {
        return Some("`not` needs a space before a parenthesis: `not (…)`");
    }
    if text.get(at..at + 4).is_some_and(|word| word.eq_ignore_ascii_case("not ")) {
        return Some(
            "`not` ends a value wherever a space follows it; put a text that holds it in quotes, and write `f:(not x)` to negate a value",
        );
    }
    if rest.is_empty() && quote_count(text) % 2 == 1 {
        return Some("a quote is not closed");
    }
    if text[before.rfind('"').unwrap_or(text.len())..].is_empty() && quote_count(text) % 2 == 1 {
        return Some("a quote is not closed");
    }
    if before.ends_with('"') {
        return Some("after a quoted value only `and`, `or`, a closing or the end may follow");
    }
    if rest.starts_with('\\') {
        return Some(
            "outside quotes a backslash escapes only `\\ ( ) : < > \" * { }`, `t`, `r`, `n`, `uXXXX` and keywords; write `\\\\` for a backslash",
        );
    }
    if rest.starts_with('(') {
        return Some("a parenthesis inside a value needs a backslash or quotes");
    }
    let lower = text.to_ascii_lowercase();
    [" where ", " like ", " in ("]
        .iter()
        .any(|word| lower.contains(word))
        .then_some("this looks like EQL; check the language of the query")
}

fn quote_count(text: &str) -> usize {
    let mut escaped = false;
    text.chars()
        .filter(|&c| {
            let quote = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            quote
        })
        .count()
}

fn contains_word(text: &str, word: &str) -> bool {
    text.split(is_space).any(|found| found == word)
}
