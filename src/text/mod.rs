//! Matching on strings: case folding, wildcards, regular expressions, address blocks, the standard analyzer, versions.
//!
//! No idea of queries, fields or events.

pub mod address;
mod derivative;
pub mod fold;
mod lucene;
pub mod regex;
pub mod tokens;
pub mod version;
pub mod wildcard;

pub use address::{IpSet, ip_number, number_ip, parse_block, parse_ip};
pub use fold::Fold;
pub use regex::{Regex, RegexError, RegexSyntax};
pub use tokens::{any_token, tokens};
pub use version::compare_versions;
pub use wildcard::{Wildcard, WildcardPart};
