//! The meaning of EQL: names, types, coercion, constant folding with its null rules, and everything Elasticsearch's verifier
//! refuses. (Elasticsearch: EQL syntax; EQL Verifier, Optimizer and QueryTranslator.)

mod call;
mod compare;
mod field;
mod pattern;
mod statement;
mod value;

use super::Context;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::plan::expr::{Datum, Expr};
use crate::plan::{Predicate, Query};
use crate::source::{Source, Span};
use crate::syntax::eql::Dialect;
use crate::syntax::eql::ast::{self, Statement};
use crate::text::Fold;
use value::Truth;

/// How EQL is read, besides the types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The dialect.
    pub dialect: Dialect,
    /// The field that an event category is compared with.
    pub category_field: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { dialect: Dialect::Newest, category_field: "event.category".into() }
    }
}

/// The plan that a statement means, with warnings.
///
/// # Errors
/// Everything that Elasticsearch's verifier refuses, all of it at once.
pub fn analyze(
    statement: &Statement,
    source: &Source,
    settings: &Settings,
    context: &Context,
) -> Result<(Query, Diagnostics), Diagnostics> {
    let mut analysis = Analysis::new(source, settings, context);
    let query = analysis.statement(statement);
    analysis.finish(query)
}

/// The value of an expression without fields, folded as Elasticsearch folds it.
///
/// # Errors
/// What the verifier refuses, and what fails while folding.
pub fn fold(
    expression: &ast::Expr,
    source: &Source,
    settings: &Settings,
    context: &Context,
) -> Result<Option<Datum>, Diagnostics> {
    let mut analysis = Analysis::new(source, settings, context);
    let value = analysis.value(expression);
    let (value, _) = analysis.finish(value)?;
    Ok(match (value.truth, value.expr) {
        (Some(Truth::Known(value)), _) => Some(value.map_or(Datum::Null, Datum::Bool)),
        (None, Expr::Constant(datum)) => Some(datum),
        _ => None,
    })
}

/// The predicate of a condition alone, as it would stand behind `any where`.
///
/// # Errors
/// As [`analyze`].
pub fn condition(
    expression: &ast::Expr,
    source: &Source,
    settings: &Settings,
    context: &Context,
) -> Result<Predicate, Diagnostics> {
    let mut analysis = Analysis::new(source, settings, context);
    let value = analysis.condition(expression);
    analysis.finish(value.map(Truth::into_predicate)).map(|(predicate, _)| predicate)
}

struct Analysis<'a> {
    source: &'a Source,
    settings: &'a Settings,
    context: &'a Context,
    findings: Vec<Diagnostic>,
    /// How many occurrences of fields were seen.
    occurrences: usize,
    /// How deep the expression at hand stands.
    depth: usize,
}

impl<'a> Analysis<'a> {
    fn new(source: &'a Source, settings: &'a Settings, context: &'a Context) -> Self {
        Self { source, settings, context, findings: Vec::new(), occurrences: 0, depth: 0 }
    }

    fn finish<T>(self, value: Option<T>) -> Result<(T, Diagnostics), Diagnostics> {
        let findings = Diagnostics::new(self.source.clone(), self.findings);
        match value {
            Some(value) if !findings.has_errors() => Ok((value, findings)),
            _ => Err(findings),
        }
    }

    /// The text at a place, as the product quotes it.
    fn text(&self, span: Span) -> &'a str {
        self.source.text().get(span.start..span.end).unwrap_or_default()
    }

    /// Notes an error; gives `None`, for the caller to pass on.
    fn error<T>(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        product: impl Into<String>,
    ) -> Option<T> {
        self.findings.push(Diagnostic::error(code, span, message).with_product(product));
        None
    }

    /// Adds help to the finding noted last.
    fn help<T>(&mut self, help: impl Into<String>) -> Option<T> {
        if let Some(last) = self.findings.last_mut() {
            last.help = Some(help.into());
        }
        None
    }

    /// How letters are folded on bare fields.
    const fn native_fold(&self) -> Fold {
        if self.settings.dialect.since(9, 1) { Fold::Lucene } else { Fold::Ascii }
    }
}
