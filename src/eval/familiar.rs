//! Texts that come again and again in a field, and what the index found of them.
//!
//! Most fields of most streams repeat a few hundred values: names of processes, users, hosts, actions. What a set's questions say
//! of such a value is the same each time, so it is kept, in a table of a fixed size.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

/// Longest text that is kept, in bytes.
const LONGEST: usize = 80;
/// Most other questions of which a text keeps the answer.
const MOST: usize = 128;
/// How many texts are kept.
const KEPT: usize = 1 << 10;
/// Of how many texts it is remembered that they came once.
const SEEN: usize = 1 << 12;

/// Texts by field, with the questions that they answer with yes.
///
/// A text is kept when it comes for the second time, so that texts that come once displace none that come often. Each has one
/// place that it can be in, and a new one takes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Familiar {
    hasher: DefaultHashBuilder,
    seen: Vec<u32>,
    kept: Vec<Kept>,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    hash: u64,
    field: u32,
    text: String,
    yes: Vec<u32>,
    /// Other questions that it was asked, twice their number, and one more where the answer was yes.
    asked: Vec<u32>,
}

impl Familiar {
    /// The questions that a text in a field answers with yes, where that is known, and a hash to find the text by; `judge` finds
    /// them, unless they are too many.
    pub fn recall(
        &mut self,
        field: u32,
        text: &str,
        judge: impl FnOnce(&mut Vec<u32>) -> bool,
    ) -> Option<(u64, &[u32])> {
        if text.len() > LONGEST {
            return None;
        }
        if self.kept.is_empty() {
            self.seen.resize(SEEN, 0);
            self.kept.resize_with(KEPT, Kept::default);
        }
        let hash = self.hasher.hash_one((field, text));
        let (kept, tag) = (self.kept.get_mut(hash as usize % KEPT)?, (hash >> 32) as u32);
        if kept.hash == hash && kept.field == field && kept.text == text {
            return Some((hash, &kept.yes));
        }
        if std::mem::replace(self.seen.get_mut(hash as usize % SEEN)?, tag) != tag {
            return None;
        }
        // Nothing has this hash while it is not known whether the new one can be kept.
        kept.hash = !hash;
        kept.yes.clear();
        kept.asked.clear();
        if !judge(&mut kept.yes) {
            return None;
        }
        kept.text.clear();
        kept.text.push_str(text);
        (kept.hash, kept.field) = (hash, field);
        Some((hash, &kept.yes))
    }

    /// The answer to a question that `judge` leaves out, by the only text of a field in an event; `None` is a text that is not kept.
    pub fn answer(&mut self, field: u32, hash: Option<u64>, question: u32, ask: impl FnOnce() -> bool) -> bool {
        let kept = hash.and_then(|hash| self.kept.get_mut(hash as usize % KEPT).filter(|kept| kept.hash == hash));
        let Some(kept) = kept.filter(|kept| kept.field == field) else { return ask() };
        if let Some(known) = kept.asked.iter().find(|&known| known / 2 == question) {
            return known % 2 == 1;
        }
        let answer = ask();
        if kept.asked.len() < MOST {
            kept.asked.push(question * 2 + u32::from(answer));
        }
        answer
    }
}
