//! Texts that are KQL but hardly what their author meant: habits of Lucene and EQL, quotes that are none, missing operands.

use std::borrow::Cow;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Source, Span};
use crate::syntax::kql::ast::{Kind, Literal, LiteralKind, Node};
use crate::syntax::kql::{CURLY, looks_like_eql, lucene_range, quote};

/// The likely slips of a tree, in the order of the text.
pub(super) fn slips(tree: &Node, source: &Source) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    walk(tree, source.text(), &mut out);
    out
}

fn walk(node: &Node, text: &str, out: &mut Vec<Diagnostic>) {
    match &node.kind {
        Kind::Or(nodes) => {
            (0..nodes.len()).for_each(|at| out.extend(list_without_parentheses(&nodes[at..], text)));
            nodes.iter().for_each(|node| walk(node, text, out));
        }
        Kind::And(nodes) => nodes.iter().for_each(|node| walk(node, text, out)),
        Kind::Not(inner) => walk(inner, text, out),
        Kind::Nested { path, query } if is_lucene_range(query) => out.push(range_in_braces(node.span, path, text)),
        Kind::Nested { query, .. } => walk(query, text, out),
        Kind::Is { field, value } => out.extend(name(field, value, text).or_else(|| literal(field, value, text))),
        Kind::Range { field, .. } => out.extend(sign(field, text).or_else(|| keyword(field, text))),
        Kind::MatchAll | Kind::Cursor(_) => {}
    }
}

fn warning(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::warning(Code::LikelySlip, span, message)
}

fn typed(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or_default()
}

/// `field: a or b or c`, where the other values belong to no field.
fn list_without_parentheses(nodes: &[Node], text: &str) -> Option<Diagnostic> {
    let [Node { kind: Kind::Is { field, value }, .. }, rest @ ..] = nodes else { return None };
    let free = rest.iter().map_while(|node| match &node.kind {
        Kind::Is { field, value } if field.is_null() => Some(value),
        _ => None,
    });
    let free: Vec<&Literal> = free.collect();
    let (first, last) = (free.first()?, free.last()?);
    if field.is_null() || text[..value.span.start].trim_end().ends_with('(') {
        return None;
    }
    let span = value.span.join(last.span);
    let (name, list) = (field.to_text(), format!("({})", text.get(span.start..span.end)?));
    let message = format!("`{}` is looked for in all fields, not in `{name}` alone", first.to_text());
    Some(
        warning(first.span, message)
            .with_help(format!("several values of a field stand in parentheses: `{name}: {list}`"))
            .with_fix(span, list),
    )
}

fn is_lucene_range(query: &Node) -> bool {
    matches!(&query.kind, Kind::Is { field, value } if field.is_null() && value.to_text().contains(" TO "))
}

/// `field:{1 TO 5}`
fn range_in_braces(span: Span, path: &Literal, text: &str) -> Diagnostic {
    let item = warning(span, "braces hold conditions on one nested object, and this text is no condition")
        .with_help("write `field > 1 and field < 5`; `{1 TO 5}` is Lucene");
    let braces = typed(text, Span::new(path.span.end, span.end)).trim_start_matches([' ', ':']);
    match lucene_range(typed(text, path.span), braces) {
        Some(range) => item.with_fix(span, range),
        None => item,
    }
}

/// Slips that the name of a field shows.
fn name(field: &Literal, value: &Literal, text: &str) -> Option<Diagnostic> {
    let own = typed(text, field.span);
    if field.is_null() || own.starts_with('"') || is_plain_name(own) {
        return None;
    }
    sign(field, text).or_else(|| keyword(field, text)).or_else(|| {
        let (span, whole) = (field.span.join(value.span), typed(text, field.span));
        if matches!(&field.kind, LiteralKind::Text { value, .. } if value == "_exists_") {
            let item = warning(span, "`_exists_` is a field like any other here")
                .with_help("write `field: *`; `_exists_` is Lucene");
            return Some(item.with_fix(span, format!("{}: *", typed(text, value.span))));
        }
        looks_like_eql(whole).then(|| {
            let message = format!("`{}` is the name of the field here; the text looks like EQL", field.to_text());
            warning(field.span, message).with_help("check the language of the query")
        })
    })
}

/// Whether a name as typed is one word that no slip begins with.
fn is_plain_name(typed: &str) -> bool {
    typed.starts_with(|first: char| first.is_ascii_alphabetic() || first == '@')
        && typed.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@' | b'*'))
        && !lone_keyword(typed)
}

/// `-field: value`
fn sign(field: &Literal, text: &str) -> Option<Diagnostic> {
    let whole = typed(text, field.span);
    let name = whole.strip_prefix(['-', '+', '!'])?;
    name.trim_start().starts_with(char::is_alphabetic).then_some(())?;
    let not = if whole.starts_with('+') { "" } else { "not " };
    let sign = Span::new(field.span.start, field.span.end - name.trim_start().len());
    let item = warning(field.span, format!("`{whole}` is the name of the field here; a sign before it means nothing"));
    Some(item.with_help("write `not field: x` to exclude; `-x`, `+x` and `!x` are Lucene").with_fix(sign, not))
}

/// `or field: value`, where nothing stands before the keyword.
fn keyword(field: &Literal, text: &str) -> Option<Diagnostic> {
    let whole = typed(text, field.span);
    lone_keyword(whole).then(|| {
        let message =
            format!("`{whole}` is the name of the field here; a keyword without an operand on each side is text");
        warning(field.span, message).with_help("write the missing operand, or quote the text")
    })
}

