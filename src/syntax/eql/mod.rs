//! EQL: tree, parser, printer, for Elasticsearch's dialects and Endgame's.
//!
//! Takes a text, gives the tree of what was written, with nothing desugared, or a diagnostic at the first place that does not
//! fit. The checks that Elasticsearch makes while it builds its tree are made here too, all of them at once.

mod advice;
pub mod ast;
mod check;
mod definition;
mod expression;
mod json;
mod lex;
mod parse;
mod print;
mod statement;

pub use json::json;
pub use parse::{parse, parse_expression};
pub use print::{print, print_expression};

use super::SyntaxLimits;

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

impl Dialect {
    /// Whether it is Endgame's.
    pub const fn is_endgame(self) -> bool {
        matches!(self, Self::Endgame)
    }

    /// Whether it is Elasticsearch's of this version or later.
    pub const fn since(self, major: u8, minor: u8) -> bool {
        match self {
            Self::Endgame => false,
            Self::Newest => true,
            Self::Elastic(own, own_minor) => own > major || (own == major && own_minor >= minor),
        }
    }

    /// Whether it is Elasticsearch 7, whose first versions shared words with Endgame.
    pub const fn is_seven(self) -> bool {
        matches!(self, Self::Elastic(major, _) if major <= 7)
    }

    /// The version of the stack; `None` for the newest, and for Endgame's dialect, which tells nothing about one.
    pub const fn version(self) -> Option<(u8, u8)> {
        match self {
            Self::Elastic(major, minor) => Some((major, minor)),
            Self::Endgame | Self::Newest => None,
        }
    }

    /// Whether it is one of the first of Elasticsearch 7, which had `=` and single quotes; `7.x` has what any 7 had.
    pub const fn is_preview(self) -> bool {
        self.is_seven() && (!self.since(7, 10) || matches!(self, Self::Elastic(_, u8::MAX)))
    }
}

/// Options of the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The dialect.
    pub dialect: Dialect,
    /// Limits on length and nesting.
    pub limits: SyntaxLimits,
}
