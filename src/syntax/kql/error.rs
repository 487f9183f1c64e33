//! What the parser expected, as Kibana words it for programs and as an author needs it.

use super::advice::{advise, is_keyword, words};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// Something that would have fitted at the furthest place, in the order of our messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `:`
    Colon,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
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
    const ALL: [Self; 18] = [
        Self::Open,
        Self::Close,
        Self::Colon,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::OpenBrace,
        Self::CloseBrace,
        Self::And,
        Self::Not,
        Self::Or,
        Self::End,
        Self::FieldName,
        Self::Literal,
        Self::Value,
        Self::Whitespace,
        Self::Caret,
    ];

    /// A token or keyword as it is typed; for the others what they are, in Kibana's words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Open => "(",
            Self::Close => ")",
            Self::Colon => ":",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::OpenBrace => "{",
            Self::CloseBrace => "}",
            Self::And => "and",
            Self::Not => "not",
            Self::Or => "or",
            Self::End => "end of input",
            Self::FieldName => "field name",
            Self::Literal => "literal",
            Self::Value => "value",
            Self::Whitespace => "whitespace",
            Self::Caret => "@kuery-cursor@",
        }
    }

    fn product(self) -> String {
        match self {
            Self::And | Self::Not | Self::Or => self.text().to_uppercase(),
            Self::End | Self::FieldName | Self::Literal | Self::Value | Self::Whitespace => self.text().to_owned(),
            token => format!("\"{}\"", token.text()),
        }
    }

    fn words(self) -> Option<String> {
        Some(match self {
            Self::End => "the end of the query".into(),
            Self::FieldName => "a field name".into(),
            Self::Literal | Self::Value => "a value".into(),
            Self::Whitespace | Self::Caret => return None,
            typed => format!("`{}`", typed.text()),
        })
    }
}

/// A set of them, one bit each, because one is noted at nearly every character.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ExpectedSet(u32);

impl ExpectedSet {
    pub const fn insert(&mut self, what: Expected) {
        self.0 |= 1 << what as u32;
    }

    fn iter(self) -> impl Iterator<Item = Expected> {
        Expected::ALL.into_iter().filter(move |&what| self.0 >> what as u32 & 1 == 1)
    }
}

/// The finding for a text that is not KQL; `at` is the furthest place that could be read.
pub(super) fn syntax(text: &str, at: usize, expected: ExpectedSet) -> Diagnostic {
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

fn product(text: &str, at: usize, found: Option<char>, expected: ExpectedSet) -> String {
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

/// Most places that one finding shows: a text of nothing but such words would take long to show, and no one would read it.
const MOST_PLACES: usize = 16;

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
        if strays == MOST_PLACES {
            break;
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
