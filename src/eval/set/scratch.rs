//! What asking a set needs to remember from one event to the next.

use super::super::familiar::{Familiar, Number};
use super::super::index::Finding;
use super::{Role, Set};

/// Memory for asking a set, used again for each event.
#[derive(Debug, Clone, Default)]
pub struct SetScratch {
    pub(super) epoch: u32,
    pub(super) leaves: Vec<Known>,
    pub(super) ops: Vec<Known>,
    pub(super) gates: Vec<Known>,
    pub(super) fields: Vec<FieldState>,
    /// The epoch in which each predicate was tried.
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

/// What is known of a field.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldState {
    /// The epoch in which it was looked up.
    pub epoch: u32,
    /// When it was looked up and had one text, which is familiar: its number.
    pub only: Option<Number>,
    /// The leaves of lists that were found when it was looked up.
    pub hits: Vec<u32>,
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

/// A leaf that was found, with what it is there for, in one number.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Found(u32);

impl Found {
    const LISTED: u32 = 1;
    const WITNESS: u32 = 2;

    pub(super) fn new(leaf: u32, role: Role) -> Self {
        let bit = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
        Self((leaf << 2) | bit(role.is_witness, Self::WITNESS) | bit(role.is_listed, Self::LISTED))
    }
}

/// Where it is noted what is found of an event.
pub(super) struct Notes<'s> {
    pub epoch: u32,
    pub leaves: &'s mut [Known],
    pub queue: &'s mut Vec<u32>,
    /// Of the field that is looked up.
    pub hits: &'s mut Vec<u32>,
}

impl Notes<'_> {
    #[inline(always)]
    pub fn note(&mut self, Found(found): Found, finding: Finding) {
        let leaf = found >> 2;
        let known = &mut self.leaves[leaf as usize];
        if !known.is_of(self.epoch) {
            *known = Known::found(self.epoch);
            if found & Found::LISTED != 0 {
                self.hits.push(leaf);
            }
            if found & Found::WITNESS != 0 {
                self.queue.push(leaf);
            }
        }
        if finding == Finding::Yes {
            *known = Known::new(self.epoch, true);
        }
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
            self.leaves.resize(set.roles.len(), Known::default());
            self.ops.resize(set.flat.ops.len(), Known::default());
            self.gates.resize(set.gates.len(), Known::default());
            self.fields.resize(set.fields.len(), FieldState::default());
            self.tried.resize(set.flat.roots.len(), 0);
            self.evaluated.resize(set.flat.roots.len(), 0);
        }
        self.epoch += 1;
        self.exceptions.clear();
        self.queue.clear();
    }
}
