//! Help for the usual slips at a token that does not fit, and the text to type instead where that is certain.

use super::super::advice::Advice;
use super::lex::TokenKind;
use super::parse::Parser;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

const CURLY: [char; 5] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}'];
const KEYWORDS: [&str; 11] = ["and", "or", "not", "in", "where", "by", "like", "regex", "true", "false", "null"];
const UNKNOWN_ESCAPE: &str = "inside quotes only `\\b \\t \\n \\f \\r \\\" \\\\ \\u{…}` are escapes; write `\\\\` for a backslash, or a raw string \"\"\"…\"\"\"";
const PATTERN: [&str; 5] = [":", "like", "like~", "regex", "regex~"];

impl Parser<'_> {
    /// The finding for characters that are no token.
    pub(super) fn no_token(&self, span: Span, product: &str) -> Diagnostic {
        let found = self.slice(span);
        let item =
            Diagnostic::error(Code::EqlSyntax, span, format!("`{found}` is not a word of EQL")).with_product(product);
        let rest = self.text.get(span.start..).unwrap_or_default();
        match found.chars().next() {
            Some('"') if found.contains('\\') => doubled(item.with_help(UNKNOWN_ESCAPE), span.start, rest),
            Some('"' | '\'') => item.with_help("the string is not closed on its line"),
            Some('`') => item.with_help("the back-tick is not closed"),
            Some(c) if CURLY.contains(&c) => straight(item.with_help("use straight quotes `\""), span.start, rest),
            Some('&') if rest.starts_with("&&") => {
                item.with_help("write `and`").with_fix(Span::new(span.start, span.start + 2), "and")
            }
            Some('!') if self.after(span, ":") => {
                item.with_help("`not` stands before the whole condition: `not x : \"a\"`")
            }
            Some('!') => item.with_help("write `not`").with_fix(span, "not "),
            Some('&' | '|') => item.with_help("write `and`, `or`, `not`"),
            _ => item,
        }
    }

    fn after(&self, span: Span, text: &str) -> bool {
        self.text.get(span.end..).is_some_and(|rest| rest.starts_with(text))
    }

    /// The token `back` places before the next one, as it stands in the text.
    fn back(&self, back: usize) -> &str {
        self.at.checked_sub(back).map_or("", |at| self.slice(self.span_at(at)))
    }

    /// Adds the help for a slip that the next token shows.
    pub(super) fn advise(&self, item: Diagnostic) -> Diagnostic {
        let checks: [fn(&Self, Span) -> Option<Advice>; 5] =
            [Self::of_a_dialect, Self::of_an_end, Self::of_a_mark, Self::of_a_list, Self::of_a_word];
        match checks.iter().find_map(|check| check(self, item.span)) {
            Some(advice) => advice.onto(item),
            None => item,
        }
    }

    /// What belongs to another dialect.
    fn of_a_dialect(&self, span: Span) -> Option<Advice> {
        let found = self.slice(span);
        let elastic = ["like", "regex", "in~", "like~", "regex~", ":", "?", "![", "sample", "with"];
        if self.options.dialect.is_endgame() && elastic.contains(&found) {
            return Some(Advice::help(format!(
                "`{found}` here belongs to Elasticsearch's dialect; choose that dialect"
            )));
        }
        if self.back(1) == ":" && self.peek_at(1) == &TokenKind::Mark("(") {
            return Some(Advice::help("a function behind `:` belongs to the Endgame dialect; choose that dialect"));
        }
        Some(match found {
            "=" => Advice::fixed(
                "values are compared with `==`; `=` belongs to the Endgame dialect and to Elasticsearch 7.9",
                self.span(),
                "==",
            ),
            "macro" | "const" => {
                Advice::help("macros and constants belong to the Endgame dialect; choose that dialect")
            }
            "fork" => Advice::help("`fork` belongs to the Endgame dialect; choose that dialect, or leave it out"),
            "![" => Advice::help("missing events are part of a sequence, from 8.9 on"),
            _ => return None,
        })
    }

    /// A text that ends too early.
    fn of_an_end(&self, span: Span) -> Option<Advice> {
        if !self.slice(span).is_empty() {
            return None;
        }
        let before = self.back(1);
        Some(match before {
            "" => Advice::help("an EQL query is `CATEGORY where CONDITION`; `any where true` finds every event"),
            "and" | "or" | "not" | "where" => Advice::help(format!("a condition is missing after `{before}`")),
            "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/" | "%" => {
                Advice::help(format!("a value is missing after `{before}`"))
            }
            _ if PATTERN.contains(&before) => Advice::help("a text in double quotes is missing"),
            _ if self.open("(", ")") => Advice::help("a parenthesis is not closed"),
            _ if self.open("[", "]") => Advice::help("a bracket is not closed"),
            _ if self.at == 1 => Advice::help("an EQL query is `CATEGORY where CONDITION`"),
            _ => return None,
        })
    }

    /// A mark at a place where it means nothing.
    fn of_a_mark(&self, span: Span) -> Option<Advice> {
        let (found, before, span) = (self.slice(span), self.back(1), span);
        let last = self.span_at(self.at.saturating_sub(1));
        Some(match (before, found) {
            ("|", "|") => Advice::fixed("write `or`", last.join(span), "or"),
            (_, "|") if !matches!(self.peek_at(1), TokenKind::Word) => Advice::help("write `or`"),
            ("<", ">") => Advice::fixed("write `!=`", last.join(span), "!="),
            ("not", ":") => Advice::help("a condition follows `not`: `not x : \"a\"`"),
            ("]", ",") => Advice::fixed("the events of a sequence stand side by side, without commas", span, ""),
            (",", ")") => Advice::fixed("there is a comma too many", last, ""),
            ("where" | "and" | "or" | "not", "]" | ")") => {
                Advice::help(format!("a condition is missing after `{before}`"))
            }
            (_, "]") if self.back(2).ends_with('[') => {
                Advice::fixed("an event is `CATEGORY where CONDITION`", Span::at(span.start), " where true")
            }
            ("(", ")") => Advice::help("a list has at least one value"),
            _ => return None,
        })
    }

    /// A list without its parentheses.
    fn of_a_list(&self, span: Span) -> Option<Advice> {
        let found = self.slice(span);
        let before = self.back(1);
        let help = "a list stands in parentheses: `(\"a\", \"b\")`";
        if matches!(before, "in" | "in~") && matches!(self.peek(), TokenKind::Text(_)) {
            let fix = format!("({found})");
            return Some(Advice::fixed(help, self.span(), fix));
        }
        if found == "[" && (matches!(before, "in" | "in~") || PATTERN.contains(&before)) {
            return Some(Advice::help(help));
        }
        None
    }

    /// A word at a place where it means nothing.
    fn of_a_word(&self, span: Span) -> Option<Advice> {
        let (found, before, span) = (self.slice(span), self.back(1), span);
        let lower = found.to_ascii_lowercase();
        let is_word = matches!(self.peek(), TokenKind::Word);
        let second = self.slice(self.span_at(self.at + 1));
        Some(match found {
            "not" if PATTERN.contains(&second) => {
                Advice::help("`not` stands before the whole condition: `not x like \"a*\"`")
            }
            "is" => Advice::help("null is asked for with `== null` and `!= null`"),
            "where" if self.at == 0 => {
                Advice::fixed("the category is missing; `any` stands for every one", Span::at(span.start), "any ")
            }
            _ if lower != found && KEYWORDS.contains(&&*lower) => {
                Advice::fixed("keywords are written in lower case", span, lower)
            }
            _ if is_word && (self.at == 1 || matches!(before, "]" | "sequence")) => self.lost_where(span.start),
            _ if is_word && (PATTERN.contains(&before) || matches!(before, "(" | ",")) => {
                let help = "texts are written in double quotes, a list of them in parentheses";
                Advice::maybe(help, self.quoted(span.start))
            }
            _ if matches!(self.peek(), TokenKind::Mark(mark) if mark.chars().all(char::is_alphabetic)) => {
                Advice::help("a field or category of this name needs back-ticks or quotes, since the word is a keyword")
            }
            _ => return None,
        })
    }

    /// `process user.name == "a"`
    fn lost_where(&self, start: usize) -> Advice {
        if self.at != 1 || matches!(self.back(1), "sequence" | "sample") {
            return Advice::help("the events of a sequence stand in brackets: `[CATEGORY where CONDITION]`");
        }
        Advice::fixed("`where` stands between the category and the condition", Span::at(start), "where ")
    }

    /// The text that begins at `start`, as far as it has no spaces, in quotes.
    fn quoted(&self, start: usize) -> Option<(Span, String)> {
        let rest = self.text.get(start..)?;
        let ends = |c: char| c.is_whitespace() || "(),]\"'\\".contains(c);
        let length = rest.find(ends).unwrap_or(rest.len());
        let whole = !rest.get(length..)?.starts_with(['(', '"', '\'', '\\']);
        whole.then(|| (Span::new(start, start + length), format!("\"{}\"", &rest[..length])))
    }

    fn open(&self, left: &str, right: &str) -> bool {
        let count = |mark: &str| (0..self.at).filter(|&at| self.slice(self.span_at(at)).ends_with(mark)).count();
        count(left) > count(right)
    }
}