/// Whether a keyword begins or ends the text, or is all of it.
fn lone_keyword(text: &str) -> bool {
    let text = text.trim().as_bytes();
    ["and", "or", "not"].into_iter().any(|word| {
        let is_word = |part: &[u8]| part.eq_ignore_ascii_case(word.as_bytes());
        let Some(rest) = text.len().checked_sub(word.len()) else { return false };
        let begins = is_word(&text[..word.len()]) && matches!(text[word.len()..], [] | [b' ', ..]);
        begins || (is_word(&text[rest..]) && text[..rest].ends_with(b" "))
    })
}

/// Slips that a value shows.
fn literal(field: &Literal, value: &Literal, text: &str) -> Option<Diagnostic> {
    if !field.is_null() && is_plain(typed(text, value.span)) {
        return None;
    }
    let decoded = match &value.kind {
        LiteralKind::Text { value, quoted: false } => Cow::Borrowed(value.as_str()),
        LiteralKind::Wildcard(_) => value.to_text().into(),
        _ => return None,
    };
    let slip = Slip { bare: decoded.trim(), typed: typed(text, value.span), field, value, text };
    let (message, help, fix) =
        slip.of_any_value().or_else(|| field.is_null().then(|| slip.of_free_text()).flatten())?;
    let item = warning(value.span, format!("`{decoded}` is searched for as it stands; {message}")).with_help(help);
    Some(match fix {
        Some((span, text)) => item.with_fix(span, text),
        None => item,
    })
}

/// Whether a value as typed has nothing that any slip is known by.
fn is_plain(typed: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii() && !matches!(byte, b'\'' | b'[' | b'&' | b'|' | b'\\');
    typed.bytes().all(is_plain) && !typed.trim_start().starts_with('/') && !lone_keyword(typed)
}

/// What is to be said of a value: what is wrong with it, what to do, and the text to type.
type Said = (&'static str, &'static str, Option<(Span, String)>);

struct Slip<'a> {
    /// The value, escapes decoded.
    bare: &'a str,
    /// The value as it stands in the text.
    typed: &'a str,
    field: &'a Literal,
    value: &'a Literal,
    text: &'a str,
}

impl Slip<'_> {
    fn instead(&self, text: impl Into<String>) -> Option<(Span, String)> {
        Some((self.value.span, text.into()))
    }

    fn of_any_value(&self) -> Option<Said> {
        let bare = self.bare;
        if bare.contains(CURLY) {
            let inner = bare.strip_prefix(CURLY).and_then(|text| text.strip_suffix(CURLY));
            let fix = inner.filter(|inner| !inner.contains(CURLY)).and_then(|inner| self.instead(quote(inner)));
            return Some(("curly quotes quote nothing", "use straight quotes `\"`", fix));
        }
        if bare.len() > 1 && bare.starts_with('\'') && bare.ends_with('\'') {
            let fix = self.instead(quote(&bare[1..bare.len() - 1]));
            return Some(("single quotes quote nothing", "use double quotes", fix));
        }
        if bare.starts_with('[') && bare.contains(" TO ") {
            let help = "write `field >= 1 and field <= 2`; `[1 TO 2]` is Lucene";
            return Some(("brackets are no range", help, self.range()));
        }
        if bare.contains(" && ") || bare.contains(" || ") {
            let fix = self.instead(self.typed.replace(" && ", " and ").replace(" || ", " or "));
            return Some(("`&&` and `||` join nothing", "write `and`, `or`", fix));
        }
        let is_pattern = bare.contains(['[', '+', '?', '|', '^', '$']);
        if bare.len() > 2 && bare.starts_with('/') && bare.ends_with('/') && is_pattern {
            return Some(("KQL has no regular expressions", "use `*`, or EQL's `regex`", None));
        }
        lone_keyword(bare).then_some((
            "a keyword without an operand on each side is text",
            "write the missing operand, or quote the text",
            None,
        ))
    }

    /// The range as conditions, where the field stands right before it.
    fn range(&self) -> Option<(Span, String)> {
        let between = typed(self.text, Span::new(self.field.span.end, self.value.span.start));
        let range = lucene_range(typed(self.text, self.field.span), self.typed)?;
        (between.trim() == ":").then(|| (self.field.span.join(self.value.span), range))
    }

    fn of_free_text(&self) -> Option<Said> {
        let bare = self.bare;
        if looks_like_eql(bare) {
            return Some(("the text looks like EQL", "check the language of the query", None));
        }
        let words: Vec<&str> = bare.split(' ').collect();
        if matches!(words[..], [_, "=" | "==" | "!=" | "like" | "in", ..]) || bare.contains("==") {
            let fix = match words[..] {
                [field, "!=", ref value @ ..] if !value.is_empty() => {
                    self.instead(format!("not {field}: {}", value.join(" ")))
                }
                [field, "=" | "==" | "like", ref value @ ..] if !value.is_empty() => {
                    self.instead(format!("{field}: {}", value.join(" ")))
                }
                _ => None,
            };
            return Some(("comparisons are written with `:`", "write `field: value`, `not field: value`", fix));
        }
        let rest = bare.strip_prefix(['-', '+', '!']).filter(|rest| rest.starts_with(char::is_alphabetic))?;
        let fix = self.instead(if bare.starts_with('+') { rest.to_owned() } else { format!("not {rest}") });
        let help = "write `not x` to exclude; `-x`, `+x` and `!x` are Lucene";
        Some(("a sign before it means nothing", help, fix))
    }
}
