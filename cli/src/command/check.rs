//! `check`: parse, resolve and type queries and rules; all problems at once.

use crate::args::CheckArgs;
use crate::failure::{Exit, Outcome};

pub fn run(_args: &CheckArgs) -> Outcome {
    Ok(Exit::Clean)
}
