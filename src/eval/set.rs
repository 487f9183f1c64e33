//! Many predicates over one event, at the cost of the few that it could satisfy.
//!
//! Each predicate is filed under its *witness*: a set of questions of which one must be answered yes for the predicate to hold.
//! An index from field values to questions finds, for one event, a superset of the questions answered yes; these are asked
//! properly, and only predicates with a witness among them are evaluated. So the index may be generous, never wrong.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use hashbrown::HashMap;

use super::compile::Node;
use super::matcher::{Ask, Asker, Leaf};
use super::program::Program;
use super::value::Reader;
use crate::event::number::Number;
use crate::event::{Document, FieldKey, Layout, Value};
use crate::text::WildcardPart;

/// A program whose predicates are asked all at once.
#[derive(Debug)]
pub struct Set {
    program: Program,
    layout: Layout,
    fields: Vec<FieldIndex>,
    /// For each leaf, the roots that it is a witness of.
    witnessed: Vec<Vec<u32>>,
    /// Roots without a witness.
    every: Vec<u32>,
}

/// From the values of one field to the questions that they may answer with yes.
#[derive(Debug, Default)]
struct FieldIndex {
    key: Option<FieldKey>,
    terms: HashMap<Box<str>, Vec<u32>>,
    integers: HashMap<i64, Vec<u32>>,
    patterns: Option<AhoCorasick>,
    pattern_leaves: Vec<u32>,
    /// Questions about texts, and about numbers.
    texts: Vec<u32>,
    numbers: Vec<u32>,
    /// Questions that any value may answer.
    always: Vec<u32>,
}

/// Bytes of patterns up to which a field has the fastest automaton, which takes about a hundred times as much memory.
const MAX_DFA: usize = 16 << 10;

/// What a question can be looked up by.
enum Entry {
    Term(String),
    Integer(i64),
    Literal(String),
}

/// Memory for asking a set, used again for each event.
#[derive(Debug, Clone, Default)]
pub struct SetScratch {
    epoch: u32,
    /// For each leaf, the epoch of its last answer and the answer.
    answers: Vec<(u32, bool)>,
    /// For each leaf and each root, the epoch in which it was met last.
    expanded: Vec<u32>,
    tried: Vec<u32>,
    queue: Vec<u32>,
    text: String,
    found: Vec<u32>,
    candidates: u64,
    asked: u64,
    /// For each root, how often it was evaluated.
    evaluated: Vec<u64>,
}

impl SetScratch {
    /// How many questions were asked since the beginning.
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

    fn begin(&mut self, set: &Set) {
        if self.epoch == u32::MAX
            || self.answers.len() != set.program.leaves.len()
            || self.tried.len() != set.program.roots.len()
        {
            let evaluated = std::mem::take(&mut self.evaluated);
            *self = Self { candidates: self.candidates, asked: self.asked, evaluated, ..Self::default() };
            self.answers.resize(set.program.leaves.len(), (0, false));
            self.expanded.resize(set.program.leaves.len(), 0);
            self.tried.resize(set.program.roots.len(), 0);
            self.evaluated.resize(set.program.roots.len(), 0);
        }
        self.epoch += 1;
        self.found.clear();
    }
}

impl Set {
    /// Indexes a program.
    pub fn new(program: Program) -> Self {
        let mut set = Self {
            layout: Layout::new(&program.fields),
            fields: Vec::new(),
            witnessed: vec![Vec::new(); program.leaves.len()],
            every: Vec::new(),
            program,
        };
        let entries: Vec<Option<Vec<Entry>>> = set.program.leaves.iter().map(entries).collect();
        let weights: Vec<Option<f64>> =
            set.program.leaves.iter().zip(&entries).map(|(leaf, entries)| weight(leaf, entries.as_deref())).collect();
        for (root, node) in set.program.roots.iter().enumerate() {
            let root = root as u32;
            match witness(node, false, &weights) {
                Some((_, leaves)) => leaves.into_iter().for_each(|leaf| set.witnessed[leaf as usize].push(root)),
                None => set.every.push(root),
            }
        }
        set.index(entries);
        set
    }

