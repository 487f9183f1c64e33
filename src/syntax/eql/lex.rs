//! The tokens of EQL. Whatever cannot be a token becomes one that holds the finding, so that the parser meets it in order.

use std::collections::HashMap;

use nom::bytes::complete::{take_till, take_while};
use nom::error::Error;
use nom::{IResult, Parser};

use super::Dialect;
use crate::source::Span;

/// A token and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

/// The kinds of token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// A word that is no keyword.
    Word,
    /// A back-tick name, decoded.
    Quoted(Box<str>),
    /// A word with `~` that is no keyword; the span has both.
    Fold,
    /// A keyword or an operator.
    Mark(&'static str),
    /// A whole number.
    Integer,
    /// Any other number.
    Decimal,
    /// A string.
    Text(Text),
    /// No token; the text of the product's message.
    Error(String),
    /// The end.
    End,
}

/// A string.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Text {
    /// Whether it stands in three quotes.
    pub raw: bool,
    /// Where what stands between the quotes is not all there is to say of it.
    other: Option<Box<Decoded>>,
}

/// A string's value and what the tree builder finds wrong with it, as the product says it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Decoded {
    value: String,
    problem: Option<String>,
}

impl Text {
    /// The value, of the string that `typed` is.
    pub fn value<'a>(&'a self, typed: &'a str) -> &'a str {
        let quotes = if self.raw { 3 } else { 1 };
        match &self.other {
            Some(decoded) => &decoded.value,
            None => typed.get(quotes..typed.len() - quotes).unwrap_or_default(),
        }
    }

    /// What the tree builder finds wrong.
    pub fn problem(&self) -> Option<&str> {
        self.other.as_ref()?.problem.as_deref()
    }

    fn decoded(value: String, problem: Option<String>) -> Self {
        Self { raw: false, other: Some(Box::new(Decoded { value, problem })) }
    }
}

/// The keywords by their length.
const KEYWORDS: [&[&str]; 9] = [
    &[],
    &[],
    &["by", "in", "of", "or"],
    &["and", "any", "not"],
    &["join", "like", "null", "true", "with"],
    &["false", "regex", "until", "where", "const", "macro"],
    &["sample"],
    &["maxspan"],
    &["sequence"],
];
const FOLDED: [&str; 3] = ["in~", "like~", "regex~"];

/// The operator at the start.
const fn mark(text: &[u8]) -> Option<&'static str> {
    Some(match text {
        [b'!', b'[', ..] => "![",
        [b'=', b'=', ..] => "==",
        [b'!', b'=', ..] => "!=",
        [b'<', b'=', ..] => "<=",
        [b'>', b'=', ..] => ">=",
        [b':', ..] => ":",
        [b'=', ..] => "=",
        [b'<', ..] => "<",
        [b'>', ..] => ">",
        [b'+', ..] => "+",
        [b'-', ..] => "-",
        [b'*', ..] => "*",
        [b'/', ..] => "/",
        [b'%', ..] => "%",
        [b'.', ..] => ".",
        [b',', ..] => ",",
        [b'[', ..] => "[",
        [b']', ..] => "]",
        [b'(', ..] => "(",
        [b')', ..] => ")",
        [b'|', ..] => "|",
        [b'?', ..] => "?",
        _ => return None,
    })
}

fn is_keyword(word: &str, dialect: Dialect) -> bool {
    match word {
        "sample" => dialect.is_endgame() || dialect.since(8, 6),
        "any" | "like" | "maxspan" | "regex" => !dialect.is_endgame(),
        "const" | "macro" => dialect.is_endgame(),
        _ => true,
    }
}

/// Adds all tokens of `text`, the end among them.
pub(super) fn lex(text: &str, dialect: Dialect, tokens: &mut Vec<Token>) {
    let mut at = 0;
    let mut comments = Comments::default();
    loop {
        at = blank_end(text, at, dialect, &mut comments);
        let rest = &text[at..];
        if rest.is_empty() {
            tokens.push(Token { kind: TokenKind::End, span: Span::at(at) });
            return;
        }
        let (kind, length) = token(rest, dialect);
        tokens.push(Token { kind, span: Span::new(at, at + length) });
        at += length;
    }
}

/// Where the white space and comments at `at` end.
fn blank_end(text: &str, mut at: usize, dialect: Dialect, comments: &mut Comments) -> usize {
    loop {
        at = match &text.as_bytes()[at..] {
            [b' ' | b'\t' | b'\r' | b'\n', ..] => at + 1,
            [b'/', b'/', rest @ ..] => at + 2 + memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()),
            [b'/', b'*', ..] => match comments.end(text, at, !dialect.is_endgame()) {
                Some(end) => end,
                None => return at,
            },
            _ => return at,
        };
    }
}

/// Where block comments end. What was read of a comment without an end of its own is kept: a text may consist of such
/// openings, and would be read to its end for each.
#[derive(Default)]
struct Comments {
    /// The ends of the openings that were read, or none of their own.
    ends: HashMap<usize, Option<usize>>,
    /// From where on there is no end any more.
    none_from: Option<usize>,
}

