//! The functions of the dialect. A wrong or null argument gives null unless the function says otherwise.

use serde_json::Value as Json;

use super::Scope;
use super::eval::{Environment, arithmetic};
use super::value::{float, text_of};
use crate::syntax::eql::ast::{ArithmeticOperator, Expr, ExprKind, FieldPart};
use crate::text::{Fold, IpSet, Wildcard, WildcardPart, parse_block, parse_ip};

/// How many arguments a function takes, and how many of the first ones have to be texts.
pub(super) struct Shape {
    pub name: &'static str,
    pub least: usize,
    pub most: usize,
    pub texts: usize,
}

const fn shape(name: &'static str, least: usize, most: usize, texts: usize) -> Shape {
    Shape { name, least, most, texts }
}

const ANY: usize = usize::MAX;

pub(super) const SHAPES: [Shape; 23] = [
    shape("add", 2, 2, 0),
    shape("subtract", 2, 2, 0),
    shape("multiply", 2, 2, 0),
    shape("divide", 2, 2, 0),
    shape("modulo", 2, 2, 0),
    shape("arrayContains", 2, ANY, 0),
    shape("arrayCount", 3, 3, 0),
    shape("arraySearch", 3, 3, 0),
    shape("between", 3, 4, 3),
    shape("cidrMatch", 2, ANY, ANY),
    shape("concat", 1, ANY, 0),
    shape("endsWith", 2, 2, 2),
    shape("startsWith", 2, 2, 2),
    shape("indexOf", 2, 3, 2),
    shape("length", 1, 1, 0),
    shape("match", 2, ANY, ANY),
    shape("matchLite", 2, ANY, ANY),
    shape("number", 1, 2, 1),
    shape("safe", 1, 1, 0),
    shape("string", 1, 1, 0),
    shape("stringContains", 2, 2, 2),
    shape("substring", 1, 3, 1),
    shape("wildcard", 2, ANY, ANY),
];

pub(super) fn call(env: &mut Environment<'_>, name: &str, args: &[Expr]) -> Json {
    match name {
        "arrayCount" | "arraySearch" => return array(env, name == "arrayCount", args),
        "match" | "matchLite" => return matches(env, args),
        _ => {}
    }
    let values: Vec<Json> = args.iter().map(|arg| env.eval(arg)).collect();
    let arg = |at: usize| values.get(at).unwrap_or(&Json::Null);
    let scope = env.scope;
    match name {
        "add" => arithmetic(ArithmeticOperator::Add, arg(0), arg(1)),
        "subtract" => arithmetic(ArithmeticOperator::Subtract, arg(0), arg(1)),
        "multiply" => arithmetic(ArithmeticOperator::Multiply, arg(0), arg(1)),
        "divide" => arithmetic(ArithmeticOperator::Divide, arg(0), arg(1)),
        "modulo" => arithmetic(ArithmeticOperator::Modulo, arg(0), arg(1)),
        "arrayContains" => array_contains(scope, &values),
        "between" => between(scope, &values).unwrap_or(Json::Null),
        "cidrMatch" => cidr_match(&values),
        "concat" => concat(&values),
        "endsWith" => both(scope, arg(0), arg(1), |text, part| text.ends_with(part)),
        "startsWith" => both(scope, arg(0), arg(1), |text, part| text.starts_with(part)),
        "stringContains" => match both(scope, arg(0), arg(1), |text, part| text.contains(part)) {
            Json::Null => Json::Bool(false),
            found => found,
        },
        "indexOf" => index_of(scope, &values).unwrap_or(Json::Null),
        "length" => length(arg(0)),
        "number" => number(&values).unwrap_or(Json::Null),
        "safe" => arg(0).clone(),
        "string" => text_of(arg(0)).map_or(Json::Null, Json::String),
        "substring" => substring(&values).unwrap_or(Json::Null),
        "wildcard" => {
            let patterns: Vec<&str> = values.iter().skip(1).filter_map(Json::as_str).collect();
            wildcard(scope, arg(0), &patterns)
        }
        _ => Json::Null,
    }
}

/// Whether the text fits a pattern in which only `*` is special.
pub(super) fn wildcard(scope: &Scope, value: &Json, patterns: &[&str]) -> Json {
    let Some(text) = value.as_str() else { return Json::Null };
    let text = scope.folded(text);
    let fits = |pattern: &&str| {
        let parts: Vec<String> = scope.folded(pattern).split('*').map(str::to_owned).collect();
        let pattern = Wildcard::between(&parts);
        debug_assert!(!pattern.0.contains(&WildcardPart::One));
        pattern.matches(&text, Fold::Exact)
    };
    Json::Bool(patterns.iter().any(fits))
}

fn both(scope: &Scope, left: &Json, right: &Json, holds: fn(&str, &str) -> bool) -> Json {
    let (Some(left), Some(right)) = (left.as_str(), right.as_str()) else { return Json::Null };
    Json::Bool(holds(&scope.folded(left), &scope.folded(right)))
}

