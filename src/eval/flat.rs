//! Predicates of a set in one flat table: equal ones once, the cheapest and most shared questions first.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::compile::Node;
use super::program::Program;

/// A stretch of a table that holds the parts of many things one after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Of nothing.
    pub const EMPTY: Self = Self { start: 0, end: 0 };

    /// Appends the parts of one more thing.
    pub fn append<T>(all: &mut Vec<T>, parts: impl IntoIterator<Item = T>) -> Self {
        let start = all.len();
        all.extend(parts);
        Self::since(start, all)
    }

    /// What was appended since there were so many parts.
    pub fn since<T>(start: usize, all: &[T]) -> Self {
        Self { start: start as u32, end: all.len() as u32 }
    }

    #[inline]
    pub fn of<T>(self, all: &[T]) -> &[T] {
        &all[self.start as usize..self.end as usize]
    }
}

/// One step of evaluation; numbers are places in [`Flat::ops`] or numbers of leaves, spans are of [`Flat::items`].
#[derive(Debug)]
pub(super) enum Op {
    Const(bool),
    Leaf(u32),
    Not(u32),
    And(Span),
    Or(Span),
    /// An `Or` of many, made by [`Flat::list`].
    List(Box<List>),
    /// Place in [`Flat::nested`].
    Nested(u32),
}

/// Alternatives of which most are leaves that are *filed*: the index finds them whenever their answer may be yes. What it found
/// is looked for in the list, so that the length of the list costs nothing.
#[derive(Debug)]
pub(super) struct List {
    /// The fields of the leaves.
    pub fields: Box<[u32]>,
    /// In ascending order.
    pub leaves: Box<[u32]>,
    /// The other alternatives.
    pub rest: Box<[u32]>,
}

/// From how many filed leaves on an `Or` is a list.
const LONG: usize = 4;

/// What a leaf costs that the index answers.
pub(super) const LOOK_UP: u32 = 100;

/// The cost of alternatives: however many the index answers, they cost no more than a few.
fn alternatives(costs: impl Iterator<Item = u32>) -> u32 {
    let (mut found, mut asked) = (1, 0_u32);
    for cost in costs {
        if cost <= LOOK_UP { found = LOOK_UP.min(found + cost) } else { asked = asked.saturating_add(cost) }
    }
    asked.saturating_add(found)
}

/// The predicates of a program, flattened.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pub ops: Vec<Op>,
    pub items: Vec<u32>,
    /// How many places use each op.
    uses: Vec<u32>,
    pub nested: Vec<Node>,
    /// For each predicate, its op.
    pub roots: Vec<u32>,
}

/// The table while it grows: what each op is found by when it comes again.
struct Growing {
    flat: Flat,
    constants: [u32; 2],
    /// By number of the leaf, and of the op that is negated.
    leaves: Vec<u32>,
    negations: Vec<u32>,
    /// `And` and `Or`, with their hashes.
    joined: HashTable<(u64, u32)>,
    hasher: DefaultHashBuilder,
    /// The parts of the ops that are not finished.
    parts: Vec<u32>,
}

/// No op.
const NONE: u32 = u32::MAX;

impl Flat {
    /// `cost` says what a leaf costs; a leaf that many predicates share costs nothing more.
    pub fn new(program: &Program, cost: &dyn Fn(u32) -> u32) -> Self {
        let mut flat = Growing::flat(program);
        let costs = flat.costs(cost);
        for op in &flat.ops {
            if let Op::And(Span { start, end }) | Op::Or(Span { start, end }) = op {
                flat.items[*start as usize..*end as usize].sort_by_key(|&item| costs[item as usize]);
            }
        }
        flat
    }

    /// Whether the answer of an op is worth keeping.
    #[inline]
    pub fn is_shared(&self, op: u32) -> bool {
        self.uses[op as usize] > 1
    }

    /// How many places ask each leaf.
    pub fn leaf_uses(&self, leaves: usize) -> Vec<u32> {
        let mut out = vec![0; leaves];
        for (op, &uses) in self.ops.iter().zip(&self.uses) {
            if let Op::Leaf(leaf) = op {
                out[*leaf as usize] = uses;
            }
        }
        out
    }

    /// The questions, at most so many, that a predicate cannot hold without and that `is_common`.
    pub fn gate(&self, root: u32, is_common: impl Fn(u32) -> bool, most: usize) -> Box<[u32]> {
        let Some(Op::And(items)) = self.ops.get(root as usize) else { return Box::default() };
        let leaf = |item: &u32| match self.ops.get(*item as usize) {
            Some(Op::Leaf(leaf)) if is_common(*leaf) => Some(*leaf),
            _ => None,
        };
        items.of(&self.items).iter().filter_map(leaf).take(most).collect()
    }

