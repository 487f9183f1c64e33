//! The subcommands, a file each.

mod bench;
mod check;
mod complete;
mod completions;
mod convert;
mod explain_code;
mod match_events;
mod parse;
mod run_rules;
mod simulate;
mod stream;
mod test_rules;

use crate::args::Command;
use crate::failure::Outcome;
use crate::threads;

/// Runs a subcommand.
pub fn run(command: Command) -> Outcome {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Parse(args) => parse::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Match(args) => threads::on(args.eval.jobs, || match_events::run(&args)),
        Command::Run(args) => threads::on(args.eval.jobs, || run_rules::run(&args)),
        Command::Bench(args) => threads::on(args.eval.jobs, || bench::run(&args)),
        Command::Test(args) => test_rules::run(&args),
        Command::Complete(args) => complete::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::ExplainCode(args) => explain_code::run(&args),
    }
}
