//! The functions of the dialect. A wrong or null argument gives null unless the function says otherwise.

use serde_json::Value as Json;

use super::Scope;
use super::eval::{Environment, arithmetic};
use super::types::{Kind, Wants};
use super::value::{float, integer, text_of};
use crate::syntax::eql::ast::{ArithmeticOperator, Expr, ExprKind, FieldPart};
use crate::text::{Fold, IpSet, Wildcard, WildcardPart, parse_block, parse_ip};

/// What a function takes and gives.
pub(super) struct Shape {
    pub name: &'static str,
    pub least: usize,
    /// What the arguments have to be, in order.
    wants: &'static [Wants],
    /// What any further ones have to be; `None` where there may be none.
    more: Option<Wants>,
    pub gives: Kind,
}

impl Shape {
    /// What the argument has to be; `None` where there is one too many.
    pub fn wants(&self, at: usize) -> Option<Wants> {
        self.wants.get(at).copied().or(self.more)
    }

    /// The most arguments it takes; `None` for any number.
    pub const fn most(&self) -> Option<usize> {
        if self.more.is_some() { None } else { Some(self.wants.len()) }
    }
}

const fn shape(name: &'static str, least: usize, wants: &'static [Wants], gives: Kind) -> Shape {
    Shape { name, least, wants, more: None, gives }
}

const fn open(name: &'static str, wants: &'static [Wants], more: Wants, gives: Kind) -> Shape {
    Shape { name, least: wants.len(), wants, more: Some(more), gives }
}

const TWO_NUMBERS: &[Wants] = &[Wants::Number, Wants::Number];
const TWO_TEXTS: &[Wants] = &[Wants::Text, Wants::Text];
const PATTERN: &[Wants] = &[Wants::Text, Wants::Literal];
const EACH: &[Wants] = &[Wants::Array, Wants::Variable, Wants::Bool];

pub(super) const SHAPES: [Shape; 23] = [
    shape("add", 2, TWO_NUMBERS, Kind::Number),
    shape("subtract", 2, TWO_NUMBERS, Kind::Number),
    shape("multiply", 2, TWO_NUMBERS, Kind::Number),
    shape("divide", 2, TWO_NUMBERS, Kind::Number),
    shape("modulo", 2, TWO_NUMBERS, Kind::Number),
    open("arrayContains", &[Wants::Array, Wants::Any], Wants::Any, Kind::Bool),
    shape("arrayCount", 3, EACH, Kind::Number),
    shape("arraySearch", 3, EACH, Kind::Bool),
    shape("between", 3, &[Wants::Text, Wants::Text, Wants::Text, Wants::Bool], Kind::Text),
    open("cidrMatch", PATTERN, Wants::Literal, Kind::Bool),
    open("concat", &[Wants::Any], Wants::Any, Kind::Text),
    shape("endsWith", 2, TWO_TEXTS, Kind::Bool),
    shape("startsWith", 2, TWO_TEXTS, Kind::Bool),
    shape("indexOf", 2, &[Wants::Text, Wants::Text, Wants::Number], Kind::Number),
    shape("length", 1, &[Wants::TextOrArray], Kind::Number),
    open("match", PATTERN, Wants::Literal, Kind::Bool),
    open("matchLite", PATTERN, Wants::Literal, Kind::Bool),
    shape("number", 1, &[Wants::Text, Wants::Number], Kind::Number),
    shape("safe", 1, &[Wants::Any], Kind::Unknown),
    shape("string", 1, &[Wants::Any], Kind::Text),
    shape("stringContains", 2, TWO_TEXTS, Kind::Bool),
    shape("substring", 2, &[Wants::Text, Wants::Number, Wants::Number], Kind::Text),
    open("wildcard", PATTERN, Wants::Literal, Kind::Bool),
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
    let blocks = values.iter().skip(1).filter_map(|block| parse_block(block.as_str()?.trim()));
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

/// A decimal point makes a double, `0x` a number of base 16; all else is digits.
fn number(values: &[Json]) -> Option<Json> {
    let text = values.first()?.as_str()?;
    let base = values.get(1).and_then(Json::as_i64);
    let whole = |digits: &str, base: u32| i128::from_str_radix(digits, base).ok().map(integer);
    if base.is_none_or(|base| base == 10) && text.matches('.').count() == 1 {
        return text.trim().parse().ok().map(float);
    }
    if let Some(hex) = text.strip_prefix("0x").filter(|_| base.is_none_or(|base| base == 16)) {
        return whole(hex, 16);
    }
    let digits = text.trim_start_matches(['-', '+']);
    let base = u32::try_from(base.unwrap_or(10)).ok().filter(|base| (2..=36).contains(base))?;
    let is_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits { whole(text, base) } else { None }
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
