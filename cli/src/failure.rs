//! How a call ends: [`Exit`], and [`Failure`] for what stops a command.

use std::path::Path;
use std::process::ExitCode;

use elkhound::diagnostic::Diagnostics;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: all is well.
    Clean,
    /// 1: findings, failed tests, or no match where one was asked for.
    Findings,
    /// 2: a query or a rule is broken.
    Broken,
    /// 3: usage, configuration, input and output.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What stops a command.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A query is refused.
    #[error("{}", crate::output::diagnostics(.0))]
    Refused(Box<Diagnostics>),
    /// A file, an option's value or the configuration is wrong.
    #[error("error: {0}")]
    Usage(String),
    /// Whoever read stdout has gone.
    #[error("stdout is closed")]
    ClosedPipe,
    /// Already reported; only the exit code is left.
    #[error("")]
    Reported(Exit),
}

impl Failure {
    /// A failure to do something with a file.
    pub fn file(path: &Path, cause: impl std::fmt::Display) -> Self {
        Self::Usage(format!("{}: {cause}", path.display()))
    }

    /// The exit code it ends with.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Refused(_) => Exit::Broken,
            Self::Usage(_) => Exit::Usage,
            Self::ClosedPipe => Exit::Clean,
            Self::Reported(exit) => *exit,
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Refused(Box::new(diagnostics))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::ClosedPipe } else { Self::Usage(error.to_string()) }
    }
}

/// What a command gives.
pub type Outcome<T = Exit> = Result<T, Failure>;
