//! Stdout, stderr, colour, the progress bar.

use std::io::{IsTerminal, Write};

use elkhound::diagnostic::{Diagnostics, render};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::ColorChoice;
use crate::failure::Failure;

/// Settles for the whole process whether colour is used; `NO_COLOR` and terminals are heeded for `auto`.
pub fn set_color(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::AlwaysAnsi,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Writes a line to stderr; where even that fails there is nobody to tell.
pub fn note(line: &str) {
    if !line.is_empty() {
        let _ = writeln!(anstream::stderr(), "{line}");
    }
}

/// Findings as text, coloured; the stream strips what its terminal does not show.
pub fn diagnostics(diagnostics: &Diagnostics) -> String {
    render::text(diagnostics, true)
}

/// Stdout, buffered; every line is data.
pub struct Data(Box<dyn Write + Send>);

impl Data {
    /// Stdout.
    pub fn stdout() -> Self {
        Self(Box::new(std::io::BufWriter::with_capacity(1 << 16, std::io::stdout())))
    }

    /// A line.
    pub fn line(&mut self, line: &str) -> Result<(), Failure> {
        Ok(writeln!(self.0, "{line}")?)
    }

    /// Whole lines.
    pub fn text(&mut self, lines: &str) -> Result<(), Failure> {
        Ok(self.0.write_all(lines.as_bytes())?)
    }

    /// All that was written goes out.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.flush()
    }

    /// The same for what was written so far.
    pub fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.0.flush()?)
    }
}

/// A progress bar over `length` bytes of input where stderr is a terminal; otherwise one that shows nothing.
pub fn progress(length: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
