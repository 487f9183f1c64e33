//! Events: JSON objects, their fields and values, and the time they carry.
//!
//! [`Document`] is what the evaluator reads; a record filled from bytes, a [`serde_json::Value`] and a caller's own type are
//! its implementations. Values come as JSON typed them; what a type makes of them is the evaluator's business.

mod cursor;
mod document;
pub mod index;
mod kept;
mod layout;
pub mod number;
mod record;
mod scan;
pub mod table;
pub mod time;
mod tree;
pub mod value;

#[cfg(feature = "rules")]
pub(crate) use document::EventState;
pub use document::{Event, EventError, MAX_BYTES, MAX_DEPTH};
pub(crate) use layout::BlockLayout;
pub use layout::Layout;
pub use record::{Listed, Record, Scratch};
#[cfg(feature = "rules")]
pub(crate) use tree::Member;
pub(crate) use tree::Tree;
pub use value::Value;

/// A field that a program reads: a small number, unique within the program, and the dotted path it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldKey {
    id: u32,
    path: Box<str>,
}

impl FieldKey {
    /// The field number `id` of a program.
    pub fn new(id: u32, path: impl Into<Box<str>>) -> Self {
        Self { id, path: path.into() }
    }

    /// Its number.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Its dotted path in the event.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Something with fields, as the evaluator reads it.
///
/// Objects and dotted keys address the same field; arrays are several values; objects in arrays flatten
/// (Elasticsearch: arrays). Field paths are dotted names.
pub trait Document {
    /// Shows each value of `field`, in the order of the document, until `visit` returns true; tells whether it
    /// did. Explicit nulls are shown as [`Value::Null`]; an object at the path is shown as [`Value::Object`].
    fn any(&self, field: &FieldKey, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool;

    /// The numbers of the fields that have a value or a null, where the document knows them without being asked for each.
    fn present(&self) -> Option<&[u32]> {
        None
    }

    /// Lists the values of all fields of a layout in one walk; `None` where each is better asked for.
    #[doc(hidden)]
    fn list(&self, _layout: &Layout, _into: &mut Scratch) -> Option<()> {
        None
    }

    /// Shows each leaf value below `prefix` (all of them for the empty prefix) with its full dotted path, likewise.
    fn any_leaf(&self, prefix: &str, visit: &mut dyn FnMut(&str, Value<'_>) -> bool) -> bool;

    /// Shows each object at `path` as a document of its own, whose paths begin below `path`, likewise (KQL nested groups).
    fn any_object(&self, path: &str, visit: &mut dyn FnMut(&dyn Document) -> bool) -> bool;
}

impl<D: Document + ?Sized> Document for &D {
    fn any(&self, field: &FieldKey, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        (**self).any(field, visit)
    }

    fn present(&self) -> Option<&[u32]> {
        (**self).present()
    }

    fn list(&self, layout: &Layout, into: &mut Scratch) -> Option<()> {
        (**self).list(layout, into)
    }

    fn any_leaf(&self, prefix: &str, visit: &mut dyn FnMut(&str, Value<'_>) -> bool) -> bool {
        (**self).any_leaf(prefix, visit)
    }

    fn any_object(&self, path: &str, visit: &mut dyn FnMut(&dyn Document) -> bool) -> bool {
        (**self).any_object(path, visit)
    }
}