    fn index(&mut self, entries: Vec<Option<Vec<Entry>>>) {
        let mut literals: HashMap<u32, Vec<String>> = HashMap::new();
        let mut fields: Vec<FieldIndex> = Vec::new();
        fields.resize_with(self.program.fields.len(), FieldIndex::default);
        for (id, (leaf, entries)) in self.program.leaves.iter().zip(entries).enumerate() {
            let Some(field) = fields.get_mut(leaf.field.id() as usize).filter(|_| !self.witnessed[id].is_empty())
            else {
                continue;
            };
            field.key = Some(leaf.field.clone());
            let id = id as u32;
            let Some(entries) = entries else {
                field.always.push(id);
                continue;
            };
            for entry in entries {
                match entry {
                    Entry::Term(text) => file(field.terms.entry(text.into()).or_default(), &mut field.texts, id),
                    Entry::Integer(value) => file(field.integers.entry(value).or_default(), &mut field.numbers, id),
                    Entry::Literal(text) => {
                        literals.entry(leaf.field.id()).or_default().push(text);
                        file(&mut field.pattern_leaves, &mut field.texts, id);
                    }
                }
            }
        }
        for (id, texts) in literals {
            let length: usize = texts.iter().map(String::len).sum();
            let kind = if length < MAX_DFA { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
            let field = &mut fields[id as usize];
            match AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(kind)).build(&texts) {
                Ok(automaton) => field.patterns = Some(automaton),
                Err(_) => field.always.append(&mut field.pattern_leaves),
            }
        }
        fields.retain(|field| field.key.is_some());
        self.fields = fields;
    }

    /// Which fields an event's text is read for.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many predicates have no witness and are evaluated for every event.
    pub fn unindexed(&self) -> usize {
        self.every.len()
    }

    /// How many different questions the predicates ask.
    pub fn questions(&self) -> usize {
        self.program.leaves.len()
    }

    /// The predicates that hold, in ascending order.
    pub fn matches<'s>(&self, event: &dyn Document, scratch: &'s mut SetScratch) -> &'s [u32] {
        scratch.begin(self);
        for field in &self.fields {
            field.look_up(event, scratch);
            while let Some(leaf) = scratch.queue.pop() {
                let seen = std::mem::replace(&mut scratch.expanded[leaf as usize], scratch.epoch) == scratch.epoch;
                if !seen && self.answer(leaf, event, scratch) {
                    for &root in &self.witnessed[leaf as usize] {
                        self.try_root(root, event, scratch);
                    }
                }
            }
        }
        for &root in &self.every {
            self.try_root(root, event, scratch);
        }
        scratch.found.sort_unstable();
        &scratch.found
    }

    fn try_root(&self, root: u32, event: &dyn Document, scratch: &mut SetScratch) {
        if std::mem::replace(&mut scratch.tried[root as usize], scratch.epoch) == scratch.epoch {
            return;
        }
        scratch.candidates += 1;
        scratch.evaluated[root as usize] += 1;
        if self.holds(&self.program.roots[root as usize], event, scratch) {
            scratch.found.push(root);
        }
    }

    fn answer(&self, leaf: u32, event: &dyn Document, scratch: &mut SetScratch) -> bool {
        let (epoch, answer) = scratch.answers[leaf as usize];
        if epoch == scratch.epoch {
            return answer;
        }
        scratch.asked += 1;
        let answer = self.program.leaves[leaf as usize].holds(event);
        scratch.answers[leaf as usize] = (scratch.epoch, answer);
        answer
    }

    fn holds(&self, node: &Node, event: &dyn Document, scratch: &mut SetScratch) -> bool {
        match node {
            Node::Const(value) => *value,
            Node::And(nodes) => nodes.iter().all(|node| self.holds(node, event, scratch)),
            Node::Or(nodes) => nodes.iter().any(|node| self.holds(node, event, scratch)),
            Node::Not(inner) => !self.holds(inner, event, scratch),
            Node::Leaf(leaf) => self.answer(*leaf, event, scratch),
            Node::Nested(..) => self.program.holds(node, event),
        }
    }
}

