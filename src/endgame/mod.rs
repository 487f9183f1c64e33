//! The Endgame dialect of EQL: its own values, its three-valued logic, its streams (python-eql 1.0, query guide).
//!
//! Takes a tree of that dialect and JSON events in input order; gives events, lists of events, or records of its pipes.
//! Shares the parser, the printer and the pattern machines with the rest; its meaning is too different to share a plan.

mod check;
mod eval;
mod function;
mod pass;
mod pending;
mod pipe;
mod relation;
mod run;
mod saved;
mod simplify;
mod types;
mod value;

use std::sync::Arc;

use hashbrown::HashMap;
use regex_automata::meta;
use serde_json::Value as Json;

pub use run::Run;
pub use saved::RunState;
pub use simplify::simplify;

use crate::diagnostic::Diagnostics;
use crate::source::Source;
use crate::syntax::eql::ast::{Expr, ExprKind, Literal, Query, Statement};

/// A checked statement and the machines of its patterns.
#[derive(Debug)]
pub struct Program {
    statement: Statement,
    scope: Scope,
}

/// What evaluation needs besides the event.
#[derive(Debug)]
struct Scope {
    /// Whether texts are compared exactly.
    case_sensitive: bool,
    /// The machines of constant regular expressions, by their joined text.
    regexes: HashMap<String, meta::Regex>,
}

impl Program {
    /// Checks a statement.
    ///
    /// # Errors
    /// Types and arguments that the dialect refuses, and regular expressions that cannot be matched in linear time.
    pub fn new(statement: Statement, source: &Source, case_sensitive: bool) -> Result<Arc<Self>, Diagnostics> {
        let mut checker = check::Checker::new(case_sensitive);
        checker.statement(&statement);
        let regexes = checker.finish(source)?;
        Ok(Arc::new(Self { statement, scope: Scope { case_sensitive, regexes } }))
    }

    /// Starts a run over events in input order that holds at most `limit` of each thing it has to remember: sequences under
    /// way in each state, results that a pipe waits for, keys of `unique`, processes of a relation.
    pub fn start(self: &Arc<Self>, limit: usize) -> Run {
        Run::new(Arc::clone(self), limit)
    }

    /// Whether the results are single events.
    pub const fn is_event_query(&self) -> bool {
        matches!(self.statement.query, Query::Event(_))
    }
}

/// The value of an expression without fields.
///
/// # Errors
/// As [`Program::new`].
pub fn fold(expression: &Expr, source: &Source, case_sensitive: bool) -> Result<Json, Diagnostics> {
    let mut checker = check::Checker::new(case_sensitive);
    checker.expression(expression);
    let scope = Scope { case_sensitive, regexes: checker.finish(source)? };
    let empty = Json::Null;
    Ok(eval::Environment::new(&scope, &empty).eval(expression))
}

/// The text of a string literal.
fn literal_text(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Literal(Literal::String { value, .. }) => Some(value),
        _ => None,
    }
}
