//! Expressions, filters, sequences, samples, pipes.

use super::Analysis;
use super::compare::negated;
use super::value::{Truth, Type, Value};
use crate::analysis::leaf::{Constant, Words};
use crate::diagnostic::Code;
use crate::plan::expr::{Datum, Expr};
use crate::plan::{JoinKey, Pipe, Predicate, Query, QueryKind, Sample, Sequence, Stage};
use crate::source::Span;
use crate::syntax::eql::ast::{self, ExprKind, Literal};

impl Analysis<'_> {
    pub(super) fn statement(&mut self, statement: &ast::Statement) -> Option<Query> {
        let kind = match &statement.query {
            ast::Query::Event(filter) => self.filter(filter).map(|filter| QueryKind::Event(filter.into_predicate())),
            ast::Query::Sequence(sequence) => self.sequence(sequence).map(QueryKind::Sequence),
            ast::Query::Sample(sample) => {
                let stages = self.stages(&sample.by, sample.terms.iter())?;
                Some(QueryKind::Sample(Sample { stages: stages.into_iter().map(|(stage, _)| stage).collect() }))
            }
            ast::Query::Join(join) => {
                self.error::<()>(
                    Code::BadShape,
                    join.span,
                    "`join` belongs to the Endgame dialect",
                    "Join is not supported",
                );
                self.help("use `sample by`, which joins events in any order")
            }
        };
        let pipes: Option<Vec<Pipe>> = statement.pipes.iter().map(|pipe| self.pipe(pipe)).collect();
        Some(Query { kind: kind?, pipes: pipes? })
    }

    fn sequence(&mut self, sequence: &ast::Sequence) -> Option<Sequence> {
        let all = sequence.terms.iter().chain(sequence.until.as_deref());
        let mut stages = self.stages(&sequence.by, all)?;
        let until = sequence.until.as_ref().and_then(|_| stages.pop()).map(|(stage, _)| stage);
        let never = stages.iter().any(|(_, never)| *never);
        let mut out = Vec::new();
        for ((stage, _), term) in stages.into_iter().zip(&sequence.terms) {
            for _ in 0..term.runs {
                out.push(stage.clone());
            }
        }
        // A stage that folds to false empties the whole query, a missing one too; an `until` that does ends nothing
        // (Elasticsearch: SkipEmptyJoin).
        if never {
            out.iter_mut().for_each(|stage| stage.filter = Predicate::Const(false));
        }
        let maxspan = sequence.maxspan.map(|span| span.nanoseconds());
        Some(Sequence { stages: out, until, maxspan })
    }

    /// The stages of terms, and whether each folds to false or null. A condition that no event can satisfy need not: Elasticsearch
    /// still asks for it.
    fn stages<'t>(
        &mut self,
        by: &[ast::Expr],
        terms: impl Iterator<Item = &'t ast::Term>,
    ) -> Option<Vec<(Stage, bool)>> {
        let mut types: Vec<(Type, String)> = Vec::new();
        let mut stages = Vec::new();
        let mut whole = true;
        for term in terms {
            let filter = self.filter(&term.filter);
            let keys = self.keys(by.iter().chain(&term.by), &mut types);
            match (filter, keys) {
                (Some(filter), Some(keys)) => {
                    let never = matches!(filter, Truth::Known(Some(false) | None));
                    stages.push((Stage { filter: filter.into_predicate(), keys, missing: term.missing }, never));
                }
                _ => whole = false,
            }
        }
        whole.then_some(stages)
    }

    fn keys<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k ast::Expr>,
        types: &mut Vec<(Type, String)>,
    ) -> Option<Vec<JoinKey>> {
        let mut out = Vec::new();
        let mut whole = true;
        for (at, key) in keys.enumerate() {
            let ExprKind::Field(field) = &key.kind else { return None };
            let name = field.dotted();
            let Some(known) = self.resolve(&name, field.optional, key.span) else {
                whole = false;
                continue;
            };
            let kind = known.as_ref().map_or(Type::Null, |known| Type::of_field(known.kind));
            match types.get(at) {
                Some((first, first_name)) if !first.is_like(kind) => {
                    let shown = |kind: Type| if kind == Type::Date { "date" } else { kind.name() };
                    let (own, other) = (shown(kind), shown(*first));
                    let product = format!(
                        "Sequence key [{name}] type [{own}] is incompatible with key [{first_name}] type [{other}]"
                    );
                    let message = format!("`{name}` is of type `{own}`, and `{first_name}` of type `{other}`");
                    self.error::<()>(Code::TypeMismatch, key.span, message, product);
                    whole = false;
                }
                Some(_) => {}
                None => types.push((kind, name.clone())),
            }
            let field_of_key = known.map(|known| self.key_field(known, key.span));
            out.push(JoinKey { field: field_of_key, name, optional: field.optional });
        }
        whole.then_some(out)
    }

    /// Text fields join by their keyword sub-field.
    fn key_field(
        &mut self,
        field: std::sync::Arc<crate::schema::Field>,
        span: Span,
    ) -> std::sync::Arc<crate::schema::Field> {
        if !field.kind.is_text() {
            return field;
        }
        let value = Value {
            expr: Expr::Constant(Datum::Null),
            kind: Type::Text,
            truth: None,
            field: Some(field.clone()),
            span,
        };
        self.exact(&value, span, "");
        match field.exact.first().map(|name| self.context.schema.lookup(name)) {
            Some(crate::schema::Lookup::Field(exact)) => exact,
            _ => field,
        }
    }

    /// `category where condition`
    fn filter(&mut self, filter: &ast::EventFilter) -> Option<Truth> {
        let Some(category) = &filter.category else { return self.condition(&filter.condition) };
        let name = self.settings.category_field.clone();
        let field = self.resolve(&name, false, category.span);
        let condition = self.value(&filter.condition);
        let (field, condition) = (field??, condition?);
        if !condition.kind.is_boolean() {
            return self.wrong_type(filter.span, "second", "boolean", &condition);
        }
        let truth = self.truth(condition, filter.condition.span)?;
        let constant = Constant::Text(category.text.clone());
        let of_category =
            self.request(&field, category.span, |request| request.equals(&field, &constant, Words::Phrase));
        Some(Truth::and(vec![of_category, truth]))
    }

    pub(super) fn condition(&mut self, condition: &ast::Expr) -> Option<Truth> {
        let value = self.value(condition)?;
        if !value.kind.is_boolean() {
            let kind = value.kind.name();
            let product = format!("Condition expression needs to be boolean, found [{}]", kind.to_uppercase());
            let message = format!("a condition is true or false; this is of type `{kind}`");
            return self.error(Code::TypeMismatch, value.span, message, product);
        }
        self.truth(value, condition.span)
    }

    /// A boolean value as a truth.
    pub(super) fn truth(&mut self, value: Value, span: Span) -> Option<Truth> {
        if let Some(truth) = value.truth {
            return Some(truth);
        }
        match (value.as_constant(), &value.expr, &value.field) {
            (Some(_), ..) => Some(Truth::Known(None)),
            (None, Expr::Field(_, field), Some(_)) => {
                let field = std::sync::Arc::clone(field);
                let wanted = Constant::Bool(true);
                Some(self.request(&field, span, |request| request.equals(&field, &wanted, Words::Phrase)))
            }
            _ => Some(Truth::Test(Predicate::Computed(value.expr))),
        }
    }

    pub(super) fn value(&mut self, expression: &ast::Expr) -> Option<Value> {
        self.depth += 1;
        let value = crate::syntax::deeper(self.depth, || self.value_of(expression));
        self.depth -= 1;
        value
    }

    fn value_of(&mut self, expression: &ast::Expr) -> Option<Value> {
        let span = expression.span;
        match &expression.kind {
            ExprKind::Literal(literal) => Some(Value::constant(datum(literal), span)),
            ExprKind::Field(field) => self.field_value(field, span),
            ExprKind::Call { name, fold, args } => {
                let args = args.iter().map(|arg| self.value(arg)).collect();
                self.call(name, *fold, args, span)
            }
            ExprKind::Sign(minus, inner) => {
                let value = self.value(inner)?;
                if *minus { self.negate(value, span) } else { Some(Value { span, ..value }) }
            }
            ExprKind::Arithmetic(operator, left, right) => {
                let (left, right) = (self.value(left), self.value(right));
                self.arithmetic(*operator, left?, right?, span)
            }
            ExprKind::Compare(operator, left, right) => {
                let (left, right) = (self.value(left), self.value(right));
                self.compare(*operator, left?, right?, span)
            }
            ExprKind::In { value, negated: not, fold, list } => {
                let value = self.value(value);
                let list: Vec<Option<Value>> = list.iter().map(|item| self.value(item)).collect();
                let found = self.membership(value?, list.into_iter().collect::<Option<_>>()?, *fold, span)?;
                Some(if *not { negated(found, span) } else { found })
            }
            ExprKind::Match { value, operator, patterns, .. } => {
                let value = self.value(value);
                let patterns: Vec<Option<Value>> = patterns.iter().map(|pattern| self.value(pattern)).collect();
                self.matched(*operator, value?, &patterns.into_iter().collect::<Option<Vec<_>>>()?, span)
            }
            ExprKind::Not(inner) => self.not(inner, span),
            ExprKind::And(items) => self.junction(items, span, Expr::And, Truth::and),
            ExprKind::Or(items) => self.junction(items, span, Expr::Or, Truth::or),
            ExprKind::Relation { .. } => self.error(
                Code::BadShape,
                span,
                "relations between processes are not evaluated",
                "Process relationships are not supported",
            ),
        }
    }

    fn not(&mut self, inner: &ast::Expr, span: Span) -> Option<Value> {
        let value = self.value(inner)?;
        if !value.kind.is_boolean() {
            return self.wrong_type(span, "", "boolean", &value);
        }
        let (expr, truth) = self.split(value)?;
        Some(Value::condition(Expr::Not(Box::new(expr)), truth.negate(), span))
    }

    fn junction(
        &mut self,
        items: &[ast::Expr],
        span: Span,
        join: fn(Vec<Expr>) -> Expr,
        truth: fn(Vec<Truth>) -> Truth,
    ) -> Option<Value> {
        let values: Vec<Option<Value>> = items.iter().map(|item| self.value(item)).collect();
        let (mut exprs, mut truths, mut whole) = (Vec::new(), Vec::new(), true);
        for (at, value) in values.into_iter().enumerate() {
            let Some(value) = value else {
                whole = false;
                continue;
            };
            if !value.kind.is_boolean() {
                // The product's operators are binary, so the place grows with each operand.
                let until = items.get(at.max(1)).map_or(span.end, |item| item.span.end);
                let ordinal = if at == 0 { "first" } else { "second" };
                whole = self.wrong_type::<()>(Span::new(span.start, until), ordinal, "boolean", &value).is_some();
                continue;
            }
            let (expr, truth) = self.split(value)?;
            exprs.push(expr);
            truths.push(truth);
        }
        whole.then(|| Value::condition(join(exprs), truth(truths), span))
    }

    /// A boolean value as a part of an expression and as a truth.
    fn split(&mut self, value: Value) -> Option<(Expr, Truth)> {
        if let Some(truth) = value.truth {
            return Some((value.expr, truth));
        }
        let (expr, place) = (value.expr.clone(), value.span);
        Some((expr, self.truth(value, place)?))
    }

    fn pipe(&mut self, pipe: &ast::Pipe) -> Option<Pipe> {
        let name = pipe.name.text.as_str();
        let arg = pipe.args.first()?;
        let value = self.value(arg)?;
        let count = value.as_constant().and_then(Datum::as_integer).and_then(|count| usize::try_from(count).ok());
        let Some(count) = count else {
            let text = self.text(arg.span);
            let product = format!("Pipe [{name}] expects a positive integer but found [{text}]");
            return self.error(Code::BadShape, arg.span, format!("`{text}` is no number of results"), product);
        };
        match name {
            "head" => Some(Pipe::Head(count)),
            "tail" => Some(Pipe::Tail(count)),
            _ => self.error(
                Code::BadShape,
                pipe.name.span,
                format!("the pipe `{name}` is not evaluated"),
                format!("Pipe [{name}] is not supported"),
            ),
        }
    }
}

fn datum(literal: &Literal) -> Datum {
    match literal {
        Literal::Null => Datum::Null,
        Literal::Bool(value) => Datum::Bool(*value),
        Literal::Float(value) => Datum::Double(*value),
        Literal::String { value, .. } => Datum::from(value.as_str()),
        Literal::Integer(value) => {
            if let Ok(value) = i32::try_from(*value) {
                Datum::Int(value)
            } else if let Ok(value) = i64::try_from(*value) {
                Datum::Long(value)
            } else {
                u64::try_from(*value).map_or(Datum::Double(*value as f64), Datum::UnsignedLong)
            }
        }
    }
}
