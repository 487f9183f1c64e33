//! The command line of elkhound. Data on stdout, all else on stderr; each subcommand is a file of [`command`].

mod args;
mod command;
mod events;
mod failure;
mod input;
mod output;
mod query;
mod rules;
mod schema;
mod settings;
mod threads;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use failure::{Exit, Failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused_usage(&error),
    };
    output::set_color(cli.color);
    match command::run(cli.command) {
        Ok(exit) => exit.into(),
        // A reader that went away, such as `head`, has what it wants.
        Err(Failure::ClosedPipe) => Exit::Clean.into(),
        Err(failure) => {
            output::note(&failure.to_string());
            failure.exit().into()
        }
    }
}

/// Help and version were asked for; everything else is a mistake in the call.
fn refused_usage(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion);
    // Nothing is left to report a failing terminal to.
    let _ = error.print();
    if asked { Exit::Clean.into() } else { Exit::Usage.into() }
}
