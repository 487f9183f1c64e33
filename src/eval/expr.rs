//! Computed leaves: an expression over one value for each occurrence of a field, true if it is true for any choice of them.
//! (Elasticsearch: EQL, scripts over multi-valued fields.)

use std::sync::Arc;

use hashbrown::HashSet;

use super::compile::{CompileError, Read, regex};
use super::program::Limits;
use super::value::Reader;
use crate::event::number::{Number, to_f64};
use crate::event::{Document, FieldKey, Value};
use crate::plan::expr::{Arithmetic, Comparison, Datum, Expr, Function};
use crate::schema::FieldType;
use crate::text::{Fold, Regex, Wildcard};

/// Most combinations of values that are tried for one event; with more the expression is not true.
const MAX_COMBINATIONS: usize = 1_000_000;
/// Beyond this many, values that make no difference are left out first.
const MANY: usize = 1_000;
/// Most occurrences of fields in one expression.
const MAX_OCCURRENCES: usize = 64;

/// A compiled expression and the fields it reads.
#[derive(Debug)]
pub(super) struct Compiled {
    reads: Vec<Read>,
    root: Op,
}

#[derive(Debug)]
enum Op {
    Constant(Datum),
    Field(usize),
    Call(Function, bool, Vec<Op>),
    Arithmetic(Arithmetic, Box<Op>, Box<Op>),
    Negate(Box<Op>),
    Compare(Comparison, Box<Op>, Box<Op>),
    In(Box<Op>, Vec<Datum>, Fold),
    Wildcard(Box<Op>, Arc<[Wildcard]>, Fold),
    Regex(Box<Op>, Regex),
    IsNull(Box<Op>),
    And(Vec<Op>),
    Or(Vec<Op>),
    Not(Box<Op>),
}

pub(super) fn compile(
    expr: &Expr,
    key: &mut dyn FnMut(&str) -> FieldKey,
    limits: Limits,
) -> Result<Compiled, CompileError> {
    let mut builder = Builder { reads: Vec::new(), key, limits };
    let root = builder.op(expr)?;
    if builder.reads.len() > MAX_OCCURRENCES {
        return Err(CompileError::new(format!("more than {MAX_OCCURRENCES} fields in one computed expression")));
    }
    Ok(Compiled { reads: builder.reads, root })
}

struct Builder<'a> {
    reads: Vec<Read>,
    key: &'a mut dyn FnMut(&str) -> FieldKey,
    limits: Limits,
}

impl Builder<'_> {
    fn boxed(&mut self, expr: &Expr) -> Result<Box<Op>, CompileError> {
        self.op(expr).map(Box::new)
    }

    fn all(&mut self, exprs: &[Expr]) -> Result<Vec<Op>, CompileError> {
        exprs.iter().map(|expr| self.op(expr)).collect()
    }

    fn op(&mut self, expr: &Expr) -> Result<Op, CompileError> {
        Ok(match expr {
            Expr::Constant(datum) => Op::Constant(datum.clone()),
            Expr::Field(_, field) => {
                if let Some(constant) = &field.constant {
                    return Ok(Op::Constant(Datum::from(constant.as_str())));
                }
                self.reads.push(Read { key: (self.key)(&field.path), reader: Reader::new(field) });
                Op::Field(self.reads.len() - 1)
            }
            Expr::Call(function, fold, args) => Op::Call(*function, *fold, self.all(args)?),
            Expr::Arithmetic(operator, left, right) => Op::Arithmetic(*operator, self.boxed(left)?, self.boxed(right)?),
            Expr::Negate(inner) => Op::Negate(self.boxed(inner)?),
            Expr::Compare(comparison, left, right) => Op::Compare(*comparison, self.boxed(left)?, self.boxed(right)?),
            Expr::In(value, list, fold) => Op::In(self.boxed(value)?, list.clone(), *fold),
            Expr::Wildcard(value, patterns, fold) => Op::Wildcard(self.boxed(value)?, patterns.clone(), *fold),
            Expr::Regex(value, own) => Op::Regex(self.boxed(value)?, regex(own, self.limits)?),
            Expr::IsNull(inner) => Op::IsNull(self.boxed(inner)?),
            Expr::And(items) => Op::And(self.all(items)?),
            Expr::Or(items) => Op::Or(self.all(items)?),
            Expr::Not(inner) => Op::Not(self.boxed(inner)?),
        })
    }
}

