//! [`Kept`]: the text of an event and what was read of it, so that it need not be parsed as long as nothing else is asked.

use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;

use super::record::Slot;
use super::{Event, Layout, Value};

/// An event as text, of which the fields of a layout were read. The rest is parsed once it is asked for.
#[derive(Clone)]
pub(super) struct Kept {
    /// The JSON text, and after it the values that are not in it as they stand.
    text: Box<str>,
    /// How long the JSON text is.
    length: usize,
    layout: Arc<Layout>,
    /// The fields that were kept, each with the place after its last value.
    fields: Vec<(u32, u32)>,
    values: Vec<Slot>,
    source: OnceLock<Json>,
    /// Which set of queries was asked about it, and the filters that it fits.
    answer: Option<(u64, Box<[u32]>)>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("text", &self.text).field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl Kept {
    /// Keeps a valid JSON text that was read along a layout, and all values of some fields: each field with the place after its
    /// last value, some of the values in a buffer.
    pub fn new(text: &str, buffer: &str, layout: &Arc<Layout>, fields: Vec<(u32, u32)>, mut values: Vec<Slot>) -> Self {
        let decoded = |slot: &Slot| match slot {
            Slot::Decoded(start, end) => buffer.get(*start as usize..*end as usize),
            _ => None,
        };
        let extra: usize = values.iter().filter_map(decoded).map(str::len).sum();
        let mut all = String::with_capacity(text.len() + extra);
        all.push_str(text);
        for slot in &mut values {
            if let Some(decoded) = decoded(slot) {
                let start = all.len() as u32;
                all.push_str(decoded);
                *slot = Slot::Borrowed(start, all.len() as u32);
            }
        }
        Self {
            text: all.into(),
            length: text.len(),
            layout: Arc::clone(layout),
            fields,
            values,
            source: OnceLock::new(),
            answer: None,
        }
    }

    /// Notes which filters of a set it fits.
    pub fn note(&mut self, set: u64, filters: &[u32]) {
        self.answer = Some((set, filters.into()));
    }

    /// Notes that it was read somewhere, which is news to a set that reads the names of places.
    pub fn is_placed(&mut self) {
        if self.layout.reads_names() {
            self.answer = None;
        }
    }

    /// The filters of a set that it fits, where that was noted.
    pub fn answer(&self, set: u64) -> Option<&[u32]> {
        self.answer.as_ref().filter(|(asked, _)| *asked == set).map(|(_, filters)| &**filters)
    }

    /// The event itself.
    pub fn source(&self) -> &Json {
        self.source.get_or_init(|| self.parse())
    }

    fn parse(&self) -> Json {
        let text = self.text.get(..self.length).unwrap_or_default();
        Event::from_json(text).map(Event::into_source).unwrap_or_default()
    }

    /// Whether its text has a word, or may have it behind an escape.
    #[cfg(feature = "rules")]
    pub fn may_say(&self, word: &str) -> bool {
        let has = |word: &str| memchr::memmem::find(self.text.as_bytes(), word.as_bytes()).is_some();
        has(word) || has("\\u")
    }

    /// Whether a name of an index may have filled some value.
    pub fn is_filled(&self) -> bool {
        self.layout.is_filled()
    }

    /// About how many bytes of memory it takes besides itself and its parsed form.
    #[cfg(feature = "rules")]
    pub fn bytes(&self) -> usize {
        let values = self.values.capacity() * size_of::<Slot>();
        self.text.len() + self.fields.capacity() * size_of::<(u32, u32)>() + values
    }

    /// Shows the values of a field that was kept; `None` for one that was not.
    pub fn any(&self, path: &str, visit: &mut dyn FnMut(Value<'_>) -> bool) -> Option<bool> {
        let field = self.layout.field(path)?;
        let at = self.fields.iter().position(|(kept, _)| *kept == field)?;
        let place = |at: usize| self.fields.get(at).map_or(0, |(_, end)| *end as usize);
        let start = at.checked_sub(1).map_or(0, place);
        let values = self.values.get(start..place(at)).unwrap_or_default();
        Some(values.iter().any(|slot| visit(slot.value(&self.text, ""))))
    }
}
