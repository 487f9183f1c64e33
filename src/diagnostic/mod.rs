//! Messages to the author of a query: [`Diagnostic`], its parts, and [`Diagnostics`], the list that a failed stage gives.
//!
//! Data only; [`render`] turns it into text and JSON. No stage of the crate is known here.

pub mod code;
pub mod render;

pub use code::Code;

use crate::source::{Source, Span};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The query can be used.
    Warning,
    /// The query cannot be used.
    Error,
}

/// A further place that belongs to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where, in the query text.
    pub span: Span,
    /// What is to be seen there.
    pub message: String,
}

/// A text that mends the finding when put in place of `span`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// The text to type instead.
    pub replacement: String,
}

/// One finding: a code, a place, and words for the author.
///
/// Messages begin in lower case, have no full stop, and put the author's own text in back-ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Entry of the table of codes.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Words at the place itself; empty for none.
    pub note: String,
    /// Further places.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// The text to type instead.
    pub fix: Option<Fix>,
    /// The message as the product words it, where it has one. Programs compare it; authors do not see it.
    pub product: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, span, message.into())
    }

    /// A warning.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, span, message.into())
    }

    fn new(code: Code, severity: Severity, span: Span, message: String) -> Self {
        Self {
            code,
            severity,
            message,
            span,
            note: String::new(),
            labels: Vec::new(),
            help: None,
            fix: None,
            product: None,
        }
    }

    /// Adds words at the place itself.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Adds a further place.
    #[must_use]
    pub fn with_label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the text to type instead.
    #[must_use]
    pub fn with_fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }

    /// Adds the product's own wording.
    #[must_use]
    pub fn with_product(mut self, product: impl Into<String>) -> Self {
        self.product = Some(product.into());
        self
    }
}

/// All findings about one text; the error type of parsing, analysis and compilation.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    source: Source,
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The findings `items` about `source`.
    pub fn new(source: Source, mut items: Vec<Diagnostic>) -> Self {
        items.sort_by_key(|item| item.span.start);
        Self { source, items }
    }

    /// The text they are about.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The findings in the order of their places.
    pub fn items(&self) -> &[Diagnostic] {
        &self.items
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.severity == Severity::Error)
    }
}

impl std::fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&render::text(self, false))
    }
}

impl std::error::Error for Diagnostics {}
