//! Expressions over one event, or over the events of an item in a pipe: Kleene's logic throughout.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::relation::Relations;
use super::value::{float, integer};
use super::{Scope, function, literal_text};
use crate::syntax::eql::ast::{ArithmeticOperator, CompareOperator, Expr, ExprKind, Field, FieldPart, Literal};
use crate::syntax::eql::print_expression;

/// What names stand for.
pub(super) struct Environment<'a> {
    pub scope: &'a Scope,
    event: &'a Json,
    /// In a pipe: the events of the item.
    events: Option<&'a [&'a Json]>,
    relations: Option<&'a Relations>,
    variables: Vec<(String, Json)>,
}

impl<'a> Environment<'a> {
    pub const fn new(scope: &'a Scope, event: &'a Json) -> Self {
        Self { scope, event, events: None, relations: None, variables: Vec::new() }
    }

    pub fn with_relations(self, relations: &'a Relations) -> Self {
        Self { relations: Some(relations), ..self }
    }

    pub const fn of_item(scope: &'a Scope, first: &'a Json, events: &'a [&'a Json]) -> Self {
        Self { scope, event: first, events: Some(events), relations: None, variables: Vec::new() }
    }

    /// Whether the expression is true.
    pub fn holds(&mut self, expr: &Expr) -> bool {
        truth(&self.eval(expr)) == Some(true)
    }

    pub fn eval(&mut self, expr: &Expr) -> Json {
        match &expr.kind {
            ExprKind::Literal(value) => literal(value),
            ExprKind::Field(field) => self.field(field),
            ExprKind::Call { name, args, .. } => function::call(self, &name.text, args),
            ExprKind::Sign(minus, inner) => {
                let value = self.eval(inner);
                if *minus { arithmetic(ArithmeticOperator::Subtract, &Json::from(0), &value) } else { value }
            }
            ExprKind::Arithmetic(operator, left, right) => arithmetic(*operator, &self.eval(left), &self.eval(right)),
            ExprKind::Compare(operator, left, right) => self.compare(*operator, left, right),
            ExprKind::In { value, negated, list, .. } => {
                let found = self.is_in(value, list);
                if *negated { negate(found) } else { found }
            }
            ExprKind::Not(inner) => negate(self.eval(inner)),
            ExprKind::And(items) => self.junction(items, false),
            ExprKind::Or(items) => self.junction(items, true),
            ExprKind::Relation { .. } => {
                let found = self.relations.and_then(|relations| relations.result(expr.span, self.event));
                found.map_or(Json::Null, Json::Bool)
            }
            ExprKind::Match { .. } => Json::Null,
        }
    }

    /// Evaluates with `name` standing for `value`.
    pub fn with_variable(&mut self, name: &str, value: Json, expr: &Expr) -> Json {
        self.variables.push((name.to_owned(), value));
        let result = self.eval(expr);
        self.variables.pop();
        result
    }

    fn field(&self, field: &Field) -> Json {
        let Some((FieldPart::Name { text, .. }, rest)) = field.path.split_first() else { return Json::Null };
        if let Some((_, value)) = self.variables.iter().rev().find(|(name, _)| name == text) {
            return walk(value, rest);
        }
        if let (Some(events), "events", Some((FieldPart::Index(at), rest))) =
            (self.events, text.as_str(), rest.split_first())
        {
            let event = usize::try_from(*at).ok().and_then(|at| events.get(at));
            return event.map_or(Json::Null, |event| walk(event, rest));
        }
        walk(self.event, &field.path)
    }

    fn compare(&mut self, operator: CompareOperator, left: &Expr, right: &Expr) -> Json {
        let equality = matches!(operator, CompareOperator::Equal | CompareOperator::NotEqual);
        let positive = operator == CompareOperator::Equal;
        if equality && is_null(left) | is_null(right) {
            let both = self.eval(left).is_null() && self.eval(right).is_null();
            return Json::Bool(both == positive);
        }
        if !is_literal(left) && is_alike(left, right) {
            return Json::Bool(holds(operator, Ordering::Equal));
        }
        if equality {
            for (pattern, value) in [(left, right), (right, left)] {
                if let Some(pattern) = literal_text(pattern).filter(|text| text.contains('*')) {
                    let found = function::wildcard(self.scope, &self.eval(value), &[pattern]);
                    return if positive { found } else { negate(found) };
                }
            }
        }
        let order = self.scope.order(&self.eval(left), &self.eval(right));
        order.map_or(Json::Null, |order| Json::Bool(holds(operator, order)))
    }

    /// A list of constants is a set, in which a value is or is not; any other list is a chain of comparisons.
    fn is_in(&mut self, value: &Expr, list: &[Expr]) -> Json {
        if list.iter().all(is_literal) {
            return self.is_in_set(value, list);
        }
        if list.iter().any(|item| !is_literal(item) && is_alike(value, item)) {
            return Json::Bool(true);
        }
        let found = self.eval(value);
        let mut unknown = false;
        for item in list {
            let item = self.eval(item);
            match self.equals(&found, &item) {
                Some(true) => return Json::Bool(true),
                Some(false) => {}
                None => unknown = true,
            }
        }
        if unknown { Json::Null } else { Json::Bool(false) }
    }

    fn is_in_set(&mut self, value: &Expr, list: &[Expr]) -> Json {
        let found = self.eval(value);
        if found.is_null() && !is_literal(value) {
            return Json::Null;
        }
        let items = || {
            list.iter().map(|item| if let ExprKind::Literal(value) = &item.kind { literal(value) } else { Json::Null })
        };
        if items().any(|item| self.scope.same(&found, &item)) {
            return Json::Bool(true);
        }
        // A set of one is a comparison, which other kinds of values do not take part in.
        let only =
            items().next().filter(|first| !is_literal(value) && items().all(|item| self.scope.same(first, &item)));
        match only {
            Some(only) if self.equals(&found, &only).is_none() => Json::Null,
            _ => Json::Bool(false),
        }
    }

    /// Whether two values of a kind are equal; those of different kinds, and nulls, are not compared.
    fn equals(&self, left: &Json, right: &Json) -> Option<bool> {
        match (left, right) {
            (Json::Array(_), Json::Array(_)) | (Json::Object(_), Json::Object(_)) => Some(left == right),
            _ => self.scope.order(left, right).map(Ordering::is_eq),
        }
    }

    fn junction(&mut self, items: &[Expr], decides: bool) -> Json {
        let mut unknown = false;
        for item in items {
            match truth(&self.eval(item)) {
                Some(value) if value == decides => return Json::Bool(decides),
                Some(_) => {}
                None => unknown = true,
            }
        }
        if unknown { Json::Null } else { Json::Bool(!decides) }
    }
}

