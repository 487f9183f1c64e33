//! [`Event`]: a JSON object with what it says about itself.

use std::sync::Arc;

use serde_json::Value as Json;

use super::index::{DataStream, Part};
use super::kept::Kept;
use super::layout::ROOT;
use super::{Document, FieldKey, Layout, Scratch, Tree, Value, value};

/// Longest event in bytes, unless set otherwise.
pub const MAX_BYTES: usize = 10 << 20;
/// Deepest nesting of an event.
pub const MAX_DEPTH: usize = 128;

/// An event that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{message} at byte {offset}")]
pub struct EventError {
    message: String,
    offset: usize,
}

impl EventError {
    /// Where reading stopped, in bytes from the start of the event.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

/// One event: a JSON object, its index and its id.
///
/// ```
/// let event = elkhound::event::Event::from_json(r#"{"_index": "logs-a-default", "_id": "1", "_source": {"x": 1}}"#)?;
/// assert_eq!(event.index(), Some("logs-a-default"));
/// assert_eq!(event.source()["x"], 1);
/// # Ok::<(), elkhound::event::EventError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Event {
    source: Source,
    index: Option<Arc<str>>,
    id: Option<Arc<str>>,
    /// For what it does not say itself.
    origin: Option<Origin>,
    /// Whether the name of its index stands in for fields that it leaves absent.
    filled: bool,
}

/// Where an event was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    name: Arc<str>,
    number: Digits,
}

/// A number as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digits {
    text: [u8; Self::MOST],
    start: u8,
}

#[derive(Debug, Clone)]
enum Source {
    Parsed(Json),
    Kept(Kept),
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        let Self { source: _, index, id, origin, filled } = self;
        (index, id, origin, filled) == (&other.index, &other.id, &other.origin, &other.filled)
            && self.source() == other.source()
    }
}

/// An event as data: what it says, what it is known by, and whether its index fills fields.
#[cfg(feature = "rules")]
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct EventState {
    source: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<(Arc<str>, String)>,
    #[serde(default)]
    filled: bool,
}

impl Digits {
    /// Most digits of a number.
    const MOST: usize = 20;

    fn of(mut number: u64) -> Self {
        let mut digits = Self { text: [b'0'; Self::MOST], start: Self::MOST as u8 };
        for digit in digits.text.iter_mut().rev() {
            *digit += (number % 10) as u8;
            digits.start -= 1;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        digits
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[usize::from(self.start)..]).unwrap_or_default()
    }
}

impl Event {
    /// Whether it may have a key or a text with a word in it, as far as that shows without parsing it.
    #[cfg(feature = "rules")]
    pub(crate) fn may_say(&self, word: &str) -> bool {
        match &self.source {
            Source::Parsed(_) => true,
            Source::Kept(kept) => kept.may_say(word),
        }
    }

    /// About how many bytes of memory it takes, or will once all of it has been asked for.
    #[cfg(feature = "rules")]
    pub(crate) fn bytes(&self) -> usize {
        let names = [&self.index, &self.id].into_iter().flatten().map(|text| text.len()).sum::<usize>();
        let source = match &self.source {
            Source::Parsed(source) => heap(source),
            Source::Kept(kept) => kept.bytes() + size_of::<Json>() + heap(kept.source()),
        };
        size_of::<Self>() + names + source
    }

    /// The event as data.
    #[cfg(feature = "rules")]
    pub(crate) fn save(&self) -> EventState {
        let (index, id) = (self.index.clone(), self.id.clone());
        let origin = self.origin.as_ref().map(|origin| (Arc::clone(&origin.name), origin.number.as_str().to_owned()));
        EventState { source: self.source().clone(), index, id, origin, filled: self.filled }
    }

    /// The event of such data.
    #[cfg(feature = "rules")]
    pub(crate) fn load(state: EventState) -> Self {
        let EventState { source, index, id, origin, filled } = state;
        let place =
            |(name, number): (Arc<str>, String)| Some(Origin { name, number: Digits::of(number.parse().ok()?) });
        let origin = origin.and_then(place);
        Self { source: Source::Parsed(source), index, id, origin, filled }
    }

    /// Reads an event from JSON text.
    ///
    /// # Errors
    /// Text that is no JSON object, longer than [`MAX_BYTES`], or nested deeper than [`MAX_DEPTH`], with the byte offset.
    pub fn from_json(text: impl AsRef<[u8]>) -> Result<Self, EventError> {
        let text = text.as_ref();
        if text.len() > MAX_BYTES {
            return Err(EventError {
                message: format!("the event is longer than {MAX_BYTES} bytes"),
                offset: MAX_BYTES,
            });
        }
        let json: Json = serde_json::from_slice(text).map_err(|error| EventError {
            offset: offset_of(text, error.line(), error.column()),
            message: error.to_string().split(" at line").next().unwrap_or("malformed").to_owned(),
        })?;
        if !json.is_object() {
            return Err(EventError { message: "an event is a JSON object".into(), offset: 0 });
        }
        Ok(Self::from_value(json))
    }

