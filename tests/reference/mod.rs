//! The plain evaluator: what a plan means, said as directly as it can be said. No index, no order of questions, no state over a
//! stream: each field is looked for anew, each sequence is found over the whole batch. The fast path is tested against it.
#![allow(dead_code, reason = "each test uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod batch;

use std::net::IpAddr;
use std::ops::{Bound, RangeBounds};

use elkhound::event::number::{Number, compare, rounded};
use elkhound::event::time::{DateFormat, Instant, MILLISECOND, Rounding};
use elkhound::function::{Datum, arithmetic};
use elkhound::plan::test::{DateTest, IpTest, NumberTest, TextTest, TokenTest, VersionTest};
use elkhound::plan::{AnyField, Expr, Predicate, Test, Types};
use elkhound::schema::{Field, FieldType, Lookup};
use elkhound::text::{Fold, Wildcard, WildcardPart, compare_versions, ip_number, parse_ip, tokens};
use serde_json::Value as Json;

/// Whether the document satisfies the predicate.
pub fn holds(predicate: &Predicate, document: &Json) -> bool {
    within(predicate, document, "")
}

/// The same for an object at the path `inside`, whose fields are named in full.
fn within(predicate: &Predicate, object: &Json, inside: &str) -> bool {
    match predicate {
        Predicate::Const(value) => *value,
        Predicate::And(items) => items.iter().all(|item| within(item, object, inside)),
        Predicate::Or(items) => items.iter().any(|item| within(item, object, inside)),
        Predicate::Not(inner) => !within(inner, object, inside),
        Predicate::Leaf(field, test) => of_field(field, object, inside).iter().any(|value| passes(test, field, value)),
        Predicate::AnyField(any) => any_field(any, object, inside),
        Predicate::Computed(expr) => some_choice(expr, object, inside),
        Predicate::Nested(path, inner) => {
            let objects = found(object).into_iter().filter(|(name, _)| name == below(path, inside));
            let mut objects = objects.filter(|(_, value)| value.is_object());
            objects.any(|(_, object)| within(inner, &object, &format!("{path}.")))
        }
    }
}

fn below<'a>(path: &'a str, inside: &str) -> &'a str {
    path.strip_prefix(inside).unwrap_or(path)
}

/// Everything in the document with its dotted path: leaves and objects, arrays taken apart.
fn found(document: &Json) -> Vec<(String, Json)> {
    fn walk(json: &Json, path: &str, out: &mut Vec<(String, Json)>) {
        match json {
            Json::Array(items) => items.iter().for_each(|item| walk(item, path, out)),
            Json::Object(object) => {
                if !path.is_empty() {
                    out.push((path.to_owned(), json.clone()));
                }
                for (key, value) in object {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(value, &path, out);
                }
            }
            leaf => out.push((path.to_owned(), leaf.clone())),
        }
    }
    let mut out = Vec::new();
    walk(document, "", &mut out);
    out
}

/// The values of a field, objects and nulls included.
pub fn values(document: &Json, path: &str) -> Vec<Json> {
    found(document).into_iter().filter(|(name, _)| name == path).map(|(_, value)| value).collect()
}

/// The values of a field that may have one for every document.
pub fn of_field(field: &Field, object: &Json, inside: &str) -> Vec<Json> {
    match &field.constant {
        Some(constant) => vec![constant.as_str().into()],
        None => values(object, below(&field.path, inside)),
    }
}

fn any_field(any: &AnyField, object: &Json, inside: &str) -> bool {
    found(object).into_iter().filter(|(_, value)| !value.is_object()).any(|(name, value)| {
        let name = format!("{inside}{name}");
        let field = match &any.types {
            Types::Same(field) => (**field).clone(),
            Types::Schema(schema) => match schema.lookup(&name) {
                Lookup::Field(field) if field.nested.as_ref().is_none_or(|own| inside == format!("{own}.")) => {
                    (*field).clone()
                }
                _ => return false,
            },
        };
        fits(&any.name, &name, Fold::Exact)
            && any.tests.iter().any(|(kind, test)| *kind == field.kind && passes(test, &field, &value))
    })
}

