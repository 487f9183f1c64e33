//! [`Kept`]: the text of an event and what was read of it, so that it need not be parsed as long as nothing else is asked.

use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;

use super::layout::BlockLayout;
use super::record::Slot;
use super::{Event, Tree, Value};

/// An event as text, of which the fields of a layout were read. The rest is parsed once it is asked for.
///
/// What is asked of it lies close together, for events are many and by then long out of a processor's cache.
#[derive(Clone)]
pub(super) struct Kept {
    /// The JSON text, and after it the values that are not in it as they stand.
    text: Box<str>,
    notes: Box<[Note]>,
    layout: BlockLayout,
    /// How long the JSON text is.
    length: u32,
    /// Whether the filters that it fits are noted.
    answered: bool,
    source: OnceLock<Box<Json>>,
}

/// What was found when the event was read.
#[derive(Debug, Clone, Copy)]
enum Note {
    /// A filter that it fits; these come first.
    Filter(u32),
    /// A field that was kept; its values follow.
    Field(u32),
    Value(Slot),
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let filters = self.answered.then(|| self.filters().collect::<Vec<_>>());
        f.debug_struct("Kept").field("text", &self.text).field("filters", &filters).finish_non_exhaustive()
    }
}

impl Kept {
    /// Keeps a valid JSON text that was read along a layout, with the filters of the layout's set that it fits, where that is
    /// known, and all values of some fields, some of them in a buffer.
    pub fn new<'f>(
        (text, buffer): (&str, &str),
        layout: &BlockLayout,
        filters: Option<&[u32]>,
        fields: impl IntoIterator<Item = (&'f u32, impl IntoIterator<Item = Slot>)>,
    ) -> Self {
        let mut notes: Vec<Note> = filters.unwrap_or_default().iter().map(|&filter| Note::Filter(filter)).collect();
        let known = notes.len();
        for (&field, values) in fields {
            if !notes[known..].iter().any(|note| matches!(note, Note::Field(other) if *other == field)) {
                notes.push(Note::Field(field));
                notes.extend(values.into_iter().map(Note::Value));
            }
        }
        let decoded = |note: &Note| match note {
            Note::Value(Slot::Decoded(start, end)) => buffer.get(*start as usize..*end as usize),
            _ => None,
        };
        let extra: usize = notes.iter().filter_map(decoded).map(str::len).sum();
        let mut all = String::with_capacity(text.len() + extra);
        all.push_str(text);
        for note in &mut notes {
            if let Some(decoded) = decoded(note) {
                let start = all.len() as u32;
                all.push_str(decoded);
                *note = Note::Value(Slot::Borrowed(start, all.len() as u32));
            }
        }
        Self {
            text: all.into(),
            notes: notes.into(),
            layout: Arc::clone(layout),
            length: text.len() as u32,
            answered: filters.is_some(),
            source: OnceLock::new(),
        }
    }

    /// Notes that it was read somewhere, which is news to a set that reads the names of places.
    pub fn is_placed(&mut self) {
        self.answered &= !self.layout.reads_names();
    }

    /// Reads a byte of each value that was kept.
    #[cfg(feature = "parallel")]
    pub fn touch(&self) -> u8 {
        let first = |note: &Note| match note {
            Note::Value(Slot::Borrowed(start, _)) => self.text.as_bytes().get(*start as usize).copied(),
            _ => None,
        };
        self.notes.iter().filter_map(first).fold(0, |all, byte| all ^ byte)
    }

    /// The filters of a layout's set that it fits, where that was noted.
    #[cfg(feature = "rules")]
    pub fn answer(&self, layout: &super::Layout) -> Option<impl Iterator<Item = u32>> {
        (self.answered && std::ptr::eq(&**self.layout, layout)).then(|| self.filters())
    }

    fn filters(&self) -> impl Iterator<Item = u32> {
        self.notes.iter().map_while(|note| match note {
            Note::Filter(filter) => Some(*filter),
            _ => None,
        })
    }

    /// The event itself.
    pub fn source(&self) -> &Json {
        self.source.get_or_init(|| Box::new(self.parse()))
    }

    fn parse(&self) -> Json {
        Event::from_json(self.json()).map(Event::into_source).unwrap_or_default()
    }

    fn json(&self) -> &str {
        self.text.get(..self.length as usize).unwrap_or_default()
    }

    /// The event itself for once; it is not kept.
    pub fn tree(&self) -> Tree<'_> {
        match self.source.get() {
            Some(source) => Tree::of(source),
            None => Tree::parse(self.json()).map_or_else(|| Tree::of(self.source()), Tree::into_source),
        }
    }

    /// Whether its text may have a word, which is read where escapes may hide it.
    #[cfg(feature = "rules")]
    pub fn may_say(&self, word: &str) -> bool {
        let has = |word: &str| memchr::memmem::find(self.text.as_bytes(), word.as_bytes()).is_some();
        has(word) || (has("\\u") && self.tree().says(word))
    }

    /// Whether a name of an index may have filled some value.
    pub fn is_filled(&self) -> bool {
        self.layout.is_filled()
    }

    /// About how many bytes of memory it takes besides itself and its parsed form.
    #[cfg(feature = "rules")]
    pub fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.notes)
    }

    /// Shows the values of a field that was kept; `None` for one that was not.
    pub fn any(&self, path: &str, visit: &mut dyn FnMut(Value<'_>) -> bool) -> Option<bool> {
        if path.is_empty() {
            // A name that the scanner does not look for.
            return None;
        }
        let is_path = |field: u32| self.layout.paths.get(field as usize).is_some_and(|own| **own == *path);
        let at = self.notes.iter().position(|note| matches!(note, Note::Field(field) if is_path(*field)))?;
        let mut values = self.notes[at + 1..].iter().map_while(|note| match note {
            Note::Value(slot) => Some(slot.value(&self.text, "")),
            _ => None,
        });
        Some(values.any(visit))
    }
}
