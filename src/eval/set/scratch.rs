//! What asking a set needs to remember from one event to the next.

use super::super::familiar::{Familiar, Number};
use super::super::index::Finding;
use super::Set;

/// Memory for asking a set, used again for each event.
#[derive(Debug, Clone, Default)]
pub struct SetScratch {
    pub(super) epoch: u32,
    pub(super) leaves: Vec<Known>,
    pub(super) ops: Vec<Known>,
    pub(super) gates: Vec<Known>,
    /// The epoch in which each field was looked up and each predicate tried.
    pub(super) looked_up: Vec<u32>,
    /// For each field, the leaves of lists that were found when it was looked up.
    pub(super) hits: Vec<Vec<u32>>,
    /// For each field, when it was looked up and had one text, which is familiar: its number.
    pub(super) only: Vec<Option<Number>>,
    pub(super) tried: Vec<u32>,
    pub(super) queue: Vec<u32>,
    pub(super) text: String,
    /// The set that was asked last: of another one, nothing that was found is true.
    set: u64,
    pub(super) familiar: Familiar,
    pub(super) findings: Vec<(u32, Finding)>,
    /// Predicates that hold, and those of `Set::unless` that do not.
    pub(super) exceptions: Vec<u32>,
    pub(super) found: Vec<u32>,
    pub(super) candidates: u64,
    pub(super) asked: u64,
    /// For each root, how often it was evaluated.
    pub(super) evaluated: Vec<u64>,
}

/// What is known of a leaf, an op or a gate, if the epoch is that of the event: the epoch, whether there is an answer, and which, in
/// one number, for there are as many as questions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known(u32);

impl Known {
    /// The last epoch that there is room for.
    const LAST: u32 = u32::MAX >> 2;

    /// The index found the question; it has to be asked.
    pub const fn found(epoch: u32) -> Self {
        Self(epoch << 2)
    }

    /// An answer.
    pub const fn new(epoch: u32, answer: bool) -> Self {
        Self(epoch << 2 | 2 | answer as u32)
    }

    /// Whether something is known in an epoch.
    pub const fn is_of(self, epoch: u32) -> bool {
        self.0 >> 2 == epoch
    }

    /// The answer, where there is one.
    #[inline]
    pub fn answer(self, epoch: u32) -> Option<bool> {
        (self.0 >> 1 == epoch << 1 | 1).then_some(self.0 & 1 == 1)
    }
}

impl SetScratch {
    /// How many questions were asked since the beginning, beside those that the index answered.
    pub const fn asked(&self) -> u64 {
        self.asked
    }

    /// How many predicates were evaluated since the beginning.
    pub const fn candidates(&self) -> u64 {
        self.candidates
    }

    /// For each predicate, how often it was evaluated since the beginning.
    pub fn evaluated(&self) -> &[u64] {
        &self.evaluated
    }

    /// Makes room for what another set or event needs.
    pub(super) fn begin(&mut self, set: &Set) {
        if self.epoch == Known::LAST || self.set != set.id {
            let evaluated = std::mem::take(&mut self.evaluated);
            *self = Self { set: set.id, candidates: self.candidates, asked: self.asked, evaluated, ..Self::default() };
            self.leaves.resize(set.filed.len(), Known::default());
            self.ops.resize(set.flat.ops.len(), Known::default());
            self.gates.resize(set.gates.len(), Known::default());
            self.looked_up.resize(set.fields.len(), 0);
            self.hits.resize(set.fields.len(), Vec::new());
            self.only.resize(set.fields.len(), None);
            self.tried.resize(set.flat.roots.len(), 0);
            self.evaluated.resize(set.flat.roots.len(), 0);
        }
        self.epoch += 1;
        self.exceptions.clear();
        self.queue.clear();
    }
}
