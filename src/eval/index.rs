//! From the values of an event's fields to the questions that they may answer with yes.

use std::fmt::Write;
use std::ops::Bound;

use hashbrown::HashMap;

use super::literals::Literals;
use super::matcher::{Ask, Asker, Leaf};
use super::ranges::Ranges;
use super::value::Reader;
use crate::event::Value;
use crate::event::number::Number;
use crate::schema::FieldType;
use crate::text::{Fold, WildcardPart, ip_number, parse_ip};

/// The questions about one field, by what they can be looked up by.
#[derive(Debug, Default)]
pub(super) struct FieldIndex {
    terms: HashMap<String, Vec<Term>>,
    sieve: Sieve,
    integers: HashMap<i64, Vec<u32>>,
    /// Ranges of addresses, and of whole numbers.
    addresses: Ranges,
    spans: Ranges,
    /// Questions about spans.
    spanning: Vec<u32>,
    literals: Literals,
    /// Questions about texts, and about numbers that may stand in a text.
    texts: Vec<u32>,
    numbers: Vec<u32>,
    /// Questions that any value may answer.
    always: Vec<u32>,
    /// Whether the digits of a whole number may be a term, or have a literal in them, that the number itself does not find.
    asks_digits: bool,
}

/// Of which lengths, with which first and last letters there are terms: most texts that are none are told by that.
#[derive(Debug, Default)]
struct Sieve([u64; Self::WORDS]);

impl Sieve {
    const WORDS: usize = 16;

    fn add(&mut self, term: &str) {
        let (word, bit) = Self::place(term);
        self.0[word] |= bit;
    }

    fn may_have(&self, text: &str) -> bool {
        let (word, bit) = Self::place(text);
        self.0[word] & bit != 0
    }

    /// The same for texts that differ in the case of ASCII letters only.
    fn place(text: &str) -> (usize, u64) {
        let [first, last] =
            [text.as_bytes().first(), text.as_bytes().last()].map(|byte| byte.map_or(0, |byte| byte | 0x20));
        let mixed = (text.len() as u32).wrapping_mul(0x9E37_79B1)
            ^ u32::from_le_bytes([first, last, 0, 0]).wrapping_mul(0x85EB_CA6B);
        let place = (mixed >> 16) as usize;
        (place / 64 % Self::WORDS, 1 << (place % 64))
    }
}

/// A question that asks for a text.
#[derive(Debug, Clone, Copy)]
struct Term {
    leaf: u32,
    certainty: Certainty,
}

/// When a text that is the one asked for, but for the case of ASCII letters, answers the question with yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    /// Always.
    Folded,
    /// If it has no capitals.
    Lower,
    /// That has to be asked.
    Open,
}

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// A text without ASCII capitals.
    Lower,
    /// A text with some.
    Mixed,
    /// The digits of a number.
    Digits,
}

/// What a value says about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    Yes,
    Maybe,
}

/// What a question can be looked up by.
pub(super) enum Entry {
    Term(String),
    Integer(i64),
    Literal(String),
    /// The addresses of a range, as numbers.
    Addresses(u128, u128),
    /// The whole numbers of a range and some around it.
    Span(i64, i64),
}

impl FieldIndex {
    /// Files a question; `entries` is `None` where any value may answer it.
    pub fn add(&mut self, id: u32, leaf: &Leaf, entries: Option<&[Entry]>) {
        let Some(entries) = entries else {
            self.always.push(id);
            return;
        };
        for entry in entries {
            match entry {
                Entry::Term(text) => {
                    let term = Term { leaf: id, certainty: certainty(leaf, text) };
                    self.terms.entry_ref(text.as_str()).or_default().push(term);
                    self.sieve.add(text);
                    self.asks_digits |= !is_known_number(text, entries);
                    note(&mut self.texts, id);
                }
                Entry::Integer(value) => {
                    self.integers.entry(*value).or_default().push(id);
                    if !is_inferred(leaf) {
                        note(&mut self.numbers, id);
                    }
                }
                Entry::Addresses(first, last) => self.addresses.add(*first, *last, id),
                Entry::Span(low, high) => {
                    self.spans.add(place(*low), place(*high), id);
                    note(&mut self.spanning, id);
                    if !is_inferred(leaf) {
                        note(&mut self.numbers, id);
                    }
                }
                Entry::Literal(text) => {
                    self.literals.add(text, id);
                    self.asks_digits |= may_be_digits(text);
                    note(&mut self.texts, id);
                }
            }
        }
    }

