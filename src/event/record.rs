//! [`Record`]: the fields that a program reads, straight from JSON text, and nothing else of the event.
//!
//! The scanner walks the text once along a trie of the fields. It checks all that it passes over; a text that it does not accept
//! is read again by `serde_json`, whose verdict and offset count.

use std::cell::OnceCell;
use std::ops::Range;

use super::{Document, Event, EventError, FieldKey, Value};

/// Which fields to read: their paths as a trie.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    nodes: Vec<TrieNode>,
    fields: usize,
}

#[derive(Debug, Clone, Default)]
struct TrieNode {
    /// By length, then by bytes, so that a key of a length that no child has is passed over at once.
    children: Vec<(Box<[u8]>, u32)>,
    /// Where the children of each length begin; longer ones share the last place.
    starts: [u16; LONGEST + 3],
    field: Option<u32>,
}

const LONGEST: usize = 29;

impl TrieNode {
    fn child(&self, key: &[u8]) -> Option<u32> {
        let length = key.len().min(LONGEST + 1);
        let same = self.children.get(usize::from(self.starts[length])..usize::from(self.starts[length + 1]))?;
        if same.len() <= 8 {
            return same.iter().find(|(name, _)| **name == *key).map(|(_, node)| *node);
        }
        same.binary_search_by(|(name, _)| (name.len(), &**name).cmp(&(key.len(), key))).ok().map(|at| same[at].1)
    }

    fn settle(&mut self) {
        self.children.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        for (length, start) in self.starts.iter_mut().enumerate() {
            let before = self.children.partition_point(|(name, _)| name.len().min(LONGEST + 1) < length);
            *start = u16::try_from(before).unwrap_or(u16::MAX);
        }
    }
}

/// Keys of a hit around its event; an event that has one is read as a whole.
const HIT: [&str; 3] = ["_source", "_index", "_id"];

impl Layout {
    /// The layout of a program's fields, numbered as their keys are.
    pub fn new(fields: &[FieldKey]) -> Self {
        let mut layout = Self { nodes: vec![TrieNode::default()], fields: fields.len() };
        for name in HIT {
            layout.insert(name, u32::MAX);
        }
        for key in fields.iter().filter(|key| !key.path().is_empty() && !HIT.contains(&key.path())) {
            layout.insert(key.path(), key.id());
        }
        layout.nodes.iter_mut().for_each(TrieNode::settle);
        layout
    }

    fn insert(&mut self, path: &str, field: u32) {
        let mut at = 0;
        for segment in path.split('.') {
            let fresh = self.nodes.len() as u32;
            let children = &mut self.nodes[at].children;
            let known = children.iter().find(|(name, _)| **name == *segment.as_bytes()).map(|(_, node)| *node);
            let child = known.unwrap_or_else(|| {
                children.push((segment.as_bytes().into(), fresh));
                fresh
            });
            if child == fresh {
                self.nodes.push(TrieNode::default());
            }
            at = child as usize;
        }
        self.nodes[at].field = Some(field);
    }

    /// The node below `from` that a key leads to; a dotted key takes several steps.
    fn step(&self, from: u32, key: &[u8]) -> Option<u32> {
        let child = |at: u32, key: &[u8]| self.nodes.get(at as usize).and_then(|node| node.child(key));
        child(from, key).or_else(|| {
            memchr::memchr(b'.', key)?;
            key.split(|&byte| byte == b'.').try_fold(from, child)
        })
    }
}

/// One value of a record.
#[derive(Debug, Clone)]
enum Slot {
    Plain(Value<'static>),
    /// A text without escapes, in the input.
    Borrowed(Range<usize>),
    /// A text in the buffer, its escapes decoded.
    Decoded(Range<usize>),
}

/// Memory for reading records, used again for each.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    values: Vec<Vec<Slot>>,
    touched: Vec<u32>,
    buffer: String,
    /// Trie nodes of the keys seen in the objects that are open.
    keys: Vec<u32>,
}

impl Scratch {
    fn reset(&mut self, fields: usize) {
        for field in self.touched.drain(..) {
            self.values[field as usize].clear();
        }
        if self.values.len() < fields {
            self.values.resize_with(fields, Vec::new);
        }
        self.buffer.clear();
        self.keys.clear();
    }

