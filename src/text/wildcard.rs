//! Patterns of literal text, `*` and `?`.

/// A pattern of literal text, `*` (any run) and `?` (one character). Both match line breaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wildcard(pub Vec<WildcardPart>);

/// A part of a [`Wildcard`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WildcardPart {
    /// This text.
    Text(String),
    /// `*`
    Any,
    /// `?`
    One,
}
