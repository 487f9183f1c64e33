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
/// build takes more than ten KiB a level. Asking a thread for its stack costs twice the parse of a usual query the first time, so the
/// first levels go without.
pub(crate) fn deeper<T>(depth: usize, level: impl FnOnce() -> T) -> T {
    if depth < 16 { level() } else { stacker::maybe_grow(128 << 10, 1 << 20, level) }
}