/// A text in curly quotes, which begins at `start` of the query with `rest`, in straight ones.
fn straight(item: Diagnostic, start: usize, rest: &str) -> Diagnostic {
    let mut quotes = rest.char_indices().filter(|(_, c)| CURLY.contains(c));
    let (Some((_, first)), Some((end, last))) = (quotes.next(), quotes.next()) else { return item };
    let inner = rest.get(first.len_utf8()..end).unwrap_or_default();
    if inner.contains(['\\', '"', '\n', '\r']) {
        return item;
    }
    item.with_fix(Span::new(start, start + end + last.len_utf8()), format!("\"{inner}\""))
}

/// A text with backslashes that are no escapes, which begins at `start` of the query with `rest`, with each of them doubled.
fn doubled(item: Diagnostic, start: usize, rest: &str) -> Diagnostic {
    let inner = rest.get(1..).and_then(|rest| rest.split(['"', '\n', '\r']).next()).unwrap_or_default();
    let closed = rest.get(1 + inner.len()..).is_some_and(|rest| rest.starts_with('"'));
    if !closed || inner.contains("\\\\") || inner.ends_with('\\') {
        return item;
    }
    item.with_fix(Span::new(start, start + inner.len() + 2), format!("\"{}\"", inner.replace('\\', "\\\\")))
}
