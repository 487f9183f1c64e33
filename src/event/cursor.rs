//! [`Cursor`]: a place in a JSON text, and the steps from there over strings, numbers and whole values, which are checked on the way.
//!
//! `None` stands for whatever a step does not settle itself: a fault of the text, nearly always.

use wide::u8x16;

use super::record::Slot;

/// A place in a text. Which bytes end a string or stand for something else in it is found for 64 bytes at once, so that a step over
/// a short string reads one number; what does not change the place is small enough for the registers of a processor.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'s> {
    pub text: &'s [u8],
    pub at: usize,
    /// Where the bytes end of which `specials` tells, a multiple of 64.
    end: usize,
    /// Bit by bit, which of them are special.
    specials: u64,
}

/// A string in the text: where it stands between its quotes, and whether it has escapes.
#[derive(Clone, Copy)]
pub(super) struct Quoted {
    pub start: usize,
    pub end: usize,
    pub escaped: bool,
}

/// What there is below a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaves(u8);

impl Leaves {
    pub const NONE: Self = Self(0);
    /// A value.
    pub const VALUE: Self = Self(1);
    /// A null, or an empty object or array.
    pub const EMPTY: Self = Self(2);

    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What is open around a place: after a one, bit by bit, whether each is an object.
struct Open(u64);

impl Open {
    const NONE: Self = Self(1);
    const MOST: usize = 63;

    const fn len(&self) -> usize {
        Self::MOST - self.0.leading_zeros() as usize
    }

    const fn is_full(&self) -> bool {
        self.len() == Self::MOST
    }

    const fn is_object(&self) -> bool {
        self.0 & 1 == 1
    }

    const fn push(&mut self, is_object: bool) {
        self.0 = self.0 << 1 | is_object as u64;
    }

    const fn pop(&mut self) {
        self.0 >>= 1;
    }
}

impl<'s> Cursor<'s> {
    /// The beginning of a text.
    pub const fn new(text: &'s [u8]) -> Self {
        Self { text, at: 0, end: 0, specials: 0 }
    }

    #[inline(always)]
    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next byte that is no space, on which the cursor then stands.
    #[inline(always)]
    pub fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        if byte > b' ' {
            return Some(byte);
        }
        self.space();
        self.peek()
    }

    #[inline(always)]
    pub fn space(&mut self) {
        self.at = after_space(self.text, self.at);
    }

    /// Steps over the colon after a key; gives the first byte of the value.
    #[inline(always)]
    pub fn colon(&mut self) -> Option<u8> {
        if self.next()? != b':' {
            return None;
        }
        self.at += 1;
        self.next()
    }

    /// Steps over a word.
    #[inline(always)]
    pub fn word(&mut self, word: &[u8]) -> Option<()> {
        if self.text.get(self.at..self.at + word.len())? != word {
            return None;
        }
        self.at += word.len();
        Some(())
    }

    /// Steps over a string, on whose opening quote the cursor stands.
    #[inline(always)]
    pub fn quoted(&mut self) -> Option<Quoted> {
        self.at += 1;
        let start = self.at;
        self.pass_plain();
        let escaped = self.peek()? != b'"';
        if escaped {
            self.at = escaped_rest(self.text, self.at)?;
        }
        self.at += 1;
        Some(Quoted { start, end: self.at - 1, escaped })
    }

