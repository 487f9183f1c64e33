//! What keeps a rule from running: [`Problem`].

use std::sync::Arc;

use super::{Rule, RuleType};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::source::Span;

/// Why a rule does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The file, or the rule in it, cannot be read, or its query is refused.
    Broken,
    /// The rule may be sound, but this crate does not evaluate its kind.
    Unsupported,
}

/// A rule, or a whole file, that does not run, and why.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemKind,
    file: Arc<str>,
    rule_id: Option<String>,
    name: Option<String>,
    rule_type: Option<RuleType>,
    diagnostics: Diagnostics,
}

impl Problem {
    /// A problem of `file` as a whole, or of a rule in it that has no id yet.
    pub fn of_file(file: impl Into<Arc<str>>, diagnostics: Diagnostics) -> Self {
        Self { kind: kind(&diagnostics), file: file.into(), rule_id: None, name: None, rule_type: None, diagnostics }
    }

    /// A problem of `rule`.
    pub fn of_rule(rule: &Rule, diagnostics: Diagnostics) -> Self {
        Self::of_file(Arc::clone(&rule.file), diagnostics)
            .named(rule.id.clone(), Some(rule.name.clone()))
            .typed(Some(rule.kind))
    }

    /// A rule that is not evaluated, and the reason.
    pub fn unsupported(rule: &Rule, reason: impl Into<String>) -> Self {
        let (source, span) = match &rule.query {
            Some(query) => (query.clone(), Span::at(0)),
            None => (rule.places.source(), rule.places.whole),
        };
        let finding = Diagnostic::error(Code::RuleUnsupported, span, reason);
        Self::of_rule(rule, Diagnostics::new(source, vec![finding]))
    }

    /// A rule that is not evaluated because of what one of its fields says.
    pub fn at(rule: &Rule, field: &str, reason: impl Into<String>) -> Self {
        let finding = Diagnostic::error(Code::RuleUnsupported, rule.span(field), reason);
        Self::of_rule(rule, rule.diagnostics(vec![finding]))
    }

    pub(super) fn named(self, rule_id: Option<String>, name: Option<String>) -> Self {
        Self { rule_id, name, ..self }
    }

    pub(super) fn typed(self, rule_type: Option<RuleType>) -> Self {
        Self { rule_type, ..self }
    }

    /// `type`, where it could be read.
    pub const fn rule_type(&self) -> Option<RuleType> {
        self.rule_type
    }

    /// Broken or unsupported.
    pub const fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// `rule_id`, where it could be read.
    pub fn rule_id(&self) -> Option<&str> {
        self.rule_id.as_deref()
    }

    /// `name`, where it could be read.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// All that is wrong, with places in the file.
    pub const fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// The first error in one line.
    pub fn reason(&self) -> &str {
        let errors = self.diagnostics.items().iter().filter(|item| item.severity == Severity::Error);
        errors.map(|item| item.message.as_str()).next().unwrap_or("unknown reason")
    }
}

fn kind(diagnostics: &Diagnostics) -> ProblemKind {
    let unsupported = |item: &Diagnostic| item.code == Code::RuleUnsupported;
    let mut errors = diagnostics.items().iter().filter(|item| item.severity == Severity::Error);
    if errors.all(unsupported) { ProblemKind::Unsupported } else { ProblemKind::Broken }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        match (&self.rule_id, &self.name) {
            (Some(id), Some(name)) => write!(f, ": {id} ({name})")?,
            (Some(text), None) | (None, Some(text)) => write!(f, ": {text}")?,
            (None, None) => {}
        }
        match self.kind {
            ProblemKind::Broken => write!(f, ": {}", self.reason()),
            ProblemKind::Unsupported => write!(f, ": not evaluated: {}", self.reason()),
        }
    }
}

impl std::error::Error for Problem {}
