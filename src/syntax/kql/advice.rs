//! Help for the usual slips in a text that is not KQL: what it looks like, and the text to type instead where that is certain.

use super::super::advice::Advice;
use super::lexis::is_space;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// A word, a quoted text, or one special character, with its place.
type Word<'a> = (usize, &'a str);

/// Adds help for the slip that shows at `at`, the furthest place that could be read.
pub(super) fn advise(text: &str, at: usize, item: Diagnostic) -> Diagnostic {
    if item.help.is_some() || text.get(at..).is_none() {
        return item;
    }
    let slip = Slip::new(text, at);
    match slip.advice() {
        Some(advice) => advice.onto(item),
        None => item,
    }
}

/// The place where the text could not be read on.
struct Slip<'a> {
    text: &'a str,
    at: usize,
    rest: &'a str,
    words: Vec<Word<'a>>,
    /// How many words begin before the place.
    before: usize,
}

impl<'a> Slip<'a> {
    fn new(text: &'a str, at: usize) -> Self {
        let words: Vec<Word<'a>> = words(text).collect();
        let before = words.iter().take_while(|(start, _)| *start < at).count();
        Self { text, at, rest: text.get(at..).unwrap_or_default(), words, before }
    }

    /// What fits first: slips that the whole text shows come before those of one place.
    fn advice(&self) -> Option<Advice> {
        let checks: [fn(&Self) -> Option<Advice>; 19] = [
            Self::other_language,
            Self::missing_value,
            Self::missing_operand,
            Self::not_closed,
            Self::curly_quotes,
            Self::lucene_range,
            Self::lucene_conjunction,
            Self::comparison,
            Self::colon_before_comparison,
            Self::pattern,
            Self::list,
            Self::glued_keyword,
            Self::missing_conjunction,
            Self::regular_expression,
            Self::negated,
            Self::colon,
            Self::after_quotes,
            Self::backslash,
            Self::parenthesis,
        ];
        checks.iter().find_map(|check| check(self))
    }

