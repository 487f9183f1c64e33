//! Comparisons, membership, arithmetic.

use std::sync::Arc;

use super::Analysis;
use super::value::{Truth, Type, Value};
use crate::analysis::leaf::{Constant, Leaf, Request, Side, Words};
use crate::analysis::number;
use crate::diagnostic::{Code, Diagnostic};
use crate::function::arithmetic;
use crate::plan::expr::{Arithmetic, Comparison, Datum, Expr};
use crate::plan::test::{InferredTest, Number, NumberTest, TextTest};
use crate::plan::{Predicate, Test};
use crate::schema::{Field, FieldType};
use crate::source::Span;
use crate::syntax::eql::ast::{ArithmeticOperator, CompareOperator};
use crate::text::Fold;

impl Analysis<'_> {
    /// Carries out a request, or notes why Elasticsearch would refuse it.
    pub(super) fn request(&mut self, field: &Field, span: Span, ask: impl FnOnce(Request<'_>) -> Leaf) -> Truth {
        let request = Request { context: self.context, fold: Fold::Exact, time_zone: None };
        match ask(request) {
            Ok(predicate) => Truth::Test(predicate),
            Err(refusal) => {
                self.refuse(field, span, &refusal);
                Truth::Test(Predicate::Const(false))
            }
        }
    }

    /// Elasticsearch refuses this, but only when it runs the query.
    pub(super) fn refuse(&mut self, field: &Field, span: Span, refusal: &str) {
        let message =
            format!("Elasticsearch refuses this on `{}`, a field of type `{}`: {refusal}", field.name, field.type_name);
        let item = if self.context.is_strict(field) {
            Diagnostic::error(Code::Refused, span, message)
        } else {
            Diagnostic::warning(Code::RefusedLenient, span, message).with_help("it matches nothing here")
        };
        self.findings.push(item.with_product(refusal));
    }

    pub(super) fn arithmetic(
        &mut self,
        operator: ArithmeticOperator,
        left: Value,
        right: Value,
        span: Span,
    ) -> Option<Value> {
        let sides = [(&left, "first"), (&right, "second")];
        for (side, ordinal) in sides {
            if !side.kind.is_number() {
                return self.wrong_type(span, ordinal, "numeric", side);
            }
        }
        let operator = match operator {
            ArithmeticOperator::Add => Arithmetic::Add,
            ArithmeticOperator::Subtract => Arithmetic::Subtract,
            ArithmeticOperator::Multiply => Arithmetic::Multiply,
            ArithmeticOperator::Divide => Arithmetic::Divide,
            ArithmeticOperator::Modulo => Arithmetic::Modulo,
        };
        if let (Some(a), Some(b)) = (left.as_constant(), right.as_constant()) {
            let result = arithmetic::apply(operator, a, b);
            return self.folded(result, span);
        }
        let kind = widest(left.kind, right.kind);
        Some(Value::computed(Expr::Arithmetic(operator, Box::new(left.expr), Box::new(right.expr)), kind, span))
    }

    /// The result of folding, or the finding for what failed.
    pub(super) fn folded(&mut self, result: Result<Datum, String>, span: Span) -> Option<Value> {
        match result {
            Ok(datum) => Some(Value::constant(datum, span)),
            Err(problem) => {
                let message = format!("`{}` has no value: {problem}", self.text(span));
                self.error(Code::Refused, span, message, problem)
            }
        }
    }

    pub(super) fn negate(&mut self, value: Value, span: Span) -> Option<Value> {
        if !value.kind.is_number() {
            return self.wrong_type(span, "", "numeric", &value);
        }
        if let Some(datum) = value.as_constant() {
            let result = arithmetic::negate(datum);
            return self.folded(result, span);
        }
        Some(Value::computed(Expr::Negate(Box::new(value.expr)), value.kind, span))
    }

    /// `first argument of [x] must be [string], found value [y] type [z]`
    pub(super) fn wrong_type<T>(&mut self, place: Span, ordinal: &str, wanted: &str, found: &Value) -> Option<T> {
        let argument = if ordinal.is_empty() { "argument".to_owned() } else { format!("{ordinal} argument") };
        let (whole, text, kind) = (self.text(place), self.text(found.span), found.kind.name());
        let product = format!("{argument} of [{whole}] must be [{wanted}], found value [{text}] type [{kind}]");
        let own = format!("`{text}` is of type `{kind}`; {wanted} is needed here");
        let item = Diagnostic::error(Code::TypeMismatch, place, own).with_product(product);
        self.findings.push(match wanted {
            "boolean" => item.with_help(format!("compare it; `{text} != null` asks whether it has a value")),
            _ => item,
        });
        None
    }

    pub(super) fn compare(
        &mut self,
        operator: CompareOperator,
        left: Value,
        right: Value,
        span: Span,
    ) -> Option<Value> {
        let comparison = match operator {
            CompareOperator::Equal | CompareOperator::NotEqual => Comparison::Equal,
            CompareOperator::Less => Comparison::Less,
            CompareOperator::LessOrEqual => Comparison::LessOrEqual,
            CompareOperator::Greater => Comparison::Greater,
            CompareOperator::GreaterOrEqual => Comparison::GreaterOrEqual,
        };
        let value = self.compare_once(comparison, left, right, span, operator.symbol())?;
        if operator == CompareOperator::NotEqual { Some(negated(value, span)) } else { Some(value) }
    }

    fn compare_once(
        &mut self,
        comparison: Comparison,
        left: Value,
        right: Value,
        span: Span,
        symbol: &str,
    ) -> Option<Value> {
        // The constant goes to the right.
        let (comparison, left, right) = if left.as_constant().is_some() && right.as_constant().is_none() {
            (comparison.flipped(), right, left)
        } else {
            (comparison, left, right)
        };
        self.exact(&left, span, "first")?;
        self.exact(&right, span, "second")?;
        if comparison == Comparison::Equal && (left.is_null() || right.is_null()) {
            let other = if right.is_null() { left } else { right };
            return Some(is_null(other, span));
        }
        let Some(constant) = right.as_constant().cloned() else {
            return self.two_fields(comparison, left, right, span, symbol);
        };
        let expr = Expr::Compare(comparison, Box::new(left.expr.clone()), Box::new(right.expr.clone()));
        let truth = match (&left.field, &left.truth, &constant, comparison) {
            (None, Some(_), Datum::Bool(wanted), Comparison::Equal) => {
                let truth = self.truth(left, span)?;
                if *wanted { truth } else { truth.negate() }
            }
            (Some(field), ..) => self.native_compare(comparison, &Arc::clone(field), &left.expr, &constant, span),
            _ => match left.as_constant() {
                Some(known) => Truth::Known(known.order(&constant).map(|order| comparison.holds(order))),
                None if constant.is_null() => Truth::Known(None),
                None => Truth::Test(Predicate::Computed(expr.clone())),
            },
        };
        Some(Value::condition(expr, truth, span))
    }

    fn two_fields(
        &mut self,
        comparison: Comparison,
        left: Value,
        right: Value,
        span: Span,
        symbol: &str,
    ) -> Option<Value> {
        if self.settings.dialect.is_endgame() {
            let expr = Expr::Compare(comparison, Box::new(left.expr), Box::new(right.expr));
            return Some(Value::condition(expr.clone(), Truth::Test(Predicate::Computed(expr)), span));
        }
        let text = self.text(right.span);
        let product =
            format!("Comparisons against fields are not (currently) supported; offender [{text}] in [{symbol}]");
        let own = format!("`{text}` is no constant; a field is compared with constants only");
        self.error::<()>(Code::BadShape, right.span, own, product);
        self.help("compare both fields with constants, or join events by them in a sequence")
    }

    /// A bare field against a constant.
    fn native_compare(
        &mut self,
        comparison: Comparison,
        field: &Arc<Field>,
        expr: &Expr,
        constant: &Datum,
        span: Span,
    ) -> Truth {
        let exact = match expr {
            Expr::Field(_, exact) => Arc::clone(exact),
            _ => Arc::clone(field),
        };
        let side = match comparison {
            Comparison::Equal => None,
            Comparison::Less => Some(Side::Below { inclusive: false }),
            Comparison::LessOrEqual => Some(Side::Below { inclusive: true }),
            Comparison::Greater => Some(Side::Above { inclusive: false }),
            Comparison::GreaterOrEqual => Some(Side::Above { inclusive: true }),
        };
        let Some(text) = constant.to_text() else {
            return Truth::Test(Predicate::Leaf(exact, Test::Exists));
        };
        let Some(side) = side else {
            let constant = match constant {
                Datum::Bool(value) => Constant::Bool(*value),
                _ => Constant::Text(text),
            };
            return self.request(&exact, span, |request| request.equals(&exact, &constant, Words::Phrase));
        };
        self.request(&exact, span, |request| request.range(&exact, side, &text))
    }

    /// `x in (…)`, `x in~ (…)`, with constants only.
    pub(super) fn membership(&mut self, value: Value, list: Vec<Value>, fold: bool, span: Span) -> Option<Value> {
        self.exact(&value, span, "first")?;
        for (at, item) in list.iter().enumerate() {
            if item.as_constant().is_none() {
                let (text, whole) = (self.text(item.span), self.text(span));
                let product =
                    format!("Comparisons against fields are not (currently) supported; offender [{text}] in [{whole}]");
                let own = format!("`{text}` is no constant; a list holds constants only");
                return self.error(Code::BadShape, span, own, product);
            }
            if fold && !(value.kind.is_string() && item.kind.is_string()) {
                let wrong = if value.kind.is_string() { item } else { &value };
                return self.wrong_type(span, "", "string", wrong);
            }
            if !member_fits(value.kind, item.kind) {
                return self.wrong_member(&value, item, at, span);
            }
        }
        let data: Vec<Datum> = list.into_iter().filter_map(Value::into_constant).collect();
        let fold = if fold { self.native_fold() } else { Fold::Exact };
        let truth = if data.iter().all(Datum::is_null) {
            Truth::Known(None)
        } else if let Some(known) = value.as_constant() {
            match known.is_in(&data, computed_fold(fold)) {
                Datum::Bool(found) => Truth::Known(Some(found)),
                _ => Truth::Known(None),
            }
        } else if value.field.is_some() {
            self.native_in(&value, &data, fold, span)
        } else {
            let expr = Expr::In(Box::new(value.expr), data, computed_fold(fold));
            return Some(Value::condition(expr.clone(), Truth::Test(Predicate::Computed(expr)), span));
        };
        Some(Value::condition(Expr::In(Box::new(value.expr), data, computed_fold(fold)), truth, span))
    }

    fn wrong_member(&mut self, value: &Value, item: &Value, at: usize, span: Span) -> Option<Value> {
        let (whole, text) = (self.text(span), self.text(item.span));
        let (wanted, found) = (value.kind.name(), item.kind.name());
        let ordinal = match at + 1 {
            1 => "1st".to_owned(),
            2 => "2nd".to_owned(),
            3 => "3rd".to_owned(),
            n => format!("{n}th"),
        };
        let product =
            format!("{ordinal} argument of [{whole}] must be [{wanted}], found value [{text}] type [{found}]");
        let own = format!("`{text}` is of type `{found}`, and `{}` of type `{wanted}`", self.text(value.span));
        self.error::<()>(Code::TypeMismatch, span, own, product);
        match value.kind {
            Type::Ip => self.help("compare addresses with `==`, or blocks with `cidrMatch`"),
            _ => self.help("all members of a list have the type of the field"),
        }
    }

    fn native_in(&mut self, value: &Value, data: &[Datum], fold: Fold, span: Span) -> Truth {
        let Expr::Field(_, field) = &value.expr else { return Truth::Known(None) };
        let field = Arc::clone(field);
        let data: Vec<&Datum> = data.iter().filter(|datum| !datum.is_null()).collect();
        let texts = || data.iter().filter_map(|datum| datum.to_text()).collect::<Vec<_>>();
        // Read as `==` reads them: 5.0 is the whole number.
        let numbers = || data.iter().filter_map(|datum| number::parse(&datum.to_text()?)).collect::<Vec<Number>>();
        let test = match field.kind {
            kind if kind.is_number() => {
                let numbers = numbers().into_iter().filter_map(|value| number::term(value, &field)).collect();
                Test::Number(NumberTest::In(numbers))
            }
            FieldType::Inferred => {
                let booleans =
                    data.iter().filter_map(|datum| if let Datum::Bool(value) = datum { Some(*value) } else { None });
                let test = InferredTest {
                    string: Some(Test::Text(TextTest::In(texts(), fold))),
                    number: Some(inferred_in(numbers(), &field)),
                    boolean: Some(Test::Bool(booleans.collect())),
                };
                Test::Inferred(Box::new(test))
            }
            kind if kind.is_keyword() || kind == FieldType::FlattenedKey => Test::Text(TextTest::In(texts(), fold)),
            _ => {
                let each: Vec<Truth> = texts()
                    .into_iter()
                    .map(|text| {
                        let constant = Constant::Text(text);
                        self.request(&field, span, |request| request.equals(&field, &constant, Words::Phrase))
                    })
                    .collect();
                return Truth::or(each);
            }
        };
        Truth::Test(Predicate::Leaf(field, test))
    }
}

