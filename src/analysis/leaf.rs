//! What Elasticsearch makes of one request on one field: term, match, phrase, wildcard, range, exists, for every field type.
//! (Elasticsearch: field mappers; the texts of refusals are those of the mappers.)

use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use super::{Context, number};
use crate::event::number::{Number, to_f64};
use crate::event::time::{DateFormat, Instant, MILLISECOND, Rounding, date_math, is_zone};
use crate::plan::test::{DateTest, InferredTest, IpTest, NumberTest, TextTest, TokenTest, VersionTest};
use crate::plan::{AnyField, Predicate, Test, Types};
use crate::schema::{Field, FieldType, Origin};
use crate::text::{Fold, Wildcard, WildcardPart, parse_block, parse_ip, tokens};

/// A refusal, in the product's words.
pub(super) type Refusal = String;
pub(super) type Leaf = Result<Predicate, Refusal>;

/// The constant of a request, as JSON would send it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Text(String),
    Bool(bool),
}

impl Constant {
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Bool(value) => value.to_string(),
        }
    }
}

/// Whether words are searched one by one or as a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    Any,
    Phrase,
}

/// How a request is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub context: &'a Context,
    /// Letters of terms and wildcards; only keyword fields listen.
    pub fold: Fold,
    pub time_zone: Option<&'a str>,
}

/// A bound of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Above { inclusive: bool },
    Below { inclusive: bool },
}

impl Side {
    fn range<T>(self, value: T) -> (Bound<T>, Bound<T>) {
        match self {
            Self::Above { inclusive: true } => (Bound::Included(value), Bound::Unbounded),
            Self::Above { inclusive: false } => (Bound::Excluded(value), Bound::Unbounded),
            Self::Below { inclusive: true } => (Bound::Unbounded, Bound::Included(value)),
            Self::Below { inclusive: false } => (Bound::Unbounded, Bound::Excluded(value)),
        }
    }

    /// `>` and `<=` take the end of a date that leaves parts out, `>=` and `<` its start.
    const fn rounding(self) -> Rounding {
        match self {
            Self::Above { inclusive: false } | Self::Below { inclusive: true } => Rounding::Up,
            _ => Rounding::Down,
        }
    }
}

