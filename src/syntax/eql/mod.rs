//! EQL: tree, parser, printer, for Elasticsearch's dialects and Endgame's.

pub mod ast;

/// Which EQL a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Dialect {
    /// The language of Endgame and of the tools that came from it.
    Endgame,
    /// Elasticsearch, up to this `(major, minor)` version.
    Elastic(u8, u8),
    /// The newest Elasticsearch.
    #[default]
    Newest,
}
