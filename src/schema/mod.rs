//! Field types: which fields exist, what Elasticsearch type each has, and how sure we are.
//!
//! Layers, the first answer wins: the caller's mapping, integration layers, the ECS table, the ECS dynamic patterns, then the
//! JSON type of the value (design: schema). Strict where the caller gave types, lenient where they were inferred.

use std::sync::Arc;

/// An Elasticsearch field type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldType {
    /// `keyword`
    Keyword,
    /// `constant_keyword`
    ConstantKeyword,
    /// `wildcard`
    Wildcard,
    /// `text`
    Text,
    /// `match_only_text`
    MatchOnlyText,
    /// `version`
    Version,
    /// `long`
    Long,
    /// `integer`
    Integer,
    /// `short`
    Short,
    /// `byte`
    Byte,
    /// `unsigned_long`
    UnsignedLong,
    /// `double`
    Double,
    /// `float`
    Float,
    /// `half_float`
    HalfFloat,
    /// `scaled_float`
    ScaledFloat,
    /// `boolean`
    Boolean,
    /// `ip`
    Ip,
    /// `date`
    Date,
    /// `date_nanos`
    DateNanos,
    /// `flattened`, the root
    Flattened,
    /// A key below a `flattened` root
    FlattenedKey,
    /// `object`: only its sub-fields have values
    Object,
    /// `nested`
    Nested,
    /// A type that no query of either language can use (`geo_point`, `binary`, …); [`Field::type_name`] has its name
    Unsearchable,
    /// Not declared anywhere: each value's own JSON type decides
    Inferred,
}

/// Where the type of a field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// The caller's mapping.
    Caller,
    /// An integration's field list.
    Integration,
    /// The ECS table.
    Ecs,
    /// An ECS dynamic pattern.
    Pattern,
    /// Nothing declares it.
    Inferred,
}

/// What is known of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The name a query uses.
    pub name: String,
    /// Where its values stand in the event: the name itself, the parent of a multi-field, the target of an alias.
    pub path: String,
    /// Its type.
    pub kind: FieldType,
    /// The type's name as the mapping writes it.
    pub type_name: String,
    /// Where the type comes from.
    pub origin: Origin,
    /// Strings longer than this many UTF-16 units have no value.
    pub ignore_above: Option<usize>,
    /// What stands in for an explicit null.
    pub null_value: Option<serde_json::Value>,
    /// Whether a lower-casing normalizer applies.
    pub lowercase: bool,
    /// Whether any other normalizer applies (EQL refuses such fields).
    pub normalized: bool,
    /// Of `scaled_float`.
    pub scaling_factor: f64,
    /// Date format of `date` fields, as the mapping writes it; the default format where absent.
    pub format: Option<String>,
    /// The value of a `constant_keyword`, where the mapping has it.
    pub constant: Option<String>,
    /// For a text field: the name of its first exact (keyword or wildcard) sub-field.
    pub exact: Option<String>,
    /// The nearest `nested` object above the field.
    pub nested: Option<String>,
    /// Whether a query can find its values (`index` or `doc_values`).
    pub searchable: bool,
}

impl Field {
    /// A plain field of this name, type and origin, its values under its own name.
    pub fn plain(name: &str, kind: FieldType, origin: Origin) -> Self {
        Self {
            name: name.to_owned(),
            path: name.to_owned(),
            kind,
            type_name: kind.name().to_owned(),
            origin,
            ignore_above: None,
            null_value: None,
            lowercase: false,
            normalized: false,
            scaling_factor: 1.0,
            format: None,
            constant: None,
            exact: None,
            nested: None,
            searchable: true,
        }
    }
}

impl FieldType {
    /// The name Elasticsearch has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::ConstantKeyword => "constant_keyword",
            Self::Wildcard => "wildcard",
            Self::Text => "text",
            Self::MatchOnlyText => "match_only_text",
            Self::Version => "version",
            Self::Long => "long",
            Self::Integer => "integer",
            Self::Short => "short",
            Self::Byte => "byte",
            Self::UnsignedLong => "unsigned_long",
            Self::Double => "double",
            Self::Float => "float",
            Self::HalfFloat => "half_float",
            Self::ScaledFloat => "scaled_float",
            Self::Boolean => "boolean",
            Self::Ip => "ip",
            Self::Date => "date",
            Self::DateNanos => "date_nanos",
            Self::Flattened | Self::FlattenedKey => "flattened",
            Self::Object => "object",
            Self::Nested => "nested",
            Self::Unsearchable => "unsupported",
            Self::Inferred => "inferred",
        }
    }
}

/// What a schema answers about a name.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// The field is known, declared or inferred.
    Field(Arc<Field>),
    /// The schema in force has no such field, and says so.
    Unmapped,
}

/// How a schema treats what it does not know, and what Elasticsearch would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// Strict for types the caller gave, lenient for all others.
    #[default]
    ByOrigin,
    /// As Elasticsearch, whatever the origin.
    Strict,
    /// A leaf that Elasticsearch would refuse matches nothing, with a warning, whatever the origin.
    Lenient,
}
