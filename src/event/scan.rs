//! The scanner: one pass over a JSON text, along the trie of the fields that are wanted.
//!
//! All that is passed over is checked: grammar, escapes, numbers, depth. `None` stands for whatever the scanner does not settle
//! itself, which `serde_json` then reads.

use wide::u8x16;

use super::Document;
use super::layout::{AROUND, HIT, Layout, Mark, NOWHERE, Node, ROOT, SHORT, Short};
use super::record::{Scratch, Slot};

/// Deepest nesting that `serde_json` reads.
const DEPTH: usize = super::MAX_DEPTH - 1;

pub(super) struct Scanner<'s, 'l> {
    text: &'s [u8],
    at: usize,
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

/// A string in the text: where it stands between its quotes, and whether it has escapes.
#[derive(Clone, Copy)]
struct Quoted {
    start: usize,
    end: usize,
    escaped: bool,
}

/// What there is below a value.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Leaves(u8);

impl Leaves {
    const NONE: Self = Self(0);
    /// A value.
    const VALUE: Self = Self(1);
    /// A null, or an empty object or array.
    const EMPTY: Self = Self(2);

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl<'s, 'l> Scanner<'s, 'l> {
    pub fn new(text: &'s [u8], layout: &'l Layout, scratch: &'l mut Scratch) -> Self {
        Self { text, at: 0, layout, scratch, hit: Hit::default() }
    }

    /// Reads the whole text as one event.
    pub fn event(mut self) -> Option<Hit> {
        if self.next()? != b'{' {
            return None;
        }
        self.object(HIT, DEPTH)?;
        self.space();
        (self.at == self.text.len()).then_some(self.hit)
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next byte that is no space, on which the scanner then stands.
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        if byte > b' ' { Some(byte) } else { self.after_space() }
    }

    #[cold]
    #[inline(never)]
    fn after_space(&mut self) -> Option<u8> {
        self.space();
        self.peek()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Steps over the colon after a key; gives the first byte of the value.
    #[inline(always)]
    fn colon(&mut self) -> Option<u8> {
        if self.next()? != b':' {
            return None;
        }
        self.at += 1;
        self.next()
    }

    /// Reads an object whose keys lead on from `node`.
    fn object(&mut self, mut node: u32, depth: usize) -> Option<Leaves> {
        let depth = depth.checked_sub(1)?;
        self.at += 1;
        let mut byte = self.next()?;
        if byte == b'}' {
            self.at += 1;
            return Some(Leaves::EMPTY);
        }
        let own = self.scratch.marks.open();
        let mut leaves = Leaves::NONE;
        loop {
            if byte != b'"' {
                return None;
            }
            let below = self.key(node)?;
            byte = self.colon()?;
            leaves = leaves.and(if below == NOWHERE {
                self.pass(byte, depth)?
            } else {
                self.scratch.marks.key(below, own)?;
                match self.layout.node(below)? {
                    Node { mark: Mark::None, field, .. } if byte == b'"' => self.text(*field)?,
                    Node { mark: Mark::None, .. } => self.value(byte, below, depth)?,
                    Node { mark, .. } => self.marked(*mark, byte, below, depth, &mut node)?,
                }
            });
            byte = self.next()?;
            self.at += 1;
            match byte {
                b',' => byte = self.next()?,
                b'}' => break,
                _ => return None,
            }
        }
        self.scratch.marks.close();
        Some(leaves)
    }

    /// Reads a key, on whose opening quote the scanner stands: the node that it leads to.
    #[inline(always)]
    fn key(&mut self, node: u32) -> Option<u32> {
        let start = self.at + 1;
        if let Some(block) = block(self.text, start) {
            let length = specials(block).trailing_zeros() as usize;
            if let Some(&mask) = MASKS.get(length)
                && block[length] == b'"'
            {
                self.at = start + length + 1;
                let word = Short::from_le_bytes(block) & mask;
                let child = self.layout.node(node)?.short_child(word);
                if child != NOWHERE || !has_dot(word) {
                    return Some(child);
                }
                return Some(self.layout.step(node, self.text.get(start..start + length)?));
            }
        }
        let key = self.quoted()?;
        self.other_key(node, key)
    }

    #[inline(never)]
    fn other_key(&self, node: u32, key: Quoted) -> Option<u32> {
        if !key.escaped {
            return Some(self.layout.step(node, self.text.get(key.start..key.end)?));
        }
        let decoded: String = serde_json::from_slice(self.text.get(key.start - 1..=key.end)?).ok()?;
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
                let start = self.at;
                let text = self.quoted().filter(|text| !text.escaped)?;
                self.at = start;
                Some((text.start as u32, text.end as u32))
            }
            b'0'..=b'9' | b'-' => return None,
            _ => None,
        };
        *(if mark == Mark::Index { &mut self.hit.index } else { &mut self.hit.id }) = place;
        if *node == AROUND { self.pass(byte, depth) } else { self.value(byte, below, depth) }
    }