    fn escape(&mut self) -> Option<()> {
        let kind = *self.text.get(self.at + 1)?;
        self.at += 2;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.hex()? {
                0xD800..=0xDBFF => {
                    self.word(b"\\u")?;
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

    /// Goes to the next special byte, or to the end of the text.
    #[inline(always)]
    fn pass_plain(&mut self) {
        while self.at >= self.end {
            self.look_on();
        }
        let mut found = self.specials >> (self.at % LOOK);
        while found == 0 {
            self.at = self.end;
            self.look_on();
            found = self.specials;
        }
        self.at += found.trailing_zeros() as usize;
    }

    /// Looks at the next bytes.
    #[inline(always)]
    fn look_on(&mut self) {
        self.specials = specials(self.text, self.end);
        self.end += LOOK;
    }

    /// Steps over a number.
    #[inline(always)]
    pub fn number(&mut self) -> Option<Slot> {
        let (at, slot) = number(self.text, self.at)?;
        self.at = at;
        Some(slot)
    }

    /// Passes over a value that begins with `byte`.
    #[inline(always)]
    pub fn pass(&mut self, byte: u8, depth: usize) -> Option<Leaves> {
        match byte {
            b'"' => self.quoted().map(|_| Leaves::VALUE),
            b'{' | b'[' => self.pass_inner(byte, depth),
            _ => self.pass_scalar(byte),
        }
    }

    #[inline(always)]
    fn pass_scalar(&mut self, byte: u8) -> Option<Leaves> {
        match byte {
            b't' => self.word(b"true").map(|()| Leaves::VALUE),
            b'f' => self.word(b"false").map(|()| Leaves::VALUE),
            b'n' => self.word(b"null").map(|()| Leaves::EMPTY),
            _ => self.number().map(|_| Leaves::VALUE),
        }
    }

    #[inline(always)]
    fn pass_inner(&mut self, byte: u8, depth: usize) -> Option<Leaves> {
        // A copy, so that what is called does not keep the cursor in memory.
        let mut cursor = *self;
        let leaves = cursor.pass_over(byte, depth)?;
        *self = cursor;
        Some(leaves)
    }

    /// Passes over an object or array, without a call for each of those within.
    #[inline(never)]
    fn pass_over(&mut self, byte: u8, depth: usize) -> Option<Leaves> {
        // A copy stays in registers.
        let mut cursor = *self;
        let mut open = Open::NONE;
        let mut leaves = Leaves::NONE;
        let mut value = Some(byte);
        loop {
            match value {
                None => {}
                Some(b'"') => {
                    cursor.quoted()?;
                    leaves = leaves.and(Leaves::VALUE);
                }
                Some(byte @ (b'{' | b'[')) if open.is_full() => {
                    leaves = leaves.and(cursor.pass_inner(byte, depth.checked_sub(Open::MOST)?)?);
                }
                Some(byte @ (b'{' | b'[')) => {
                    open.push(byte == b'{');
                    if open.len() > depth {
                        return None;
                    }
                    cursor.at += 1;
                    if cursor.next()? != byte + 2 {
                        value = cursor.pass_texts(&open, &mut leaves)?;
                        continue;
                    }
                    leaves = leaves.and(Leaves::EMPTY);
                }
                Some(byte) => leaves = leaves.and(cursor.pass_scalar(byte)?),
            }
            if cursor.pass_ends(&mut open)? {
                *self = cursor;
                return Some(leaves);
            }
            value = cursor.pass_texts(&open, &mut leaves)?;
        }
    }

    /// Steps over the comma after a value, and before it over the ends of what it is the last of; tells whether that is all.
    #[inline(always)]
    fn pass_ends(&mut self, open: &mut Open) -> Option<bool> {
        loop {
            let byte = self.next()?;
            self.at += 1;
            match byte {
                b',' => return Some(false),
                b'}' if open.is_object() => {}
                b']' if !open.is_object() => {}
                _ => return None,
            }
            open.pop();
            if open.len() == 0 {
                return Some(true);
            }
        }
    }

    /// Goes to the next value: in an object over its key, and over members that are texts. Gives the first byte of the value, none
    /// after the last member.
    #[inline(always)]
    fn pass_texts(&mut self, open: &Open, leaves: &mut Leaves) -> Option<Option<u8>> {
        let byte = self.next()?;
        if !open.is_object() {
            return Some(Some(byte));
        }
        if byte != b'"' {
            return None;
        }
        loop {
            self.quoted()?;
            if !self.stands_before(*b":\"") {
                return self.colon().map(Some);
            }
            self.at += 1;
            self.quoted()?;
            *leaves = leaves.and(Leaves::VALUE);
            if !self.stands_before(*b",\"") {
                return Some(None);
            }
            self.at += 1;
        }
    }

    #[inline(always)]
    fn stands_before(&self, two: [u8; 2]) -> bool {
        self.text.get(self.at..).and_then(<[u8]>::first_chunk) == Some(&two)
    }
}

/// Where the closing quote of a string is, from its first special byte on.
#[inline(never)]
fn escaped_rest(text: &[u8], at: usize) -> Option<usize> {
    let mut cursor = Cursor { text, at, end: at - at % LOOK, specials: 0 };
    loop {
        match cursor.peek()? {
            b'"' => return Some(cursor.at),
            b'\\' => cursor.escape()?,
            _ => return None,
        }
        cursor.pass_plain();
    }
}

/// Appends a string whose escapes were checked, decoded.
pub(super) fn decode(mut text: &str, out: &mut String) -> Option<()> {
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

#[cold]
#[inline(never)]
fn after_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// The number at `at`, and where it ends.
#[inline(always)]
fn number(text: &[u8], at: usize) -> Option<(usize, Slot)> {
    let negative = *text.get(at)? == b'-';
    let first = at + usize::from(negative);
    let (end, value) = digits(text, first);
    let count = end - first;
    if count == 0 || (count > 1 && *text.get(first)? == b'0') {
        return None;
    }
    if matches!(text.get(end), Some(b'.' | b'e' | b'E')) {
        return fraction(text, at, end);
    }
    // Eighteen digits fit both kinds of whole numbers.
    let slot = match value as i64 {
        value if count <= 18 && !negative => Slot::Int(value),
        value if count <= 18 && value != 0 => Slot::Int(-value),
        _ => long_number(text.get(at..end)?)?,
    };
    Some((end, slot))
}

/// Where the digits from `at` on end, and what they say.
#[inline(always)]
fn digits(text: &[u8], mut at: usize) -> (usize, u64) {
    let mut value = 0_u64;
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (at, value)
}

/// A number that begins at `start` and goes on after its whole part.
#[inline(never)]
fn fraction(text: &[u8], start: usize, mut at: usize) -> Option<(usize, Slot)> {
    let some_digits = |from: usize| Some(digits(text, from).0).filter(|end| *end > from);
    if text.get(at) == Some(&b'.') {
        at = some_digits(at + 1)?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let signed = matches!(text.get(at + 1), Some(b'+' | b'-'));
        at = some_digits(at + 1 + usize::from(signed))?;
    }
    Some((at, float(std::str::from_utf8(text.get(start..at)?).ok()?)?))
}

/// A number without a fraction that may not fit 64 bits.
#[cold]
fn long_number(text: &[u8]) -> Option<Slot> {
    let text = std::str::from_utf8(text).ok()?;
    let int = text.parse().map(Slot::Int).ok().filter(|_| text != "-0");
    int.or_else(|| text.parse().map(Slot::UInt).ok()).or_else(|| float(text))
}

/// `serde_json` refuses what no double holds.
fn float(text: &str) -> Option<Slot> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Slot::Float)
}

/// How many bytes are looked at together.
const LOOK: usize = 64;

/// Bit by bit, which bytes from `start` on are a quote, a backslash or a control character. What follows the text is one.
#[inline(never)]
fn specials(text: &[u8], start: usize) -> u64 {
    let rest = text.get(start..).unwrap_or_default();
    rest.first_chunk().map_or_else(|| last_specials(rest), specials_of)
}

#[cold]
#[inline(never)]
fn last_specials(rest: &[u8]) -> u64 {
    let mut look = [0; LOOK];
    look.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    specials_of(&look)
}

#[inline(always)]
fn specials_of(look: &[u8; LOOK]) -> u64 {
    let special = |part: &[u8; 16]| {
        let bytes = u8x16::new(*part);
        // Control characters stay below a space where one bit of it is turned, which makes a space of a quote.
        let turned = bytes ^ u8x16::splat(b'"' ^ b' ');
        let found = turned.min(u8x16::splat(b' ')).cmp_eq(turned) | bytes.cmp_eq(u8x16::splat(b'\\'));
        u64::from(found.move_mask() as u16)
    };
    let (parts, _) = look.as_chunks();
    parts.iter().rev().fold(0, |all, part| all << 16 | special(part))
}