    /// Builds what needs all entries at once.
    pub fn settle(&mut self) {
        self.addresses.settle();
        self.spans.settle();
        self.always.append(&mut self.literals.settle());
    }

    /// Shows the questions that some value may answer.
    pub fn any(&self, found: &mut dyn FnMut(u32, Finding)) {
        self.always.iter().for_each(|&leaf| found(leaf, Finding::Maybe));
    }

    /// Shows the questions that this value may answer, beside those of [`FieldIndex::any`].
    pub fn look_up(&self, value: Value<'_>, buffer: &mut String, found: &mut dyn FnMut(u32, Finding)) {
        match value {
            Value::Str(text) => self.text(text, buffer, found),
            Value::Int(value) => {
                if !self.integers.is_empty() {
                    self.integers.get(&value).into_iter().flatten().for_each(|&leaf| found(leaf, Finding::Maybe));
                }
                if !self.spans.is_empty() {
                    self.spans.find(place(value), &mut |leaf| found(leaf, Finding::Maybe));
                }
                if self.asks_digits {
                    // Fields of texts take the digits.
                    buffer.clear();
                    let _ = write!(buffer, "{value}");
                    self.lower(buffer, Spelling::Digits, found);
                    self.literals.find(buffer, &mut |leaf| found(leaf, Finding::Maybe));
                }
            }
            Value::UInt(_) | Value::Float(_) | Value::Bool(_) => self.all(found),
            Value::Null | Value::Object(_) => {}
        }
    }

    fn all(&self, found: &mut dyn FnMut(u32, Finding)) {
        let integers = self.integers.values().flatten();
        let all = self.texts.iter().chain(&self.numbers).chain(&self.spanning).chain(integers);
        all.for_each(|&leaf| found(leaf, Finding::Maybe));
    }

    fn text(&self, text: &str, buffer: &mut String, found: &mut dyn FnMut(u32, Finding)) {
        if !text.is_ascii() && text.contains(FOLDS_TO_ASCII) {
            return self.all(found);
        }
        if self.sieve.may_have(text) {
            buffer.clear();
            buffer.push_str(text);
            buffer.make_ascii_lowercase();
            let spelling = if buffer == text { Spelling::Lower } else { Spelling::Mixed };
            self.lower(buffer, spelling, found);
        }
        self.literals.find(text, &mut |leaf| found(leaf, Finding::Maybe));
        if !self.addresses.is_empty()
            && let Some(ip) = parse_ip(text)
        {
            self.addresses.find(ip_number(ip), &mut |leaf| found(leaf, Finding::Yes));
        }
        if !self.numbers.is_empty() && may_be_number(text) {
            self.numbers.iter().for_each(|&leaf| found(leaf, Finding::Maybe));
        }
    }

    /// Looks up a text whose ASCII letters are in lower case now.
    fn lower(&self, text: &str, spelling: Spelling, found: &mut dyn FnMut(u32, Finding)) {
        for term in self.terms.get(text).into_iter().flatten() {
            found(term.leaf, if term.certainty.is_yes(spelling) { Finding::Yes } else { Finding::Maybe });
        }
    }
}

impl Certainty {
    const fn is_yes(self, spelling: Spelling) -> bool {
        match self {
            Self::Folded => !matches!(spelling, Spelling::Digits),
            Self::Lower => matches!(spelling, Spelling::Lower),
            Self::Open => false,
        }
    }
}

fn note(all: &mut Vec<u32>, leaf: u32) {
    if all.last() != Some(&leaf) {
        all.push(leaf);
    }
}

/// Characters beyond ASCII that some folding makes ASCII of: dotted and dotless i, the long s, the Kelvin sign.
const FOLDS_TO_ASCII: [char; 4] = ['\u{130}', '\u{131}', '\u{17F}', '\u{212A}'];

/// Whether a text can only be that of a number that stands beside it.
fn is_known_number(text: &str, entries: &[Entry]) -> bool {
    let is_own = |entry: &Entry| matches!(entry, Entry::Integer(value) if value.to_string() == text);
    !may_be_digits(text) || entries.iter().any(is_own)
}

/// Whether a text may stand in that of a whole number.
fn may_be_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

fn may_be_number(text: &str) -> bool {
    text.trim_start().bytes().next().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'))
}

/// A number's place among those of a span.
const fn place(value: i64) -> u128 {
    value.abs_diff(i64::MIN) as u128
}