    fn word(&self, index: usize) -> &'a str {
        self.words.get(index).map_or("", |(_, word)| word)
    }

    /// The word before the place; empty at the start.
    fn previous(&self) -> &'a str {
        self.before.checked_sub(1).map_or("", |index| self.word(index))
    }

    fn next(&self) -> &'a str {
        self.word(self.before)
    }

    fn span(&self, index: usize) -> Span {
        self.words.get(index).map_or(Span::at(self.text.len()), |(start, word)| Span::new(*start, start + word.len()))
    }

    /// Whether the word before the place touches it.
    fn glued(&self) -> bool {
        self.before > 0 && self.span(self.before - 1).end >= self.at
    }

    fn count(&self, word: &str) -> usize {
        self.words.iter().filter(|(_, found)| *found == word).count()
    }

    /// The index of the first word of the unquoted text that ends before word `end`.
    fn operand(&self, end: usize) -> usize {
        (0..end).rev().take_while(|&index| is_plain(self.word(index))).last().unwrap_or(end)
    }

    /// The end of the unquoted text that goes on at word `index`.
    fn operand_end(&self, index: usize) -> Option<usize> {
        (index..self.words.len()).take_while(|&index| is_plain(self.word(index))).last().map(|last| self.span(last).end)
    }

    /// The end of the run without spaces that goes on at `at`; parentheses that it opens are part of it.
    fn token_end(&self) -> usize {
        let mut depth = 0;
        let ends = self.rest.char_indices().find(|(_, c)| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            is_space(*c) || depth < 0
        });
        ends.map_or(self.text.len(), |(length, _)| self.at + length)
    }

    /// The single word before the place, and all that touches it, as a value that needs no care.
    fn guarded(&self) -> Option<(Span, String)> {
        let start = self.operand(self.before);
        if !self.glued() || start + 1 != self.before || !matches!(self.word(start.checked_sub(1)?), ":" | "(" | "=") {
            return None;
        }
        let span = Span::new(self.span(start).start, self.token_end());
        guard(self.text.get(span.start..span.end)?).map(|text| (span, text))
    }

    fn other_language(&self) -> Option<Advice> {
        looks_like_eql(self.text).then(|| Advice::help("the text looks like EQL; check the language of the query"))
    }

    fn missing_value(&self) -> Option<Advice> {
        let missing = matches!(self.previous(), ":" | "<" | ">")
            || (self.previous() == "=" && matches!(self.word(self.before.checked_sub(2)?), "<" | ">"));
        let ends = self.rest.is_empty() || self.rest.starts_with([')', '}']);
        (missing && ends).then(|| Advice::help("a value is missing; `field: *` finds events that have the field"))
    }

    fn missing_operand(&self) -> Option<Advice> {
        let (previous, next) = (self.previous(), self.next());
        if matches!((previous, next), ("(", ")") | ("{", "}")) {
            return Some(Advice::help("there is nothing in between; `field: *` finds events that have the field"));
        }
        let keyword = if is_keyword(previous) && matches!(next, "" | ")" | "}") {
            previous
        } else if is_keyword(next) && self.before + 1 == self.words.len() {
            next
        } else {
            return None;
        };
        Some(Advice::help(format!(
            "nothing follows `{keyword}`; write what is missing, or quote the word to search for it"
        )))
    }

    fn not_closed(&self) -> Option<Advice> {
        let open = |left, right| self.count(left) > self.count(right);
        if self.rest.is_empty() && open("(", ")") {
            return Some(Advice::help("a parenthesis is not closed"));
        }
        if self.rest.is_empty() && open("{", "}") && !self.text.contains(" TO ") {
            return Some(Advice::help("a brace is not closed"));
        }
        if self.rest.starts_with(')') && open(")", "(") {
            return Some(Advice::help("no parenthesis is open here; one inside a value needs a backslash or quotes"));
        }
        let last = self.words.last().map_or("", |(_, word)| word);
        let lost = last.starts_with('"') && quoted_length(last).is_none();
        (lost && self.span(self.words.len() - 1).start <= self.at).then(|| Advice::help("a quote is not closed"))
    }

    fn curly_quotes(&self) -> Option<Advice> {
        let start = self.text.find(CURLY)?;
        let help = "curly quotes are ordinary characters; use straight quotes `\"`";
        let first = self.text.get(start..)?.chars().next()?.len_utf8();
        let Some(length) = self.text.get(start + first..)?.find(CURLY) else { return Some(Advice::help(help)) };
        let inner = self.text.get(start + first..start + first + length)?;
        let last = self.text.get(start + first + length..)?.chars().next()?.len_utf8();
        Some(Advice::fixed(help, Span::new(start, start + first + length + last), quote(inner)))
    }

    fn lucene_range(&self) -> Option<Advice> {
        let middle = self.text.find(" TO ")?;
        let open = self.text.get(..middle)?.rfind(['[', '{'])?;
        let close = middle + self.text.get(middle..)?.find([']', '}'])? + 1;
        let help = "ranges are written `field >= 1 and field <= 2`; `[1 TO 2]` is Lucene";
        let colon = self.words.iter().position(|(start, _)| *start >= open)?.checked_sub(1)?;
        let field = self.operand(colon);
        if self.word(colon) != ":" || field + 1 != colon {
            return Some(Advice::help(help));
        }
        match lucene_range(self.word(field), self.text.get(open..close)?) {
            Some(range) => Some(Advice::fixed(help, Span::new(self.span(field).start, close), range)),
            None => Some(Advice::help(help)),
        }
    }

    fn lucene_conjunction(&self) -> Option<Advice> {
        let start = self.span(self.operand(self.before)).start.min(self.at);
        let end = if is_plain(self.next()) { self.span(self.before).end } else { self.at };
        let text = self.text.get(start..end)?;
        let (at, word) = ["&&", "||"].into_iter().filter_map(|sign| Some((text.rfind(sign)?, sign))).max()?;
        let keyword = if word == "&&" { "and" } else { "or" };
        let span = Span::new(start + at, start + at + 2);
        let help = format!("write `{keyword}`; `{word}` joins nothing");
        Some(Advice::fixed(help, span, self.spaced(span, keyword)))
    }

    /// `word` in place of `span`, with the spaces that are not there yet.
    fn spaced(&self, span: Span, word: &str) -> String {
        let left = self.text.get(..span.start).is_some_and(|text| text.ends_with(is_space));
        let right = self.text.get(span.end..).is_some_and(|text| text.starts_with(is_space));
        format!("{}{word}{}", if left { "" } else { " " }, if right { "" } else { " " })
    }

    /// `field = "value"` and its kin.
    fn comparison(&self) -> Option<Advice> {
        let differs = self.rest.starts_with('>') && self.previous() == "<";
        if !differs && !self.rest.starts_with(['"', '(']) {
            return None;
        }
        let first = self.operand(self.before - usize::from(differs));
        if first.checked_sub(1).is_some_and(|index| matches!(self.word(index), ":" | "<" | ">")) {
            return None;
        }
        let start = self.span(first).start;
        let end = self.at + usize::from(differs);
        let typed = self.text.get(start..end)?.trim_end_matches(is_space);
        let (sign, negated) = [("<>", true), ("!=", true), ("==", false), ("=", false)]
            .into_iter()
            .find(|(sign, _)| typed.ends_with(sign))?;
        let field = typed.strip_suffix(sign)?.trim_end_matches(is_space);
        let help = format!("KQL compares with `:`; `{sign}` belongs to other languages");
        if field.is_empty() || field.contains(is_space) {
            return Some(Advice::help(help));
        }
        let not = if negated { "not " } else { "" };
        Some(Advice::fixed(help, Span::new(start, start + typed.len()), format!("{not}{field}:")))
    }

    fn colon_before_comparison(&self) -> Option<Advice> {
        let colon = self.span(self.before.checked_sub(1)?);
        if self.previous() != ":" || !self.rest.starts_with(['<', '>']) {
            return None;
        }
        Some(Advice::fixed("a comparison has no colon: `field > 5`", Span::new(colon.start, self.at), " "))
    }

    /// `field like "a*"`
    fn pattern(&self) -> Option<Advice> {
        let word = self.previous();
        let of_eql = matches!(word.to_ascii_lowercase().as_str(), "like" | "like~" | "regex" | "regex~");
        if !of_eql || !self.rest.starts_with('"') {
            return None;
        }
        let help = format!("KQL has no `{word}`; patterns stand behind the colon without quotes: `field: a*`");
        let inner = self.next().strip_prefix('"')?.strip_suffix('"')?;
        let typed = inner.chars().all(|c| c != '\\' && c != '?');
        let fix = guard(inner).filter(|_| typed && word.starts_with(['l', 'L']));
        let span = self.span(self.before - 1).join(self.span(self.before));
        Some(Advice::maybe(help, fix.map(|value| (span, format!(": {value}")))))
    }

    /// `field in (a, b)`, `field: ("a", "b")`.
    fn list(&self) -> Option<Advice> {
        let help = "the values of a list are joined by `or`: `field: (a or b)`";
        if self.rest.starts_with(',') && self.previous().starts_with('"') {
            return Some(Advice::fixed(help, Span::new(self.at, self.at + 1), " or"));
        }
        if !self.rest.starts_with('(') || !self.previous().eq_ignore_ascii_case("in") || self.glued() {
            return None;
        }
        let close = (self.before..self.words.len()).find(|&index| self.word(index) == ")")?;
        let inner = self.text.get(self.at + 1..self.span(close).start)?;
        let items: Vec<&str> = inner.split(',').map(|item| item.trim_matches(is_space)).collect();
        if items.iter().any(|item| item.matches('"').count() % 2 == 1 || item.is_empty()) {
            return Some(Advice::help(help));
        }
        let span = Span::new(self.span(self.before - 1).start, self.span(close).end);
        Some(Advice::fixed(help, span, format!(": ({})", items.join(" or "))))
    }

    /// `(a)and(b)`, `not(a)`, `!(a)`.
    fn glued_keyword(&self) -> Option<Advice> {
        let previous = self.span(self.before.checked_sub(1)?);
        if self.rest.starts_with('(') && self.glued() {
            let help = |word: &str| format!("`{word}` needs a space before a parenthesis: `{word} (…)`");
            return match self.previous() {
                word if is_keyword(word) => Some(Advice::fixed(help(word), Span::at(self.at), " ")),
                "!" | "-" => Some(Advice::fixed("write `not (…)` to exclude", previous, "not ")),
                "+" => Some(Advice::fixed("a sign before a parenthesis means nothing", previous, "")),
                _ => None,
            };
        }
        let word = self.next();
        let after_end = matches!(self.previous(), ")" | "}") || self.previous().starts_with('"');
        if !after_end || !is_keyword(word) || word.eq_ignore_ascii_case("not") {
            return None;
        }
        let span = self.span(self.before);
        Some(Advice::fixed(format!("`{word}` needs a space on each side"), span, self.spaced(span, word)))
    }

    /// `a: b c: d`, `a: "b" c: d`.
    fn missing_conjunction(&self) -> Option<Advice> {
        let ends = |index: usize| self.word(index).starts_with('"') || matches!(self.word(index), ")" | "}");
        let index = if self.rest.starts_with([':', '<', '>']) {
            self.before.checked_sub(1)?
        } else {
            self.before + usize::from(self.next().eq_ignore_ascii_case("not"))
        };
        let first = if self.word(index.checked_sub(1)?).eq_ignore_ascii_case("not") { index - 1 } else { index };
        let joined = first.checked_sub(1)?;
        let field = self.word(index);
        let names = field.starts_with(char::is_alphabetic) && is_plain(field);
        let follows = matches!(self.word(index + 1), ":" | "<" | ">") && !self.is_value(index + 1);
        if !names || !follows || !(ends(joined) || is_plain(self.word(joined))) {
            return None;
        }
        let span = self.span(first);
        let help = format!("is `and` missing before `{}`?", self.text.get(span.start..self.span(index).end)?);
        Some(Advice::fixed(help, Span::at(span.start), "and "))
    }

    /// Whether the colon of word `index` is part of a value such as `http://x`.
    fn is_value(&self, index: usize) -> bool {
        let after = self.text.get(self.span(index).end..).unwrap_or_default();
        after.starts_with(['/', '\\', ':']) || after.is_empty()
    }

    fn regular_expression(&self) -> Option<Advice> {
        let first = self.operand(self.before);
        let text = self.text.get(self.span(first).start..self.token_end())?;
        let is_pattern = text.len() > 2
            && text.starts_with('/')
            && text.ends_with('/')
            && text.contains(['(', '[', '+', '?', '|', '^', '$', '*']);
        is_pattern.then(|| Advice::help("KQL has no regular expressions; use `*`, or EQL's `regex`"))
    }

    /// `field: not x`, `cannot open`, `not not x`.
    fn negated(&self) -> Option<Advice> {
        if !self.rest.get(..4)?.eq_ignore_ascii_case("not ") {
            return None;
        }
        if self.previous().eq_ignore_ascii_case("not") {
            return Some(Advice::help("`not` takes one condition; write `not (not x)`"));
        }
        let help = "`not` ends a value wherever a space follows it; put a text that holds it in quotes, and write `f:(not x)` to negate a value";
        if self.previous() == ":" {
            let value = self.word(self.before + 1);
            let end = if value.starts_with('"') {
                Some(self.span(self.before + 1).end)
            } else {
                self.operand_end(self.before + 1)
            };
            let Some(end) = end else { return Some(Advice::help(help)) };
            let inner = self.text.get(self.at..end)?;
            return Some(Advice::fixed(help, Span::new(self.at, end), format!("({inner})")));
        }
        let first = self.operand(self.before);
        let inside = first < self.before && self.word(first.checked_sub(1)?) == ":";
        let after = if self.glued() { self.before } else { self.before + 1 };
        let (true, Some(end)) = (inside, self.operand_end(after)) else { return Some(Advice::help(help)) };
        let span = Span::new(self.span(first).start, end);
        let Some(text) = guard(self.text.get(span.start..span.end)?).filter(|text| text.starts_with('"')) else {
            return Some(Advice::help(help));
        };
        Some(Advice::fixed(help, span, text))
    }

    fn colon(&self) -> Option<Advice> {
        if !self.rest.starts_with(':') || matches!(self.previous(), "" | "(") {
            return None;
        }
        let help = "a colon inside a value needs quotes or a backslash: `\"fe80::1\"`, `http\\://x`";
        if self.rest.get(1..).is_none_or(|after| after.is_empty() || after.starts_with(is_space)) {
            return Some(Advice::help(help));
        }
        Some(Advice::maybe(help, self.guarded()))
    }

    fn after_quotes(&self) -> Option<Advice> {
        self.previous()
            .starts_with('"')
            .then(|| Advice::help("after a quoted value only `and`, `or`, a closing or the end may follow"))
    }

    fn backslash(&self) -> Option<Advice> {
        let help = "outside quotes a backslash escapes only `\\ ( ) : < > \" * { }`, `t`, `r`, `n`, `uXXXX` and keywords; write `\\\\` for a backslash";
        self.rest.starts_with('\\').then(|| Advice::maybe(help, self.guarded()))
    }

    fn parenthesis(&self) -> Option<Advice> {
        if !self.rest.starts_with('(') {
            return None;
        }
        if matches!(self.previous(), "<" | ">" | "=") {
            return Some(Advice::help("a comparison takes one value, without parentheses"));
        }
        if !self.glued() {
            return Some(Advice::help(
                "conditions are joined by `and` or `or`; a parenthesis inside a value needs a backslash or quotes",
            ));
        }
        Some(Advice::maybe("a parenthesis inside a value needs a backslash or quotes", self.guarded()))
    }
}

