//! Which letters count as equal.

/// Which letters count as equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Fold {
    /// None: code point by code point.
    #[default]
    Exact,
    /// ASCII letters in either case (Elasticsearch 8: `case_insensitive`).
    Ascii,
    /// Lucene's table of simple case variants, one character for one (Elasticsearch 9).
    Lucene,
    /// Full Unicode lower-casing (Endgame; Java's comparison on computed values).
    Unicode,
}