impl Comments {
    /// The end of the comment that opens at `at`. An opening inside it that has no end of its own is text.
    fn end(&mut self, text: &str, at: usize, nests: bool) -> Option<usize> {
        if self.none_from.is_some_and(|from| at >= from) {
            return None;
        }
        let Some(first) = text.get(at + 2..)?.find("*/").map(|length| at + 2 + length + 2) else {
            self.none_from = Some(at);
            return None;
        };
        if !nests {
            return Some(first);
        }
        if !self.ends.contains_key(&at) {
            self.read(text.as_bytes(), at);
        }
        Some(self.ends.get(&at).copied().flatten().unwrap_or(first))
    }

    /// Notes the ends of the comment at `from` and of those inside it.
    fn read(&mut self, text: &[u8], from: usize) {
        let (mut open, mut at) = (vec![from], from + 2);
        while let Some(next) = memchr::memchr2(b'/', b'*', text.get(at..).unwrap_or_default()) {
            at += next;
            match text[at..] {
                [b'/', b'*', ..] => open.push(at),
                [b'*', b'/', ..] => {
                    let closed = open.pop().map(|opening| (opening, Some(at + 2)));
                    self.ends.extend(closed);
                    if open.is_empty() {
                        return;
                    }
                }
                _ => {
                    at += 1;
                    continue;
                }
            }
            at += 2;
        }
        self.ends.extend(open.into_iter().map(|opening| (opening, None)));
    }
}

fn token(text: &str, dialect: Dialect) -> (TokenKind, usize) {
    let first = text.chars().next().unwrap_or(' ');
    match first {
        '"' => double_quoted(text, dialect),
        '\'' => single_quoted(text, dialect),
        '?' if text[1..].starts_with(['"', '\'']) => legacy_raw(text, dialect),
        '`' => back_tick(text),
        c if c.is_ascii_alphabetic() || c == '_' => word(text, dialect),
        // Endgame's names have none.
        '@' if !dialect.is_endgame() => word(text, dialect),
        c if c.is_ascii_digit() => number(text),
        '.' if text[1..].starts_with(|c: char| c.is_ascii_digit()) => number(text),
        _ => match mark(text.as_bytes()) {
            Some(mark) => (TokenKind::Mark(mark), mark.len()),
            None => unknown(text, first.len_utf8()),
        },
    }
}

/// Text that is no token; the product names it from its start.
fn unknown(text: &str, length: usize) -> (TokenKind, usize) {
    let shown = text.get(..length).unwrap_or(text).replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
    (TokenKind::Error(format!("token recognition error at: '{shown}'")), length)
}

fn word(text: &str, dialect: Dialect) -> (TokenKind, usize) {
    let tail = text.as_bytes()[1..].iter().position(|&byte| !byte.is_ascii_alphanumeric() && byte != b'_');
    let length = tail.map_or(text.len(), |at| at + 1);
    if text[length..].starts_with('~') && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let folded = FOLDED.iter().find(|word| text.starts_with(**word) && word.len() == length + 1);
        return (folded.map_or(TokenKind::Fold, |word| TokenKind::Mark(word)), length + 1);
    }
    let alike = KEYWORDS.get(length).copied().unwrap_or_default();
    let is_first = |word: &str| word.as_bytes()[0] == text.as_bytes()[0];
    let found = alike.iter().find(|word| is_first(word) && text.starts_with(**word) && is_keyword(word, dialect));
    (found.map_or(TokenKind::Word, |word| TokenKind::Mark(word)), length)
}

