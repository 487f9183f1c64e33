//! Value lists: many values that an exception entry compares a field with. (Kibana: lists plugin, value lists.)

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use crate::analysis::filter::between;
use crate::analysis::leaf::{Constant, Leaf, Request, Side, Words, address};
use crate::plan::test::{InferredTest, IpTest, NumberTest, TextTest};
use crate::plan::{Predicate, Test};
use crate::schema::{Field, FieldType};
use crate::text::{Fold, parse_ip};

/// Most values of a list that Kibana puts in a filter.
const MAX_VALUES: usize = 65_536;
/// Most of them written `a-b`.
const MAX_RANGES: usize = 200;

/// The types of value list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// `keyword`
    Keyword,
    /// `ip`
    Ip,
    /// `ip_range`: `a-b`, both ends included, or an address block.
    IpRange,
    /// `text`, `date` and others, which Kibana never puts in a filter.
    Other,
}

impl ValueKind {
    /// The type of that name.
    pub fn of(name: &str) -> Self {
        match name {
            "keyword" => Self::Keyword,
            "ip" => Self::Ip,
            "ip_range" => Self::IpRange,
            _ => Self::Other,
        }
    }
}

/// The values of a list and their type.
#[derive(Debug, Clone)]
pub struct ValueList {
    kind: ValueKind,
    values: Arc<[String]>,
}

impl ValueList {
    /// The values, each as a line of the list's export has it.
    pub fn new(kind: ValueKind, values: Arc<[String]>) -> Self {
        Self { kind, values }
    }

    /// Whether Kibana leaves the list out of the filter of a search, because of its size or type.
    pub fn is_large(&self) -> bool {
        let ranges = || self.values.iter().filter(|value| value.contains('-')).count();
        self.kind == ValueKind::Other
            || self.values.len() > MAX_VALUES
            || (self.kind == ValueKind::IpRange && ranges() > MAX_RANGES)
    }

    /// The values that are not of the list's type, which the index of Kibana's lists would refuse, each with its place.
    pub(super) fn misfits(&self) -> impl Iterator<Item = String> {
        let misfits = self.values.iter().enumerate().filter(|(_, value)| !self.holds(value));
        misfits.map(|(at, value)| named(at, value))
    }

    /// Whether a value is one of the list's type.
    fn holds(&self, value: &str) -> bool {
        match self.kind {
            ValueKind::Keyword | ValueKind::Other => true,
            ValueKind::IpRange if value.contains('-') => {
                let (first, last) = ends(value);
                parse_ip(first).is_some() && parse_ip(last).is_some()
            }
            ValueKind::Ip | ValueKind::IpRange => address(value).is_ok(),
        }
    }

    /// Whether some value of the field is in the list. A list of which no value fits its type is refused: a condition that asks
    /// for what is in no list would hold for every event.
    pub(super) fn on(&self, request: Request<'_>, field: &Arc<Field>) -> Leaf {
        let fit = self.values.iter().enumerate().filter(|(_, value)| self.holds(value));
        let each = fit.map(|(at, value)| {
            let leaf = match self.kind {
                ValueKind::IpRange if value.contains('-') => from_to(request, field, value),
                _ => request.equals(field, &Constant::Text(value.clone()), Words::Phrase),
            };
            leaf.map_err(|refusal| format!("{}: {refusal}", named(at, value)))
        });
        let each = each.collect::<Result<Vec<_>, _>>()?;
        if each.is_empty() && !self.values.is_empty() {
            return Err("none of its values fits its type".into());
        }
        Ok(joined(field, each))
    }
}

/// A value with its place, as a message names it.
fn named(at: usize, value: &str) -> String {
    format!("value {}, `{value}`", at + 1)
}

/// The ends of `a-b`.
fn ends(value: &str) -> (&str, &str) {
    let (first, last) = value.split_once('-').unwrap_or((value, value));
    (first.trim(), last.trim())
}

