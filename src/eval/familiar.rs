//! Texts that come again and again in a field, and what the index found of them.
//!
//! Most fields of most streams repeat a few hundred values: names of processes, users, hosts, actions. What a set's questions say
//! of such a value is the same each time, so it is kept, in tables of a fixed size that are made once.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::flat::Span;
use super::set::Found;

/// Longest text that is kept, in bytes: with what is known of it, it fills a line of a cache.
const LONGEST: usize = 47;
/// How many texts are kept.
const KEPT: usize = 1 << 10;
/// Of how many texts it is remembered that they came once.
const SEEN: usize = 1 << 12;
/// Room for the questions that they answer with yes.
const YES: usize = 1 << 14;
/// How many answers to other questions are kept.
const ANSWERS: usize = 1 << 13;

/// Texts by field, with the questions that they answer with yes.
///
/// A text is kept when it comes for the second time, so that texts that come once displace none that come often. Each has one
/// place that it can be in, and a new one takes it. Where room runs out all are forgotten.
#[derive(Debug, Clone, Default)]
pub(super) struct Familiar {
    hasher: DefaultHashBuilder,
    seen: Vec<u32>,
    kept: Vec<Kept>,
    yes: Vec<Found>,
    /// Of a number and a question, the answer: all three, in the place that the first two have.
    answers: Vec<u64>,
    last: u32,
}

/// The number of a text of a field: no other text has it, nor the same one in another field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(u32);

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Kept {
    text: [u8; LONGEST],
    length: u8,
    field: u32,
    number: Number,
    yes: Span,
}

const _: () = assert!(size_of::<Kept>() == 64);

/// A text that stands nowhere.
const NONE: Kept = Kept { text: [0; LONGEST], length: 0, field: u32::MAX, number: Number(0), yes: Span::EMPTY };

impl Kept {
    fn is(&self, field: u32, text: &str) -> bool {
        self.field == field && self.text.get(..usize::from(self.length)) == Some(text.as_bytes())
    }
}

impl Familiar {
    /// The number of a text in a field and the questions that it answers with yes, where that is known; `judge` finds the
    /// questions, at most `most`, and says `false` where they are more.
    #[inline(always)]
    pub fn recall(
        &mut self,
        field: u32,
        text: &str,
        most: usize,
        judge: impl FnOnce(&mut Vec<Found>) -> bool,
    ) -> Option<(Number, &[Found])> {
        if text.len() > LONGEST {
            return None;
        }
        let hash = self.hasher.hash_one((field, text));
        if let Some(kept) = self.kept.get(hash as usize % KEPT)
            && kept.is(field, text)
        {
            return Some((kept.number, kept.yes.of(&self.yes)));
        }
        self.learn(hash, field, text, most, judge)
    }

    /// Keeps a text that comes for the second time, and says what it answers.
    #[inline(never)]
    fn learn(
        &mut self,
        hash: u64,
        field: u32,
        text: &str,
        most: usize,
        judge: impl FnOnce(&mut Vec<Found>) -> bool,
    ) -> Option<(Number, &[Found])> {
        if self.kept.is_empty() {
            self.make();
        }
        if self.yes.len() + most > YES || self.last == u32::MAX {
            self.forget();
        }
        let tag = (hash >> 32) as u32;
        if std::mem::replace(self.seen.get_mut(hash as usize % SEEN)?, tag) != tag {
            return None;
        }
        let start = self.yes.len();
        if !judge(&mut self.yes) {
            self.yes.truncate(start);
            return None;
        }
        self.last += 1;
        let kept = self.kept.get_mut(hash as usize % KEPT)?;
        let (number, yes) = (Number(self.last), Span::since(start, &self.yes));
        *kept = Kept { length: text.len() as u8, field, number, yes, ..NONE };
        kept.text.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Some((kept.number, kept.yes.of(&self.yes)))
    }

    /// Makes the tables.
    fn make(&mut self) {
        self.seen = vec![0; SEEN];
        self.kept = vec![NONE; KEPT];
        self.yes = Vec::with_capacity(YES);
        self.answers = vec![0; ANSWERS];
    }

    fn forget(&mut self) {
        self.kept.fill(NONE);
        self.yes.clear();
        if self.last == u32::MAX {
            // Numbers begin anew.
            self.answers.fill(0);
            self.last = 0;
        }
    }

    /// The answer to a question that `judge` leaves out, by the only text of a field in an event; `None` is a text that is not kept.
    pub fn answer(&mut self, text: Option<Number>, question: u32, ask: impl FnOnce() -> bool) -> bool {
        let Some(Number(number)) = text else { return ask() };
        let asked = u64::from(number) << 32 | u64::from(question) << 1;
        let mixed = number.wrapping_mul(0x9E37_79B1) ^ question.wrapping_mul(0x85EB_CA6B);
        let Some(known) = self.answers.get_mut((mixed >> (u32::BITS - ANSWERS.ilog2())) as usize) else { return ask() };
        if *known & !1 != asked {
            *known = asked | u64::from(ask());
        }
        *known & 1 == 1
    }
}
