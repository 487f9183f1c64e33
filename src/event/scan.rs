//! The scanner: one pass over a JSON text, along the trie of the fields that are wanted.
//!
//! All that is passed over is checked: grammar, escapes, numbers, depth. `None` stands for whatever the scanner does not settle
//! itself, which `serde_json` then reads.

use wide::u8x16;

use super::Document;
use super::cursor::{Cursor, Leaves, Quoted, decode};
use super::layout::{AROUND, HIT, Layout, Mark, NOWHERE, Node, ROOT, SHORT, Short};
use super::record::{Scratch, Slot};

/// Deepest nesting that `serde_json` reads.
const DEPTH: usize = super::MAX_DEPTH - 1;

pub(super) struct Scanner<'s, 'l> {
    cursor: Cursor<'s>,
    layout: &'l Layout,
    scratch: &'l mut Scratch,
    hit: Hit,
}

/// Where the index and the id of a hit stand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hit {
    pub index: Option<(u32, u32)>,
    pub id: Option<(u32, u32)>,
}

impl<'s, 'l> Scanner<'s, 'l> {
    pub fn new(text: &'s [u8], layout: &'l Layout, scratch: &'l mut Scratch) -> Self {
        Self { cursor: Cursor::new(text), layout, scratch, hit: Hit::default() }
    }

    /// Reads the whole text as one event.
    pub fn event(mut self) -> Option<Hit> {
        if self.cursor.next()? != b'{' {
            return None;
        }
        self.object(HIT, DEPTH)?;
        self.cursor.space();
        (self.cursor.at == self.cursor.text.len()).then_some(self.hit)
    }

    /// Reads an object whose keys lead on from `node`.
    fn object(&mut self, mut node: u32, depth: usize) -> Option<Leaves> {
        let depth = depth.checked_sub(1)?;
        // A copy stays in registers.
        let mut cursor = self.cursor;
        cursor.at += 1;
        let mut byte = cursor.next()?;
        if byte == b'}' {
            cursor.at += 1;
            self.cursor = cursor;
            return Some(Leaves::EMPTY);
        }
        let own = self.scratch.marks.open();
        let mut leaves = Leaves::NONE;
        loop {
            if byte != b'"' {
                return None;
            }
            let below = self.key(&mut cursor, node)?;
            byte = cursor.colon()?;
            leaves = leaves.and(if below == NOWHERE {
                cursor.pass(byte, depth)?
            } else {
                self.scratch.marks.key(below, own)?;
                match self.layout.node(below)? {
                    Node { mark: Mark::None, field, .. } if byte == b'"' => self.text(&mut cursor, *field)?,
                    Node { mark, .. } => {
                        self.cursor = cursor;
                        let leaves = match mark {
                            Mark::None => self.value(byte, below, depth)?,
                            _ => self.marked(*mark, byte, below, depth, &mut node)?,
                        };
                        cursor = self.cursor;
                        leaves
                    }
                }
            });
            byte = cursor.next()?;
            cursor.at += 1;
            match byte {
                b',' => byte = cursor.next()?,
                b'}' => break,
                _ => return None,
            }
        }
        self.scratch.marks.close();
        self.cursor = cursor;
        Some(leaves)
    }

    /// Reads a key, on whose opening quote the cursor stands: the node that it leads to.
    #[inline(always)]
    fn key(&mut self, cursor: &mut Cursor<'_>, node: u32) -> Option<u32> {
        let key = cursor.quoted()?;
        if let (Some(&mask), Some(block)) = (MASKS.get(key.end - key.start), block(cursor.text, key.start))
            && !key.escaped
        {
            let word = Short::from_le_bytes(block) & mask;
            let child = self.layout.node(node)?.short_child(word);
            if child != NOWHERE || !has_dot(block, key.end - key.start) {
                return Some(child);
            }
        }
        self.other_key(node, key)
    }

    #[inline(never)]
    fn other_key(&self, node: u32, key: Quoted) -> Option<u32> {
        if !key.escaped {
            return Some(self.layout.step(node, self.cursor.text.get(key.start..key.end)?));
        }
        let decoded: String = serde_json::from_slice(self.cursor.text.get(key.start - 1..=key.end)?).ok()?;
        Some(self.layout.step(node, decoded.as_bytes()))
    }

    /// Reads `_index`, `_id` or `_source`, as the outermost object has them.
    fn marked(&mut self, mark: Mark, byte: u8, below: u32, depth: usize, node: &mut u32) -> Option<Leaves> {
        if mark == Mark::Source && byte == b'{' {
            // What stands around it is no part of the event.
            self.scratch.forget();
            *node = AROUND;
            return self.object(ROOT, depth);
        }
        if mark == Mark::Source {
            return if *node == AROUND { None } else { self.value(byte, below, depth) };
        }
        let place = match byte {
            b'"' => {
                // A copy steps over it, for it is read as a value too.
                let mut cursor = self.cursor;
                let text = cursor.quoted().filter(|text| !text.escaped)?;
                Some((text.start as u32, text.end as u32))
            }
            b'0'..=b'9' | b'-' => return None,
            _ => None,
        };
        *(if mark == Mark::Index { &mut self.hit.index } else { &mut self.hit.id }) = place;
        if *node == AROUND { self.cursor.pass(byte, depth) } else { self.value(byte, below, depth) }
    }

