//! Texts that are KQL but hardly what their author meant: habits of Lucene and EQL, quotes that are none, missing operands.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Source, Span};
use crate::syntax::kql::ast::{Kind, Literal, LiteralKind, Node};

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
        Kind::Nested { query, .. } if is_lucene_range(query) => {
            let message = "braces hold conditions on one nested object, and this text is no condition";
            out.push(warning(node.span, message).with_help("write `field > 1 and field < 5`; `{1 TO 5}` is Lucene"));
        }
        Kind::Nested { query, .. } => walk(query, text, out),
        Kind::Is { field, value } => out.extend(literal(field, value)),
        Kind::Range { .. } | Kind::MatchAll | Kind::Cursor(_) => {}
    }
}

fn warning(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::warning(Code::LikelySlip, span, message)
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

fn literal(field: &Literal, value: &Literal) -> Option<Diagnostic> {
    let (text, free) = match &value.kind {
        LiteralKind::Text { value, quoted: false } => (value.clone(), field.is_null()),
        LiteralKind::Wildcard(_) => (value.to_text(), field.is_null()),
        _ => return None,
    };
    let (message, help) = slip(&text, free)?;
    Some(warning(value.span, format!("`{text}` is searched for as it stands; {message}")).with_help(help))
}

/// What an unquoted text looks like, and what to write instead; `free` where no field stands before it.
fn slip(text: &str, free: bool) -> Option<(&'static str, &'static str)> {
    let bare = text.trim();
    let ends = |word: &str| {
        bare.eq_ignore_ascii_case(word)
            || bare.to_ascii_lowercase().strip_prefix(word).is_some_and(|rest| rest.starts_with(' '))
            || bare.to_ascii_lowercase().strip_suffix(word).is_some_and(|rest| rest.ends_with(' '))
    };
    if bare.contains(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}']) {
        return Some(("curly quotes quote nothing", "use straight quotes `\"`"));
    }
    if bare.len() > 1 && bare.starts_with('\'') && bare.ends_with('\'') {
        return Some(("single quotes quote nothing", "use double quotes"));
    }
    if bare.starts_with('[') && bare.contains(" TO ") {
        return Some(("brackets are no range", "write `field >= 1 and field <= 2`; `[1 TO 2]` is Lucene"));
    }
    if bare.contains(" && ") || bare.contains(" || ") {
        return Some(("`&&` and `||` join nothing", "write `and`, `or`"));
    }
    if bare.len() > 2 && bare.starts_with('/') && bare.ends_with('/') && bare.contains(['[', '+', '?', '|', '^', '$']) {
        return Some(("KQL has no regular expressions", "use `*`, or EQL's `regex`"));
    }
    if ["and", "or", "not"].into_iter().any(ends) {
        return Some((
            "a keyword without an operand on each side is text",
            "write the missing operand, or quote the text",
        ));
    }
    if !free {
        return None;
    }
    let mut words = bare.split(' ');
    let second = words.nth(1);
    if second == Some("where") {
        return Some(("the text looks like EQL", "check the language of the query"));
    }
    if matches!(second, Some("=" | "==" | "!=" | "like" | "in")) || bare.contains("==") {
        return Some(("comparisons are written with `:`", "write `field: value`, `not field: value`"));
    }
    let sign = bare.strip_prefix(['-', '+', '!']);
    if sign.is_some_and(|rest| rest.starts_with(char::is_alphabetic)) {
        return Some(("a sign before it means nothing", "write `not x` to exclude; `-x`, `+x` and `!x` are Lucene"));
    }
    None
}
