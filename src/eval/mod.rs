//! Evaluation: plans become programs, programs and events become truths and hits.
//!
//! Nothing here asks which language a query came from, and nothing on the path of an event can fail.

mod absence;
pub mod column;
mod compile;
mod expr;
mod familiar;
mod flat;
mod index;
pub mod key;
mod literals;
mod matcher;
pub mod order;
mod program;
mod queue;
mod ranges;
pub mod sample;
pub mod saved;
pub mod sequence;
pub mod set;
mod value;
mod witness;

pub use compile::CompileError;
pub use program::{Limits, Program, Verdicts};