/// Whether one value, read as its field's type reads it, passes.
fn passes(test: &Test, field: &Field, value: &Json) -> bool {
    let value = instead_of_null(field, value);
    match test {
        Test::Exists => exists(field, value),
        Test::Text(test) => text(field, value).is_some_and(|text| text_passes(test, &text)),
        Test::Tokens(test) => text(field, value).is_some_and(|text| tokens_pass(test, &tokens(&text))),
        Test::Number(NumberTest::In(wanted)) => {
            number(field, value).is_some_and(|found| wanted.iter().any(|&wanted| compare(found, wanted).is_eq()))
        }
        Test::Number(NumberTest::Range(low, high)) => {
            number(field, value).is_some_and(|found| between(low, high, |bound| compare(found, *bound)))
        }
        Test::Ip(test) => ip(value).is_some_and(|ip| match test {
            IpTest::In(blocks) => blocks.iter().any(|block| {
                // Every address as an IPv6 one: a block of the whole IPv6 space holds the mapped addresses too.
                let (first, last) = (ip_number(block.network()), ip_number(block.broadcast()));
                (first..=last).contains(&ip_number(ip))
            }),
            IpTest::Range(low, high) => between(low, high, |bound| ip_number(ip).cmp(&ip_number(*bound))),
        }),
        Test::Date(DateTest::Range(low, high)) => {
            date(field, value).is_some_and(|found| (*low, *high).contains(&found))
        }
        Test::Bool(wanted) => boolean(value).is_some_and(|found| wanted.contains(&found)),
        Test::Version(test) => text(field, value).is_some_and(|found| match test {
            VersionTest::In(wanted) => wanted.contains(&found),
            VersionTest::Range(low, high) => between(low, high, |bound| compare_versions(&found, bound)),
            VersionTest::Wildcard(pattern) => fits(pattern, &found, Fold::Exact),
        }),
        Test::Inferred(tests) => {
            let test = match value {
                Json::String(_) => &tests.string,
                Json::Number(_) => &tests.number,
                Json::Bool(_) => &tests.boolean,
                _ => &None,
            };
            test.as_ref().is_some_and(|test| passes(test, field, value))
        }
        Test::Any(tests) => tests.iter().any(|test| passes(test, field, value)),
    }
}

fn text_passes(test: &TextTest, text: &str) -> bool {
    match test {
        TextTest::In(wanted, fold) => wanted.iter().any(|wanted| fold.same(text, wanted)),
        TextTest::Prefix(part, fold) => fold.text(text).starts_with(&*fold.text(part)),
        TextTest::Suffix(part, fold) => fold.text(text).ends_with(&*fold.text(part)),
        TextTest::Contains(part, fold) => fold.text(text).contains(&*fold.text(part)),
        TextTest::Wildcard(patterns, fold) => patterns.iter().any(|pattern| fits(pattern, text, *fold)),
        TextTest::Regex(regex) => regex.matches(text),
        TextTest::Range(low, high) => between(low, high, |bound| text.cmp(bound)),
    }
}

fn tokens_pass(test: &TokenTest, tokens: &[String]) -> bool {
    match test {
        TokenTest::Any(wanted) => tokens.iter().any(|token| wanted.contains(token)),
        TokenTest::Phrase(wanted) => tokens.windows(wanted.len().max(1)).any(|window| window == wanted),
        TokenTest::Wildcard(pattern, fold) => tokens.iter().any(|token| fits(pattern, token, *fold)),
        TokenTest::Range(low, high) => tokens.iter().any(|token| between(low, high, |bound| token.cmp(bound))),
    }
}

/// Whether the whole text fits the pattern, by trying every length for each `*`.
fn fits(pattern: &Wildcard, text: &str, fold: Fold) -> bool {
    fn rest(parts: &[WildcardPart], text: &[char], fold: Fold) -> bool {
        match parts {
            [] => text.is_empty(),
            [WildcardPart::One, parts @ ..] => !text.is_empty() && rest(parts, &text[1..], fold),
            [WildcardPart::Any, parts @ ..] => (0..=text.len()).any(|skip| rest(parts, &text[skip..], fold)),
            [WildcardPart::Text(literal), parts @ ..] => {
                let literal: Vec<char> = literal.chars().collect();
                let same = |(a, b): (&char, &char)| fold.char(*a) == fold.char(*b);
                text.len() >= literal.len()
                    && text.iter().zip(&literal).all(same)
                    && rest(parts, &text[literal.len()..], fold)
            }
        }
    }
    rest(&pattern.0, &text.chars().collect::<Vec<_>>(), fold)
}

