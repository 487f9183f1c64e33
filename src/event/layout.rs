//! [`Layout`]: which fields a record reads, as a trie of their paths.

use std::sync::Arc;

use hashbrown::HashMap;

use super::FieldKey;
use super::index::Part;

/// Which fields to read.
#[derive(Debug, Clone)]
pub struct Layout {
    pub(super) nodes: Vec<Node>,
    /// The paths of the fields by number.
    pub(super) paths: Vec<Box<str>>,
    /// Fields that the name of the index fills where the event leaves them absent, with the part that does.
    pub(super) filled: Vec<(u32, Part)>,
    pub(super) index: Option<u32>,
    pub(super) id: Option<u32>,
}

/// A layout as the events of one block share it. Each block counts its own references: threads that count the same ones wait for
/// each other, and for whatever lies beside the count.
pub(crate) type BlockLayout = Arc<Arc<Layout>>;

/// A node of the trie.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Children with short keys: an open table whose length is a power of two, at most half full.
    table: Box<[(Short, u32)]>,
    /// Children with other keys.
    long: HashMap<Box<[u8]>, u32>,
    pub field: Option<u32>,
    pub mark: Mark,
}

/// What a key says of the hit around an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Index,
    Id,
    Source,
}

/// Where nothing below is wanted.
pub(super) const NOWHERE: u32 = u32::MAX;
/// The root of the event's own keys.
pub(super) const ROOT: u32 = 0;
/// The root where the event may be a hit: its own keys, `_index`, `_id` and `_source`.
pub(super) const HIT: u32 = 1;
/// The root of a hit whose source was read: `_index`, `_id` and `_source` only.
pub(super) const AROUND: u32 = 2;

/// A key of at most sixteen bytes, padded with zeros, which no key has as they are.
pub(super) type Short = u128;
pub(super) const SHORT: usize = 16;

/// The short form of a key.
pub(super) fn short(key: &[u8]) -> Option<Short> {
    let mut bytes = [0; SHORT];
    bytes.get_mut(..key.len())?.copy_from_slice(key);
    // An escape can make a zero.
    (!key.contains(&0)).then_some(Short::from_le_bytes(bytes))
}

#[inline]
const fn slot(key: Short, mask: usize) -> usize {
    let mixed = ((key as u64) ^ ((key >> 64) as u64).rotate_left(23)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 40) as usize & mask
}

impl Node {
    fn new(children: Vec<(Box<[u8]>, u32)>, field: Option<u32>, mark: Mark) -> Self {
        let size = (children.len() * 2).next_power_of_two();
        let mut table = vec![(0, NOWHERE); size].into_boxed_slice();
        let mut long = HashMap::new();
        for (key, child) in children {
            let Some(key) = short(&key) else {
                long.insert(key, child);
                continue;
            };
            let mut at = slot(key, size - 1);
            while table[at].1 != NOWHERE {
                at = (at + 1) & (size - 1);
            }
            table[at] = (key, child);
        }
        Self { table, long, field, mark }
    }

    /// The child of a short key.
    #[inline(always)]
    pub fn short_child(&self, key: Short) -> u32 {
        let mask = self.table.len().wrapping_sub(1);
        let mut at = slot(key, mask);
        loop {
            match self.table.get(at & mask) {
                Some(&(found, child)) if found == key || child == NOWHERE => return child,
                Some(_) => at += 1,
                None => return NOWHERE,
            }
        }
    }

    fn child(&self, key: &[u8]) -> u32 {
        match short(key) {
            Some(key) => self.short_child(key),
            None => self.long.get(key).copied().unwrap_or(NOWHERE),
        }
    }
}

/// A node while the trie grows.
#[derive(Debug, Clone, Default)]
struct Growing {
    children: HashMap<Box<[u8]>, u32>,
    field: Option<u32>,
}

impl Layout {
    /// The layout of a program's fields, numbered as their keys are.
    pub fn new(fields: &[FieldKey]) -> Self {
        let mut nodes = vec![Growing::default(); 3];
        let known = |key: &&FieldKey| (key.id() as usize) < fields.len();
        for key in fields.iter().filter(known).filter(|key| !matches!(key.path(), "" | "_index" | "_id")) {
            insert(&mut nodes, ROOT, key.path(), Some(key.id()));
        }
        nodes[HIT as usize].children = nodes[ROOT as usize].children.clone();
        let mut marks = Vec::new();
        for (name, mark) in [("_index", Mark::Index), ("_id", Mark::Id), ("_source", Mark::Source)] {
            let node = insert(&mut nodes, AROUND, name, None);
            if let Some(&own) = nodes[HIT as usize].children.get(name.as_bytes()) {
                // A program that asks below such a name still finds it.
                nodes[node as usize] = nodes[own as usize].clone();
            }
            nodes[HIT as usize].children.insert(name.as_bytes().into(), node);
            marks.push((node, mark));
        }
        let mark =
            |at: usize| marks.iter().find(|(node, _)| *node as usize == at).map_or(Mark::None, |(_, mark)| *mark);
        let settled = nodes
            .into_iter()
            .enumerate()
            .map(|(at, node)| Node::new(node.children.into_iter().collect(), node.field, mark(at)));
        let mut paths = vec![Box::default(); fields.len()];
        fields.iter().filter(known).for_each(|key| paths[key.id() as usize] = key.path().into());
        let named = |name: &str| fields.iter().filter(known).find(|key| key.path() == name).map(FieldKey::id);
        let part = |key: &FieldKey| Some((key.id(), Part::of_field(key.path())?));
        Self {
            nodes: settled.collect(),
            paths,
            filled: fields.iter().filter(known).filter_map(part).collect(),
            index: named("_index"),
            id: named("_id"),
        }
    }

    /// Whether the name of an event's index or its number is read.
    pub(crate) const fn reads_names(&self) -> bool {
        self.index.is_some() || self.id.is_some()
    }

    /// Whether a field is read that the name of the index fills where it is absent.
    pub(crate) const fn is_filled(&self) -> bool {
        !self.filled.is_empty()
    }

    #[inline]
    pub(super) fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    /// The node below `from` that a key leads to; a dotted key takes several steps.
    pub(super) fn step(&self, from: u32, key: &[u8]) -> u32 {
        let child = |at: u32, key: &[u8]| self.node(at).map_or(NOWHERE, |node| node.child(key));
        match child(from, key) {
            NOWHERE if memchr::memchr(b'.', key).is_some() => key.split(|&byte| byte == b'.').fold(from, child),
            found => found,
        }
    }
}

fn insert(nodes: &mut Vec<Growing>, root: u32, path: &str, field: Option<u32>) -> u32 {
    let mut at = root;
    for segment in path.split('.') {
        let fresh = nodes.len() as u32;
        let child = *nodes[at as usize].children.entry(segment.as_bytes().into()).or_insert(fresh);
        if child == fresh {
            nodes.push(Growing::default());
        }
        at = child;
    }
    nodes[at as usize].field = field;
    at
}