impl Compiled {
    /// Whether some choice of one value for each occurrence makes the expression true.
    pub fn holds(&self, event: &dyn Document) -> bool {
        let mut values: Vec<Vec<Datum>> = self.reads.iter().map(|read| read.values(event)).collect();
        if let Some(found) = self.search(&values, MANY) {
            return found;
        }
        self.root.thin(&mut values);
        self.search(&values, MAX_COMBINATIONS).unwrap_or(false)
    }

    /// Tries so many choices; `None` where there are more.
    fn search(&self, values: &[Vec<Datum>], most: usize) -> Option<bool> {
        let mut choice = vec![0_usize; values.len()];
        for _ in 0..most {
            let value = |at: usize| values.get(at).and_then(|list| list.get(choice[at])).unwrap_or(&Datum::Null);
            if self.root.eval(&value) == Datum::Bool(true) {
                return Some(true);
            }
            if !advance(&mut choice, values) {
                return Some(false);
            }
        }
        None
    }
}

/// The next choice, the last occurrence varying fastest.
fn advance(choice: &mut [usize], values: &[Vec<Datum>]) -> bool {
    for (at, list) in choice.iter_mut().zip(values).rev() {
        *at += 1;
        if *at < list.len() {
            return true;
        }
        *at = 0;
    }
    false
}

impl Read {
    /// The values of the field; one null where there is none.
    fn values(&self, event: &dyn Document) -> Vec<Datum> {
        let mut out = Vec::new();
        event.any(&self.key, &mut |value| {
            if let Some(datum) = datum(&self.reader, value) {
                out.push(datum);
            }
            false
        });
        if out.is_empty() {
            out.push(Datum::Null);
        }
        out
    }
}

/// A value as an expression sees it.
pub(super) fn datum(reader: &Reader, value: Value<'_>) -> Option<Datum> {
    let value = reader.or_null_value(value);
    Some(match reader.kind {
        FieldType::Boolean => Datum::Bool(reader.boolean(value)?),
        FieldType::Ip => Datum::Ip(reader.ip(value)?),
        FieldType::Date | FieldType::DateNanos => Datum::Date(reader.date(value)?),
        FieldType::Version => Datum::Version(reader.text(value)?.into()),
        FieldType::Inferred => match value {
            Value::Bool(value) => Datum::Bool(value),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => number(reader.number(value)?),
            _ => Datum::Text(reader.text(value)?.into()),
        },
        FieldType::ScaledFloat => Datum::Double(to_f64(reader.number(value)?) / reader.scaling_factor()),
        // Whole numbers too: such a field divides and prints as a double.
        kind if kind.is_float() => Datum::Double(to_f64(reader.number(value)?)),
        kind if kind.is_number() => number(reader.number(value)?),
        _ => Datum::Text(reader.text(value)?.into()),
    })
}

/// Whether a value is this one to an expression; `None` where it is none.
pub(super) fn is_datum(reader: &Reader, value: Value<'_>, known: &Datum) -> Option<bool> {
    // Texts are the most frequent, and need not be copied.
    if let (Datum::Text(known), Value::Str(_)) = (known, value)
        && matches!(reader.kind, FieldType::Keyword | FieldType::Wildcard | FieldType::Inferred)
    {
        return reader.text(value).map(|text| *text == **known);
    }
    datum(reader, value).map(|datum| datum.compare(known).is_eq())
}

fn number(number: Number) -> Datum {
    match number {
        Number::Int(value) => i64::try_from(value).map_or_else(
            |_| u64::try_from(value).map_or(Datum::Double(value as f64), Datum::UnsignedLong),
            Datum::Long,
        ),
        Number::Float(value) => Datum::Double(value),
    }
}

