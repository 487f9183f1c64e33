//! From plan to program: fields get numbers, literals their compiled form, equal questions one place.

use std::hash::BuildHasher;
use std::ops::Bound;

use hashbrown::{DefaultHashBuilder, HashSet, HashTable};
use memchr::memmem::Finder;

use super::matcher::{Ask, Asker, Leaf, LeafTypes};
use super::program::{FieldTable, Limits};
use super::value::Reader;
use crate::event::{FieldKey, Value};
use crate::plan::test::{DateTest, IpTest, NumberTest, TextTest, TokenTest, VersionTest};
use crate::plan::{AnyField, Predicate, Test, Types};
use crate::schema::Field;
use crate::text::{Fold, IpSet, Regex, Wildcard, WildcardPart, ip_number};

/// Why a plan cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    message: String,
    /// The expression it is about, where it is about one.
    pub pattern: Option<String>,
}

/// A predicate over numbered leaves.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Const(bool),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Leaf(u32),
    Nested(String, Box<Node>),
}

pub(super) struct Compiler<'a> {
    limits: Limits,
    pub fields: FieldTable,
    pub leaves: Vec<Leaf>,
    /// Keys with their hashes, which are dear to make, and their leaves.
    known: HashTable<(u64, Key<'a>, u32)>,
    hasher: DefaultHashBuilder,
}

/// All there is to say of a leaf.
#[derive(PartialEq, Hash)]
enum Key<'a> {
    /// A test on a field: the path, what changes the values of the field, the test, and the nested objects around.
    Values(&'a str, (&'static str, Settings<'a>), &'a Test, String),
    /// Any other, written out.
    Other(String),
}

/// The settings of a field that change what its values are.
type Settings<'a> = (Option<usize>, Option<&'a serde_json::Value>, bool, u64, Option<&'a str>);

impl<'a> Compiler<'a> {
    pub fn new(limits: Limits) -> Self {
        let (fields, known) = (FieldTable::default(), HashTable::new());
        Self { limits, fields, leaves: Vec::new(), known, hasher: DefaultHashBuilder::default() }
    }

    /// `inside` is the path of the nested objects around, with a dot at its end, or empty.
    pub fn predicate(&mut self, predicate: &'a Predicate, inside: &str) -> Result<Node, CompileError> {
        let all = |items: &'a [Predicate], compiler: &mut Self| -> Result<Vec<Node>, CompileError> {
            items.iter().map(|item| compiler.predicate(item, inside)).collect()
        };
        Ok(match predicate {
            Predicate::Const(value) => Node::Const(*value),
            Predicate::And(items) => Node::And(cheap_first(all(items, self)?, &self.leaves)),
            Predicate::Or(items) => Node::Or(cheap_first(all(items, self)?, &self.leaves)),
            Predicate::Not(inner) => Node::Not(Box::new(self.predicate(inner, inside)?)),
            Predicate::Leaf(field, test) => match &field.constant {
                // Every document of the mapping has it, whatever its source says.
                Some(constant) => Node::Const(ask(test, self.limits)?.of(&Reader::new(field), Value::Str(constant))),
                None => Node::Leaf(self.leaf(field, test, inside)?),
            },
            Predicate::AnyField(any) => Node::Leaf(self.any_field(any, inside)?),
            Predicate::Computed(expr) => {
                let field = self.fields.key("");
                let compiled =
                    super::expr::compile(expr, &mut |path| self.fields.key(relative(path, inside)), self.limits)?;
                let key = Key::Other(format!("computed {inside} {expr:?}"));
                Node::Leaf(self.leaf_of(key, |_| Ok(Leaf { field, asker: Asker::Computed(Box::new(compiled)) }))?)
            }
            Predicate::Nested(path, inner) => {
                let below = format!("{path}.");
                let inner = self.predicate(inner, &below)?;
                Node::Nested(relative(path, inside).to_owned(), Box::new(inner))
            }
        })
    }

    fn leaf(&mut self, field: &'a Field, test: &'a Test, inside: &str) -> Result<u32, CompileError> {
        let path = relative(&field.path, inside);
        let key = Key::Values(path, (field.kind.name(), settings(field)), test, inside.to_owned());
        self.leaf_of(key, |compiler| {
            let asker = Asker::Values { reader: Reader::new(field), ask: ask(test, compiler.limits)? };
            Ok(Leaf { field: compiler.fields.key(path), asker })
        })
    }

    fn any_field(&mut self, any: &AnyField, inside: &str) -> Result<u32, CompileError> {
        let tests =
            any.tests.iter().map(|(kind, test)| Ok((*kind, ask(test, self.limits)?))).collect::<Result<_, _>>()?;
        let name = any.name.clone();
        let types = match &any.types {
            Types::Schema(schema) => LeafTypes::Schema(std::sync::Arc::clone(schema)),
            Types::Same(field) => LeafTypes::Same(Reader::new(field)),
        };
        let types_key = match &any.types {
            Types::Schema(schema) => format!("{:?}", std::sync::Arc::as_ptr(schema)),
            Types::Same(field) => format!("{:?}", settings(field)),
        };
        let leaf = Leaf {
            field: self.fields.key(""),
            asker: Asker::AnyField { name, types, tests, inside: inside.to_owned() },
        };
        let key = format!("any {:?} {:?} {types_key} {inside}", any.name, any.tests);
        self.leaf_of(Key::Other(key), |_| Ok(leaf))
    }

    /// The number of the leaf of a key.
    fn leaf_of(
        &mut self,
        key: Key<'a>,
        make: impl FnOnce(&mut Self) -> Result<Leaf, CompileError>,
    ) -> Result<u32, CompileError> {
        let hash = self.hasher.hash_one(&key);
        if let Some((.., leaf)) = self.known.find(hash, |(own, other, _)| *own == hash && *other == key) {
            return Ok(*leaf);
        }
        let (made, leaf) = (make(self)?, u32::try_from(self.leaves.len()).unwrap_or(u32::MAX));
        self.known.insert_unique(hash, (hash, key, leaf), |(hash, ..)| *hash);
        self.leaves.push(made);
        Ok(leaf)
    }
}

