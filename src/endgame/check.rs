//! What the dialect refuses before it runs: names and arguments of functions, conditions that are no truths, patterns.

use hashbrown::HashMap;
use regex_automata::meta;
use regex_automata::util::syntax;

use super::function::{SHAPES, Shape, joined};
use super::simplify;
use super::types::{Kind, Wants, is_constant};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Source, Span};
use crate::syntax::eql::ast::{CompareOperator, EventFilter, Expr, ExprKind, Literal, Pipe, Query, Statement, Term};
use crate::text::parse_block;

pub(super) struct Checker {
    case_sensitive: bool,
    /// Whether the expression stands in a pipe.
    in_pipes: bool,
    findings: Vec<Diagnostic>,
    regexes: HashMap<String, meta::Regex>,
}

impl Checker {
    pub fn new(case_sensitive: bool) -> Self {
        Self { case_sensitive, in_pipes: false, findings: Vec::new(), regexes: HashMap::new() }
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
        self.in_pipes = true;
        statement.pipes.iter().for_each(|pipe| self.pipe(pipe));
    }

    fn pipe(&mut self, pipe: &Pipe) {
        pipe.args.iter().for_each(|arg| self.expression(arg));
        let name = &pipe.name.text;
        let (least, most) = match name.as_str() {
            "head" | "tail" => (0, 1),
            "filter" => (1, 1),
            "count" => (0, usize::MAX),
            "unique" | "unique_count" | "sort" => (1, usize::MAX),
            _ => return self.error(Code::BadShape, pipe.name.span, format!("there is no pipe `{name}`")),
        };
        if pipe.args.len() < least {
            let wanted = if name == "filter" { "a condition" } else { "a field or an expression" };
            return self.error(Code::BadShape, pipe.span, format!("the pipe `{name}` takes {wanted}"));
        }
        if let Some(extra) = pipe.args.get(most) {
            return self.error(Code::BadShape, extra.span, format!("the pipe `{name}` takes one argument at most"));
        }
        for arg in &pipe.args {
            match name.as_str() {
                "filter" => {}
                "head" | "tail" if !is_count(arg) => {
                    let message = format!("the pipe `{name}` takes a whole number above 0");
                    self.error(Code::TypeMismatch, arg.span, message);
                }
                "head" | "tail" => {}
                _ if is_constant(&simplify(arg)) => {
                    let message = format!("the pipe `{name}` takes fields and expressions, not constants");
                    self.error(Code::TypeMismatch, arg.span, message);
                }
                _ => {}
            }
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
        if !Kind::of(expr).fits(Kind::Bool) {
            self.error(Code::TypeMismatch, expr.span, "a condition is true or false");
        }
    }

    pub fn expression(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Field(_) => {}
            ExprKind::Call { name, args, .. } => self.call(expr.span, &name.text, args),
            ExprKind::Sign(_, inner) => {
                self.expression(inner);
                self.number(inner);
            }
            ExprKind::Not(inner) => self.condition(inner),
            ExprKind::Arithmetic(_, left, right) => {
                self.expression(left);
                self.expression(right);
                self.number(right);
            }
            ExprKind::Compare(operator, left, right) => self.comparison(*operator, left, right),
            ExprKind::In { value, list, .. } => {
                self.expression(value);
                for item in list {
                    self.expression(item);
                    self.same_kind(value, item);
                }
            }
            ExprKind::And(items) | ExprKind::Or(items) => items.iter().for_each(|item| self.condition(item)),
            ExprKind::Relation { kind, filter } => {
                if self.in_pipes {
                    self.error(
                        Code::BadShape,
                        expr.span,
                        "relations between processes stand in the query, not in a pipe",
                    );
                }
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
        if args.len() < shape.least || shape.most().is_some_and(|most| args.len() > most) {
            return self.error(Code::TypeMismatch, span, format!("`{name}` does not take {} arguments", args.len()));
        }
        args.iter().for_each(|arg| self.expression(arg));
        self.arguments(shape, args);
        match name {
            "match" | "matchLite" => self.patterns(span, args.get(1..).unwrap_or_default()),
            "cidrMatch" => args.iter().skip(1).for_each(|block| self.block(block)),
            _ => {}
        }
    }

    fn arguments(&mut self, shape: &Shape, args: &[Expr]) {
        for (at, arg) in args.iter().enumerate() {
            let Some(wants) = shape.wants(at).filter(|wants| !wants.takes(arg)) else { continue };
            let found = match Kind::of(arg) {
                Kind::Unknown => String::new(),
                kind if wants == Wants::Literal && kind == Kind::Text => String::new(),
                kind => format!(", not {}", kind.name()),
            };
            let message = format!("`{}` takes {} here{found}", shape.name, wants.name());
            self.error(Code::TypeMismatch, arg.span, message);
        }
    }

    fn block(&mut self, block: &Expr) {
        let Some(text) = super::literal_text(block) else { return };
        if !text.contains('/') || parse_block(text.trim()).is_none() {
            let message = format!("`{text}` is no block of addresses such as `10.0.0.0/8`");
            self.error(Code::TypeMismatch, block.span, message);
        }
    }

    fn number(&mut self, expr: &Expr) {
        let kind = Kind::of(expr);
        if !kind.fits(Kind::Number) {
            self.error(Code::TypeMismatch, expr.span, format!("a number is needed here, not {}", kind.name()));
        }
    }

    fn comparison(&mut self, operator: CompareOperator, left: &Expr, right: &Expr) {
        self.expression(left);
        self.expression(right);
        if !self.same_kind(left, right) || matches!(operator, CompareOperator::Equal | CompareOperator::NotEqual) {
            return;
        }
        if let Some(side) = [left, right].into_iter().find(|side| Kind::of(side) == Kind::Bool) {
            self.error(Code::TypeMismatch, side.span, format!("`{}` compares numbers or texts", operator.symbol()));
        }
    }

    fn same_kind(&mut self, left: &Expr, right: &Expr) -> bool {
        let (wanted, found) = (Kind::of(left), Kind::of(right));
        if !found.fits(wanted) {
            let message = format!("{} is compared with {}", wanted.name(), found.name());
            self.error(Code::TypeMismatch, right.span, message);
        }
        found.fits(wanted)
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

/// Whether it is what `head` and `tail` count with.
const fn is_count(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(Literal::Integer(count)) if count > 0)
}
