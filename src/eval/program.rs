//! Programs: predicates compiled over one table of fields and one table of questions.

use hashbrown::HashMap;

use super::compile::{CompileError, Compiler, Node, is_sure};
use super::matcher::Leaf;
use crate::event::{Document, FieldKey};
use crate::plan::Predicate;

/// Limits of compilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most terms in one set; 65,536 unless set.
    pub terms: usize,
    /// Most bytes of one regular expression's machine; 10 MiB unless set.
    pub regex: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { terms: 65_536, regex: 10 << 20 }
    }
}

/// Predicates, compiled. Immutable, and the same questions are stored once.
#[derive(Debug, Default)]
pub struct Program {
    pub(super) fields: Vec<FieldKey>,
    pub(super) leaves: Vec<Leaf>,
    pub(super) roots: Vec<Node>,
}

impl Program {
    /// Compiles `predicates`; [`Program::matches`] counts them from 0.
    ///
    /// # Errors
    /// A regular expression or a set of terms beyond the limits, or a malformed expression.
    pub fn compile(predicates: &[&Predicate], limits: Limits) -> Result<Self, CompileError> {
        let mut compiler = Compiler::new(limits);
        let roots = predicates.iter().map(|predicate| compiler.predicate(predicate, "")).collect::<Result<_, _>>()?;
        Ok(Self { fields: compiler.fields.keys, leaves: compiler.leaves, roots })
    }

    /// Whether `predicates` are sure to compile: there is no expression to build, and no set beyond the limits.
    pub fn is_sure(predicates: &[&Predicate], limits: Limits) -> bool {
        predicates.iter().all(|predicate| is_sure(predicate, limits))
    }

    /// Adds fields that the program itself does not ask about, for those who read events along its fields; gives the numbers of
    /// each list.
    pub fn read_also(&mut self, lists: &[Vec<&str>]) -> Vec<Box<[u32]>> {
        let mut table = FieldTable::of(std::mem::take(&mut self.fields));
        let out = lists.iter().map(|paths| paths.iter().map(|path| table.key(path).id()).collect()).collect();
        self.fields = table.keys;
        out
    }

    /// How many predicates there are.
    #[allow(clippy::len_without_is_empty, reason = "no one asks whether there are none")]
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// The fields that the program reads, by number.
    pub fn fields(&self) -> &[FieldKey] {
        &self.fields
    }

    /// Whether predicate `index` holds for the event.
    pub fn matches(&self, index: usize, event: &dyn Document) -> bool {
        self.roots.get(index).is_some_and(|root| self.holds(root, event))
    }
}

/// How it is told which predicates of a query hold for an event.
#[derive(Debug, Clone, Copy)]
pub enum Verdicts<'p> {
    /// By evaluating them.
    Asked(&'p Program),
    /// They are known, of a query that has at most 64: bit `n` is that of predicate `n`.
    Known(u64),
}

impl Verdicts<'_> {
    /// Whether predicate `index` holds for the event.
    pub fn holds(self, index: usize, event: &dyn Document) -> bool {
        match self {
            Self::Asked(program) => program.matches(index, event),
            Self::Known(bits) => bits >> index & 1 == 1,
        }
    }
}

/// Paths and their numbers.
#[derive(Debug, Default)]
pub(super) struct FieldTable {
    ids: HashMap<String, u32>,
    pub keys: Vec<FieldKey>,
}

impl FieldTable {
    /// The table of fields that have their numbers.
    fn of(keys: Vec<FieldKey>) -> Self {
        Self { ids: keys.iter().map(|key| (key.path().to_owned(), key.id())).collect(), keys }
    }

    /// The key of a path.
    pub fn key(&mut self, path: &str) -> FieldKey {
        let fresh = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let id = *self.ids.entry_ref(path).or_insert(fresh);
        if id == fresh {
            self.keys.push(FieldKey::new(id, path));
        }
        self.keys.get(id as usize).cloned().unwrap_or_else(|| FieldKey::new(id, path))
    }
}
