//! Regular expressions of the products, matched against whole values in linear time.

/// Whose regular expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegexSyntax {
    /// Lucene's, all operators on.
    Lucene,
    /// Java's, as far as it can be matched in linear time.
    Java,
}