/// `DECIMAL_VALUE` and `INTEGER_VALUE`
fn number(text: &str) -> (TokenKind, usize) {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(0);
    let mut end = whole;
    if text[end..].starts_with('.') {
        end += 1 + digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    (if end > whole { TokenKind::Decimal } else { TokenKind::Integer }, end)
}

/// `` `a``b` ``
fn back_tick(text: &str) -> (TokenKind, usize) {
    let mut value = String::new();
    let mut at = 1;
    // Where the name may end if a doubled back-tick turns out to be an end and a stray one.
    let mut last = None;
    loop {
        let part: IResult<&str, &str, Error<&str>> = take_till(|c| c == '`').parse(&text[at..]);
        let Ok((_, part)) = part else { return unknown(text, text.len()) };
        value.push_str(part);
        at += part.len() + 1;
        if at > text.len() {
            return last.unwrap_or_else(|| unknown(text, text.len()));
        }
        if !text[at..].starts_with('`') {
            return (TokenKind::Quoted(value.into()), at);
        }
        last = Some((TokenKind::Quoted(value.clone().into()), at));
        value.push('`');
        at += 1;
    }
}

fn double_quoted(text: &str, dialect: Dialect) -> (TokenKind, usize) {
    if text.starts_with("\"\"\"")
        && !dialect.is_endgame()
        && let Some(found) = triple_quoted(text)
    {
        return found;
    }
    escaped(text, '"')
}

/// `"""raw"""`, which may end with up to two more quotes.
fn triple_quoted(text: &str) -> Option<(TokenKind, usize)> {
    let body = &text[3..];
    let end = body.find("\"\"\"")?;
    if body[..end].contains(['\r', '\n']) {
        return None;
    }
    let more = body[end + 3..].bytes().take(2).take_while(|&byte| byte == b'"').count();
    Some((TokenKind::Text(Text { raw: true, other: None }), 3 + end + more + 3))
}

/// A string with escapes between `quote`s.
fn escaped(text: &str, quote: char) -> (TokenKind, usize) {
    let (mut out, mut is_plain) = (Decoded::default(), true);
    let mut at = 1;
    loop {
        let rest = &text[at..];
        let run = rest.bytes().position(|byte| matches!(byte, b'\\' | b'\r' | b'\n') || char::from(byte) == quote);
        let Some(run) = run else { return unknown(text, text.len()) };
        at += run;
        if rest[run..].starts_with(quote) && is_plain {
            return (TokenKind::Text(Text::default()), at + 1);
        }
        out.value.push_str(&rest[..run]);
        if rest[run..].starts_with(quote) {
            return (TokenKind::Text(Text::decoded(out.value, out.problem)), at + 1);
        }
        is_plain = false;
        if !rest[run..].starts_with('\\') {
            return unknown(text, at + 1);
        }
        let Some(length) = escape(&text[at..], &mut out) else {
            let end = at + 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
            return unknown(text, unicode_error_end(text, at).unwrap_or(end));
        };
        at += length;
    }
}

/// How far the lexer reads into a broken `\u{…`.
fn unicode_error_end(text: &str, at: usize) -> Option<usize> {
    let body = text[at..].strip_prefix("\\u")?;
    let Some(digits) = body.strip_prefix('{') else {
        return Some(at + 2 + body.chars().next().map_or(0, char::len_utf8));
    };
    let run: IResult<&str, &str, Error<&str>> = take_while(|c: char| c.is_ascii_hexdigit()).parse(digits);
    let (rest, run) = run.ok()?;
    Some(at + 3 + run.len() + rest.chars().next().map_or(0, char::len_utf8))
}

fn escape(text: &str, out: &mut Decoded) -> Option<usize> {
    let c = text[1..].chars().next()?;
    let value = match c {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'f' => '\u{c}',
        'r' => '\r',
        '"' | '\'' | '\\' => c,
        'u' => return unicode(text, out),
        _ => return None,
    };
    out.value.push(value);
    Some(2)
}

fn unicode(text: &str, out: &mut Decoded) -> Option<usize> {
    let body = text.strip_prefix("\\u{")?;
    let end = body.find('}')?;
    let digits = &body[..end];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let code = u32::from_str_radix(digits, 16).ok();
    let problem = match code {
        _ if !(2..=8).contains(&digits.len()) => {
            Some(format!("Unicode sequence should use [2-8] hex digits, [\\u{{{digits}}}] has [{}]", digits.len()))
        }
        Some(0xD800..=0xDFFF) => Some(format!("Invalid unicode character code, [{digits}] is a surrogate code")),
        _ => None,
    };
    match (problem, code.and_then(char::from_u32)) {
        (None, Some(c)) => out.value.push(c),
        (None, None) => note(out, format!("Invalid unicode character code [{digits}]")),
        (Some(problem), _) => note(out, problem),
    }
    Some(end + 4)
}

fn note(out: &mut Decoded, problem: String) {
    out.problem.get_or_insert(problem);
}

fn single_quoted(text: &str, dialect: Dialect) -> (TokenKind, usize) {
    let (mut kind, length) = escaped(text, '\'');
    if let TokenKind::Text(found) = &mut kind
        && !old_quotes(dialect)
    {
        let problem = "Use double quotes [\"] to define string literals, not single quotes [']".to_owned();
        *found = Text::decoded(found.value(&text[..length]).to_owned(), Some(problem));
    }
    (kind, length)
}

/// `?"raw"` and `?'raw'`, in which a backslash keeps the quote after it.
fn legacy_raw(text: &str, dialect: Dialect) -> (TokenKind, usize) {
    let quote = text[1..].chars().next().unwrap_or('"');
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(2) {
        if c == quote && !escaped {
            let problem = (!old_quotes(dialect)).then(|| {
                format!("Use triple double quotes [\"\"\"] to define unescaped string literals, not [?{quote}]")
            });
            return (TokenKind::Text(Text::decoded(value, problem)), at + 1);
        }
        if matches!(c, '\r' | '\n') {
            break;
        }
        if escaped && c == quote {
            value.pop();
        }
        value.push(c);
        escaped = c == '\\' && !escaped;
    }
    (TokenKind::Mark("?"), 1)
}

fn old_quotes(dialect: Dialect) -> bool {
    dialect.is_endgame() || dialect.is_preview()
}
