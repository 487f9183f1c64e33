//! What the dialect refuses before it runs: names and arguments of functions, conditions that are no truths, patterns.

use hashbrown::HashMap;
use regex_automata::meta;
use regex_automata::util::syntax;

use super::function::{SHAPES, joined};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Source, Span};
use crate::syntax::eql::ast::{EventFilter, Expr, ExprKind, Literal, Query, Statement, Term};

pub(super) struct Checker {
    case_sensitive: bool,
    findings: Vec<Diagnostic>,
    regexes: HashMap<String, meta::Regex>,
}

impl Checker {
    pub fn new(case_sensitive: bool) -> Self {
        Self { case_sensitive, findings: Vec::new(), regexes: HashMap::new() }
    }

    pub fn finish(self, source: &Source) -> Result<HashMap<String, meta::Regex>, Diagnostics> {
        if self.findings.is_empty() { Ok(self.regexes) } else { Err(Diagnostics::new(source.clone(), self.findings)) }
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, span, message));
    }

    pub fn statement(&mut self, statement: &Statement) {
        match &statement.query {
            Query::Event(filter) => self.filter(filter),
            Query::Sequence(sequence) => self.terms(&sequence.by, &sequence.terms, sequence.until.as_deref()),
            Query::Join(join) => self.terms(&join.by, &join.terms, join.until.as_deref()),
            Query::Sample(sample) => self.terms(&sample.by, &sample.terms, None),
        }
        for pipe in &statement.pipes {
            let known = ["head", "tail", "filter", "unique", "sort", "count", "unique_count"];
            if !known.contains(&pipe.name.text.as_str()) {
                self.error(Code::BadShape, pipe.name.span, format!("there is no pipe `{}`", pipe.name.text));
            }
            pipe.args.iter().for_each(|arg| self.expression(arg));
        }
    }

    fn terms(&mut self, by: &[Expr], terms: &[Term], until: Option<&Term>) {
        by.iter().for_each(|key| self.expression(key));
        for term in terms.iter().chain(until) {
            self.filter(&term.filter);
            term.by.iter().for_each(|key| self.expression(key));
        }
    }

    fn filter(&mut self, filter: &EventFilter) {
        self.condition(&filter.condition);
    }

    fn condition(&mut self, expr: &Expr) {
        self.expression(expr);
        let literal =
            matches!(&expr.kind, ExprKind::Literal(literal) if !matches!(literal, Literal::Bool(_) | Literal::Null));
        if literal || matches!(expr.kind, ExprKind::Arithmetic(..) | ExprKind::Sign(..)) {
            self.error(Code::TypeMismatch, expr.span, "a condition is true or false");
        }
    }

    pub fn expression(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Field(_) => {}
            ExprKind::Call { name, args, .. } => self.call(expr.span, &name.text, args),
            ExprKind::Sign(_, inner) => self.expression(inner),
            ExprKind::Not(inner) => self.condition(inner),
            ExprKind::Arithmetic(_, left, right) | ExprKind::Compare(_, left, right) => {
                self.expression(left);
                self.expression(right);
            }
            ExprKind::In { value, list, .. } => {
                self.expression(value);
                list.iter().for_each(|item| self.expression(item));
            }
            ExprKind::And(items) | ExprKind::Or(items) => items.iter().for_each(|item| self.condition(item)),
            ExprKind::Relation { kind, filter } => {
                if !["child", "descendant", "event"].contains(&kind.text.as_str()) {
                    self.error(Code::BadShape, kind.span, format!("there is no relation `{} of`", kind.text));
                }
                self.filter(filter);
            }
            ExprKind::Match { .. } => {
                self.error(Code::BadShape, expr.span, "the operator belongs to Elasticsearch's dialect")
            }
        }
    }

    fn call(&mut self, span: Span, name: &str, args: &[Expr]) {
        let Some(shape) = SHAPES.iter().find(|shape| shape.name == name) else {
            return self.error(Code::UnknownFunction, span, format!("unknown function `{name}`"));
        };
        if args.len() < shape.least || args.len() > shape.most {
            return self.error(Code::TypeMismatch, span, format!("`{name}` does not take {} arguments", args.len()));
        }
        let wrong = args.iter().take(shape.texts).find(|arg| {
            matches!(&arg.kind, ExprKind::Literal(literal) if !matches!(literal, Literal::String { .. } | Literal::Null))
        });
        if let Some(wrong) = wrong {
            self.error(Code::TypeMismatch, wrong.span, format!("`{name}` takes a text here"));
        }
        args.iter().for_each(|arg| self.expression(arg));
        if matches!(name, "match" | "matchLite") {
            self.patterns(span, args.get(1..).unwrap_or_default());
        }
    }

    /// Regular expressions match from the start of the text, not to its end.
    fn patterns(&mut self, span: Span, patterns: &[Expr]) {
        let Some(text) = joined(patterns) else {
            return self.error(Code::TypeMismatch, span, "patterns are constant texts");
        };
        let syntax = syntax::Config::new().case_insensitive(!self.case_sensitive).dot_matches_new_line(true);
        match meta::Builder::new().syntax(syntax).build(&format!(r"\A(?:{text})")) {
            Ok(regex) => drop(self.regexes.insert(text, regex)),
            Err(_) => self.error(
                Code::BadRegex,
                span,
                "the regular expression is malformed or cannot be matched in linear time",
            ),
        }
    }
}
