//! `completions`: a shell's completion script on stdout.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};
use crate::failure::{Exit, Outcome};
use crate::output::Data;

pub fn run(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "elkhound", &mut script);
    let mut data = Data::stdout();
    data.line(String::from_utf8_lossy(&script).trim_end())?;
    data.finish()?;
    Ok(Exit::Clean)
}