/// Whether nothing in a predicate can fail to compile.
pub(super) fn is_sure(predicate: &Predicate, limits: Limits) -> bool {
    match predicate {
        Predicate::Const(_) => true,
        Predicate::And(items) | Predicate::Or(items) => items.iter().all(|item| is_sure(item, limits)),
        Predicate::Not(inner) | Predicate::Nested(_, inner) => is_sure(inner, limits),
        Predicate::Leaf(_, test) => is_sure_test(test, limits),
        Predicate::AnyField(any) => any.tests.iter().all(|(_, test)| is_sure_test(test, limits)),
        Predicate::Computed(_) => false,
    }
}

fn is_sure_test(test: &Test, limits: Limits) -> bool {
    let is_sure = |test: &Test| is_sure_test(test, limits);
    match test {
        Test::Text(TextTest::In(values, _)) => values.len() <= limits.terms,
        Test::Text(TextTest::Regex(regex)) => regex.within(limits.regex).is_ok(),
        Test::Inferred(test) => [&test.string, &test.number, &test.boolean].into_iter().flatten().all(is_sure),
        Test::Any(tests) => tests.iter().all(is_sure),
        _ => true,
    }
}

fn settings(field: &Field) -> Settings<'_> {
    let Field { ignore_above, null_value, lowercase, scaling_factor, format, .. } = field;
    (*ignore_above, null_value.as_ref(), *lowercase, scaling_factor.to_bits(), format.as_deref())
}

fn relative<'a>(path: &'a str, inside: &str) -> &'a str {
    path.strip_prefix(inside).unwrap_or(path)
}

/// Cheap questions come first; their order changes no answer.
fn cheap_first(mut nodes: Vec<Node>, leaves: &[Leaf]) -> Vec<Node> {
    nodes.sort_by_cached_key(|node| cost(node, leaves));
    nodes
}

fn cost(node: &Node, leaves: &[Leaf]) -> u32 {
    match node {
        Node::Const(_) => 0,
        Node::Leaf(id) => leaves.get(*id as usize).map_or(0, |leaf| leaf.asker.cost()),
        Node::Not(inner) => cost(inner, leaves),
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().map(|node| cost(node, leaves)).sum::<u32>().max(1),
        Node::Nested(_, inner) => 50 + cost(inner, leaves),
    }
}

fn ask(test: &Test, limits: Limits) -> Result<Ask, CompileError> {
    Ok(match test {
        Test::Exists => Ask::Exists,
        Test::Text(test) => text(test, limits)?,
        Test::Tokens(test) => tokens(test),
        Test::Number(NumberTest::In(values)) => Ask::Numbers(values.clone()),
        Test::Number(NumberTest::Range(low, high)) => Ask::NumberRange(*low, *high),
        Test::Ip(IpTest::In(blocks)) => Ask::Ips(IpSet::new(blocks.iter().copied())),
        Test::Ip(IpTest::Range(low, high)) => Ask::Ips(ip_range(low, high)),
        Test::Date(DateTest::Range(low, high)) => Ask::DateRange(*low, *high),
        Test::Bool(values) => Ask::Bools(values.contains(&false), values.contains(&true)),
        Test::Version(VersionTest::In(values)) => Ask::Texts(values.iter().cloned().collect(), Fold::Exact),
        Test::Version(VersionTest::Range(low, high)) => Ask::VersionRange(low.clone(), high.clone()),
        Test::Version(VersionTest::Wildcard(pattern)) => wildcards(std::slice::from_ref(pattern), Fold::Exact),
        Test::Inferred(test) => {
            let each = |test: &Option<Test>| test.as_ref().map(|test| ask(test, limits)).transpose();
            Ask::Inferred(Box::new([each(&test.string)?, each(&test.number)?, each(&test.boolean)?]))
        }
        Test::Any(tests) => Ask::Any(tests.iter().map(|test| ask(test, limits)).collect::<Result<_, _>>()?),
    })
}

