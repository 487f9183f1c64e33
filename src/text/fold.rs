//! Which letters count as equal.

use std::borrow::Cow;

/// Which letters count as equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Fold {
    /// None: code point by code point.
    #[default]
    Exact,
    /// ASCII letters in either case (Elasticsearch 8: `case_insensitive`).
    Ascii,
    /// Lucene's table of simple case variants, one character for one (Elasticsearch 9).
    Lucene,
    /// Full Unicode lower-casing (Endgame; Java's comparison on computed values).
    Unicode,
}

impl Fold {
    /// The character that stands for all that equal `c`.
    pub fn char(self, c: char) -> char {
        match self {
            Self::Exact => c,
            Self::Ascii => c.to_ascii_lowercase(),
            Self::Lucene | Self::Unicode if c.is_ascii() => c.to_ascii_lowercase(),
            // Dotted and dotless i fold to nothing else: one character always stands for one.
            Self::Lucene if matches!(c, '\u{130}' | '\u{131}') => c,
            Self::Lucene | Self::Unicode => single(single(c, char::to_uppercase), char::to_lowercase),
        }
    }

    /// `text` with each character replaced by the one that stands for it.
    pub fn text(self, text: &str) -> Cow<'_, str> {
        if self == Self::Exact {
            return Cow::Borrowed(text);
        }
        if self == Self::Ascii || text.is_ascii() {
            let has_capitals = text.bytes().any(|byte| byte.is_ascii_uppercase());
            return if has_capitals { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
        }
        if self == Self::Unicode {
            return Cow::Owned(text.to_lowercase());
        }
        if text.chars().all(|c| self.char(c) == c) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.chars().map(|c| self.char(c)).collect())
    }

    /// Shows what [`Fold::text`] gives; a short ASCII text takes no memory for it.
    pub(crate) fn with<R>(self, text: &str, show: impl FnOnce(&str) -> R) -> R {
        let mut buffer = [0; 128];
        if self != Self::Exact
            && text.is_ascii()
            && let Some(lower) = buffer.get_mut(..text.len())
        {
            lower.copy_from_slice(text.as_bytes());
            lower.make_ascii_lowercase();
            return show(std::str::from_utf8(lower).unwrap_or_default());
        }
        show(&self.text(text))
    }

    /// Whether both texts are the same.
    ///
    /// ```
    /// use elkhound::text::Fold;
    /// assert!(Fold::Ascii.same("CMD.EXE", "cmd.exe"));
    /// assert!(!Fold::Ascii.same("Ä", "ä"));
    /// assert!(Fold::Lucene.same("Ä", "ä"));
    /// ```
    pub fn same(self, left: &str, right: &str) -> bool {
        match self {
            Self::Exact => left == right,
            Self::Ascii => left.eq_ignore_ascii_case(right),
            _ if left.is_ascii() && right.is_ascii() => left.eq_ignore_ascii_case(right),
            _ => left.chars().map(|c| self.char(c)).eq(right.chars().map(|c| self.char(c))),
        }
    }

    /// The rest of `text` after `prefix`.
    pub fn strip_prefix<'a>(self, text: &'a str, prefix: &str) -> Option<&'a str> {
        if self == Self::Exact {
            return text.strip_prefix(prefix);
        }
        // Most texts differ in their first byte.
        if let ([first, ..], [wanted, ..]) = (text.as_bytes(), prefix.as_bytes())
            && first.is_ascii()
            && wanted.is_ascii()
            && !first.eq_ignore_ascii_case(wanted)
        {
            return None;
        }
        if let Some(front) = text.as_bytes().get(..prefix.len()) {
            if front.eq_ignore_ascii_case(prefix.as_bytes()) {
                return text.get(prefix.len()..);
            }
            if front.is_ascii() && prefix.is_ascii() {
                return None;
            }
        }
        let mut rest = text.chars();
        for c in prefix.chars() {
            if rest.next().map(|found| self.char(found)) != Some(self.char(c)) {
                return None;
            }
        }
        Some(rest.as_str())
    }

    /// Whether `text` ends with `suffix`.
    pub fn ends_with(self, text: &str, suffix: &str) -> bool {
        if self == Self::Exact {
            return text.ends_with(suffix);
        }
        if let Some(back) = text.len().checked_sub(suffix.len()).and_then(|from| text.as_bytes().get(from..)) {
            if back.eq_ignore_ascii_case(suffix.as_bytes()) {
                return true;
            }
            if back.is_ascii() && suffix.is_ascii() {
                return false;
            }
        }
        let mut back = text.chars().rev();
        suffix.chars().rev().all(|c| back.next().map(|found| self.char(found)) == Some(self.char(c)))
    }

    /// Whether `text` holds `part`, which is folded already.
    pub fn contains(self, text: &str, part: &[u8]) -> bool {
        if self == Self::Exact {
            return memchr::memmem::find(text.as_bytes(), part).is_some();
        }
        if self.is_ascii_for(text) && part.is_ascii() {
            return find_ascii(text.as_bytes(), part).is_some();
        }
        memchr::memmem::find(self.text(text).as_bytes(), part).is_some()
    }

    /// Whether nothing but the case of ASCII letters is aside in `text`.
    pub(super) fn is_ascii_for(self, text: &str) -> bool {
        self == Self::Ascii || self != Self::Exact && text.is_ascii()
    }
}

/// Where `part` first stands in `text`, the case of ASCII letters aside.
pub(super) fn find_ascii(text: &[u8], part: &[u8]) -> Option<usize> {
    let Some((at, &byte)) = part.iter().take(32).enumerate().min_by_key(|(_, byte)| frequency(**byte)) else {
        return Some(0);
    };
    let places = memchr::memchr2_iter(byte.to_ascii_lowercase(), byte.to_ascii_uppercase(), text);
    places
        .filter_map(|place| place.checked_sub(at))
        .find(|&start| text.get(start..start + part.len()).is_some_and(|found| found.eq_ignore_ascii_case(part)))
}

/// How often a byte stands in paths and command lines, roughly.
fn frequency(byte: u8) -> u8 {
    match byte.to_ascii_lowercase() {
        b'e' | b's' | b'\\' | b' ' | b'/' | b'.' | b'-' | b'i' | b't' | b'o' | b'n' | b'r' | b'a' => 3,
        b'c' | b'd' | b'l' | b'm' | b'p' | b'w' | b'x' | b'u' | b'0' | b'1' => 2,
        b'a'..=b'z' | b'0'..=b'9' => 1,
        _ => 0,
    }
}

/// The one character that `map` gives, or `c` itself where it gives several.
fn single<I: Iterator<Item = char>>(c: char, map: impl Fn(char) -> I) -> char {
    let mut mapped = map(c);
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}