const fn is_literal(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(_))
}

const fn holds(operator: CompareOperator, order: Ordering) -> bool {
    match operator {
        CompareOperator::Equal => order.is_eq(),
        CompareOperator::NotEqual => order.is_ne(),
        CompareOperator::Less => order.is_lt(),
        CompareOperator::LessOrEqual => order.is_le(),
        CompareOperator::Greater => order.is_gt(),
        CompareOperator::GreaterOrEqual => order.is_ge(),
    }
}

/// Whether both are the same expression.
fn is_alike(left: &Expr, right: &Expr) -> bool {
    let all = |a: &[Expr], b: &[Expr]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_alike(a, b));
    match (&left.kind, &right.kind) {
        (ExprKind::Literal(a), ExprKind::Literal(b)) => literal(a) == literal(b),
        (ExprKind::Field(a), ExprKind::Field(b)) => {
            a.path.len() == b.path.len() && a.path.iter().zip(&b.path).all(|(a, b)| is_same_part(a, b))
        }
        (ExprKind::Call { name: a, args: x, .. }, ExprKind::Call { name: b, args: y, .. }) => {
            a.text == b.text && all(x, y)
        }
        (ExprKind::Sign(a, x), ExprKind::Sign(b, y)) => a == b && is_alike(x, y),
        (ExprKind::Not(x), ExprKind::Not(y)) => is_alike(x, y),
        (ExprKind::Arithmetic(a, x, v), ExprKind::Arithmetic(b, y, w)) => a == b && is_alike(x, y) && is_alike(v, w),
        (ExprKind::Compare(a, x, v), ExprKind::Compare(b, y, w)) => a == b && is_alike(x, y) && is_alike(v, w),
        (ExprKind::And(x), ExprKind::And(y)) | (ExprKind::Or(x), ExprKind::Or(y)) => all(x, y),
        (ExprKind::In { .. }, ExprKind::In { .. }) | (ExprKind::Relation { .. }, ExprKind::Relation { .. }) => {
            print_expression(left) == print_expression(right)
        }
        _ => false,
    }
}