    fn array(&mut self, node: u32, depth: usize) -> Option<Leaves> {
        let depth = depth.checked_sub(1)?;
        self.at += 1;
        let mut byte = self.next()?;
        if byte == b']' {
            self.at += 1;
            return Some(Leaves::EMPTY);
        }
        let mut leaves = Leaves::NONE;
        loop {
            leaves = leaves.and(self.value(byte, node, depth)?);
            byte = self.next()?;
            self.at += 1;
            match byte {
                b',' => byte = self.next()?,
                b']' => return Some(leaves),
                _ => return None,
            }
        }
    }

    /// Reads a text that belongs to a field.
    #[inline(always)]
    fn text(&mut self, field: Option<u32>) -> Option<Leaves> {
        let text = self.quoted()?;
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
            b'"' => self.text(field),
            b'{' => {
                let start = self.at;
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
                let number = self.number()?;
                if let Some(field) = field {
                    self.scratch.push(field, number);
                }
                Some(Leaves::VALUE)
            }
        }
    }

    /// Whether the object that began at `start` has a leaf with a value, where a key that comes again may have taken one away.
    fn has_leaf(&self, start: usize) -> Option<bool> {
        let object: serde_json::Value = serde_json::from_slice(self.text.get(start..self.at)?).ok()?;
        Some(object.any_leaf("", &mut |_, value| value.exists()))
    }

    fn word(&mut self, word: &[u8], field: Option<u32>, value: Slot) -> Option<Leaves> {
        self.skip_word(word)?;
        if let Some(field) = field {
            self.scratch.push(field, value);
        }
        Some(if value == Slot::Null { Leaves::EMPTY } else { Leaves::VALUE })
    }

    #[inline(always)]
    fn skip_word(&mut self, word: &[u8]) -> Option<()> {
        if self.text.get(self.at..self.at + word.len())? != word {
            return None;
        }
        self.at += word.len();
        Some(())
    }

    #[inline(never)]
    fn decoded(&mut self, text: Quoted) -> Option<Slot> {
        let start = self.scratch.buffer.len();
        decode(std::str::from_utf8(self.text.get(text.start..text.end)?).ok()?, &mut self.scratch.buffer)?;
        Some(Slot::Decoded(start as u32, self.scratch.buffer.len() as u32))
    }

    /// Passes over a value of which nothing is wanted, and which begins with `byte`.
    #[inline(always)]
    fn pass(&mut self, byte: u8, depth: usize) -> Option<Leaves> {
        match byte {
            b'"' => self.quoted().map(|_| Leaves::VALUE),
            b'{' | b'[' => self.pass_over(byte, depth),
            _ => self.pass_scalar(byte),
        }
    }

    #[inline(never)]
    fn pass_scalar(&mut self, byte: u8) -> Option<Leaves> {
        match byte {
            b't' => self.skip_word(b"true").map(|()| Leaves::VALUE),
            b'f' => self.skip_word(b"false").map(|()| Leaves::VALUE),
            b'n' => self.skip_word(b"null").map(|()| Leaves::EMPTY),
            _ => self.number().map(|_| Leaves::VALUE),
        }
    }

    /// Passes over an object or array, without a call for each of those within.
    fn pass_over(&mut self, mut byte: u8, depth: usize) -> Option<Leaves> {
        // Bit by bit, whether each open one is an object; there are fewer than 128.
        let (mut objects, mut open) = (0_u128, 0);
        let mut leaves = Leaves::NONE;
        loop {
            match byte {
                b'"' => leaves = leaves.and(self.quoted().map(|_| Leaves::VALUE)?),
                b'{' | b'[' => {
                    open += 1;
                    if open > depth {
                        return None;
                    }
                    let is_object = byte == b'{';
                    objects = objects << 1 | u128::from(is_object);
                    self.at += 1;
                    let first = self.next()?;
                    if first != byte + 2 {
                        byte = if is_object { self.pass_key(first)? } else { first };
                        continue;
                    }
                    leaves = leaves.and(Leaves::EMPTY);
                }
                _ => leaves = leaves.and(self.pass_scalar(byte)?),
            }
            // After a value: the next one, or the end of one or more.
            loop {
                let is_object = objects & 1 == 1;
                byte = self.next()?;
                self.at += 1;
                match byte {
                    b',' => {
                        byte = self.next()?;
                        if is_object {
                            byte = self.pass_key(byte)?;
                        }
                        break;
                    }
                    b'}' if is_object => {}
                    b']' if !is_object => {}
                    _ => return None,
                }
                (objects, open) = (objects >> 1, open - 1);
                if open == 0 {
                    return Some(leaves);
                }
            }
        }
    }

