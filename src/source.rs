//! The text of a query and where it came from: [`Source`], [`Span`], [`Place`].
//!
//! Takes a text, and optionally the file that holds it; gives lines and columns for messages.
//! Knows nothing of any language.

use std::sync::Arc;

/// A range of bytes in a query text: `start` included, `end` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` to `end`.
    ///
    /// ```
    /// assert_eq!(elkhound::source::Span::new(2, 5).len(), 3);
    /// ```
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The empty span at `offset`.
    pub const fn at(offset: usize) -> Self {
        Self::new(offset, offset)
    }

    /// The smallest span that holds both.
    pub fn join(self, other: Self) -> Self {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }

    /// Length in bytes.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether the span holds no byte.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of byte `offset` in `text`.
    pub fn of(text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// How a query text lies inside the file that holds it.
#[derive(Debug, Clone)]
struct Container {
    text: Arc<str>,
    /// `(offset in the query, offset in the file)`, ascending; between two entries both run in step.
    map: Vec<(usize, usize)>,
}

/// A query text with its name and, for a query inside a rule file, its place there.
///
/// ```
/// let source = elkhound::source::Source::new("<query>", "process.name: cmd.exe");
/// assert_eq!(source.place(8).column, 9);
/// ```
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    container: Option<Container>,
}

impl Source {
    /// A text that stands alone. `name` is what messages print before line and column.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into(), container: None }
    }

    /// A text that was taken from a larger file. `map` holds pairs of query offset and file offset, ascending; an escape
    /// in the file's own notation begins a new pair after it.
    pub fn inside(self, file: impl Into<Arc<str>>, map: Vec<(usize, usize)>) -> Self {
        Self { container: Some(Container { text: file.into(), map }), ..self }
    }

    /// The name of the text or of the file that holds it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The query text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text that messages quote: the file's where there is one.
    pub fn shown(&self) -> &str {
        self.container.as_ref().map_or(&self.text, |container| &container.text)
    }

    /// A span of the query as a span of [`Source::shown`].
    pub fn shown_span(&self, span: Span) -> Span {
        Span::new(self.shown_offset(span.start), self.shown_offset(span.end))
    }

    /// Line and column of a query offset in [`Source::shown`].
    pub fn place(&self, offset: usize) -> Place {
        Place::of(self.shown(), self.shown_offset(offset))
    }

    fn shown_offset(&self, offset: usize) -> usize {
        let Some(container) = &self.container else { return offset.min(self.text.len()) };
        let after = container.map.partition_point(|&(query, _)| query <= offset);
        let (query, file) = after.checked_sub(1).and_then(|at| container.map.get(at)).copied().unwrap_or((0, 0));
        let mut shown = (file + (offset - query.min(offset))).min(container.text.len());
        while !container.text.is_char_boundary(shown) {
            shown -= 1;
        }
        shown
    }
}