    /// An event of a JSON object, or of an Elasticsearch hit with `_index`, `_id` and `_source`.
    pub fn from_value(json: Json) -> Self {
        let text = |json: &Json, name: &str| match json.get(name) {
            Some(Json::String(text)) => Some(Arc::from(text.as_str())),
            Some(Json::Number(number)) => Some(Arc::from(number.to_string())),
            _ => None,
        };
        let (index, id) = (text(&json, "_index"), text(&json, "_id"));
        let source = match json {
            Json::Object(mut hit) if hit.get("_source").is_some_and(Json::is_object) => {
                hit.remove("_source").unwrap_or_default()
            }
            other => other,
        };
        let filled = index.as_deref().is_some_and(|index| DataStream::of_index(index).is_some());
        Self { source: Source::Parsed(source), index, id, origin: None, filled }
    }

    /// An event of which only what was asked is read, with its index and its id.
    pub(super) fn of_kept(kept: Kept, index: Option<&str>, id: Option<&str>) -> Self {
        let filled = index.is_some_and(|index| DataStream::of_index(index).is_some());
        Self { source: Source::Kept(kept), index: index.map(Arc::from), id: id.map(Arc::from), origin: None, filled }
    }

    /// Reads a little of all memory that judging the event reads: what another thread has written comes from its cache, and that of
    /// many events at once takes little longer than that of one.
    #[cfg(feature = "parallel")]
    pub(crate) fn touch(&self) -> u8 {
        let own = u8::from(self.filled) ^ u8::from(self.origin.is_some());
        match &self.source {
            Source::Parsed(_) => own,
            Source::Kept(kept) => own ^ kept.touch(),
        }
    }

    /// The filters of a layout's set that it fits, where that is known.
    #[cfg(feature = "rules")]
    pub(crate) fn answer(&self, layout: &Layout) -> Option<impl Iterator<Item = u32>> {
        match &self.source {
            Source::Parsed(_) => None,
            Source::Kept(kept) => kept.answer(layout),
        }
    }

    pub(super) fn into_source(self) -> Json {
        match self.source {
            Source::Parsed(source) => source,
            Source::Kept(kept) => kept.source().clone(),
        }
    }

    /// Says where the event was read, such as the name of a file and the number of a line; these stand in for an index or an id
    /// that it does not have itself.
    #[must_use]
    pub fn with_origin(mut self, name: &Arc<str>, number: u64) -> Self {
        if self.index.is_none() || self.id.is_none() {
            self.origin = Some(Origin { name: Arc::clone(name), number: Digits::of(number) });
            if let Source::Kept(kept) = &mut self.source {
                kept.is_placed();
            }
        }
        self
    }

    /// Leaves absent `data_stream.*`, `event.dataset` and `event.module` absent, whatever the index says.
    #[must_use]
    pub fn without_fill(mut self) -> Self {
        if let Source::Kept(kept) = &self.source
            && self.filled
            && kept.is_filled()
        {
            self.source = Source::Parsed(kept.source().clone());
        }
        self.filled = false;
        self
    }

    /// Its `_index`, else where it was read.
    pub fn index(&self) -> Option<&str> {
        self.index.as_deref().or_else(|| self.origin.as_ref().map(|origin| &*origin.name))
    }

    /// Its `_id`, else its place where it was read.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref().or_else(|| self.origin.as_ref().map(|origin| origin.number.as_str()))
    }

    /// Its `_id`, if it has one itself.
    pub fn own_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Its `_index`, else the data stream that its own fields name.
    pub fn own_index(&self) -> Option<String> {
        let stream = || data_stream(&mut |name, visit| self.any(&FieldKey::new(0, name), visit));
        self.index.as_deref().map(str::to_owned).or_else(stream)
    }

    /// The same where the event has been read.
    #[cfg(feature = "rules")]
    pub(crate) fn own_index_of(&self, tree: &Tree<'_>) -> Option<String> {
        self.index.as_deref().map(str::to_owned).or_else(|| data_stream(&mut |name, visit| tree.any_text(name, visit)))
    }

    /// The event itself, unchanged. Of an event that a batch has read it is parsed when it is first asked for.
    pub fn source(&self) -> &Json {
        match &self.source {
            Source::Parsed(source) => source,
            Source::Kept(kept) => kept.source(),
        }
    }

    /// The same as a tree that borrows it, which is not kept: for those who read all of it once.
    pub(crate) fn tree(&self) -> Tree<'_> {
        match &self.source {
            Source::Parsed(source) => Tree::of(source),
            Source::Kept(kept) => kept.tree(),
        }
    }

    /// The event itself as JSON text, in one line.
    ///
    /// ```
    /// let event = elkhound::event::Event::from_json(r#"{"x": [1, 2.50]}"#)?;
    /// assert_eq!(event.to_line(), r#"{"x":[1,2.5]}"#);
    /// # Ok::<(), elkhound::event::EventError>(())
    /// ```
    pub fn to_line(&self) -> String {
        // Nothing in it can fail to be written.
        serde_json::to_string(&self.tree()).unwrap_or_default()
    }

    /// The name by which index patterns know the event: its `_index`, else the data stream that its own fields name, else where
    /// it was read.
    pub fn index_name(&self) -> Option<String> {
        self.own_index().or_else(|| self.index().map(str::to_owned))
    }

    /// What the index says of a field that the event itself does not have.
    fn fill(&self, path: &str) -> Option<&str> {
        let part = Part::of_field(path)?;
        let absent = !self.source().any(&FieldKey::new(0, path), &mut |value| value.exists());
        DataStream::of_index(self.index.as_deref()?).filter(|_| absent).map(|stream| stream.part(part))
    }
}

