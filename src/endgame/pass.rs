//! Pipes over a stream: what can pass at once passes, the rest waits for the end.

use std::collections::VecDeque;

use hashbrown::HashSet;

use super::Scope;
use super::pipe::{Item, apply, count};
use super::saved::PassState;
use crate::syntax::eql::ast::Pipe;

/// The pipes of a run.
#[derive(Debug)]
pub(super) struct Pipes {
    /// The pipes at the front that judge each item as it comes.
    passes: Vec<Pass>,
    /// Items before the first pipe that needs them all.
    held: VecDeque<Item>,
    /// Most items held.
    most: usize,
    /// How many a `tail` asks for, which the latest are.
    tail: Option<usize>,
}

#[derive(Debug)]
enum Pass {
    Head(usize),
    Filter,
    Unique(HashSet<String>),
}

impl Pass {
    fn new(pipe: &Pipe) -> Option<Self> {
        Some(match pipe.name.text.as_str() {
            "head" => Self::Head(count(pipe)),
            "filter" => Self::Filter,
            "unique" => Self::Unique(HashSet::new()),
            _ => return None,
        })
    }
}

/// What becomes of an item.
pub(super) enum Passed {
    /// It passed all pipes.
    Through(Item),
    /// It is held, or was judged out.
    Kept,
    /// There was no room for it.
    Dropped,
}

impl Pipes {
    pub fn new(pipes: &[Pipe], limit: usize) -> Self {
        let passes: Vec<Pass> = pipes.iter().map_while(Pass::new).collect();
        let tail = pipes.get(passes.len()).filter(|pipe| pipe.name.text == "tail").map(count);
        Self { passes, held: VecDeque::new(), most: tail.unwrap_or(limit).min(limit), tail }
    }

    pub fn push(&mut self, scope: &Scope, pipes: &[Pipe], item: Item, limit: usize) -> Passed {
        for (pass, pipe) in self.passes.iter_mut().zip(pipes) {
            let passes = match pass {
                Pass::Head(left) => {
                    let passes = *left > 0;
                    *left = left.saturating_sub(1);
                    passes
                }
                Pass::Filter => item.passes(scope, &pipe.args),
                Pass::Unique(seen) => {
                    let key = scope.key(&item.eval(scope, &pipe.args));
                    if seen.len() >= limit && !seen.contains(&key) {
                        return Passed::Dropped;
                    }
                    seen.insert(key)
                }
            };
            if !passes {
                return Passed::Kept;
            }
        }
        if self.passes.len() == pipes.len() {
            return Passed::Through(item);
        }
        let full = self.held.len() >= self.most;
        if !full || self.tail.is_some() {
            self.hold(item);
        }
        let enough = self.tail.is_some_and(|asked| asked <= self.most);
        if full && !enough { Passed::Dropped } else { Passed::Kept }
    }

    pub fn hold(&mut self, item: Item) {
        self.held.push_back(item);
        if self.held.len() > self.most {
            self.held.pop_front();
        }
    }

    /// What the pipes make of the items that were held.
    pub fn finish(&mut self, scope: &Scope, pipes: &[Pipe]) -> Vec<Item> {
        if self.passes.len() == pipes.len() {
            return Vec::new();
        }
        apply(scope, &pipes[self.passes.len()..], std::mem::take(&mut self.held).into())
    }

    pub fn held(&self) -> impl Iterator<Item = &Item> {
        self.held.iter()
    }

    pub fn save(&self) -> Vec<PassState> {
        let save = |pass: &Pass| match pass {
            Pass::Head(left) => PassState { left: *left, seen: Vec::new() },
            Pass::Filter => PassState { left: 0, seen: Vec::new() },
            Pass::Unique(seen) => {
                let mut seen: Vec<String> = seen.iter().cloned().collect();
                seen.sort_unstable();
                PassState { left: 0, seen }
            }
        };
        self.passes.iter().map(save).collect()
    }

    /// Takes up what was saved; tells whether it is of the same pipes.
    pub fn load(&mut self, saved: &[PassState]) -> bool {
        for (pass, state) in self.passes.iter_mut().zip(saved) {
            match pass {
                Pass::Head(left) => *left = state.left,
                Pass::Filter => {}
                Pass::Unique(seen) => seen.extend(state.seen.iter().cloned()),
            }
        }
        self.passes.len() == saved.len()
    }
}