/// Whether a value lies between bounds, given how it compares with a bound.
fn between<T>(low: &Bound<T>, high: &Bound<T>, compared: impl Fn(&T) -> std::cmp::Ordering) -> bool {
    let above = match low {
        Bound::Unbounded => true,
        Bound::Included(bound) => compared(bound).is_ge(),
        Bound::Excluded(bound) => compared(bound).is_gt(),
    };
    let under = match high {
        Bound::Unbounded => true,
        Bound::Included(bound) => compared(bound).is_le(),
        Bound::Excluded(bound) => compared(bound).is_lt(),
    };
    above && under
}

fn instead_of_null<'a>(field: &'a Field, value: &'a Json) -> &'a Json {
    if value.is_null() { field.null_value.as_ref().unwrap_or(value) } else { value }
}

fn text(field: &Field, value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(_) | Json::Bool(_) => value.to_string(),
        _ => return None,
    };
    let short = field.ignore_above.is_none_or(|limit| text.encode_utf16().count() <= limit);
    short.then(|| if field.lowercase { elkhound::text::tokens::lower(&text) } else { text })
}

fn number(field: &Field, value: &Json) -> Option<Number> {
    let number = match value {
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Number::Int(whole.into()),
            (None, Some(whole)) => Number::Int(whole.into()),
            _ => Number::Float(number.as_f64()?),
        },
        Json::String(text) if field.kind != FieldType::Inferred => {
            let text = text.trim();
            let plain = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
            match text.parse() {
                Ok(whole) => Number::Int(whole),
                Err(_) => Number::Float(text.parse().ok().filter(|_| plain)?),
            }
        }
        _ => return None,
    };
    if let Some(kind) = field.kind.float_kind() {
        return Some(rounded(number, kind, field.scaling_factor));
    }
    if field.kind == FieldType::Inferred {
        return Some(number);
    }
    let whole = match number {
        Number::Int(whole) => whole,
        Number::Float(value) if value.abs() < 1e30 => value.trunc() as i128,
        Number::Float(_) => return None,
    };
    let bits = match field.kind {
        FieldType::Byte => 7,
        FieldType::Short => 15,
        FieldType::Integer => 31,
        FieldType::UnsignedLong => return (0..1 << 64).contains(&whole).then_some(Number::Int(whole)),
        _ => 63,
    };
    (-(1_i128 << bits)..1 << bits).contains(&whole).then_some(Number::Int(whole))
}

fn ip(value: &Json) -> Option<IpAddr> {
    value.as_str().and_then(parse_ip)
}

fn date(field: &Field, value: &Json) -> Option<Instant> {
    if !field.kind.is_date() {
        return None;
    }
    let format = field.format.as_deref().map_or_else(DateFormat::default, DateFormat::new);
    let instant = match value {
        Json::String(text) => format.parse(text, Rounding::Down).ok()?,
        Json::Number(number) => match number.as_i64() {
            Some(whole) => format.parse_number(whole)?,
            None => format.parse_float(number.as_f64().filter(|_| !number.is_u64())?)?,
        },
        _ => return None,
    };
    Some(if field.kind == FieldType::Date { instant.div_euclid(MILLISECOND) * MILLISECOND } else { instant })
}

fn boolean(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::String(text) if text == "true" => Some(true),
        Json::String(text) if text == "false" || text.is_empty() => Some(false),
        _ => None,
    }
}

fn exists(field: &Field, value: &Json) -> bool {
    match field.kind {
        FieldType::Object
        | FieldType::Inferred
        | FieldType::Flattened
        | FieldType::Nested
        | FieldType::Unsearchable => match value {
            Json::Object(_) => found(value).iter().any(|(_, leaf)| !leaf.is_null() && !leaf.is_object()),
            leaf => !leaf.is_null(),
        },
        kind if kind.is_number() => number(field, value).is_some(),
        kind if kind.is_date() => date(field, value).is_some(),
        FieldType::Ip => ip(value).is_some(),
        FieldType::Boolean => boolean(value).is_some(),
        _ => text(field, value).is_some(),
    }
}

/// A value as a computed expression, or a join key, has it.
pub fn datum(field: &Field, value: &Json) -> Option<Datum> {
    let value = instead_of_null(field, value);
    let of_number = |found: Number| match found {
        Number::Int(count) if field.kind == FieldType::ScaledFloat => {
            Datum::Double(count as f64 / field.scaling_factor)
        }
        Number::Int(whole) if field.kind.is_float() => Datum::Double(whole as f64),
        Number::Int(whole) => match (i64::try_from(whole), u64::try_from(whole)) {
            (Ok(whole), _) => Datum::Long(whole),
            (_, Ok(whole)) => Datum::UnsignedLong(whole),
            _ => Datum::Double(whole as f64),
        },
        Number::Float(value) => Datum::Double(value),
    };
    match field.kind {
        FieldType::Boolean => boolean(value).map(Datum::Bool),
        FieldType::Ip => ip(value).map(Datum::Ip),
        FieldType::Date | FieldType::DateNanos => date(field, value).map(Datum::Date),
        FieldType::Version => text(field, value).map(|text| Datum::Version(text.into())),
        FieldType::Inferred if value.is_boolean() => boolean(value).map(Datum::Bool),
        FieldType::Inferred if value.is_number() => number(field, value).map(of_number),
        kind if kind.is_number() => number(field, value).map(of_number),
        _ => text(field, value).map(Datum::from),
    }
}

