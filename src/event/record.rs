//! [`Record`]: the fields that a program reads, straight from JSON text, and nothing else of the event.
//!
//! The scanner walks the text once along a trie of the fields. It checks all that it passes over; a text that it does not accept
//! is read again by `serde_json`, whose verdict and offset count.

use std::cell::OnceCell;

use super::index::DataStream;
use super::kept::Kept;
use super::layout::{BlockLayout, Layout};
use super::scan::{Hit, Scanner};
use super::{Document, Event, EventError, FieldKey, Value};

/// One value of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Slot {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Object(bool),
    /// A text without escapes, in the input.
    Borrowed(u32, u32),
    /// A text in the buffer.
    Decoded(u32, u32),
}

impl Slot {
    /// The value, given the input and the buffer.
    #[inline]
    pub fn value<'v>(self, text: &'v str, buffer: &'v str) -> Value<'v> {
        let part = |text: &'v str, start: u32, end: u32| text.get(start as usize..end as usize).unwrap_or_default();
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::UInt(value) => Value::UInt(value),
            Self::Float(value) => Value::Float(value),
            Self::Object(value) => Value::Object(value),
            Self::Borrowed(start, end) => Value::Str(part(text, start, end)),
            Self::Decoded(start, end) => Value::Str(part(buffer, start, end)),
        }
    }
}

/// The values of one field: the first and the last of a chain of entries, while the epoch is that of the record.
#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    epoch: u32,
    first: u32,
    last: u32,
}

/// Memory for reading records, used again for each.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    epoch: u32,
    chains: Vec<Chain>,
    /// Values, each with the place of the next one of its field.
    entries: Vec<(Slot, u32)>,
    present: Vec<u32>,
    pub(super) buffer: String,
    pub(super) marks: Marks,
}

/// Which keys were seen in which object, so that a key that comes twice is noticed.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    /// For each trie node, the number of the object that had its key last.
    seen: Vec<u32>,
    /// Numbers of the open objects.
    open: Vec<u32>,
    last: u32,
}

impl Marks {
    fn begin(&mut self, nodes: usize) {
        self.open.clear();
        if self.seen.len() < nodes || self.last > u32::MAX / 2 {
            self.seen.clear();
            self.seen.resize(nodes, 0);
            self.last = 0;
        }
    }

    /// The number of an object that opens.
    pub fn open(&mut self) -> u32 {
        self.last += 1;
        self.open.push(self.last);
        self.last
    }

    pub fn close(&mut self) {
        self.open.pop();
    }

    /// Notes a key of the innermost object, whose number is `own`; `None` where that object, or one around it, had it already.
    #[inline]
    pub fn key(&mut self, node: u32, own: u32) -> Option<()> {
        let seen = self.seen.get_mut(node as usize)?;
        let before = std::mem::replace(seen, own);
        // Numbers rise, and the outermost object of this event has the lowest of its own.
        (before < *self.open.first()? || !self.open.contains(&before)).then_some(())
    }
}

const END: u32 = u32::MAX;

impl Scratch {
    fn begin(&mut self, layout: &Layout) {
        if self.epoch == u32::MAX {
            *self = Self::default();
        }
        self.epoch += 1;
        if self.chains.len() < layout.paths.len() {
            self.chains.resize(layout.paths.len(), Chain::default());
        }
        self.buffer.clear();
        self.marks.begin(layout.nodes.len());
        self.forget();
    }

    /// Drops the values read so far.
    pub(super) fn forget(&mut self) {
        for &field in &self.present {
            if let Some(chain) = self.chains.get_mut(field as usize) {
                chain.epoch = 0;
            }
        }
        self.entries.clear();
        self.present.clear();
    }

    #[inline(always)]
    pub(super) fn push(&mut self, field: u32, slot: Slot) {
        let at = self.entries.len() as u32;
        self.entries.push((slot, END));
        let Some(chain) = self.chains.get_mut(field as usize) else { return };
        if chain.epoch == self.epoch {
            if let Some(last) = self.entries.get_mut(chain.last as usize) {
                last.1 = at;
            }
            chain.last = at;
        } else {
            *chain = Chain { epoch: self.epoch, first: at, last: at };
            self.present.push(field);
        }
    }

