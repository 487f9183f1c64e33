//! From text to tree: what was *written*, in either language, with a span on every node.
//!
//! Each language has an `ast`, a parser and a printer. No schema, no types, no meaning; `analysis` gives those.

mod advice;
pub mod eql;
pub mod kql;

/// Limits of the parsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxLimits {
    /// Longest text in bytes; 1 MiB unless set.
    pub text: usize,
    /// Deepest nesting; 256 unless set. Flat `and` and `or` chains do not nest.
    pub depth: usize,
}

impl Default for SyntaxLimits {
    fn default() -> Self {
        Self { text: 1 << 20, depth: 256 }
    }
}

/// Goes one level into a nested text on a stack that is large enough for it, whatever thread the caller is on: an unoptimized
/// build takes more than ten KiB a level.
pub(crate) fn deeper<T>(level: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 << 10, 1 << 20, level)
}