    fn array(&mut self, node: u32, depth: usize) -> Option<Leaves> {
        let (depth, field) = (depth.checked_sub(1)?, self.layout.node(node)?.field);
        let mut cursor = self.cursor;
        cursor.at += 1;
        let mut byte = cursor.next()?;
        if byte == b']' {
            cursor.at += 1;
            self.cursor = cursor;
            return Some(Leaves::EMPTY);
        }
        let mut leaves = Leaves::NONE;
        loop {
            leaves = leaves.and(if byte == b'"' {
                self.text(&mut cursor, field)?
            } else {
                self.cursor = cursor;
                let leaves = self.value(byte, node, depth)?;
                cursor = self.cursor;
                leaves
            });
            byte = cursor.next()?;
            cursor.at += 1;
            match byte {
                b',' => byte = cursor.next()?,
                b']' => break,
                _ => return None,
            }
        }
        self.cursor = cursor;
        Some(leaves)
    }

    /// Reads a text that belongs to a field.
    #[inline(always)]
    fn text(&mut self, cursor: &mut Cursor<'_>, field: Option<u32>) -> Option<Leaves> {
        let text = cursor.quoted()?;
        if let Some(field) = field {
            let slot =
                if text.escaped { self.decoded(text)? } else { Slot::Borrowed(text.start as u32, text.end as u32) };
            self.scratch.push(field, slot);
        }
        Some(Leaves::VALUE)
    }

    /// Reads a value that belongs to `node` and begins with `byte`.
    fn value(&mut self, byte: u8, node: u32, depth: usize) -> Option<Leaves> {
        let field = self.layout.node(node)?.field;
        match byte {
            b'"' => {
                let mut cursor = self.cursor;
                let leaves = self.text(&mut cursor, field);
                self.cursor = cursor;
                leaves
            }
            b'{' => {
                let start = self.cursor.at;
                let leaves = self.object(node, depth)?;
                if let Some(field) = field {
                    let any = leaves.has(Leaves::VALUE) && (!leaves.has(Leaves::EMPTY) || self.has_leaf(start)?);
                    self.scratch.push(field, Slot::Object(any));
                }
                Some(leaves)
            }
            b'[' => self.array(node, depth),
            b't' => self.word(b"true", field, Slot::Bool(true)),
            b'f' => self.word(b"false", field, Slot::Bool(false)),
            b'n' => self.word(b"null", field, Slot::Null),
            _ => {
                let number = self.cursor.number()?;
                if let Some(field) = field {
                    self.scratch.push(field, number);
                }
                Some(Leaves::VALUE)
            }
        }
    }

    /// Whether the object that began at `start` has a leaf with a value, where a key that comes again may have taken one away.
    fn has_leaf(&self, start: usize) -> Option<bool> {
        let object: serde_json::Value = serde_json::from_slice(self.cursor.text.get(start..self.cursor.at)?).ok()?;
        Some(object.any_leaf("", &mut |_, value| value.exists()))
    }

    fn word(&mut self, word: &[u8], field: Option<u32>, value: Slot) -> Option<Leaves> {
        self.cursor.word(word)?;
        if let Some(field) = field {
            self.scratch.push(field, value);
        }
        Some(if value == Slot::Null { Leaves::EMPTY } else { Leaves::VALUE })
    }

    #[inline(never)]
    fn decoded(&mut self, text: Quoted) -> Option<Slot> {
        let start = self.scratch.buffer.len();
        decode(std::str::from_utf8(self.cursor.text.get(text.start..text.end)?).ok()?, &mut self.scratch.buffer)?;
        Some(Slot::Decoded(start as u32, self.scratch.buffer.len() as u32))
    }
}

/// Whether the first bytes of a block, so many, have a dot among them.
fn has_dot(block: Block, length: usize) -> bool {
    let dots = u8x16::new(block).cmp_eq(u8x16::splat(b'.')).move_mask();
    dots.trailing_zeros() < length as u32
}

/// What is left of a block whose first bytes alone count, by their number.
const MASKS: [Short; SHORT] = {
    let mut masks = [0; SHORT];
    let mut length = 1;
    while length < SHORT {
        masks[length] = Short::MAX >> (8 * (SHORT - length));
        length += 1;
    }
    masks
};

/// Bytes that are compared at once.
type Block = [u8; SHORT];

#[inline(always)]
fn block(text: &[u8], at: usize) -> Option<Block> {
    text.get(at..at + SHORT).and_then(|block| block.try_into().ok())
}