/// The range `a-b`. Without a type, as with an address block, the text is read as an address.
fn from_to(request: Request<'_>, field: &Arc<Field>, value: &str) -> Leaf {
    let (first, last) = ends(value);
    if let FieldType::Ip | FieldType::Inferred = field.kind
        && let Some(blocks) = blocks(first, last)
    {
        let test = Test::Ip(IpTest::In(blocks));
        let test = match field.kind {
            FieldType::Ip => test,
            _ => Test::Inferred(Box::new(InferredTest { string: Some(test), ..InferredTest::default() })),
        };
        return Ok(Predicate::Leaf(Arc::clone(field), test));
    }
    let low = request.range(field, Side::Above { inclusive: true }, first)?;
    let high = request.range(field, Side::Below { inclusive: true }, last)?;
    Ok(between(vec![low, high], request, field))
}

/// The blocks that make up a range of addresses of one family.
fn blocks(first: &str, last: &str) -> Option<Vec<IpNet>> {
    match (parse_ip(first)?, parse_ip(last)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Some(Ipv4Subnets::new(first, last, 0).map(IpNet::V4).collect()),
        (IpAddr::V6(first), IpAddr::V6(last)) => Some(Ipv6Subnets::new(first, last, 0).map(IpNet::V6).collect()),
        _ => None,
    }
}

/// Any of `each`, with one question for all that can be asked at once: lists are long.
fn joined(field: &Arc<Field>, each: Vec<Predicate>) -> Predicate {
    let (mut tests, mut others) = (Vec::new(), Vec::new());
    for predicate in each {
        match predicate {
            Predicate::Leaf(_, test) => tests.push(test),
            other => others.push(other),
        }
    }
    others.extend(union(tests).into_iter().map(|test| Predicate::Leaf(Arc::clone(field), test)));
    Predicate::or(others)
}

/// Tests that together hold where one of `tests` does, as few as there can be.
fn union(tests: Vec<Test>) -> Vec<Test> {
    let mut sets = Sets::default();
    tests.into_iter().for_each(|test| sets.add(test));
    sets.into_tests()
}

#[derive(Default)]
struct Sets {
    texts: Vec<String>,
    blocks: Vec<IpNet>,
    numbers: Vec<crate::plan::test::Number>,
    strings: Vec<Test>,
    inferred_numbers: Vec<Test>,
    booleans: Vec<Test>,
    others: Vec<Test>,
}

impl Sets {
    fn add(&mut self, test: Test) {
        match test {
            Test::Text(TextTest::In(values, Fold::Exact)) => self.texts.extend(values),
            Test::Ip(IpTest::In(blocks)) => self.blocks.extend(blocks),
            Test::Number(NumberTest::In(values)) => self.numbers.extend(values),
            Test::Any(tests) => tests.into_iter().for_each(|test| self.add(test)),
            Test::Inferred(test) => {
                self.strings.extend(test.string);
                self.inferred_numbers.extend(test.number);
                self.booleans.extend(test.boolean);
            }
            other => self.others.push(other),
        }
    }

    fn into_tests(mut self) -> Vec<Test> {
        let mut out = self.others;
        if !self.blocks.is_empty() {
            out.push(Test::Ip(IpTest::In(self.blocks)));
        }
        if !self.numbers.is_empty() {
            out.push(Test::Number(NumberTest::In(self.numbers)));
        }
        // A set has a limit; a list may be longer.
        while !self.texts.is_empty() {
            let rest = self.texts.split_off(self.texts.len().min(MAX_VALUES));
            out.push(Test::Text(TextTest::In(std::mem::replace(&mut self.texts, rest), Fold::Exact)));
        }
        let any = |tests: Vec<Test>| (!tests.is_empty()).then(|| Test::Any(union(tests)));
        let inferred =
            InferredTest { string: any(self.strings), number: any(self.inferred_numbers), boolean: any(self.booleans) };
        if inferred != InferredTest::default() {
            out.push(Test::Inferred(Box::new(inferred)));
        }
        out
    }
}
