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
}

impl Kept {
    /// Keeps a valid JSON text and the values that were read along a layout, some of them in a buffer.
    pub fn new(text: &str, buffer: &str, values: impl Iterator<Item = (u32, Slot)>, layout: &Arc<Layout>) -> Self {
        let moved = |place: u32| place + text.len() as u32;
        let in_text = |slot: Slot| match slot {
            Slot::Decoded(start, end) => Slot::Borrowed(moved(start), moved(end)),
            other => other,
        };
        let (fields, values): (Vec<u32>, Vec<Slot>) = values.map(|(field, slot)| (field, in_text(slot))).unzip();
        Self {
            text: [text, buffer].concat().into(),
            length: text.len(),
            layout: Arc::clone(layout),
            fields: fields.into(),
            values: values.into(),
            source: OnceLock::new(),
        }
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

    fn value(&self, slot: Slot) -> Value<'_> {
        match slot {
            Slot::Plain(value) => value,
            Slot::Borrowed(start, end) | Slot::Decoded(start, end) => {
                Value::Str(self.text.get(start as usize..end as usize).unwrap_or_default())
            }
        }
    }

    /// Shows the values of a field that was read; `None` for one that was not.
    pub fn any(&self, path: &str, visit: &mut dyn FnMut(Value<'_>) -> bool) -> Option<bool> {
        let field = self.layout.field(path)?;
        let Some(first) = self.fields.iter().position(|&other| other == field) else { return Some(false) };
        let count = self.fields.iter().skip(first).take_while(|&&other| other == field).count();
        Some(self.values.iter().skip(first).take(count).any(|&slot| visit(self.value(slot))))
    }

    /// Lists the fields of a layout, where it is the one along which they were read.
    pub fn list(&self, layout: &Layout, into: &mut Scratch) -> Option<()> {
        if !std::ptr::eq(&raw const *self.layout, layout) {
            return value::list(self.source(), ROOT, layout, into);
        }
        let of_event = |field: u32| layout.index == Some(field) || layout.id == Some(field);
        let values = self.fields.iter().zip(&self.values).filter(|(field, _)| !of_event(**field));
        values.into_iter().try_for_each(|(&field, &slot)| into.list(field, self.value(slot)))
    }
}