    /// Appends a text to the buffer.
    pub(super) fn store(&mut self, text: &str) -> Slot {
        let start = self.buffer.len();
        self.buffer.push_str(text);
        Slot::Decoded(start as u32, self.buffer.len() as u32)
    }

    fn slots(&self, field: u32) -> impl Iterator<Item = Slot> {
        let first = self.chains.get(field as usize).filter(|chain| chain.epoch == self.epoch);
        let mut at = first.map_or(END, |chain| chain.first);
        std::iter::from_fn(move || {
            let &(slot, next) = self.entries.get(at as usize)?;
            at = next;
            Some(slot)
        })
    }

    /// Adds a value of a document that is there as a whole; `None` where there are too many to count.
    pub(super) fn list(&mut self, field: u32, value: Value<'_>) -> Option<()> {
        let slot = match value {
            Value::Null => Slot::Null,
            Value::Bool(value) => Slot::Bool(value),
            Value::Int(value) => Slot::Int(value),
            Value::UInt(value) => Slot::UInt(value),
            Value::Float(value) => Slot::Float(value),
            Value::Object(value) => Slot::Object(value),
            Value::Str(text) => {
                u32::try_from(self.buffer.len() + text.len()).ok()?;
                self.store(text)
            }
        };
        u32::try_from(self.entries.len()).ok()?;
        self.push(field, slot);
        Some(())
    }

    /// Gives absent fields what the name of the index says.
    pub(super) fn fill(&mut self, layout: &Layout, index: &str) {
        let Some(stream) = DataStream::of_index(index) else { return };
        for &(field, part) in &layout.filled {
            let present = self.slots(field).any(|slot| !matches!(slot, Slot::Null | Slot::Object(false)));
            if present {
                continue;
            }
            if let Some(chain) = self.chains.get_mut(field as usize) {
                // Nulls make way.
                chain.epoch = 0;
            }
            self.present.retain(|&other| other != field);
            let slot = self.store(stream.part(part));
            self.push(field, slot);
        }
    }
}

/// The fields of one event, by the numbers of a [`Layout`].
#[derive(Debug)]
pub enum Record<'a> {
    /// Read by the scanner.
    Scanned(Scanned<'a>),
    /// An event that has to be read as a whole.
    Whole(Box<Event>),
}

/// The values of a document, listed in one walk over it.
#[derive(Clone, Copy)]
pub struct Listed<'a> {
    document: &'a dyn Document,
    scratch: &'a Scratch,
}

impl std::fmt::Debug for Listed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed").field("scratch", self.scratch).finish_non_exhaustive()
    }
}

/// Fewer fields are asked for one by one, which takes less than a walk over all that a document says.
const FEW: usize = 12;

/// The values that the scanner found.
#[derive(Debug)]
pub struct Scanned<'a> {
    text: &'a str,
    scratch: &'a Scratch,
    hit: Hit,
    /// The whole event, read when something is asked that no list of fields says: patterns in names, nested objects.
    whole: OnceCell<Option<Event>>,
}

impl Scanned<'_> {
    fn whole(&self) -> Option<&Event> {
        self.whole.get_or_init(|| Event::from_json(self.text).ok()).as_ref()
    }

    fn keep<'f>(
        &self,
        layout: &BlockLayout,
        filters: Option<&[u32]>,
        fields: impl IntoIterator<Item = &'f u32>,
    ) -> Event {
        let part = |place: Option<(u32, u32)>| {
            let (start, end) = place?;
            self.text.get(start as usize..end as usize)
        };
        let fields = fields.into_iter().map(|field| (field, self.scratch.slots(*field)));
        let kept = Kept::new((self.text, &self.scratch.buffer), layout, filters, fields);
        Event::of_kept(kept, part(self.hit.index), part(self.hit.id))
    }
}

impl<'a> Record<'a> {
    /// Reads the fields of `layout` from one JSON object.
    ///
    /// ```
    /// use elkhound::event::{Document, FieldKey, Layout, Record, Scratch, Value};
    /// let field = FieldKey::new(0, "source.port");
    /// let layout = Layout::new(std::slice::from_ref(&field));
    /// let mut scratch = Scratch::default();
    /// let record = Record::read(br#"{"source": {"port": 1080}}"#, &layout, &mut scratch)?;
    /// assert!(record.any(&field, &mut |value| value == Value::Int(1080)));
    /// # Ok::<(), elkhound::event::EventError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Event::from_json`].
    pub fn read(text: &'a [u8], layout: &Layout, scratch: &'a mut Scratch) -> Result<Self, EventError> {
        scratch.begin(layout);
        match scan(text, layout, scratch) {
            Some((text, hit)) => Ok(Self::Scanned(Scanned { text, scratch, hit, whole: OnceCell::new() })),
            None => Event::from_json(text).map(|event| Self::Whole(Box::new(event))),
        }
    }

