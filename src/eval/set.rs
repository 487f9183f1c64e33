//! Many predicates over one event, at the cost of the few that it could satisfy.
//!
//! Each predicate is filed under its *witness*: a set of questions of which one must be answered yes for the predicate to hold.
//! An index from field values to questions finds, for one event, a superset of the questions answered yes; these are asked
//! properly, and only predicates with a witness among them are evaluated. So the index may be generous, never wrong.
//!
//! Predicates under one question are grouped by their *gate*: common questions, such as the category of the event, that all of
//! them need answered yes. A closed gate turns the whole group away before the question itself is asked.

mod scratch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;

use super::flat::{Flat, LOOK_UP, List, Op, Span};
use super::index::{Entry, FieldIndex, Finding, entries};
use super::matcher::Leaf;
use super::program::Program;
use super::witness::{weights, witness};
use crate::event::{Document, Layout, Value};
pub(super) use scratch::Found;
pub use scratch::SetScratch;
use scratch::{Known, Notes};

/// A program whose predicates are asked all at once.
#[derive(Debug)]
pub struct Set {
    /// No other set has it.
    id: u64,
    program: Program,
    flat: Flat,
    layout: Arc<Layout>,
    /// By number of the field.
    fields: Vec<FieldIndex>,
    /// Fields that are looked up for every event.
    eager: Vec<u32>,
    is_eager: Vec<bool>,
    /// For each leaf.
    roles: Vec<Role>,
    /// For each leaf, the groups of predicates that it is a witness of.
    witnessed: Vec<Span>,
    groups: Vec<Group>,
    /// The predicates of the groups.
    grouped: Vec<u32>,
    gates: Vec<Box<[u32]>>,
    /// Predicates that hold unless a question is answered yes: they are filed under the witness of their negation.
    unless: Vec<u32>,
    is_unless: Vec<bool>,
    /// Predicates without a witness either way.
    every: Vec<u32>,
}

/// Predicates with the same gate.
#[derive(Debug)]
struct Group {
    gate: u32,
    roots: Span,
}

/// What a leaf is there for.
#[derive(Debug, Clone, Copy, Default)]
struct Role {
    field: u32,
    /// Whether the index finds it whenever its answer may be yes.
    is_filed: bool,
    is_listed: bool,
    is_witness: bool,
}

/// From how many places on a question is a common one.
const COMMON: u32 = 8;
/// Most questions in a gate.
const GATE: usize = 4;
/// Most questions that are asked about a value to know it the next time.
const ASKED: usize = 128;