impl Request<'_> {
    fn leaf(self, field: &Arc<Field>, test: Test) -> Predicate {
        if hidden(field) { Predicate::Const(false) } else { Predicate::Leaf(Arc::clone(field), test) }
    }

    /// `match`, `match_phrase` and `term`.
    pub fn equals(self, field: &Arc<Field>, value: &Constant, words: Words) -> Leaf {
        let text = value.text();
        let test = match field.kind {
            FieldType::Keyword | FieldType::FlattenedKey => {
                let text = if field.lowercase { normalize(field, &text) } else { text };
                Test::Text(TextTest::In(vec![text], self.fold))
            }
            FieldType::Wildcard => Test::Text(TextTest::In(vec![text], self.fold)),
            FieldType::ConstantKeyword => {
                return Ok(self.constant(
                    field,
                    |constant| self.fold.same(constant, &text),
                    TextTest::In(vec![text.clone()], self.fold),
                ));
            }
            FieldType::Text | FieldType::MatchOnlyText => return Ok(self.words(field, &text, words)),
            FieldType::Version => Test::Version(VersionTest::In(vec![text])),
            FieldType::Flattened => return Ok(below(field, TextTest::In(vec![text], self.fold))),
            FieldType::Boolean => Test::Bool(vec![boolean(&text)?]),
            FieldType::Ip => Test::Ip(address(&text)?),
            FieldType::Date | FieldType::DateNanos => return self.date(field, &text),
            FieldType::Inferred => {
                return Ok(self.inferred(
                    field,
                    inferred_equals(field, &text, self.fold),
                    TextTest::In(vec![text], self.fold),
                ));
            }
            FieldType::Object | FieldType::Nested => return Ok(Predicate::Const(false)),
            FieldType::Unsearchable => return Err(unsearchable(field)),
            _ => return self.number(field, &text),
        };
        Ok(self.leaf(field, test))
    }

    fn constant(self, field: &Arc<Field>, holds: impl Fn(&str) -> bool, test: TextTest) -> Predicate {
        match &field.constant {
            Some(constant) => Predicate::Const(holds(constant)),
            None => self.leaf(field, Test::Text(test)),
        }
    }

    fn words(self, field: &Arc<Field>, text: &str, words: Words) -> Predicate {
        let tokens = tokens(text);
        if tokens.is_empty() {
            return Predicate::Const(false);
        }
        let test =
            if words == Words::Phrase && tokens.len() > 1 { TokenTest::Phrase(tokens) } else { TokenTest::Any(tokens) };
        self.leaf(field, Test::Tokens(test))
    }

    /// The value of a field of no declared type, and where objects are flattened the leaves of one.
    fn inferred(self, field: &Arc<Field>, test: Test, of_leaves: TextTest) -> Predicate {
        let own = self.leaf(field, test);
        if field.type_name == FieldType::Flattened.name() { Predicate::or([own, below(field, of_leaves)]) } else { own }
    }

    fn number(self, field: &Arc<Field>, text: &str) -> Leaf {
        let value = number::parse(text).ok_or_else(|| format!("For input string: \"{text}\""))?;
        Ok(match number::term(value, field) {
            Some(value) => self.leaf(field, Test::Number(NumberTest::In(vec![value]))),
            None => Predicate::Const(false),
        })
    }

    fn date(self, field: &Arc<Field>, text: &str) -> Leaf {
        let first = self.instant(field, text, Rounding::Down)?;
        let last = self.instant(field, text, Rounding::Up)?;
        Ok(self.leaf(field, Test::Date(DateTest::Range(Bound::Included(first), Bound::Included(last)))))
    }

    fn instant(self, field: &Field, text: &str, rounding: Rounding) -> Result<Instant, Refusal> {
        if let Some(zone) = self.time_zone.filter(|zone| !is_zone(zone)) {
            return Err(format!("Unknown time-zone ID: {zone}"));
        }
        let format = field.format.as_deref().map_or_else(DateFormat::default, DateFormat::new);
        let instant = date_math(text, &format, rounding, self.context.now, self.time_zone);
        let instant =
            instant.map_err(|error| format!("failed to parse date field [{text}] with format [{}]", error.format))?;
        Ok(if field.kind == FieldType::Date { instant.div_euclid(MILLISECOND) * MILLISECOND } else { instant })
    }

    /// `wildcard`, and `prefix` where the pattern is one.
    pub fn wildcard(self, field: &Arc<Field>, pattern: &Wildcard) -> Leaf {
        self.pattern(field, pattern, is_prefix(pattern))
    }

    /// A pattern of `query_string`, which says which way it asks: two `*` at the end are no prefix.
    pub fn pattern(self, field: &Arc<Field>, pattern: &Wildcard, as_prefix: bool) -> Leaf {
        let as_text = |fold| Test::Text(TextTest::Wildcard([pattern.clone()].into(), fold));
        let test = match field.kind {
            FieldType::Keyword => {
                let pattern = pattern.map(|text| normalize(field, text));
                Test::Text(TextTest::Wildcard([pattern].into(), self.fold))
            }
            FieldType::Wildcard => as_text(self.fold),
            FieldType::ConstantKeyword => {
                let test = TextTest::Wildcard([pattern.clone()].into(), self.fold);
                return Ok(self.constant(field, |constant| pattern.matches(constant, self.fold), test));
            }
            FieldType::Text | FieldType::MatchOnlyText => {
                Test::Tokens(TokenTest::Wildcard(pattern.map(crate::text::tokens::lower), Fold::Exact))
            }
            FieldType::Version => Test::Version(VersionTest::Wildcard(pattern.clone())),
            FieldType::Flattened => return Ok(below(field, TextTest::Wildcard([pattern.clone()].into(), self.fold))),
            FieldType::FlattenedKey if !as_prefix => return Err(no_pattern(field, as_prefix)),
            FieldType::FlattenedKey => as_text(self.fold),
            FieldType::Inferred => {
                let test = InferredTest { string: Some(as_text(self.fold)), ..InferredTest::default() };
                let key = TextTest::Wildcard([pattern.clone()].into(), self.fold);
                return Ok(self.inferred(field, Test::Inferred(Box::new(test)), key));
            }
            FieldType::Object | FieldType::Nested => return Ok(Predicate::Const(false)),
            _ => return Err(no_pattern(field, as_prefix)),
        };
        Ok(self.leaf(field, test))
    }

    /// A range with one bound.
    pub fn range(self, field: &Arc<Field>, side: Side, text: &str) -> Leaf {
        let test = match field.kind {
            _ if matches!(field.name.as_str(), "_index" | "_id") => return Err(no_range(field)),
            FieldType::Keyword | FieldType::Wildcard => {
                let (low, high) = side.range(normalize(field, text));
                Test::Text(TextTest::Range(low, high))
            }
            FieldType::ConstantKeyword => {
                let (low, high) = side.range(text.to_owned());
                let holds = |constant: &str| in_range(constant, &low, &high);
                return Ok(self.constant(field, holds, TextTest::Range(low.clone(), high.clone())));
            }
            FieldType::Text | FieldType::MatchOnlyText => {
                let (low, high) = side.range(text.to_owned());
                Test::Tokens(TokenTest::Range(low, high))
            }
            FieldType::Version => {
                let (low, high) = side.range(text.to_owned());
                Test::Version(VersionTest::Range(low, high))
            }
            FieldType::Flattened => {
                let (low, high) = side.range(text.to_owned());
                return Ok(below(field, TextTest::Range(low, high)));
            }
            FieldType::FlattenedKey => {
                return Err(format!(
                    "[range] queries on keyed [flattened] fields must include both an upper and a lower bound. [{}]",
                    field.name
                ));
            }
            FieldType::Boolean => {
                let bound = boolean(text)?;
                let (low, high) = side.range(bound);
                Test::Bool([false, true].into_iter().filter(|value| (low, high).contains_value(value)).collect())
            }
            FieldType::Ip => {
                let ip = parse_ip(text).ok_or_else(|| no_address(text))?;
                let (low, high) = side.range(ip);
                Test::Ip(IpTest::Range(low, high))
            }
            FieldType::Date | FieldType::DateNanos => {
                let (low, high) = side.range(self.instant(field, text, side.rounding())?);
                Test::Date(DateTest::Range(low, high))
            }
            FieldType::Inferred => {
                let (low, high) = side.range(text.to_owned());
                return Ok(self.inferred(field, inferred_range(field, side, text), TextTest::Range(low, high)));
            }
            FieldType::Object | FieldType::Nested => return Ok(Predicate::Const(false)),
            FieldType::Unsearchable => return Err(unsearchable(field)),
            _ => {
                let value = number::parse(text).ok_or_else(|| format!("For input string: \"{text}\""))?;
                let (low, high) = side.range(number::bound(value, field));
                Test::Number(NumberTest::Range(low, high))
            }
        };
        Ok(self.leaf(field, test))
    }

    /// `exists`.
    pub fn exists(self, field: &Arc<Field>) -> Predicate {
        match field.kind {
            FieldType::ConstantKeyword if field.constant.is_some() => Predicate::Const(true),
            // Its keys have its settings, by which a leaf may have no value, and a null one.
            FieldType::Flattened if field.ignore_above.is_some() || field.null_value.is_some() => {
                below(field, TextTest::Wildcard([Wildcard(vec![WildcardPart::Any])].into(), Fold::Exact))
            }
            FieldType::Nested => Predicate::Const(field.origin != Origin::Caller).and_leaf(field),
            _ => self.leaf(field, Test::Exists),
        }
    }
}

