//! Which of many literals stand in a text, by one automaton.

use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError};

/// Literals in any case of ASCII letters, each with the question that asks for it.
#[derive(Debug, Default)]
pub(super) struct Literals {
    automaton: Option<Kind>,
    leaves: Vec<u32>,
    /// The literals themselves, until the automaton is built.
    texts: Vec<String>,
}

#[derive(Debug)]
enum Kind {
    Dfa(DFA),
    Nfa(NFA),
}

/// Bytes of literals up to which there is the fastest automaton, which takes about a hundred times as much memory.
const MAX_DFA: usize = 1 << 10;

impl Literals {
    /// Adds one.
    pub fn add(&mut self, text: &str, leaf: u32) {
        self.texts.push(text.to_owned());
        self.leaves.push(leaf);
    }

    /// Builds the automaton; gives all questions back where they are too many for one.
    pub fn settle(&mut self) -> Vec<u32> {
        let texts = std::mem::take(&mut self.texts);
        if texts.is_empty() {
            return Vec::new();
        }
        match Kind::new(&texts) {
            Ok(automaton) => {
                self.automaton = Some(automaton);
                Vec::new()
            }
            Err(_) => std::mem::take(&mut self.leaves),
        }
    }

    /// Shows the question of each literal, wherever it ends in the text.
    pub fn find(&self, text: &str, found: &mut impl FnMut(u32)) {
        match &self.automaton {
            None => {}
            Some(Kind::Dfa(dfa)) => self.run(dfa, text, found),
            Some(Kind::Nfa(nfa)) => self.run(nfa, text, found),
        }
    }

    fn run(&self, automaton: &impl Automaton, text: &str, found: &mut impl FnMut(u32)) {
        // Every automaton that can be built has a start without an anchor.
        let Ok(mut state) = automaton.start_state(Anchored::No) else { return };
        for &byte in text.as_bytes() {
            state = automaton.next_state(Anchored::No, state, byte);
            if automaton.is_match(state) {
                for at in 0..automaton.match_len(state) {
                    let pattern = automaton.match_pattern(state, at);
                    self.leaves.get(pattern.as_usize()).copied().into_iter().for_each(&mut *found);
                }
            }
        }
    }
}

impl Kind {
    fn new(texts: &[String]) -> Result<Self, BuildError> {
        let length: usize = texts.iter().map(String::len).sum();
        if length < MAX_DFA {
            DFA::builder().ascii_case_insensitive(true).build(texts).map(Self::Dfa)
        } else {
            NFA::builder().ascii_case_insensitive(true).build(texts).map(Self::Nfa)
        }
    }
}