    fn push(&mut self, field: u32, slot: Slot) {
        let values = &mut self.values[field as usize];
        if values.is_empty() {
            self.touched.push(field);
        }
        values.push(slot);
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

/// The values that the scanner found.
#[derive(Debug)]
pub struct Scanned<'a> {
    text: &'a str,
    scratch: &'a Scratch,
    /// The whole event, read when something is asked that no list of fields says: patterns in names, nested objects.
    whole: OnceCell<Option<Event>>,
}

impl Scanned<'_> {
    fn whole(&self) -> Option<&Event> {
        self.whole.get_or_init(|| Event::from_json(self.text).ok()).as_ref()
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
        scratch.reset(layout.fields);
        let scanned = if text.len() > super::MAX_BYTES { None } else { std::str::from_utf8(text).ok() };
        let done =
            scanned.and_then(|text| Scanner { text: text.as_bytes(), at: 0, layout, scratch }.event().map(|()| text));
        match done {
            Some(text) => Ok(Self::Scanned(Scanned { text, scratch, whole: OnceCell::new() })),
            None => Event::from_json(text).map(|event| Self::Whole(Box::new(event))),
        }
    }
}

impl Document for Record<'_> {
    fn any(&self, field: &FieldKey, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match self {
            Self::Whole(event) => event.any(field, visit),
            Self::Scanned(Scanned { text, scratch, .. }) => {
                let values = scratch.values.get(field.id() as usize).map(Vec::as_slice).unwrap_or_default();
                values.iter().any(|slot| match slot {
                    Slot::Plain(value) => visit(*value),
                    Slot::Borrowed(range) => visit(Value::Str(text.get(range.clone()).unwrap_or_default())),
                    Slot::Decoded(range) => visit(Value::Str(scratch.buffer.get(range.clone()).unwrap_or_default())),
                })
            }
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

/// Deepest nesting that `serde_json` reads.
const DEPTH: usize = super::MAX_DEPTH - 1;

/// Where nothing below is wanted.
const NOWHERE: u32 = u32::MAX;

struct Scanner<'s, 'l> {
    text: &'s [u8],
    at: usize,
    layout: &'l Layout,
    scratch: &'l mut Scratch,
}

/// A string in the text: where it stands, and whether it has escapes.
struct Quoted {
    range: Range<usize>,
    escaped: bool,
}

impl Scanner<'_, '_> {
    /// `None` for whatever this scanner does not settle itself.
    fn event(&mut self) -> Option<()> {
        self.space();
        if self.peek()? != b'{' {
            return None;
        }
        self.object(0, DEPTH)?;
        self.space();
        (self.at == self.text.len()).then_some(())
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        if self.text.get(self.at).is_none_or(|&byte| byte > b' ') {
            return;
        }
        while matches!(self.text.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Reads an object, whose values belong to `node`; tells whether it has a leaf that is a value.
    fn object(&mut self, node: u32, depth: usize) -> Option<bool> {
        let depth = depth.checked_sub(1)?;
        self.at += 1;
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(false);
        }
        let base = self.scratch.keys.len();
        let mut any = false;
        loop {
            if self.peek()? != b'"' {
                return None;
            }
            let key = self.quoted()?;
            let below = if node == NOWHERE { NOWHERE } else { self.below(node, &key)? };
            if below != NOWHERE {
                // Of a key written twice the last value counts: rare, and left to the whole reading.
                if self.layout.nodes[below as usize].field == Some(u32::MAX)
                    || self.scratch.keys[base..].contains(&below)
                {
                    return None;
                }
                self.scratch.keys.push(below);
            }
            self.space();
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            self.space();
            any |= self.value(below, depth)?;
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
            self.space();
        }
        self.at += 1;
        self.scratch.keys.truncate(base);
        Some(any)
    }

    fn below(&mut self, node: u32, key: &Quoted) -> Option<u32> {
        if !key.escaped {
            return Some(self.layout.step(node, &self.text[key.range.clone()]).unwrap_or(NOWHERE));
        }
        let decoded: String = serde_json::from_slice(&self.text[key.range.start - 1..=key.range.end]).ok()?;
        Some(self.layout.step(node, decoded.as_bytes()).unwrap_or(NOWHERE))
    }

    /// Whether the object that began at `start` has a leaf with a value, keys that are written again taken into account.
    fn has_leaf(&self, start: usize) -> Option<bool> {
        let object: serde_json::Value = serde_json::from_slice(&self.text[start..self.at]).ok()?;
        Some(object.any_leaf("", &mut |_, value| value.exists()))
    }

    fn array(&mut self, node: u32, depth: usize) -> Option<bool> {
        let depth = depth.checked_sub(1)?;
        self.at += 1;
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(false);
        }
        let mut any = false;
        loop {
            any |= self.value(node, depth)?;
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return None,
            }
            self.space();
        }
        self.at += 1;
        Some(any)
    }

    /// Reads a value; tells whether there is a leaf that is neither null nor absent.
    fn value(&mut self, node: u32, depth: usize) -> Option<bool> {
        let field = if node == NOWHERE { None } else { self.layout.nodes[node as usize].field };
        match self.peek()? {
            b'{' => {
                let start = self.at;
                let any = self.object(node, depth)?;
                if let Some(field) = field {
                    let any = any && self.has_leaf(start)?;
                    self.scratch.push(field, Slot::Plain(Value::Object(any)));
                }
                Some(any)
            }
            b'[' => self.array(node, depth),
            b'"' => {
                let text = self.quoted()?;
                if let Some(field) = field {
                    let slot = self.text_slot(text)?;
                    self.scratch.push(field, slot);
                }
                Some(true)
            }
            b't' => self.word(b"true", field, Value::Bool(true)),
            b'f' => self.word(b"false", field, Value::Bool(false)),
            b'n' => self.word(b"null", field, Value::Null),
            _ => {
                let number = self.number()?;
                if let Some(field) = field {
                    self.scratch.push(field, Slot::Plain(number));
                }
                Some(true)
            }
        }
    }

    fn word(&mut self, word: &[u8], field: Option<u32>, value: Value<'static>) -> Option<bool> {
        self.text[self.at..].strip_prefix(word)?;
        self.at += word.len();
        if let Some(field) = field {
            self.scratch.push(field, Slot::Plain(value));
        }
        Some(value != Value::Null)
    }

    fn text_slot(&mut self, text: Quoted) -> Option<Slot> {
        if !text.escaped {
            return Some(Slot::Borrowed(text.range));
        }
        let decoded: String = serde_json::from_slice(&self.text[text.range.start - 1..=text.range.end]).ok()?;
        let start = self.scratch.buffer.len();
        self.scratch.buffer.push_str(&decoded);
        Some(Slot::Decoded(start..self.scratch.buffer.len()))
    }

    /// Reads a string, on whose opening quote the scanner stands.
    fn quoted(&mut self) -> Option<Quoted> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain(&self.text[self.at..]);
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return None,
            }
        }
        let range = start..self.at;
        self.at += 1;
        Some(Quoted { range, escaped })
    }

    fn escape(&mut self) -> Option<()> {
        let kind = *self.text.get(self.at + 1)?;
        self.at += 2;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.hex()? {
                0xD800..=0xDBFF => {
                    self.at += 2;
                    (self.text.get(self.at - 2..self.at)? == b"\\u" && matches!(self.hex()?, 0xDC00..=0xDFFF))
                        .then_some(())
                }
                0xDC00..=0xDFFF => None,
                _ => Some(()),
            },
            _ => None,
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
    }

    fn digits(&mut self) -> usize {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn number(&mut self) -> Option<Value<'static>> {
        let start = self.at;
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let first = self.at;
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.text[first] == b'0') {
            return None;
        }
        let mut float = false;
        if self.peek() == Some(b'.') {
            self.at += 1;
            float = true;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            float = true;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return None;
            }
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        if !float && whole <= 20 && text != "-0" {
            let value = if negative { text.parse().map(Value::Int).ok() } else { unsigned(text) };
            if value.is_some() {
                return value;
            }
        }
        // `serde_json` refuses what no double holds.
        text.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float)
    }
}

fn unsigned(text: &str) -> Option<Value<'static>> {
    let value: u64 = text.parse().ok()?;
    Some(i64::try_from(value).map_or(Value::UInt(value), Value::Int))
}

/// How many bytes at the front are neither a quote, a backslash, nor a control character.
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let mut at = 0;
    for chunk in text.chunks_exact(8) {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let below_space = word.wrapping_sub(ONES * 0x20) & !word;
        let found =
            (zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | below_space) & HIGH;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + text[at..].iter().take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\').count()
}
