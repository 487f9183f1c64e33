//! Matching on strings: case folding, wildcards, regular expressions, address blocks, the standard analyzer, versions.
//!
//! No idea of queries, fields or events.

pub mod fold;
pub mod regex;
pub mod wildcard;

pub use fold::Fold;
pub use regex::RegexSyntax;
pub use wildcard::{Wildcard, WildcardPart};
