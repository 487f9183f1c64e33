//! Completion: what may stand at the caret of an editor.
//!
//! Takes a text and an offset, gives the kinds of thing that may be typed there and the span they replace. Which fields and
//! values there are is the caller's knowledge.

use super::ast::{Cursor, Kind, LiteralKind, Node};
use super::{Options, parse};
use crate::source::{Source, Span};

/// What may be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggestion {
    /// The name of a field.
    Field,
    /// `:`, `<`, `<=`, `>`, `>=` after the text typed so far.
    Operator,
    /// A value of the field.
    Value,
    /// `and` or `or`.
    Conjunction,
}

/// What may stand at the caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The kinds of thing, in the order Kibana offers them.
    pub suggestions: Vec<Suggestion>,
    /// What a field or a value replaces, in bytes.
    pub replace: Span,
    /// The text of the token before the caret.
    pub prefix: String,
    /// The text of the token after the caret.
    pub suffix: String,
    /// The field whose value is typed.
    pub field: Option<String>,
    /// The path of the nested group around the caret.
    pub nested_path: Option<String>,
}

/// What may stand at byte `offset` of `text`; `None` where the text around the caret is no KQL.
///
/// ```
/// use elkhound::syntax::kql::{Suggestion, complete};
/// let found = complete("process.name: cm", 16).expect("a value is being typed");
/// assert_eq!(found.suggestions[0], Suggestion::Value);
/// assert_eq!(found.field.as_deref(), Some("process.name"));
/// ```
pub fn complete(text: &str, offset: usize) -> Option<Completion> {
    const SYMBOL: &str = "@kuery-cursor@";
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let options = Options { cursor_symbol: Some(SYMBOL.into()), ..Options::default() };
    let read = |end: &str| {
        let marked = format!("{}{SYMBOL}{}{end}", &text[..offset], &text[offset..]);
        parse(&Source::new("<query>", marked), &options).ok()
    };
    // While a group is being typed it is open.
    let node = read("").or_else(|| read(&closing(text)))?;
    let (cursor, in_field) = caret(&node)?;
    let kinds = if in_field { vec!["field", "operator"] } else { cursor.suggestions.clone() };
    Some(Completion {
        suggestions: kinds.iter().filter_map(|kind| suggestion(kind)).collect(),
        replace: Span::new(byte_offset(text, cursor.start), byte_offset(text, cursor.end)),
        prefix: cursor.prefix.clone(),
        suffix: cursor.suffix.clone(),
        field: cursor.field_name.as_deref().filter(|_| cursor.suggestions.contains(&"value")).map(typed),
        nested_path: cursor.nested_path.as_deref().map(typed),
    })
}

/// What closes the quote, groups and lists that the text leaves open.
fn closing(text: &str) -> String {
    let mut open = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => open.push(')'),
            '{' if !quoted => open.push('}'),
            ')' | '}' if !quoted => drop(open.pop()),
            _ => {}
        }
    }
    let quote = if quoted { "\"" } else { "" };
    quote.chars().chain(open.into_iter().rev()).collect()
}

fn suggestion(kind: &str) -> Option<Suggestion> {
    Some(match kind {
        "field" => Suggestion::Field,
        "operator" => Suggestion::Operator,
        "value" => Suggestion::Value,
        "conjunction" => Suggestion::Conjunction,
        _ => return None,
    })
}

/// The caret of the tree, and whether it stands in a field name.
fn caret(node: &Node) -> Option<(&Cursor, bool)> {
    match &node.kind {
        Kind::Cursor(cursor) => Some((cursor, false)),
        Kind::And(nodes) | Kind::Or(nodes) => nodes.iter().find_map(caret),
        Kind::Not(inner) => caret(inner),
        Kind::Nested { path, query } => in_literal(&path.kind).or_else(|| caret(query)),
        Kind::Is { field, .. } | Kind::Range { field, .. } => in_literal(&field.kind),
        Kind::MatchAll => None,
    }
}

fn in_literal(kind: &LiteralKind) -> Option<(&Cursor, bool)> {
    match kind {
        LiteralKind::Cursor(cursor) => Some((cursor, true)),
        _ => None,
    }
}

fn byte_offset(text: &str, units: usize) -> usize {
    let mut seen = 0;
    for (at, c) in text.char_indices() {
        if seen >= units {
            return at;
        }
        seen += c.len_utf16();
    }
    text.len()
}

/// A name as typed: wildcards as `*`.
fn typed(name: &str) -> String {
    name.replace(super::lexis::WILDCARD, "*")
}
