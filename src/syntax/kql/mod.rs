//! KQL: tree, parser, printers, completion.
//!
//! Takes a text, gives the tree that Kibana's `fromKueryExpression` gives, or a diagnostic at the offset where Kibana stops.

mod advice;
pub mod ast;
mod complete;
mod error;
mod lexis;
mod literal;
mod parse;
mod print;

pub(crate) use advice::{CURLY, looks_like_eql, lucene_range, quote};
pub use complete::{Completion, Suggestion, complete};
pub use parse::parse;
pub use print::{escape_query_string, kibana_json, kibana_text, print};

use super::SyntaxLimits;

/// Options of the parser (Kibana: `KueryParseOptions`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether an unquoted value may begin with `*`; rules and Kibana's own setting say yes.
    pub leading_wildcards: bool,
    /// The text that marks the caret. Set only to parse with the completion productions.
    pub cursor_symbol: Option<String>,
    /// The version of Kibana, the newest unless given. `path: { … }` came with 7.6, `\uXXXX` with 7.13.
    pub version: Option<(u8, u8)>,
    /// Limits on length and nesting.
    pub limits: SyntaxLimits,
}

impl Options {
    /// Whether it is this version of Kibana or a later one.
    pub(super) fn since(&self, major: u8, minor: u8) -> bool {
        self.version.is_none_or(|version| version >= (major, minor))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { leading_wildcards: true, cursor_symbol: None, version: None, limits: SyntaxLimits::default() }
    }
}