impl FieldIndex {
    /// Queues the questions that the field's values may answer with yes.
    fn look_up(&self, event: &dyn Document, scratch: &mut SetScratch) {
        let Some(key) = &self.key else { return };
        let (queue, buffer) = (&mut scratch.queue, &mut scratch.text);
        let mut first = true;
        event.any(key, &mut |value| {
            if std::mem::take(&mut first) {
                queue.extend(&self.always);
            }
            match value {
                Value::Str(text) if text.is_ascii() => {
                    self.text(text, buffer, queue);
                    // A number in a text.
                    queue.extend(&self.numbers);
                }
                Value::Int(value) => {
                    queue.extend(self.integers.get(&value).into_iter().flatten());
                    if !self.texts.is_empty() {
                        // Fields of texts take the digits.
                        self.text(&value.to_string(), buffer, queue);
                    }
                }
                Value::Str(_) | Value::UInt(_) | Value::Float(_) | Value::Bool(_) => {
                    queue.extend(self.texts.iter().chain(&self.numbers));
                }
                Value::Null | Value::Object(_) => {}
            }
            false
        });
    }

    fn text(&self, text: &str, buffer: &mut String, queue: &mut Vec<u32>) {
        if !self.terms.is_empty() {
            buffer.clear();
            buffer.push_str(text);
            buffer.make_ascii_lowercase();
            queue.extend(self.terms.get(buffer.as_str()).into_iter().flatten());
        }
        if let Some(patterns) = &self.patterns {
            let found = patterns
                .find_overlapping_iter(text)
                .filter_map(|found| self.pattern_leaves.get(found.pattern().as_usize()));
            queue.extend(found);
        }
    }
}

fn file(under: &mut Vec<u32>, all: &mut Vec<u32>, leaf: u32) {
    under.push(leaf);
    if all.last() != Some(&leaf) {
        all.push(leaf);
    }
}

/// What a question can be looked up by; `None` where only the presence of its field tells.
fn entries(leaf: &Leaf) -> Option<Vec<Entry>> {
    let Asker::Values { reader, ask } = &leaf.asker else { return None };
    let mut out = Vec::new();
    (reader.is_plain() && collect(ask, reader, &mut out)).then_some(out)
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
        Ask::Any(each) => each.iter().all(|ask| collect(ask, reader, out)),
        Ask::Inferred(each) => each[2].is_none() && each.iter().flatten().all(|ask| collect(ask, reader, out)),
        _ => false,
    }
}

/// Fields of which every event has one of a few values.
const COMMON: &[&str] = &[
    "event.category",
    "event.kind",
    "event.type",
    "event.outcome",
    "event.module",
    "event.dataset",
    "data_stream.dataset",
    "host.os.type",
    "host.os.family",
    "host.os.platform",
    "agent.type",
    "network.transport",
    "network.direction",
];

/// How often a question is likely answered yes, and what it costs to be found; less is better. `None` where the index does not
/// reach it.
fn weight(leaf: &Leaf, entries: Option<&[Entry]>) -> Option<f64> {
    let Asker::Values { ask, .. } = &leaf.asker else { return None };
    let common = if COMMON.contains(&leaf.field.path()) { 40.0 } else { 1.0 };
    Some(match entries {
        Some(entries) => entries
            .iter()
            .map(|entry| match entry {
                Entry::Term(_) | Entry::Integer(_) => common + 0.01,
                Entry::Literal(text) => common * (1.0 + 8.0 / text.len() as f64),
            })
            .sum::<f64>()
            .min(200.0),
        None => match ask {
            Ask::Exists => 150.0,
            Ask::Bools(..) => 120.0,
            _ => 60.0 + common,
        },
    })
}

/// The lightest set of questions of which one is answered yes whenever the node holds, or does not hold where `negated`.
fn witness(node: &Node, negated: bool, weights: &[Option<f64>]) -> Option<(f64, Vec<u32>)> {
    match (node, negated) {
        (Node::Const(value), _) if *value == negated => Some((0.0, Vec::new())),
        (Node::Const(_) | Node::Nested(..), _) | (Node::Leaf(_), true) => None,
        (Node::Leaf(leaf), false) => Some((weights.get(*leaf as usize).copied().flatten()?, vec![*leaf])),
        (Node::Not(inner), _) => witness(inner, !negated, weights),
        (Node::And(nodes), false) | (Node::Or(nodes), true) => {
            let each = nodes.iter().filter_map(|node| witness(node, negated, weights));
            each.min_by(|left, right| left.0.total_cmp(&right.0))
        }
        (Node::Or(nodes), false) | (Node::And(nodes), true) => {
            let mut all = (0.0, Vec::new());
            for node in nodes {
                let (weight, leaves) = witness(node, negated, weights)?;
                all.0 += weight;
                all.1.extend(leaves);
            }
            Some(all)
        }
    }
}