impl Predicate {
    /// `exists` on the field, if the predicate is true.
    fn and_leaf(self, field: &Arc<Field>) -> Self {
        Self::and([self, Self::Leaf(Arc::clone(field), Test::Exists)])
    }
}

trait Contains<T> {
    fn contains_value(&self, value: &T) -> bool;
}

impl<T: PartialOrd> Contains<T> for (Bound<T>, Bound<T>) {
    fn contains_value(&self, value: &T) -> bool {
        use std::ops::RangeBounds;
        (self.0.as_ref(), self.1.as_ref()).contains(&value)
    }
}

/// A leaf below a declared `nested` object is hidden from the root; a field without index and doc values from everything.
fn hidden(field: &Field) -> bool {
    !field.searchable
}

fn in_range(text: &str, low: &Bound<String>, high: &Bound<String>) -> bool {
    (low.clone(), high.clone()).contains_value(&text.to_owned())
}

fn normalize(field: &Field, text: &str) -> String {
    if field.lowercase { crate::text::tokens::lower(text) } else { text.to_owned() }
}

/// Some leaf below a flattened field passes the test.
fn below(root: &Field, test: TextTest) -> Predicate {
    let name = Wildcard(vec![WildcardPart::Text(format!("{}.", root.path)), WildcardPart::Any]);
    let key = Field { kind: FieldType::FlattenedKey, ..root.clone() };
    let tests = vec![(key.kind, Test::Text(test))];
    Predicate::AnyField(Box::new(AnyField { name, types: Types::Same(Arc::new(key)), tests }))
}