fn inferred_in(numbers: Vec<Number>, field: &Field) -> Test {
    if field.scaling_factor == 1.0 {
        return Test::Number(NumberTest::In(numbers));
    }
    Test::Any(numbers.into_iter().map(|value| Test::Number(number::inferred_term(value, field))).collect())
}

/// Text literals do not stand for addresses, dates, versions or booleans in a list.
fn member_fits(value: Type, item: Type) -> bool {
    match (value, item) {
        (Type::Ip | Type::Date | Type::Version | Type::Boolean, Type::Keyword) => false,
        _ => value.is_like(item),
    }
}

/// Computed values are folded as Java folds them.
pub(super) fn computed_fold(fold: Fold) -> Fold {
    if fold == Fold::Exact { Fold::Exact } else { Fold::Unicode }
}

fn widest(left: Type, right: Type) -> Type {
    if left == Type::Double || right == Type::Double {
        return Type::Double;
    }
    if left == Type::UnsignedLong || right == Type::UnsignedLong { Type::UnsignedLong } else { Type::Long }
}

/// The negation of a condition.
pub(super) fn negated(value: Value, span: Span) -> Value {
    let truth = value.truth.unwrap_or(Truth::Known(None)).negate();
    Value::condition(Expr::Not(Box::new(value.expr)), truth, span)
}

/// `x == null`
fn is_null(value: Value, span: Span) -> Value {
    let expr = Expr::IsNull(Box::new(value.expr.clone()));
    let truth = match (&value.expr, &value.field) {
        (Expr::Constant(datum), _) => Truth::Known(Some(datum.is_null())),
        (Expr::Field(_, field), Some(_)) => Truth::Test(Predicate::Leaf(Arc::clone(field), Test::Exists).negate()),
        _ => Truth::Test(Predicate::Computed(expr.clone())),
    };
    Value::condition(expr, truth, span)
}

/// `x != null`
pub(super) fn is_not_null(value: Value, span: Span) -> Value {
    negated(is_null(value, span), span)
}
