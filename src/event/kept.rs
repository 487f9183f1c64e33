//! [`Kept`]: the text of an event and what was read of it, so that it need not be parsed as long as nothing else is asked.

use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;

use super::layout::ROOT;
use super::record::Slot;
use super::{Event, Layout, Scratch, Value, value};

/// An event as text, of which the fields of a layout were read. The rest is parsed once it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// The JSON text, and after it the values that are not in it as they stand.
    text: Box<str>,
    /// How long the JSON text is.
    length: usize,
    layout: Arc<Layout>,
    /// The field of each value; those of one field follow each other.
    fields: Box<[u32]>,
    values: Box<[Slot]>,
    source: OnceLock<Json>,
    /// Which set of queries was asked about it, and those that it concerns.
    answer: Option<(u64, Box<[u32]>)>,
}

impl Kept {
    /// Keeps a valid JSON text and the values that were read along a layout, some of them in a buffer.
    pub fn new(text: &str, buffer: &str, read: &[(u32, Slot)], layout: &Arc<Layout>) -> Self {
        let moved = |place: u32| place + text.len() as u32;
        let in_text = |slot: Slot| match slot {
            Slot::Decoded(start, end) => Slot::Borrowed(moved(start), moved(end)),
            other => other,
        };
        Self {
            text: [text, buffer].concat().into(),
            length: text.len(),
            layout: Arc::clone(layout),
            fields: read.iter().map(|(field, _)| *field).collect(),
            values: read.iter().map(|(_, slot)| in_text(*slot)).collect(),
            source: OnceLock::new(),
            answer: None,
        }
    }

    /// Notes which queries of a set it concerns.
    pub fn note(&mut self, set: u64, queries: &[u32]) {
        self.answer = Some((set, queries.into()));
    }

    /// The queries of a set that it concerns, where that was noted.
    pub fn answer(&self, set: u64) -> Option<&[u32]> {
        self.answer.as_ref().filter(|(asked, _)| *asked == set).map(|(_, queries)| &**queries)
    }

    /// The event itself.
    pub fn source(&self) -> &Json {
        self.source.get_or_init(|| self.parse())
    }

    fn parse(&self) -> Json {
        let text = self.text.get(..self.length).unwrap_or_default();
        Event::from_json(text).map(Event::into_source).unwrap_or_default()
    }

    /// Whether a name of an index may have filled some value.
    pub fn is_filled(&self) -> bool {
        self.layout.is_filled()
    }

    /// About how many bytes of memory it takes besides itself and its parsed form.
    #[cfg(feature = "rules")]
    pub fn bytes(&self) -> usize {
        self.text.len() + self.fields.len() * (size_of::<u32>() + size_of::<Slot>())
    }

    /// The parsed form, where there is one.
    #[cfg(feature = "rules")]
    pub fn parsed(&self) -> Option<&Json> {
        self.source.get()
    }

    /// Shows the values of a field that was read; `None` for one that was not.
    pub fn any(&self, path: &str, visit: &mut dyn FnMut(Value<'_>) -> bool) -> Option<bool> {
        let field = self.layout.field(path)?;
        let Some(first) = self.fields.iter().position(|&other| other == field) else { return Some(false) };
        let count = self.fields.iter().skip(first).take_while(|&&other| other == field).count();
        Some(self.values.iter().skip(first).take(count).any(|&slot| visit(slot.value(&self.text, ""))))
    }

    /// Lists the fields of a layout, where it is the one along which they were read.
    pub fn list(&self, layout: &Layout, into: &mut Scratch) -> Option<()> {
        if !std::ptr::eq(&raw const *self.layout, layout) {
            return value::list(self.source(), ROOT, layout, into);
        }
        let of_event = |field: u32| layout.index == Some(field) || layout.id == Some(field);
        let values = self.fields.iter().zip(&self.values).filter(|(field, _)| !of_event(**field));
        values.into_iter().try_for_each(|(&field, &slot)| into.list(field, slot.value(&self.text, "")))
    }
}