/// Quotes that quote nothing.
pub(crate) const CURLY: [char; 5] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}'];

/// Whether the text begins as a query of EQL does.
pub(crate) fn looks_like_eql(text: &str) -> bool {
    let mut words = words(text).map(|(_, word)| word);
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match first {
        "sequence" => matches!(second, "by" | "with") || second.starts_with('['),
        "sample" => second == "by",
        _ => second == "where" && words.next().is_some_and(|word| word != ":"),
    }
}

/// `text` in quotes.
pub(crate) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text that its author typed as it is, written so that it is one value: in quotes, or with backslashes where a `*` has to
/// stay a wildcard. `None` where it has escapes already.
fn guard(text: &str) -> Option<String> {
    let special = |c| matches!(c, '(' | ')' | ':' | '<' | '>' | '"' | '*' | '{' | '}');
    if text.split('\\').skip(1).any(|after| after.starts_with(special)) {
        return None;
    }
    if !text.contains('*') {
        return Some(quote(text));
    }
    let escape = |c: char| (c == '\\' || (special(c) && c != '*')).then_some('\\').into_iter().chain([c]);
    (!text.contains(is_space)).then(|| text.chars().flat_map(escape).collect())
}

/// Lucene's `[a TO b]` as conditions on `field`; braces leave the bound out.
pub(crate) fn lucene_range(field: &str, text: &str) -> Option<String> {
    let text = text.trim_matches(is_space);
    let lower = if text.starts_with('[') { ">=" } else { ">" };
    let upper = if text.ends_with(']') { "<=" } else { "<" };
    let inner = text.strip_prefix(['[', '{'])?.strip_suffix([']', '}'])?;
    let (from, to) = inner.split_once(" TO ")?;
    let bound = |operator: &str, value: &str| match value.trim_matches(is_space) {
        "" => None,
        "*" => Some(None),
        value if value.starts_with('"') => Some(Some(format!("{field} {operator} {value}"))),
        value => Some(Some(format!("{field} {operator} {}", bare_or_quoted(value)))),
    };
    Some(match (bound(lower, from)?, bound(upper, to)?) {
        (Some(from), Some(to)) => format!("({from} and {to})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => format!("{field}: *"),
    })
}

fn bare_or_quoted(value: &str) -> String {
    if value.contains(|c| is_space(c) || super::lexis::is_special(c)) { quote(value) } else { value.to_owned() }
}

pub(super) fn is_keyword(word: &str) -> bool {
    ["and", "or", "not"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Whether a word is unquoted text.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && !word.starts_with(['"', '(', ')', ':', '{', '}', '<', '>']) && !is_keyword(word)
}

/// Words, quoted texts, and single special characters, with their places.
pub(super) fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].len() - text[at..].trim_start_matches(is_space).len();
        let rest = &text[at..];
        let first = rest.chars().next()?;
        let length = match first {
            '"' => quoted_length(rest).unwrap_or(rest.len()),
            '(' | ')' | ':' | '{' | '}' | '<' | '>' => 1,
            _ => rest.find(|c: char| is_space(c) || "():{}<>\"".contains(c)).unwrap_or(rest.len()),
        };
        let start = at;
        at += length;
        Some((start, &rest[..length]))
    })
}

/// The length of the quoted text at the start, `None` where it is not closed.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return Some(at + 1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}
