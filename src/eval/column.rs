//! The values of one field of an event, as aggregations and sorting see them (Elasticsearch: doc values).

use super::expr::datum;
use super::value::Reader;
use crate::event::{Document, FieldKey, Value};
use crate::function::Datum;
use crate::schema::{Field, FieldType, Lookup, Origin, Schema};

/// Most values of one field that are taken from one event where they are kept.
pub const MAX_VALUES: usize = 10_000;

/// Reads the values of one field, each as the field's type makes it.
#[derive(Debug)]
pub struct Column {
    key: FieldKey,
    reader: Reader,
    visible: bool,
    /// The value that every document of the mapping has.
    constant: Option<Datum>,
}

impl Column {
    /// The field `name`; where nothing declares it, the JSON type of each value decides.
    pub fn new(schema: &Schema, name: &str) -> Self {
        Self::typed(schema, name, FieldType::Inferred)
    }

    /// The field `name`; a date where nothing declares it.
    pub fn date(schema: &Schema, name: &str) -> Self {
        Self::typed(schema, name, FieldType::Date)
    }

    fn typed(schema: &Schema, name: &str, undeclared: FieldType) -> Self {
        let (field, visible) = match schema.lookup(name) {
            Lookup::Field(field) if field.kind != FieldType::Inferred || undeclared == FieldType::Inferred => {
                // Values below a declared `nested` object are documents of their own.
                let visible = field.nested.is_none() || field.origin != Origin::Caller;
                ((*field).clone(), visible)
            }
            Lookup::Field(_) => (Field::plain(name, undeclared, Origin::Inferred), true),
            _ => (Field::plain(name, undeclared, Origin::Inferred), false),
        };
        let constant = field.constant.as_deref().map(Datum::from);
        Self { key: FieldKey::new(0, field.path.as_str()), reader: Reader::new(&field), visible, constant }
    }

    /// The type of the field.
    pub const fn kind(&self) -> FieldType {
        self.reader.kind
    }

    /// The values, in the order of the event, at most [`MAX_VALUES`], and how many are beyond.
    pub fn values(&self, event: &dyn Document) -> (Vec<Datum>, u64) {
        let (mut out, mut beyond) = (Vec::new(), 0);
        self.each(event, &mut |value| {
            if out.len() < MAX_VALUES {
                out.push(value);
            } else {
                beyond += 1;
            }
        });
        (out, beyond)
    }

    /// Shows every value, in the order of the event.
    pub fn each(&self, event: &dyn Document, visit: &mut dyn FnMut(Datum)) {
        let mut is_absent = true;
        if self.visible {
            event.any(&self.key, &mut |value| {
                if let Some(value) = self.read(value) {
                    is_absent = false;
                    visit(value);
                }
                false
            });
        }
        if is_absent {
            self.constant.iter().cloned().for_each(visit);
        }
    }

    /// What the field would make of a value.
    pub fn read(&self, value: Value<'_>) -> Option<Datum> {
        datum(&self.reader, value)
    }
}