fn array_contains(scope: &Scope, values: &[Json]) -> Json {
    let Some(items) = values.first().and_then(Json::as_array) else { return Json::Null };
    Json::Bool(values.iter().skip(1).any(|wanted| items.iter().any(|item| scope.same(item, wanted))))
}

/// Binds a name to each element in turn and asks an expression.
fn array(env: &mut Environment<'_>, counts: bool, args: &[Expr]) -> Json {
    let none = || if counts { Json::from(0) } else { Json::Bool(false) };
    let [array, name, condition] = args else { return none() };
    let ExprKind::Field(field) = &name.kind else { return none() };
    let Some(FieldPart::Name { text, .. }) = field.path.first() else { return none() };
    let Json::Array(items) = env.eval(array) else { return none() };
    let found =
        items.into_iter().filter(|item| env.with_variable(text, item.clone(), condition) == Json::Bool(true)).count();
    if counts { Json::from(found) } else { Json::Bool(found > 0) }
}

/// The joined text of constant patterns, by which their machine is found.
pub(super) fn joined(patterns: &[Expr]) -> Option<String> {
    patterns.iter().map(super::literal_text).collect::<Option<Vec<_>>>().map(|texts| texts.join("|"))
}

fn matches(env: &mut Environment<'_>, args: &[Expr]) -> Json {
    let Some((first, patterns)) = args.split_first() else { return Json::Null };
    let value = env.eval(first);
    let Some(text) = value.as_str() else { return Json::Null };
    let regex = joined(patterns).and_then(|joined| env.scope.regexes.get(&joined));
    regex.map_or(Json::Null, |regex| Json::Bool(regex.is_match(text)))
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn find(whole: &[char], part: &[char], from: usize) -> Option<usize> {
    (from..=whole.len().checked_sub(part.len())?).find(|&at| whole[at..at + part.len()] == *part)
}

fn between(scope: &Scope, values: &[Json]) -> Option<Json> {
    let text = |at: usize| values.get(at).and_then(Json::as_str);
    let (source, left, right) = (chars(text(0)?), chars(&scope.folded(text(1)?)), chars(&scope.folded(text(2)?)));
    let greedy = values.get(3).and_then(Json::as_bool).unwrap_or(false);
    let whole = chars(&scope.folded(text(0)?));
    if whole.len() != source.len() {
        return None;
    }
    let start = find(&whole, &left, 0)? + left.len();
    let end = if greedy {
        (start..=whole.len().checked_sub(right.len())?).rev().find(|&at| whole[at..at + right.len()] == *right)?
    } else {
        find(&whole, &right, start)?
    };
    Some(Json::String(source.get(start..end)?.iter().collect()))
}

fn cidr_match(values: &[Json]) -> Json {
    let Some(text) = values.first().and_then(Json::as_str) else { return Json::Bool(false) };
    let Some(ip) = parse_ip(text) else { return Json::Null };
    let blocks = values.iter().skip(1).filter_map(|block| parse_block(block.as_str()?));
    Json::Bool(IpSet::new(blocks).contains(ip))
}

fn concat(values: &[Json]) -> Json {
    let texts: Option<Vec<String>> = values.iter().map(text_of).collect();
    texts.map_or(Json::Null, |texts| Json::String(texts.concat()))
}

fn index_of(scope: &Scope, values: &[Json]) -> Option<Json> {
    let text = |at: usize| values.get(at).and_then(Json::as_str);
    let (whole, part) = (chars(&scope.folded(text(0)?)), chars(&scope.folded(text(1)?)));
    let start = match values.get(2) {
        None | Some(Json::Null) => 0,
        Some(start) => bound(start.as_i64()?, whole.len()),
    };
    find(&whole, &part, start).map(Json::from)
}

/// A bound of a Python slice.
fn bound(at: i64, length: usize) -> usize {
    let length = length as i64;
    (if at < 0 { (at + length).max(0) } else { at.min(length) }) as usize
}

fn length(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::from(text.chars().count()),
        Json::Array(items) => Json::from(items.len()),
        Json::Object(object) => Json::from(object.len()),
        _ => Json::Null,
    }
}

fn number(values: &[Json]) -> Option<Json> {
    let text = values.first()?.as_str()?;
    let base = values.get(1).and_then(Json::as_i64);
    if let Some(hex) = text.strip_prefix("0x").filter(|_| base.is_none_or(|base| base == 16)) {
        return i64::from_str_radix(hex, 16).ok().map(Json::from);
    }
    if base.is_none_or(|base| base == 10) && text.contains('.') {
        return text.parse().ok().map(float);
    }
    let base = u32::try_from(base.unwrap_or(10)).ok().filter(|base| (2..=36).contains(base))?;
    i64::from_str_radix(text.trim(), base).ok().map(Json::from)
}

fn substring(values: &[Json]) -> Option<Json> {
    let source = chars(values.first()?.as_str()?);
    let at = |index: usize, otherwise: usize| match values.get(index) {
        None | Some(Json::Null) => Some(otherwise),
        Some(value) => value.as_i64().map(|value| bound(value, source.len())),
    };
    let (start, end) = (at(1, 0)?, at(2, source.len())?);
    Some(Json::String(source.get(start..end.max(start))?.iter().collect()))
}