fn is_same_part(left: &FieldPart, right: &FieldPart) -> bool {
    match (left, right) {
        (FieldPart::Name { text: a, .. }, FieldPart::Name { text: b, .. }) => a == b,
        (FieldPart::Index(a), FieldPart::Index(b)) => a == b,
        _ => false,
    }
}

const fn is_null(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(Literal::Null))
}

fn negate(value: Json) -> Json {
    truth(&value).map_or(Json::Null, |value| Json::Bool(!value))
}

/// A value of unknown type as a condition: what is empty or zero is false.
pub(super) fn truth(value: &Json) -> Option<bool> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => *value,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(object) => !object.is_empty(),
    })
}

fn literal(value: &Literal) -> Json {
    match value {
        Literal::Null => Json::Null,
        Literal::Bool(value) => Json::Bool(*value),
        Literal::Integer(value) => integer(*value),
        Literal::Float(value) => float(*value),
        Literal::String { value, .. } => Json::String(value.clone()),
    }
}

/// What stands at a path. A step below a text compares: `subtype.create` is `subtype == "create"`.
fn walk(value: &Json, path: &[FieldPart]) -> Json {
    let Some((part, rest)) = path.split_first() else { return value.clone() };
    match (part, value) {
        (FieldPart::Name { text, .. }, Json::Object(object)) => {
            object.get(text).map_or(Json::Null, |value| walk(value, rest))
        }
        (FieldPart::Name { text, .. }, Json::String(found)) => Json::Bool(found == text),
        (FieldPart::Index(at), Json::Array(items)) => {
            usize::try_from(*at).ok().and_then(|at| items.get(at)).map_or(Json::Null, |value| walk(value, rest))
        }
        _ => Json::Null,
    }
}

/// Whole numbers divide downwards; a division by zero has no value.
pub(super) fn arithmetic(operator: ArithmeticOperator, left: &Json, right: &Json) -> Json {
    if let (Some(a), Some(b)) = (left.as_i64(), right.as_i64()) {
        let (a, b) = (i128::from(a), i128::from(b));
        return match operator {
            ArithmeticOperator::Add => integer(a + b),
            ArithmeticOperator::Subtract => integer(a - b),
            ArithmeticOperator::Multiply => integer(a * b),
            _ if b == 0 => Json::Null,
            ArithmeticOperator::Divide => integer(floor_div(a, b)),
            ArithmeticOperator::Modulo => integer(a - b * floor_div(a, b)),
        };
    }
    let (Some(a), Some(b)) = (left.as_f64(), right.as_f64()) else { return Json::Null };
    match operator {
        ArithmeticOperator::Add => float(a + b),
        ArithmeticOperator::Subtract => float(a - b),
        ArithmeticOperator::Multiply => float(a * b),
        _ if b == 0.0 => Json::Null,
        ArithmeticOperator::Divide => float(a / b),
        ArithmeticOperator::Modulo => float(a - b * (a / b).floor()),
    }
}

const fn floor_div(a: i128, b: i128) -> i128 {
    let quotient = a / b;
    if a % b != 0 && ((a < 0) != (b < 0)) { quotient - 1 } else { quotient }
}
