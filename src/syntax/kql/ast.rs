//! The tree of a KQL query, node for node the one that Kibana builds, with spans added.

use crate::source::Span;

/// A node and its place.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of node.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Kind {
    /// Empty text: matches every event.
    MatchAll,
    /// `a and b and c`: two or more.
    And(Vec<Node>),
    /// `a or b or c`: two or more.
    Or(Vec<Node>),
    /// `not a`.
    Not(Box<Node>),
    /// `field: value`; free text has a null literal (not quoted) as its field.
    Is {
        /// The field's name, which may hold wildcards.
        field: Literal,
        /// What it is compared with.
        value: Literal,
    },
    /// `field > bound`.
    Range {
        /// The field's name, which may hold wildcards.
        field: Literal,
        /// Which comparison.
        operator: RangeOperator,
        /// The bound.
        bound: Literal,
    },
    /// `path: { query }`.
    Nested {
        /// The path of the nested objects.
        path: Literal,
        /// What one of the objects has to satisfy.
        query: Box<Node>,
    },
    /// The caret of an editor; only the completion productions make it.
    Cursor(Box<Cursor>),
}

/// `<`, `<=`, `>`, `>=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum RangeOperator {
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
}

/// A field name or a value.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Literal {
    /// What it is.
    pub kind: LiteralKind,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// The kinds of literal.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum LiteralKind {
    /// Unquoted `null`, and the absent field of free text.
    Null,
    /// Unquoted `true` or `false`.
    Bool(bool),
    /// Any other text without wildcards, escapes decoded. Numbers stay text.
    Text {
        /// The decoded characters.
        value: String,
        /// Whether it stood in quotes.
        quoted: bool,
    },
    /// Unquoted text with at least one `*`: the decoded texts between the asterisks, one more than there are asterisks.
    Wildcard(Vec<String>),
    /// The caret of an editor; only the completion productions make it.
    Cursor(Box<Cursor>),
}

impl Literal {
    /// Whether it is one `*` and nothing else.
    pub fn is_star(&self) -> bool {
        matches!(&self.kind, LiteralKind::Wildcard(parts) if parts.len() == 2 && parts.iter().all(String::is_empty))
    }

    /// Whether it is the absent field of free text.
    pub const fn is_null(&self) -> bool {
        matches!(self.kind, LiteralKind::Null)
    }

    /// The text of it: wildcards as `*`, `null`, `true` and `false` as typed.
    pub fn to_text(&self) -> String {
        match &self.kind {
            LiteralKind::Null => "null".into(),
            LiteralKind::Bool(value) => value.to_string(),
            LiteralKind::Text { value, .. } => value.clone(),
            LiteralKind::Wildcard(parts) => parts.join("*"),
            LiteralKind::Cursor(cursor) => cursor.text.clone(),
        }
    }
}

/// The caret in a text under completion, as Kibana reports it.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Cursor {
    /// Start of the token at the caret, in UTF-16 units.
    pub start: usize,
    /// End of the token, less the cursor symbol, in UTF-16 units.
    pub end: usize,
    /// Decoded characters before the caret.
    pub prefix: String,
    /// Decoded characters after it.
    pub suffix: String,
    /// The raw token without the cursor symbol.
    pub text: String,
    /// The field whose value is being typed, wildcards as `@kuery-wildcard@`, or the text typed so far.
    pub field_name: Option<String>,
    /// Path of the nested group around the caret.
    pub nested_path: Option<String>,
    /// What may stand here: `field`, `operator`, `value`, `conjunction`.
    pub suggestions: Vec<&'static str>,
}
