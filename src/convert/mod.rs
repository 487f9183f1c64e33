//! From a query to other forms of it: Query DSL, an `_eql/search` request, the other language.
//!
//! Takes trees, gives JSON or text. Nothing is evaluated.

pub mod dsl;
pub mod eql_search;
mod translate;
mod view;

pub use translate::{eql_to_kql, kql_to_eql};