/// The least and the greatest whole number that may lie between the bounds; `None` where a bound is no number.
fn span(low: &Bound<Number>, high: &Bound<Number>) -> Option<(i64, i64)> {
    let end = |bound: &Bound<Number>, open: i64, round: fn(f64) -> f64| match bound {
        Bound::Unbounded => Some(open),
        Bound::Included(Number::Int(value)) | Bound::Excluded(Number::Int(value)) => {
            Some((*value).clamp(i64::MIN.into(), i64::MAX.into()) as i64)
        }
        Bound::Included(Number::Float(value)) | Bound::Excluded(Number::Float(value)) => {
            // Numbers beyond the type become its last one.
            (!value.is_nan()).then(|| round(*value) as i64)
        }
    };
    Some((end(low, i64::MIN, f64::floor)?, end(high, i64::MAX, f64::ceil)?))
}

fn is_inferred(leaf: &Leaf) -> bool {
    matches!(&leaf.asker, Asker::Values { reader, .. } if reader.kind == FieldType::Inferred)
}

fn certainty(leaf: &Leaf, lower: &str) -> Certainty {
    let Asker::Values { reader, ask } = &leaf.asker else { return Certainty::Open };
    if !reader.takes_all() {
        return Certainty::Open;
    }
    let ask = match ask {
        Ask::Inferred(each) => each[0].as_ref(),
        ask => Some(ask),
    };
    if reader.lowers() {
        return match ask {
            Some(Ask::Text(wanted, _)) if wanted == lower => Certainty::Folded,
            Some(Ask::Texts(wanted, _)) if wanted.contains(lower) => Certainty::Folded,
            _ => Certainty::Open,
        };
    }
    match ask {
        Some(Ask::Text(wanted, Fold::Exact)) if wanted == lower => Certainty::Lower,
        Some(Ask::Texts(wanted, Fold::Exact)) if wanted.contains(lower) => Certainty::Lower,
        Some(Ask::Text(_, fold) | Ask::Texts(_, fold)) if *fold != Fold::Exact => Certainty::Folded,
        _ => Certainty::Open,
    }
}

/// What a question can be looked up by; `None` where only the presence of its field tells.
pub(super) fn entries(leaf: &Leaf) -> Option<Vec<Entry>> {
    let Asker::Values { reader, ask } = &leaf.asker else { return None };
    let mut out = Vec::new();
    (!reader.fills_null() && collect(ask, reader, &mut out)).then_some(out)
}

fn collect(ask: &Ask, reader: &Reader, out: &mut Vec<Entry>) -> bool {
    let mut text = |text: &str, shortest: usize, entry: fn(String) -> Entry| {
        let usable = text.is_ascii() && text.len() >= shortest;
        if usable {
            out.push(entry(text.to_ascii_lowercase()));
        }
        usable
    };
    match ask {
        Ask::Text(wanted, _) => text(wanted, 0, Entry::Term),
        Ask::Texts(wanted, _) => wanted.iter().all(|wanted| text(wanted, 0, Entry::Term)),
        Ask::Prefix(part, _) | Ask::Suffix(part, _) => text(part, 2, Entry::Literal),
        Ask::Contains(part, _) => std::str::from_utf8(part.needle()).is_ok_and(|part| text(part, 2, Entry::Literal)),
        Ask::Wildcard(pattern, _) => {
            let parts = pattern.0.iter().filter_map(|part| match part {
                WildcardPart::Text(text) if text.is_ascii() => Some(text.as_str()),
                _ => None,
            });
            parts.max_by_key(|part| part.len()).is_some_and(|longest| text(longest, 2, Entry::Literal))
        }
        Ask::Numbers(numbers) if reader.kind.float_kind().is_none() => numbers.iter().all(|number| match number {
            Number::Int(value) => i64::try_from(*value).is_ok_and(|value| {
                out.push(Entry::Integer(value));
                true
            }),
            Number::Float(_) => false,
        }),
        Ask::NumberRange(low, high) if reader.kind.float_kind().is_none() => {
            span(low, high).map(|(low, high)| out.push(Entry::Span(low, high))).is_some()
        }
        Ask::Ips(set) => {
            out.extend(set.ranges().iter().map(|&(first, last)| Entry::Addresses(first, last)));
            true
        }
        Ask::Any(each) => each.iter().all(|ask| collect(ask, reader, out)),
        Ask::Inferred(each) => each[2].is_none() && each.iter().flatten().all(|ask| collect(ask, reader, out)),
        _ => false,
    }
}