    /// Passes over a key that begins with `byte`; gives the first byte of its value.
    #[inline(always)]
    fn pass_key(&mut self, byte: u8) -> Option<u8> {
        if byte != b'"' {
            return None;
        }
        self.quoted()?;
        self.colon()
    }

    /// Reads a string, on whose opening quote the scanner stands.
    #[inline(always)]
    fn quoted(&mut self) -> Option<Quoted> {
        let start = self.at + 1;
        let end = special(self.text, start);
        if *self.text.get(end)? == b'"' {
            self.at = end + 1;
            return Some(Quoted { start, end, escaped: false });
        }
        self.at = end;
        self.escaped_rest()?;
        Some(Quoted { start, end: self.at - 1, escaped: true })
    }

    #[inline(never)]
    fn escaped_rest(&mut self) -> Option<()> {
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
            self.at = special(self.text, self.at);
        }
        self.at += 1;
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        let kind = *self.text.get(self.at + 1)?;
        self.at += 2;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.hex()? {
                0xD800..=0xDBFF => {
                    self.skip_word(b"\\u")?;
                    matches!(self.hex()?, 0xDC00..=0xDFFF).then_some(())
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

    #[inline(always)]
    fn digits(&mut self) -> (usize, u64) {
        let (start, mut value) = (self.at, 0_u64);
        while let Some(digit) = self.text.get(self.at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
        (self.at - start, value)
    }

    fn number(&mut self) -> Option<Slot> {
        let start = self.at;
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let first = self.at;
        let (count, value) = self.digits();
        if count == 0 || (count > 1 && *self.text.get(first)? == b'0') {
            return None;
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return self.fraction(start);
        }
        // Eighteen digits fit both kinds of whole numbers.
        match value as i64 {
            value if count <= 18 && !negative => Some(Slot::Int(value)),
            value if count <= 18 && value != 0 => Some(Slot::Int(-value)),
            _ => long_number(self.text.get(start..self.at)?),
        }
    }

    #[inline(never)]
    fn fraction(&mut self, start: usize) -> Option<Slot> {
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits().0 == 0 {
                return None;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits().0 == 0 {
                return None;
            }
        }
        float(std::str::from_utf8(self.text.get(start..self.at)?).ok()?)
    }
}

/// Appends a string whose escapes were checked, decoded.
fn decode(mut text: &str, out: &mut String) -> Option<()> {
    while let Some(at) = memchr::memchr(b'\\', text.as_bytes()) {
        out.push_str(text.get(..at)?);
        let kind = *text.as_bytes().get(at + 1)?;
        text = text.get(at + 2..)?;
        out.push(match kind {
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => unicode(&mut text)?,
            other => char::from(other),
        });
    }
    out.push_str(text);
    Some(())
}

/// The character of four hexadecimal digits, or of two surrogates.
fn unicode(text: &mut &str) -> Option<char> {
    let first = u32::from_str_radix(text.get(..4)?, 16).ok()?;
    *text = text.get(4..)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first);
    }
    let second = u32::from_str_radix(text.get(2..6)?, 16).ok()?;
    *text = text.get(6..)?;
    char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + second.checked_sub(0xDC00)?)
}

/// A number without a fraction that may not fit 64 bits.
fn long_number(text: &[u8]) -> Option<Slot> {
    let text = std::str::from_utf8(text).ok()?;
    let int = text.parse().map(Slot::Int).ok().filter(|_| text != "-0");
    int.or_else(|| text.parse().map(Slot::UInt).ok()).or_else(|| float(text))
}

/// `serde_json` refuses what no double holds.
fn float(text: &str) -> Option<Slot> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Slot::Float)
}

/// Whether a short key has a dot.
const fn has_dot(key: Short) -> bool {
    const ONES: Short = Short::from_ne_bytes([1; SHORT]);
    let same = key ^ (ONES * b'.' as Short);
    same.wrapping_sub(ONES) & !same & (ONES << 7) != 0
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

/// Bit by bit, which bytes are a quote, a backslash or a control character.
#[inline(always)]
fn specials(block: Block) -> u32 {
    let bytes = u8x16::new(block);
    let control = bytes.min(u8x16::splat(0x1F)).cmp_eq(bytes);
    let found = bytes.cmp_eq(u8x16::splat(b'"')) | bytes.cmp_eq(u8x16::splat(b'\\')) | control;
    found.move_mask() as u32
}

/// The first byte from `at` on that is a quote, a backslash or a control character, or the end of the text.
#[inline(always)]
fn special(text: &[u8], mut at: usize) -> usize {
    while let Some(block) = block(text, at) {
        let found = specials(block);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += SHORT;
    }
    while text.get(at).is_some_and(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}
