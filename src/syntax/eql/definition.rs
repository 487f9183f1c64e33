//! Macros and constants of the Endgame dialect: read before the query, put in place as the query is read.

use super::ast::{Expr, ExprKind, Field, FieldPart, Literal, Name};
use super::lex::TokenKind;
use super::parse::{Parsed, Parser};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// The most nodes that macros may add to one text.
const MOST_NODES: usize = 65_536;

/// What the text defines before its query.
#[derive(Default)]
pub(super) struct Definitions {
    constants: Vec<(String, Literal)>,
    macros: Vec<Macro>,
    /// Nodes added so far.
    added: usize,
}

struct Macro {
    name: String,
    parameters: Vec<String>,
    body: Expr,
}

impl Parser<'_> {
    /// `{ "macro" name "(" [ name { "," name } ] ")" expr | "const" name ( "=" | "==" ) literal }`
    pub fn definitions(&mut self) -> Parsed<()> {
        loop {
            if self.eat("macro") {
                self.macro_definition()?;
            } else if self.eat("const") {
                self.constant_definition()?;
            } else {
                return Ok(());
            }
        }
    }

    fn macro_definition(&mut self) -> Parsed<()> {
        let name = self.defined_name("the name of a macro")?;
        self.require("(")?;
        let mut parameters = Vec::new();
        if !self.eat(")") {
            loop {
                parameters.push(self.defined_name("a parameter")?);
                if !self.eat(",") {
                    break;
                }
            }
            self.require(")")?;
        }
        let body = self.expression()?;
        self.definitions.macros.push(Macro { name, parameters, body });
        Ok(())
    }

    fn constant_definition(&mut self) -> Parsed<()> {
        let name = self.defined_name("the name of a constant")?;
        if !self.eat("==") {
            self.require("=")?;
        }
        let value = self.expression()?;
        let ExprKind::Literal(value) = value.kind else {
            return Err(Box::new(Diagnostic::error(Code::EqlSyntax, value.span, "a constant has a literal value")));
        };
        self.definitions.constants.push((name, value));
        Ok(())
    }

    fn defined_name(&mut self, what: &str) -> Parsed<String> {
        let span = self.span();
        if !matches!(self.peek(), TokenKind::Word) {
            return Err(self.unexpected("IDENTIFIER", what));
        }
        self.at += 1;
        let name = self.slice(span).to_owned();
        let known = self.definitions.constants.iter().any(|(known, _)| *known == name)
            || self.definitions.macros.iter().any(|known| known.name == name);
        if known && !what.contains("parameter") {
            return Err(Box::new(Diagnostic::error(Code::EqlSyntax, span, format!("`{name}` is defined twice"))));
        }
        Ok(name)
    }

    /// The constant that a bare name stands for.
    pub fn constant_named(&self, field: &Field) -> Option<Literal> {
        let name = bare(field)?;
        self.definitions.constants.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// A call of a macro with its arguments put in; other calls as they are.
    pub fn expanded(&mut self, name: Name, args: Vec<Expr>, span: Span) -> Parsed<ExprKind> {
        let Some(found) = self.definitions.macros.iter().find(|known| known.name == name.text) else {
            return Ok(ExprKind::Call { name, fold: false, args });
        };
        if found.parameters.len() != args.len() {
            let message =
                format!("`{}` takes {} arguments, {} are given", name.text, found.parameters.len(), args.len());
            return Err(Box::new(Diagnostic::error(Code::TypeMismatch, span, message)));
        }
        let mut body = found.body.clone();
        let parameters = found.parameters.clone();
        let relates = replace(&mut body, &|name| parameters.iter().position(|known| known == name).map(|at| &args[at]));
        if relates {
            let message = "a relation between processes cannot stand in a macro";
            return Err(Box::new(Diagnostic::error(Code::BadShape, span, message)));
        }
        let (nodes, depth) = measure(&body);
        self.definitions.added = self.definitions.added.saturating_add(nodes);
        if self.definitions.added > MOST_NODES || depth > self.options.limits.depth {
            let message = "the macros of the query grow beyond the limits";
            return Err(Box::new(Diagnostic::error(Code::TooDeep, span, message)));
        }
        Ok(body.kind)
    }
}

/// The name of a field that is one word.
fn bare(field: &Field) -> Option<&str> {
    match field.path.as_slice() {
        [FieldPart::Name { text, quoted: false }] if !field.optional => Some(text),
        _ => None,
    }
}

/// Puts expressions in the place of names; says whether the expression asks for a relation.
fn replace<'a>(expr: &mut Expr, by: &dyn Fn(&str) -> Option<&'a Expr>) -> bool {
    if let ExprKind::Field(field) = &expr.kind {
        if let Some(found) = bare(field).and_then(by) {
            *expr = found.clone();
        }
        return false;
    }
    let mut relates = matches!(expr.kind, ExprKind::Relation { .. });
    for child in children_mut(&mut expr.kind) {
        relates |= replace(child, by);
    }
    relates
}

fn children(kind: &ExprKind) -> Vec<&Expr> {
    match kind {
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Relation { .. } => Vec::new(),
        ExprKind::Call { args, .. } | ExprKind::And(args) | ExprKind::Or(args) => args.iter().collect(),
        ExprKind::Sign(_, inner) | ExprKind::Not(inner) => vec![inner],
        ExprKind::Arithmetic(_, left, right) | ExprKind::Compare(_, left, right) => vec![left, right],
        ExprKind::In { value, list, .. } => std::iter::once(&**value).chain(list).collect(),
        ExprKind::Match { value, patterns, .. } => std::iter::once(&**value).chain(patterns).collect(),
    }
}

fn children_mut(kind: &mut ExprKind) -> Vec<&mut Expr> {
    match kind {
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Relation { .. } => Vec::new(),
        ExprKind::Call { args, .. } | ExprKind::And(args) | ExprKind::Or(args) => args.iter_mut().collect(),
        ExprKind::Sign(_, inner) | ExprKind::Not(inner) => vec![inner],
        ExprKind::Arithmetic(_, left, right) | ExprKind::Compare(_, left, right) => vec![left, right],
        ExprKind::In { value, list, .. } => std::iter::once(&mut **value).chain(list).collect(),
        ExprKind::Match { value, patterns, .. } => std::iter::once(&mut **value).chain(patterns).collect(),
    }
}

/// How many nodes an expression has, and how deep it is.
fn measure(expr: &Expr) -> (usize, usize) {
    let (mut nodes, mut depth) = (1, 0);
    for child in children(&expr.kind) {
        let (more, deep) = measure(child);
        nodes += more;
        depth = depth.max(deep);
    }
    (nodes, depth + 1)
}
