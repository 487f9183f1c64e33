//! The subcommands, a file each.

mod check;
mod complete;
mod completions;
mod convert;
mod explain_code;
mod parse;

use crate::args::Command;
use crate::failure::Outcome;

/// Runs a subcommand.
pub fn run(command: Command) -> Outcome {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Parse(args) => parse::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Match(_) | Command::Run(_) | Command::Test(_) => Err(crate::failure::Failure::Usage("not yet".into())),
        Command::Complete(args) => complete::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::ExplainCode(args) => explain_code::run(&args),
    }
}
