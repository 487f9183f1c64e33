//! What a parser tells an author beside what was found and expected.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// What to do, and the text to type instead where that is certain.
pub(super) struct Advice {
    help: String,
    fix: Option<(Span, String)>,
}

impl Advice {
    /// Help alone.
    pub fn help(help: impl Into<String>) -> Self {
        Self { help: help.into(), fix: None }
    }

    /// Help, and the text to type in place of `span`.
    pub fn fixed(help: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        Self { help: help.into(), fix: Some((span, text.into())) }
    }

    /// Help, and a text to type where one was found.
    pub fn maybe(help: impl Into<String>, fix: Option<(Span, String)>) -> Self {
        Self { help: help.into(), fix }
    }

    /// Puts the advice into a finding.
    pub fn onto(self, item: Diagnostic) -> Diagnostic {
        let item = item.with_help(self.help);
        match self.fix {
            Some((span, text)) => item.with_fix(span, text),
            None => item,
        }
    }
}
