//! Deterministic automata of expressions with intersection and complement, built from derivatives.
//!
//! The derivative of a language by a character is what may follow that character; the derivatives of an expression, made
//! normal, are the states of its automaton.

use hashbrown::HashMap;

use super::lucene::{ALL, Node, Set, normal};

/// Most states of an automaton (Lucene: determinization limit).
const MAX_STATES: usize = 10_000;
/// Most nodes that all states together may have.
const MAX_NODES: usize = 2_000_000;

/// An automaton over characters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Automaton {
    /// The first character of each class of the alphabet, ascending.
    classes: Vec<u32>,
    /// The next state for each state and class.
    next: Vec<u32>,
    accepting: Vec<bool>,
}

impl Automaton {
    /// Builds the automaton; `None` where it would be too large.
    pub fn build(node: &Node) -> Option<Self> {
        let mut classes = vec![0];
        boundaries(node, &mut classes);
        classes.sort_unstable();
        classes.dedup();
        let start = simplify(node);
        let mut automaton = Self { classes, next: Vec::new(), accepting: Vec::new() };
        let mut ids: HashMap<Node, u32> = HashMap::new();
        ids.insert(start.clone(), 0);
        let mut work = vec![start];
        let (mut at, mut nodes) = (0, 0);
        while let Some(state) = work.get(at).cloned() {
            nodes += size(&state);
            automaton.accepting.push(nullable(&state));
            for class in 0..automaton.classes.len() {
                let after = derive(&state, automaton.classes[class]);
                let fresh = u32::try_from(ids.len()).ok()?;
                let id = *ids.entry(after.clone()).or_insert(fresh);
                if id == fresh {
                    work.push(after);
                }
                automaton.next.push(id);
            }
            if work.len() > MAX_STATES || nodes > MAX_NODES {
                return None;
            }
            at += 1;
        }
        Some(automaton)
    }

    /// Whether the whole text is accepted.
    pub fn matches(&self, text: &str) -> bool {
        let mut state = 0;
        for c in text.chars() {
            let class = self.classes.partition_point(|&first| first <= u32::from(c)) - 1;
            state = self.next.get(state * self.classes.len() + class).map_or(0, |&next| next as usize);
        }
        self.accepting.get(state).copied().unwrap_or(false)
    }

    /// Bytes it takes.
    pub fn size(&self) -> usize {
        4 * (self.classes.len() + self.next.len()) + self.accepting.len()
    }
}

fn boundaries(node: &Node, out: &mut Vec<u32>) {
    match node {
        Node::Class(set) => {
            for &(first, last) in set {
                out.push(first);
                if last < ALL.1 {
                    out.push(last + 1);
                }
            }
        }
        Node::Concat(nodes) | Node::Union(nodes) | Node::Intersection(nodes) => {
            nodes.iter().for_each(|node| boundaries(node, out));
        }
        Node::Complement(inner) | Node::Repeat(inner, ..) => boundaries(inner, out),
        Node::Empty | Node::Never => {}
    }
}

fn size(node: &Node) -> usize {
    match node {
        Node::Concat(nodes) | Node::Union(nodes) | Node::Intersection(nodes) => {
            1 + nodes.iter().map(size).sum::<usize>()
        }
        Node::Complement(inner) | Node::Repeat(inner, ..) => 1 + size(inner),
        Node::Empty | Node::Never | Node::Class(_) => 1,
    }
}

fn nullable(node: &Node) -> bool {
    match node {
        Node::Empty => true,
        Node::Never | Node::Class(_) => false,
        Node::Concat(nodes) | Node::Intersection(nodes) => nodes.iter().all(nullable),
        Node::Union(nodes) => nodes.iter().any(nullable),
        Node::Complement(inner) => !nullable(inner),
        Node::Repeat(inner, least, _) => *least == 0 || nullable(inner),
    }
}

fn holds(set: &Set, c: u32) -> bool {
    set.iter().any(|&(first, last)| (first..=last).contains(&c))
}