/// The number of the next set.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Set {
    /// Indexes a program.
    pub fn new(program: Program) -> Self {
        let entries: Vec<Option<Vec<Entry>>> = program.leaves.iter().map(entries).collect();
        let is_term: Vec<bool> = entries.iter().map(|entries| entries.as_deref().is_some_and(all_terms)).collect();
        let cost = |leaf: u32| match is_term.get(leaf as usize) {
            Some(true) => LOOK_UP,
            _ => program.leaves.get(leaf as usize).map_or(0, |leaf| 2 * LOOK_UP * leaf.asker.cost()),
        };
        let flat = Flat::new(&program, &cost);
        let mut set = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            layout: Arc::new(Layout::new(&program.fields)),
            fields: Vec::new(),
            eager: Vec::new(),
            is_eager: vec![false; program.fields.len()],
            roles: Vec::new(),
            witnessed: Vec::new(),
            groups: Vec::new(),
            grouped: Vec::new(),
            gates: Vec::new(),
            unless: Vec::new(),
            is_unless: vec![false; flat.roots.len()],
            every: Vec::new(),
            flat,
            program,
        };
        let uses = set.flat.leaf_uses(set.program.leaves.len());
        let role = |(leaf, (&is_term, &uses)): (&Leaf, (&bool, &u32))| Role {
            field: leaf.field.id(),
            // What stands in nested objects only is asked there.
            is_filed: is_term && uses > 0,
            ..Role::default()
        };
        set.roles = set.program.leaves.iter().zip(is_term.iter().zip(&uses)).map(role).collect();
        set.group(&entries, &uses);
        set.index(&entries);
        let Self { flat, roles, .. } = &mut set;
        let field = |leaf: u32| Some(roles[leaf as usize]).filter(|role| role.is_filed).map(|role| role.field);
        let listed = flat.list(field);
        listed.into_iter().for_each(|leaf| roles[leaf as usize].is_listed = true);
        set
    }

    /// Files each predicate under its witness and its gate.
    fn group(&mut self, entries: &[Option<Vec<Entry>>], uses: &[u32]) {
        let weights = weights(&self.program.leaves, entries, uses);
        let mut gates: HashMap<Box<[u32]>, u32> = HashMap::new();
        let mut filed: Vec<HashMap<u32, Vec<u32>>> = vec![HashMap::new(); self.program.leaves.len()];
        for (root, &op) in self.flat.roots.iter().enumerate() {
            let (mut leaves, gate) = if let Some((_, leaves)) = witness(&self.flat, op, false, &weights) {
                let is_common = |leaf: u32| self.roles[leaf as usize].is_filed && uses[leaf as usize] >= COMMON;
                (leaves, self.flat.gate(op, is_common, GATE))
            } else if let Some((_, leaves)) = witness(&self.flat, op, true, &weights) {
                self.unless.push(root as u32);
                self.is_unless[root] = true;
                (leaves, Box::default())
            } else {
                self.every.push(root as u32);
                continue;
            };
            leaves.sort_unstable();
            leaves.dedup();
            let fresh = gates.len() as u32;
            let gate = *gates.entry(gate).or_insert(fresh);
            for leaf in leaves {
                filed[leaf as usize].entry(gate).or_default().push(root as u32);
            }
        }
        let mut numbered: Vec<(Box<[u32]>, u32)> = gates.into_iter().collect();
        numbered.sort_by_key(|(_, number)| *number);
        self.gates = numbered.into_iter().map(|(gate, _)| gate).collect();
        for (leaf, filed) in filed.into_iter().enumerate() {
            let mut by_gate: Vec<(u32, Vec<u32>)> = filed.into_iter().collect();
            by_gate.sort_unstable_by_key(|(gate, _)| *gate);
            self.roles[leaf].is_witness = !by_gate.is_empty();
            let groups =
                by_gate.into_iter().map(|(gate, roots)| Group { gate, roots: Span::append(&mut self.grouped, roots) });
            self.witnessed.push(Span::append(&mut self.groups, groups));
        }
    }

    fn index(&mut self, entries: &[Option<Vec<Entry>>]) {
        self.fields.resize_with(self.program.fields.len(), FieldIndex::default);
        for (at, (leaf, entries)) in self.program.leaves.iter().zip(entries).enumerate() {
            let role = &mut self.roles[at];
            role.is_filed |= role.is_witness;
            let field = role.field as usize;
            if let Some(index) = self.fields.get_mut(field).filter(|_| role.is_filed) {
                index.add(at as u32, leaf, entries.as_deref());
                self.is_eager[field] |= role.is_witness;
            }
        }
        self.fields.iter_mut().for_each(FieldIndex::settle);
        self.eager = (0..self.fields.len() as u32).filter(|&field| self.is_eager[field as usize]).collect();
    }

    /// Which fields an event's text is read for.
    pub const fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// How many predicates have no witness either way and are evaluated for every event.
    pub fn unindexed(&self) -> usize {
        self.every.len()
    }

    /// How many different questions the predicates ask.
    pub fn questions(&self) -> usize {
        self.program.leaves.len()
    }

    /// How many predicates the most crowded question is a witness of.
    pub fn crowd(&self) -> usize {
        let found =
            |groups: &Span| groups.of(&self.groups).iter().map(|group| group.roots.of(&self.grouped).len()).sum();
        self.witnessed.iter().map(found).max().unwrap_or(0)
    }

    /// The predicates that hold, in ascending order.
    pub fn matches<'s, D: Document>(&self, event: &D, scratch: &'s mut SetScratch) -> &'s [u32] {
        scratch.begin(self);
        match event.present() {
            Some(present) => {
                let eager = |field: &&u32| self.is_eager.get(**field as usize) == Some(&true);
                present.iter().filter(eager).for_each(|&field| self.look_up(field, event, scratch));
            }
            None => self.eager.iter().for_each(|&field| self.look_up(field, event, scratch)),
        }
        while let Some(leaf) = scratch.queue.pop() {
            self.expand(leaf, event, scratch);
        }
        for &root in &self.every {
            self.try_root(root, event, scratch);
        }
        scratch.exceptions.sort_unstable();
        if self.unless.is_empty() {
            return &scratch.exceptions;
        }
        self.merge(scratch);
        &scratch.found
    }

    /// Puts together what holds by default and the exceptions.
    fn merge(&self, scratch: &mut SetScratch) {
        let SetScratch { exceptions, found, .. } = scratch;
        found.clear();
        let mut rest = self.unless.as_slice();
        for &root in exceptions.iter() {
            let (before, from) = rest.split_at(rest.partition_point(|&other| other < root));
            found.extend_from_slice(before);
            rest = from;
            if self.is_unless[root as usize] {
                rest = rest.get(1..).unwrap_or_default();
            } else {
                found.push(root);
            }
        }
        found.extend_from_slice(rest);
    }

    /// Notes which questions the values of a field may answer.
    fn look_up<D: Document>(&self, field: u32, event: &D, scratch: &mut SetScratch) {
        let (at, epoch) = (field as usize, scratch.epoch);
        let (Some(index), Some(key)) = (self.fields.get(at), self.program.fields.get(at)) else { return };
        let SetScratch { fields, leaves, queue, text, familiar, findings, .. } = scratch;
        let state = &mut fields[at];
        if std::mem::replace(&mut state.epoch, epoch) == epoch {
            return;
        }
        let hits = &mut state.hits;
        hits.clear();
        let mut notes = Notes { epoch, leaves, queue, hits };
        let found = |leaf: u32| Found::new(leaf, self.roles[leaf as usize]);
        let (mut first, mut values, mut only) = (true, 0, None);
        event.any(key, &mut |value| {
            values += 1;
            if let Value::Str(own) = value
                && let Some((number, yes)) =
                    familiar.recall(field, own, ASKED, |yes| self.judge(index, value, text, findings, yes))
            {
                yes.iter().for_each(|&leaf| notes.note(leaf, Finding::Yes));
                only = Some(number);
                return false;
            }
            if std::mem::take(&mut first) {
                index.any(&mut |leaf, finding| notes.note(found(leaf), finding));
            }
            index.look_up(value, text, &mut |leaf, finding| notes.note(found(leaf), finding));
            false
        });
        state.only = only.filter(|_| values == 1);
    }

    /// The questions that a value answers with yes; `false` where too many would have to be asked.
    fn judge(
        &self,
        index: &FieldIndex,
        value: Value<'_>,
        text: &mut String,
        findings: &mut Vec<(u32, Finding)>,
        yes: &mut Vec<Found>,
    ) -> bool {
        findings.clear();
        index.any(&mut |leaf, finding| findings.push((leaf, finding)));
        index.look_up(value, text, &mut |leaf, finding| findings.push((leaf, finding)));
        if findings.len() > ASKED {
            return false;
        }
        findings.sort_unstable();
        findings.dedup_by_key(|(leaf, _)| *leaf);
        let says_yes = |(leaf, finding): &(u32, Finding)| {
            *finding == Finding::Yes || self.program.leaves[*leaf as usize].holds_of(value)
        };
        let yes_of = |(leaf, _): &(u32, Finding)| Found::new(*leaf, self.roles[*leaf as usize]);
        yes.extend(findings.iter().filter(|finding| says_yes(finding)).map(yes_of));
        true
    }

    /// Tries the predicates that a question is a witness of.
    fn expand<D: Document>(&self, leaf: u32, event: &D, scratch: &mut SetScratch) {
        let mut asked = false;
        for group in self.witnessed[leaf as usize].of(&self.groups) {
            if !self.is_open(group.gate, event, scratch) {
                continue;
            }
            if !asked && !self.answer(leaf, event, scratch) {
                return;
            }
            asked = true;
            for &root in group.roots.of(&self.grouped) {
                self.try_root(root, event, scratch);
            }
        }
    }

    fn is_open<D: Document>(&self, gate: u32, event: &D, scratch: &mut SetScratch) -> bool {
        if let Some(open) = scratch.gates[gate as usize].answer(scratch.epoch) {
            return open;
        }
        let open = self.gates[gate as usize].iter().all(|&leaf| self.answer(leaf, event, scratch));
        scratch.gates[gate as usize] = Known::new(scratch.epoch, open);
        open
    }

    fn try_root<D: Document>(&self, root: u32, event: &D, scratch: &mut SetScratch) {
        if std::mem::replace(&mut scratch.tried[root as usize], scratch.epoch) == scratch.epoch {
            return;
        }
        scratch.candidates += 1;
        scratch.evaluated[root as usize] += 1;
        if self.holds(self.flat.roots[root as usize], event, scratch) != self.is_unless[root as usize] {
            scratch.exceptions.push(root);
        }
    }

    fn answer<D: Document>(&self, leaf: u32, event: &D, scratch: &mut SetScratch) -> bool {
        let at = leaf as usize;
        let Role { field, is_filed, .. } = self.roles[at];
        if is_filed && !scratch.leaves[at].is_of(scratch.epoch) {
            self.look_up(field, event, scratch);
            if !scratch.leaves[at].is_of(scratch.epoch) {
                // The index finds all that it could be.
                scratch.leaves[at] = Known::new(scratch.epoch, false);
            }
        }
        if let Some(answer) = scratch.leaves[at].answer(scratch.epoch) {
            return answer;
        }
        scratch.asked += 1;
        let own = &self.program.leaves[at];
        let answer = if is_filed || !own.asker.is_about_values() {
            own.holds(event)
        } else {
            self.look_up(field, event, scratch);
            scratch.familiar.answer(scratch.fields[field as usize].only, leaf, || own.holds(event))
        };
        scratch.leaves[at] = Known::new(scratch.epoch, answer);
        answer
    }

    fn holds<D: Document>(&self, op: u32, event: &D, scratch: &mut SetScratch) -> bool {
        let (Op::And(_) | Op::Or(_) | Op::List(_) | Op::Nested(_)) = &self.flat.ops[op as usize] else {
            return self.settle(op, event, scratch);
        };
        if !self.flat.is_shared(op) {
            return self.settle(op, event, scratch);
        }
        if let Some(answer) = scratch.ops[op as usize].answer(scratch.epoch) {
            return answer;
        }
        let answer = self.settle(op, event, scratch);
        scratch.ops[op as usize] = Known::new(scratch.epoch, answer);
        answer
    }

    fn settle<D: Document>(&self, op: u32, event: &D, scratch: &mut SetScratch) -> bool {
        match &self.flat.ops[op as usize] {
            Op::Const(value) => *value,
            Op::Leaf(leaf) => self.answer(*leaf, event, scratch),
            Op::Not(inner) => !self.holds(*inner, event, scratch),
            Op::And(items) => items.of(&self.flat.items).iter().all(|&item| self.holds(item, event, scratch)),
            Op::Or(items) => items.of(&self.flat.items).iter().any(|&item| self.holds(item, event, scratch)),
            Op::List(list) => self.any_of(list, event, scratch),
            Op::Nested(place) => self.program.holds(&self.flat.nested[*place as usize], event),
        }
    }

    fn any_of<D: Document>(&self, list: &List, event: &D, scratch: &mut SetScratch) -> bool {
        let found = |field: &u32, scratch: &mut SetScratch| {
            let at = *field as usize;
            self.look_up(*field, event, scratch);
            if scratch.fields[at].hits.len() > list.leaves.len() {
                return list.leaves.iter().any(|&leaf| self.answer(leaf, event, scratch));
            }
            (0..scratch.fields[at].hits.len()).any(|place| {
                let leaf = scratch.fields[at].hits[place];
                list.leaves.binary_search(&leaf).is_ok() && self.answer(leaf, event, scratch)
            })
        };
        list.fields.iter().any(|field| found(field, scratch))
            || list.rest.iter().any(|&item| self.holds(item, event, scratch))
    }
}

fn all_terms(entries: &[Entry]) -> bool {
    entries.iter().all(|entry| !matches!(entry, Entry::Literal(_)))
}
