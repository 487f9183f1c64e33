//! Elastic's KQL and EQL, decided offline as Elasticsearch and Kibana would decide them.
//!
//! | stage | takes | gives | module |
//! |---|---|---|---|
//! | parse | text | tree with spans | [`syntax`] |
//! | analyze | tree, [`schema`] | [`plan`] | `analysis` |
//! | compile | plan | program | `eval` |
//! | run | program, [`event`] | truth, then hits | `eval` |

pub mod analysis;
pub mod convert;
pub mod diagnostic;
pub mod endgame;
#[cfg(feature = "rules")]
pub mod engine;
pub mod eval;
pub mod event;
pub mod function;
pub mod plan;
pub mod query;
#[cfg(feature = "rules")]
pub mod rule;
pub mod schema;
mod share;
pub mod source;
pub mod syntax;
pub mod text;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use event::{Event, EventError};
pub use query::{Filter, Hit, Matches, Query, QuerySet, Run};
pub use schema::Schema;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
