//! From what was written to what is meant: names become fields, values become typed questions, case and null rules are
//! settled. All semantics are decided here; the plan spells them out.
//!
//! Takes a tree and a schema, gives a plan and warnings, or everything that is wrong at once.

pub mod eql;
pub mod exception;
pub mod filter;
pub mod kql;
mod leaf;
mod number;
pub mod propose;
mod query_string;
pub mod suggest;

use std::sync::Arc;

use crate::event::time::Instant;
use crate::schema::{Field, Origin, Schema, Strictness};

/// What analysis needs to know besides the text.
#[derive(Debug, Clone)]
pub struct Context {
    /// The types in force.
    pub schema: Arc<Schema>,
    /// What becomes of a request that Elasticsearch refuses.
    pub strictness: Strictness,
    /// The clock of date math.
    pub now: Instant,
}

impl Context {
    /// A context of these types, lenient where types are inferred.
    pub fn new(schema: Arc<Schema>, now: Instant) -> Self {
        Self { schema, strictness: Strictness::default(), now }
    }

    /// Whether a question that the field's type refuses is an error.
    pub fn is_strict(&self, field: &Field) -> bool {
        match self.strictness {
            Strictness::Strict => true,
            Strictness::Lenient => false,
            Strictness::ByOrigin => field.origin == Origin::Caller,
        }
    }
}