fn boolean(text: &str) -> Result<bool, Refusal> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("Can't parse boolean value [{text}], expected [true] or [false]")),
    }
}

fn no_address(text: &str) -> Refusal {
    format!("'{text}' is not an IP string literal.")
}

/// An address or a block (Elasticsearch: ip field, term query).
pub(super) fn address(text: &str) -> Result<IpTest, Refusal> {
    let Some((ip, bits)) = text.split_once('/') else {
        let ip = parse_ip(text).ok_or_else(|| no_address(text))?;
        return Ok(IpTest::In(vec![ip.into()]));
    };
    let parsed: IpAddr = ip.parse().map_err(|_| no_address(ip))?;
    if parsed != parsed.to_canonical() {
        return Err("CIDR notation is not allowed with IPv6-mapped IPv4 address".into());
    }
    let block =
        parse_block(text).ok_or_else(|| format!("Illegal prefix length specified in CIDR expression: {bits}"))?;
    Ok(IpTest::In(vec![block]))
}

fn no_range(field: &Field) -> Refusal {
    format!("Field [{}] of type [{}] does not support range queries", field.name, field.name)
}

fn unsearchable(field: &Field) -> Refusal {
    format!("Field [{}] of type [{}] does not support term queries", field.name, field.type_name)
}

fn is_prefix(pattern: &Wildcard) -> bool {
    matches!(pattern.0.as_slice(), [WildcardPart::Text(_), WildcardPart::Any])
}

fn no_pattern(field: &Field, as_prefix: bool) -> Refusal {
    let kind = if as_prefix { "prefix" } else { "wildcard" };
    let (name, type_name) = (&field.name, &field.type_name);
    format!(
        "Can only use {kind} queries on keyword, text and wildcard fields - not on [{name}] which is of type [{type_name}]"
    )
}

/// Without a type, a string is a keyword, except that a block meets an address; a number is one.
fn inferred_equals(field: &Field, text: &str, fold: Fold) -> Test {
    let whole = Test::Text(TextTest::In(vec![text.to_owned()], fold));
    let string = match parse_block(text) {
        Some(block) => Test::Any(vec![whole, Test::Ip(IpTest::In(vec![block]))]),
        None => whole,
    };
    let number = number::parse(text).map(|value| Test::Number(number::inferred_term(value, field)));
    let boolean = boolean(text).ok().map(|value| Test::Bool(vec![value]));
    Test::Inferred(Box::new(InferredTest { string: Some(string), number, boolean }))
}

fn inferred_range(field: &Field, side: Side, text: &str) -> Test {
    let (low, high) = side.range(text.to_owned());
    let string = Some(Test::Text(TextTest::Range(low, high)));
    let number = number::parse(text).map(|value| {
        let (side, value) = scaled(field, side, value);
        let (low, high) = side.range(value);
        Test::Number(NumberTest::Range(low, high))
    });
    Test::Inferred(Box::new(InferredTest { string, number, boolean: None }))
}

/// The bound that a number has to keep before it is rounded to a multiple of the field's fraction.
fn scaled(field: &Field, side: Side, value: Number) -> (Side, Number) {
    if field.scaling_factor == 1.0 {
        return (side, value);
    }
    let multiples = to_f64(value) * field.scaling_factor;
    let edge = match side {
        Side::Above { inclusive: false } | Side::Below { inclusive: true } => multiples.floor() + 0.5,
        Side::Above { inclusive: true } | Side::Below { inclusive: false } => multiples.ceil() - 0.5,
    };
    let side = match side {
        Side::Above { .. } => Side::Above { inclusive: true },
        Side::Below { .. } => Side::Below { inclusive: false },
    };
    (side, Number::Float(edge / field.scaling_factor))
}