/// Shows the values of a field until one will do; tells whether one did.
type Any<'a> = &'a mut dyn FnMut(&str, &mut dyn FnMut(Value<'_>) -> bool) -> bool;

/// The data stream that the fields of an event name.
fn data_stream(any: Any<'_>) -> Option<String> {
    let mut field = |name: &str| {
        let mut found = None;
        any(name, &mut |value| {
            if let Value::Str(text) = value {
                found = Some(text.to_owned());
            }
            found.is_some()
        });
        found
    };
    let dataset = field("data_stream.dataset")?;
    let mut part = |name, default: &str| field(name).unwrap_or_else(|| default.to_owned());
    Some(format!("{}-{dataset}-{}", part("data_stream.type", "logs"), part("data_stream.namespace", "default")))
}

/// About how many bytes a value takes besides itself: with each member of an object go its name, a hash and a place in a table.
#[cfg(feature = "rules")]
fn heap(json: &Json) -> usize {
    let member = |(key, value): (&String, &Json)| key.len() + 48 + size_of::<Json>() + heap(value);
    match json {
        Json::String(text) => text.capacity(),
        Json::Array(items) => items.iter().map(|item| size_of::<Json>() + heap(item)).sum(),
        Json::Object(object) => object.iter().map(member).sum(),
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
    }
}

/// The byte at a line and a column, both from 1.
fn offset_of(text: &[u8], line: usize, column: usize) -> usize {
    let start = match line {
        0 | 1 => 0,
        _ => memchr::memchr_iter(b'\n', text).nth(line - 2).map_or(0, |at| at + 1),
    };
    (start + column.saturating_sub(1)).min(text.len())
}

impl Document for Event {
    fn any(&self, field: &FieldKey, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        let path = field.path();
        match path.as_bytes().first() {
            Some(b'_') if path == "_index" => return self.index().is_some_and(|index| visit(Value::Str(index))),
            Some(b'_') if path == "_id" => return self.id().is_some_and(|id| visit(Value::Str(id))),
            _ => {}
        }
        if let Source::Kept(kept) = &self.source
            && let Some(found) = kept.any(path, visit)
        {
            return found;
        }
        match path.as_bytes().first() {
            Some(b'd' | b'e') if self.filled => match self.fill(path) {
                Some(value) => visit(Value::Str(value)),
                None => self.source().any(field, visit),
            },
            _ => self.source().any(field, visit),
        }
    }

    fn list(&self, layout: &Layout, into: &mut Scratch) -> Option<()> {
        value::list(self.source(), ROOT, layout, into)?;
        for (field, text) in [(layout.index, self.index()), (layout.id, self.id())] {
            if let (Some(field), Some(text)) = (field, text) {
                into.list(field, Value::Str(text))?;
            }
        }
        if self.filled {
            into.fill(layout, self.index.as_deref()?);
        }
        Some(())
    }

    fn any_leaf(&self, prefix: &str, visit: &mut dyn FnMut(&str, Value<'_>) -> bool) -> bool {
        self.source().any_leaf(prefix, visit)
    }

    fn any_object(&self, path: &str, visit: &mut dyn FnMut(&dyn Document) -> bool) -> bool {
        self.source().any_object(path, visit)
    }
}

#[cfg(test)]
mod tests {
    use super::Digits;

    #[test]
    fn digits_are_those_that_display_writes() {
        for number in [0, 7, 10, 99, 100, 12_345, u64::MAX - 1, u64::MAX] {
            assert_eq!(Digits::of(number).as_str(), number.to_string());
        }
    }
}
