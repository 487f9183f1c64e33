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
        if self == Self::Unicode && !text.is_ascii() {
            return Cow::Owned(text.to_lowercase());
        }
        if text.chars().all(|c| self.char(c) == c) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.chars().map(|c| self.char(c)).collect())
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
        let mut back = text.chars().rev();
        suffix.chars().rev().all(|c| back.next().map(|found| self.char(found)) == Some(self.char(c)))
    }

    /// Whether `text` holds `part`, which is folded already.
    pub fn contains(self, text: &str, part: &str) -> bool {
        match self {
            Self::Exact => memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some(),
            _ => memchr::memmem::find(self.text(text).as_bytes(), part.as_bytes()).is_some(),
        }
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