/// Whether the expression is true for some choice of one value for each occurrence of a field.
fn some_choice(expr: &Expr, object: &Json, inside: &str) -> bool {
    let mut occurrences = Vec::new();
    fields(expr, &mut occurrences);
    let mut choices: Vec<Vec<(usize, Datum)>> = vec![Vec::new()];
    for (number, field) in occurrences {
        let values = of_field(&field, object, inside);
        let mut values: Vec<Datum> = values.iter().filter_map(|value| datum(&field, value)).collect();
        if values.is_empty() {
            values.push(Datum::Null);
        }
        choices = choices
            .iter()
            .flat_map(|chosen| values.iter().map(|value| [chosen.as_slice(), &[(number, value.clone())]].concat()))
            .collect();
    }
    choices.iter().any(|chosen| value(expr, chosen) == Datum::Bool(true))
}

fn fields(expr: &Expr, out: &mut Vec<(usize, Field)>) {
    match expr {
        Expr::Constant(_) => {}
        Expr::Field(number, field) => out.push((*number, (**field).clone())),
        Expr::Call(_, _, items) | Expr::And(items) | Expr::Or(items) => items.iter().for_each(|item| fields(item, out)),
        Expr::Arithmetic(_, left, right) | Expr::Compare(_, left, right) => {
            fields(left, out);
            fields(right, out);
        }
        Expr::Negate(inner)
        | Expr::In(inner, ..)
        | Expr::Wildcard(inner, ..)
        | Expr::Regex(inner, ..)
        | Expr::IsNull(inner)
        | Expr::Not(inner) => fields(inner, out),
    }
}

fn value(expr: &Expr, chosen: &[(usize, Datum)]) -> Datum {
    let of = |expr: &Expr| value(expr, chosen);
    let truth = |known: Option<bool>| known.map_or(Datum::Null, Datum::Bool);
    match expr {
        Expr::Constant(datum) => datum.clone(),
        Expr::Field(number, _) => chosen.iter().find(|(at, _)| at == number).unwrap().1.clone(),
        Expr::Call(function, fold, args) => {
            function.apply(&args.iter().map(of).collect::<Vec<_>>(), *fold).unwrap_or(Datum::Null)
        }
        Expr::Arithmetic(operator, left, right) => {
            arithmetic::apply(*operator, &of(left), &of(right)).unwrap_or(Datum::Null)
        }
        Expr::Negate(inner) => arithmetic::negate(&of(inner)).unwrap_or(Datum::Null),
        Expr::Compare(comparison, left, right) => {
            truth(of(left).order(&of(right)).map(|order| comparison.holds(order)))
        }
        Expr::In(inner, list, fold) => of(inner).is_in(list, *fold),
        Expr::Wildcard(inner, patterns, fold) => {
            truth(of(inner).as_text().map(|text| patterns.iter().any(|pattern| fits(pattern, text, *fold))))
        }
        Expr::Regex(inner, regex) => truth(of(inner).as_text().map(|text| regex.matches(text))),
        Expr::IsNull(inner) => Datum::Bool(of(inner).is_null()),
        Expr::And(items) => least(items.iter().map(of), false),
        Expr::Or(items) => least(items.iter().map(of), true),
        Expr::Not(inner) => match of(inner) {
            Datum::Bool(value) => Datum::Bool(!value),
            _ => Datum::Null,
        },
    }
}

/// Kleene's rules: the deciding value wins, then the unknown, then the other.
fn least(items: impl Iterator<Item = Datum>, deciding: bool) -> Datum {
    let items: Vec<Datum> = items.collect();
    match () {
        () if items.contains(&Datum::Bool(deciding)) => Datum::Bool(deciding),
        () if items.iter().all(|item| *item == Datum::Bool(!deciding)) => Datum::Bool(!deciding),
        () => Datum::Null,
    }
}