    /// The event behind it, which keeps its text, the values of some fields of `layout`, along which it was read, and the filters
    /// of the layout's set that it fits, where that is known.
    pub(crate) fn keep<'f>(
        self,
        layout: &BlockLayout,
        filters: Option<&[u32]>,
        fields: impl IntoIterator<Item = &'f u32>,
    ) -> Event {
        match self {
            Self::Scanned(scanned) => scanned.keep(layout, filters, fields),
            Self::Whole(event) => *event,
        }
    }
}

impl<'a> Listed<'a> {
    /// Lists the fields of `layout` from an [`Event`] or a [`serde_json::Value`], which need not be walked for each of them then;
    /// `None` for other documents, and where the fields are so few that asking takes less.
    pub fn of(document: &'a dyn Document, layout: &Layout, scratch: &'a mut Scratch) -> Option<Self> {
        if layout.paths.len() <= FEW {
            return None;
        }
        scratch.begin(layout);
        document.list(layout, scratch)?;
        Some(Self { document, scratch })
    }
}

/// `None` for whatever the scanner does not settle itself.
fn scan<'a>(text: &'a [u8], layout: &Layout, scratch: &mut Scratch) -> Option<(&'a str, Hit)> {
    if text.len() > super::MAX_BYTES {
        return None;
    }
    let hit = Scanner::new(text, layout, scratch).event()?;
    // After the scan, which is slow enough to hide that the text has to come from memory.
    let text = simdutf8::basic::from_utf8(text).ok()?;
    let mut named = |at: Option<(u32, u32)>, field: Option<u32>| {
        let (start, end) = at?;
        if let Some(field) = field {
            scratch.push(field, Slot::Borrowed(start, end));
        }
        text.get(start as usize..end as usize)
    };
    named(hit.id, layout.id);
    if let Some(index) = named(hit.index, layout.index) {
        scratch.fill(layout, index);
    }
    Some((text, hit))
}

impl Document for Record<'_> {
    fn any(&self, field: &FieldKey, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match self {
            Self::Whole(event) => event.any(field, visit),
            Self::Scanned(Scanned { text, scratch, .. }) => {
                scratch.slots(field.id()).any(|slot| visit(slot.value(text, &scratch.buffer)))
            }
        }
    }

    fn present(&self) -> Option<&[u32]> {
        match self {
            Self::Whole(_) => None,
            Self::Scanned(Scanned { scratch, .. }) => Some(&scratch.present),
        }
    }

    fn any_leaf(&self, prefix: &str, visit: &mut dyn FnMut(&str, Value<'_>) -> bool) -> bool {
        match self {
            Self::Whole(event) => event.any_leaf(prefix, visit),
            Self::Scanned(scanned) => scanned.whole().is_some_and(|event| event.any_leaf(prefix, visit)),
        }
    }

    fn any_object(&self, path: &str, visit: &mut dyn FnMut(&dyn Document) -> bool) -> bool {
        match self {
            Self::Whole(event) => event.any_object(path, visit),
            Self::Scanned(scanned) => scanned.whole().is_some_and(|event| event.any_object(path, visit)),
        }
    }
}

impl Document for Listed<'_> {
    fn any(&self, field: &FieldKey, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        self.scratch.slots(field.id()).any(|slot| visit(slot.value("", &self.scratch.buffer)))
    }

    fn present(&self) -> Option<&[u32]> {
        Some(&self.scratch.present)
    }

    fn any_leaf(&self, prefix: &str, visit: &mut dyn FnMut(&str, Value<'_>) -> bool) -> bool {
        self.document.any_leaf(prefix, visit)
    }

    fn any_object(&self, path: &str, visit: &mut dyn FnMut(&dyn Document) -> bool) -> bool {
        self.document.any_object(path, visit)
    }
}