    /// Makes lists of long `Or`s, and gives the leaves in them; `field` is that of a filed leaf.
    pub fn list(&mut self, field: impl Fn(u32) -> Option<u32>) -> Vec<u32> {
        let mut listed = Vec::new();
        for at in 0..self.ops.len() {
            let Op::Or(items) = self.ops[at] else { continue };
            let items = items.of(&self.items);
            let filed = |item: &u32| match self.ops[*item as usize] {
                Op::Leaf(leaf) => field(leaf).map(|field| (field, leaf)),
                _ => None,
            };
            let (mut fields, mut leaves): (Vec<u32>, Vec<u32>) = items.iter().filter_map(filed).unzip();
            if leaves.len() < LONG {
                continue;
            }
            fields.sort_unstable();
            fields.dedup();
            leaves.sort_unstable();
            listed.extend(&leaves);
            let rest = items.iter().copied().filter(|item| filed(item).is_none()).collect();
            self.ops[at] = Op::List(Box::new(List { fields: fields.into(), leaves: leaves.into(), rest }));
        }
        listed
    }

    /// A rough cost of each op; inner ops come before outer ones.
    fn costs(&self, leaf_cost: &dyn Fn(u32) -> u32) -> Vec<u32> {
        let mut costs: Vec<u32> = Vec::with_capacity(self.ops.len());
        for (at, op) in self.ops.iter().enumerate() {
            let of = |item: &u32| costs[*item as usize];
            let whole = match op {
                Op::Const(_) => 0,
                Op::Leaf(leaf) => leaf_cost(*leaf),
                Op::Not(inner) => of(inner),
                Op::And(items) => items.of(&self.items).iter().map(of).fold(1, u32::saturating_add),
                Op::Or(items) => alternatives(items.of(&self.items).iter().map(of)),
                Op::List(_) | Op::Nested(_) => 100_000,
            };
            // Someone else has likely asked already.
            costs.push(whole / self.uses[at].clamp(1, 1_000));
        }
        costs
    }
}

impl Growing {
    fn flat(program: &Program) -> Flat {
        let mut growing = Self {
            flat: Flat::default(),
            constants: [NONE; 2],
            leaves: vec![NONE; program.leaves.len()],
            negations: Vec::new(),
            joined: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            parts: Vec::new(),
        };
        growing.flat.roots = program.roots.iter().map(|root| growing.add(root)).collect();
        growing.flat
    }

    fn add(&mut self, node: &Node) -> u32 {
        let fresh = self.flat.ops.len() as u32;
        let op = match node {
            Node::Const(value) => known(&mut self.constants[usize::from(*value)], fresh),
            Node::Leaf(leaf) => known(&mut self.leaves[*leaf as usize], fresh),
            Node::Not(inner) => {
                let inner = self.add(inner);
                return self.negation(inner);
            }
            Node::And(nodes) => return self.joined(nodes, Op::And),
            Node::Or(nodes) => return self.joined(nodes, Op::Or),
            Node::Nested(..) => {
                self.flat.nested.push(node.clone());
                fresh
            }
        };
        self.settle(op, |flat| match node {
            Node::Const(value) => Op::Const(*value),
            Node::Leaf(leaf) => Op::Leaf(*leaf),
            _ => Op::Nested(flat.nested.len() as u32 - 1),
        })
    }

    fn negation(&mut self, inner: u32) -> u32 {
        let fresh = self.flat.ops.len() as u32;
        if self.negations.len() <= inner as usize {
            self.negations.resize(inner as usize + 1, NONE);
        }
        let op = known(&mut self.negations[inner as usize], fresh);
        self.settle(op, |_| Op::Not(inner))
    }

    fn joined(&mut self, nodes: &[Node], join: fn(Span) -> Op) -> u32 {
        let start = self.parts.len();
        for node in nodes {
            let part = self.add(node);
            self.parts.push(part);
        }
        // Order changes no answer; equal sets become equal ops.
        self.parts[start..].sort_unstable();
        let mut parts = self.parts.split_off(start);
        parts.dedup();
        let is_all = matches!(join(Span::EMPTY), Op::And(_));
        let (hash, fresh, flat) = (self.hasher.hash_one((is_all, &parts)), self.flat.ops.len() as u32, &self.flat);
        let same = |(own, op): &(u64, u32)| {
            *own == hash
                && match flat.ops[*op as usize] {
                    Op::And(span) => is_all && span.of(&flat.items) == parts,
                    Op::Or(span) => !is_all && span.of(&flat.items) == parts,
                    _ => false,
                }
        };
        let op = self.joined.entry(hash, same, |(hash, _)| *hash).or_insert((hash, fresh)).get().1;
        self.settle(op, |flat| join(Span::append(&mut flat.items, parts)))
    }

    /// Counts one more use of an op, and makes it where it is new.
    fn settle(&mut self, op: u32, make: impl FnOnce(&mut Flat) -> Op) -> u32 {
        if op as usize == self.flat.ops.len() {
            let made = make(&mut self.flat);
            self.flat.ops.push(made);
            self.flat.uses.push(0);
        }
        self.flat.uses[op as usize] += 1;
        op
    }
}

/// The op that is known in a place, from now on at least `fresh`.
fn known(place: &mut u32, fresh: u32) -> u32 {
    if *place == NONE {
        *place = fresh;
    }
    *place
}