type Values<'a> = &'a dyn Fn(usize) -> &'a Datum;

impl Op {
    /// The value for one choice. What fails in Elasticsearch at this point is null here.
    fn eval(&self, values: Values<'_>) -> Datum {
        match self {
            Self::Constant(datum) => datum.clone(),
            Self::Field(at) => values(*at).clone(),
            Self::Call(function, fold, args) => {
                let args: Vec<Datum> = args.iter().map(|arg| arg.eval(values)).collect();
                function.apply(&args, *fold).unwrap_or(Datum::Null)
            }
            Self::Arithmetic(operator, left, right) => {
                crate::function::arithmetic::apply(*operator, &left.eval(values), &right.eval(values))
                    .unwrap_or(Datum::Null)
            }
            Self::Negate(inner) => crate::function::arithmetic::negate(&inner.eval(values)).unwrap_or(Datum::Null),
            Self::Compare(comparison, left, right) => {
                truth(left.eval(values).order(&right.eval(values)).map(|order| comparison.holds(order)))
            }
            Self::In(value, list, fold) => value.eval(values).is_in(list, *fold),
            Self::Wildcard(value, patterns, fold) => truth(
                value.eval(values).as_text().map(|text| patterns.iter().any(|pattern| pattern.matches(text, *fold))),
            ),
            Self::Regex(value, regex) => truth(value.eval(values).as_text().map(|text| regex.matches(text))),
            Self::IsNull(inner) => Datum::Bool(inner.eval(values).is_null()),
            Self::And(items) => kleene(items.iter().map(|item| item.eval(values)), false),
            Self::Or(items) => kleene(items.iter().map(|item| item.eval(values)), true),
            Self::Not(inner) => match inner.eval(values) {
                Datum::Bool(value) => Datum::Bool(!value),
                _ => Datum::Null,
            },
        }
    }
}

impl Op {
    /// Leaves out the values of a field that give what another value gives, as far as the field is read alone:
    /// `length(a) - length(b)` needs one text of each length.
    fn thin(&self, values: &mut [Vec<Datum>]) {
        let (mut first, mut fields) = (None, 0);
        self.each_field(&mut |at| {
            first = first.or(Some(at));
            fields += 1;
        });
        let Some(list) = first.and_then(|at| values.get_mut(at)) else { return };
        if fields > 1 {
            return self.operands().into_iter().for_each(|operand| operand.thin(values));
        }
        let mut seen = HashSet::new();
        // What is written out is equal for equal values of one kind only: 5 and 5.0 divide differently.
        list.retain(|value| seen.insert(format!("{:?}", self.eval(&|_| value))));
    }

    fn each_field(&self, visit: &mut dyn FnMut(usize)) {
        match self {
            Self::Field(at) => visit(*at),
            _ => self.operands().into_iter().for_each(|operand| operand.each_field(visit)),
        }
    }

    fn operands(&self) -> Vec<&Self> {
        match self {
            Self::Constant(_) | Self::Field(_) => Vec::new(),
            Self::Call(_, _, items) | Self::And(items) | Self::Or(items) => items.iter().collect(),
            Self::Arithmetic(_, left, right) | Self::Compare(_, left, right) => vec![left, right],
            Self::Negate(inner)
            | Self::In(inner, ..)
            | Self::Wildcard(inner, ..)
            | Self::Regex(inner, _)
            | Self::IsNull(inner)
            | Self::Not(inner) => vec![inner],
        }
    }
}

fn truth(value: Option<bool>) -> Datum {
    value.map_or(Datum::Null, Datum::Bool)
}

/// `and` (`decides` is false) and `or` (`decides` is true).
fn kleene(items: impl Iterator<Item = Datum>, decides: bool) -> Datum {
    let mut unknown = false;
    for item in items {
        match item {
            Datum::Bool(value) if value == decides => return Datum::Bool(decides),
            Datum::Bool(_) => {}
            _ => unknown = true,
        }
    }
    if unknown { Datum::Null } else { Datum::Bool(!decides) }
}