fn derive(node: &Node, c: u32) -> Node {
    match node {
        Node::Empty | Node::Never => Node::Never,
        Node::Class(set) => {
            if holds(set, c) {
                Node::Empty
            } else {
                Node::Never
            }
        }
        Node::Union(nodes) => union(nodes.iter().map(|node| derive(node, c)).collect()),
        Node::Intersection(nodes) => intersection(nodes.iter().map(|node| derive(node, c)).collect()),
        Node::Complement(inner) => complement(derive(inner, c)),
        Node::Concat(nodes) => derive_concat(nodes, c),
        Node::Repeat(inner, least, most) => {
            if *most == Some(0) {
                return Node::Never;
            }
            let rest = repeat((**inner).clone(), least.saturating_sub(1), most.map(|most| most - 1));
            concat(vec![derive(inner, c), rest])
        }
    }
}

fn derive_concat(nodes: &[Node], c: u32) -> Node {
    let mut alternatives = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let mut parts = vec![derive(node, c)];
        parts.extend_from_slice(&nodes[at + 1..]);
        alternatives.push(concat(parts));
        if !nullable(node) {
            break;
        }
    }
    union(alternatives)
}

fn simplify(node: &Node) -> Node {
    let all = |nodes: &[Node]| nodes.iter().map(simplify).collect();
    match node {
        Node::Class(set) if set.is_empty() => Node::Never,
        Node::Empty | Node::Never | Node::Class(_) => node.clone(),
        Node::Concat(nodes) => concat(all(nodes)),
        Node::Union(nodes) => union(all(nodes)),
        Node::Intersection(nodes) => intersection(all(nodes)),
        Node::Complement(inner) => complement(simplify(inner)),
        Node::Repeat(inner, least, most) => repeat(simplify(inner), *least, *most),
    }
}

fn concat(nodes: Vec<Node>) -> Node {
    let mut out = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Node::Never => return Node::Never,
            Node::Empty => {}
            Node::Concat(inner) => out.extend(inner),
            other => out.push(other),
        }
    }
    if out.len() > 1 { Node::Concat(out) } else { out.pop().unwrap_or(Node::Empty) }
}

fn is_everything(node: &Node) -> bool {
    matches!(node, Node::Complement(inner) if **inner == Node::Never)
        || matches!(node, Node::Repeat(inner, 0, None) if **inner == Node::Class(vec![ALL]))
}

fn union(nodes: Vec<Node>) -> Node {
    let (mut out, mut class) = (Vec::new(), Set::new());
    for node in nodes {
        match node {
            Node::Never => {}
            Node::Union(inner) => out.extend(inner),
            Node::Class(set) => class.extend(set),
            other => out.push(other),
        }
    }
    if !class.is_empty() {
        out.push(Node::Class(normal(class)));
    }
    if let Some(everything) = out.iter().position(is_everything) {
        return out.swap_remove(everything);
    }
    settle(out, Node::Never, Node::Union)
}

fn intersection(nodes: Vec<Node>) -> Node {
    let mut out = Vec::new();
    for node in nodes {
        match node {
            Node::Never => return Node::Never,
            Node::Intersection(inner) => out.extend(inner),
            node if is_everything(&node) => {}
            other => out.push(other),
        }
    }
    settle(out, Node::Repeat(Box::new(Node::Class(vec![ALL])), 0, None), Node::Intersection)
}

/// Sorts by a stable key and drops what is there twice, so that equal languages mostly look equal.
fn settle(mut nodes: Vec<Node>, none: Node, join: fn(Vec<Node>) -> Node) -> Node {
    nodes.sort_by_cached_key(|node| format!("{node:?}"));
    nodes.dedup();
    if nodes.len() > 1 { join(nodes) } else { nodes.pop().unwrap_or(none) }
}

fn complement(node: Node) -> Node {
    match node {
        Node::Complement(inner) => *inner,
        other => Node::Complement(Box::new(other)),
    }
}

fn repeat(node: Node, least: u32, most: Option<u32>) -> Node {
    match (node, least, most) {
        (_, _, Some(0)) => Node::Empty,
        (node, 1, Some(1)) => node,
        (Node::Empty, ..) => Node::Empty,
        (Node::Never, 0, _) => Node::Empty,
        (Node::Never, ..) => Node::Never,
        (node, least, most) => Node::Repeat(Box::new(node), least, most),
    }
}
