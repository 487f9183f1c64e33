//! The data view that Kibana would have of a mapping (Kibana: fields of data views; Elasticsearch: field capabilities).

use super::dsl::ViewField;
use crate::schema::{Field, FieldType, Lookup, Schema};

impl ViewField {
    /// The fields that a schema declares, by name. Several types, as indices may have, are all there.
    pub fn of_schema(schema: &Schema) -> Vec<Self> {
        let indices: Vec<Schema> = schema.by_index().into_iter().map(|(_, own)| own).collect();
        let everything = [String::new(), String::new()];
        let declared = schema.expand(&everything).into_iter();
        // Kibana lists what has values of its own.
        let fields = declared.filter(|field| !matches!(field.kind, FieldType::Object | FieldType::Nested));
        fields.map(|field| Self::of(&field, &indices)).collect()
    }

    fn of(field: &Field, indices: &[Schema]) -> Self {
        let (mut kinds, mut es_types) = (vec![kind(field.kind)], vec![family(field).to_owned()]);
        for index in indices {
            if let Lookup::Field(own) = index.lookup(&field.name) {
                kinds.push(kind(own.kind));
                es_types.push(family(&own).to_owned());
            }
        }
        es_types.sort_unstable();
        es_types.dedup();
        let kind = if kinds.iter().all(|other| *other == kinds[0]) { kinds[0] } else { "conflict" };
        Self { name: field.name.clone(), kind: kind.to_owned(), es_types, script: None, nested: field.nested.clone() }
    }
}

/// Kibana's name for a type.
const fn kind(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Keyword | FieldType::ConstantKeyword | FieldType::Wildcard | FieldType::Version => "string",
        FieldType::Text | FieldType::MatchOnlyText => "string",
        FieldType::Date | FieldType::DateNanos => "date",
        FieldType::Boolean => "boolean",
        FieldType::Ip => "ip",
        kind if kind.is_number() => "number",
        _ => "unknown",
    }
}

/// The family that Elasticsearch reports a type by.
fn family(field: &Field) -> &str {
    match field.kind {
        FieldType::Keyword | FieldType::ConstantKeyword | FieldType::Wildcard => "keyword",
        FieldType::Text | FieldType::MatchOnlyText => "text",
        _ => &field.type_name,
    }
}
