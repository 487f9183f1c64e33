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
    /// Limits on length and nesting.
    pub limits: SyntaxLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self { leading_wildcards: true, cursor_symbol: None, limits: SyntaxLimits::default() }
    }
}