fn text(test: &TextTest, limits: Limits) -> Result<Ask, CompileError> {
    Ok(match test {
        TextTest::In(values, fold) => {
            if values.len() > limits.terms {
                let message = format!("a set of {} terms; the limit is {}", values.len(), limits.terms);
                return Err(CompileError { message, pattern: None });
            }
            let values: HashSet<String> = values.iter().map(|value| fold.text(value).into_owned()).collect();
            one(values, *fold)
        }
        TextTest::Prefix(text, fold) => Ask::Prefix(text.clone(), *fold),
        TextTest::Suffix(text, fold) => Ask::Suffix(text.clone(), *fold),
        TextTest::Contains(text, fold) => contains(text, *fold),
        TextTest::Wildcard(patterns, fold) => wildcards(patterns, *fold),
        TextTest::Regex(own) => Ask::Regex(regex(own, limits)?),
        TextTest::Range(low, high) => Ask::TextRange(low.clone(), high.clone()),
    })
}

/// A regular expression within the limits.
pub(super) fn regex(regex: &Regex, limits: Limits) -> Result<Regex, CompileError> {
    let pattern = || Some(regex.pattern().to_owned());
    regex.within(limits.regex).map_err(|error| CompileError { message: error.to_string(), pattern: pattern() })
}

fn one(values: HashSet<String>, fold: Fold) -> Ask {
    match values.len() {
        1 => Ask::Text(values.into_iter().next().unwrap_or_default(), fold),
        _ => Ask::Texts(values, fold),
    }
}

fn contains(text: &str, fold: Fold) -> Ask {
    Ask::Contains(Box::new(Finder::new(fold.text(text).as_bytes()).into_owned()), fold)
}

/// Patterns as the cheapest question that says the same.
fn wildcards(patterns: &[Wildcard], fold: Fold) -> Ask {
    let (exact, other): (Vec<_>, Vec<_>) = patterns.iter().partition(|pattern| pattern.literal().is_some());
    let mut each: Vec<Ask> = other.into_iter().map(|pattern| wildcard(pattern, fold)).collect();
    if !exact.is_empty() {
        let texts = exact.into_iter().filter_map(Wildcard::literal).map(|text| fold.text(text).into_owned());
        each.insert(0, one(texts.collect(), fold));
    }
    if each.len() > 1 { Ask::Any(each) } else { each.pop().unwrap_or(Ask::Any(Vec::new())) }
}

fn wildcard(pattern: &Wildcard, fold: Fold) -> Ask {
    match pattern.0.as_slice() {
        [WildcardPart::Text(text), WildcardPart::Any] => Ask::Prefix(text.clone(), fold),
        [WildcardPart::Any, WildcardPart::Text(text)] => Ask::Suffix(text.clone(), fold),
        [WildcardPart::Any, WildcardPart::Text(text), WildcardPart::Any] => contains(text, fold),
        [WildcardPart::Any] => Ask::Exists,
        _ => Ask::Wildcard(pattern.clone(), fold),
    }
}

fn tokens(test: &TokenTest) -> Ask {
    match test {
        TokenTest::Any(tokens) => Ask::Token(Box::new(Ask::Texts(tokens.iter().cloned().collect(), Fold::Exact))),
        TokenTest::Phrase(tokens) => Ask::Phrase(tokens.clone()),
        TokenTest::Wildcard(pattern, fold) => Ask::Token(Box::new(wildcards(std::slice::from_ref(pattern), *fold))),
        TokenTest::Range(low, high) => Ask::Token(Box::new(Ask::TextRange(low.clone(), high.clone()))),
    }
}

fn ip_range(low: &Bound<std::net::IpAddr>, high: &Bound<std::net::IpAddr>) -> IpSet {
    let first = match low {
        Bound::Unbounded => Some(0),
        Bound::Included(ip) => Some(ip_number(*ip)),
        Bound::Excluded(ip) => ip_number(*ip).checked_add(1),
    };
    let last = match high {
        Bound::Unbounded => Some(u128::MAX),
        Bound::Included(ip) => Some(ip_number(*ip)),
        Bound::Excluded(ip) => ip_number(*ip).checked_sub(1),
    };
    match (first, last) {
        (Some(first), Some(last)) if first <= last => IpSet::of_ranges(vec![(first, last)]),
        _ => IpSet::default(),
    }
}

/// The key of a path and how its values are read.
#[derive(Debug)]
pub(super) struct Read {
    pub key: FieldKey,
    pub reader: Reader,
}

impl CompileError {
    /// An error without a pattern.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), pattern: None }
    }
}
