//! Field types: which fields exist, what Elasticsearch type each has, and how sure we are.
//!
//! Layers, the first answer wins: the caller's mapping, integration layers, the ECS table, the ECS dynamic patterns, then the
//! JSON type of the value (design: schema). Strict where the caller gave types, lenient where they were inferred.

mod ecs;
mod mapping;

use std::sync::Arc;

use hashbrown::HashMap;

pub use mapping::MappingError;

use crate::event::Value;
use crate::event::number::FloatKind;

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
    /// For a text field: the names of its exact (keyword or wildcard) sub-fields.
    pub exact: Vec<String>,
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
            exact: Vec::new(),
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

impl FieldType {
    /// The type of this name; `None` for the types that no query can use.
    pub fn of(name: &str) -> Option<Self> {
        const ALL: [FieldType; 22] = [
            FieldType::Keyword,
            FieldType::ConstantKeyword,
            FieldType::Wildcard,
            FieldType::Text,
            FieldType::MatchOnlyText,
            FieldType::Version,
            FieldType::Long,
            FieldType::Integer,
            FieldType::Short,
            FieldType::Byte,
            FieldType::UnsignedLong,
            FieldType::Double,
            FieldType::Float,
            FieldType::HalfFloat,
            FieldType::ScaledFloat,
            FieldType::Boolean,
            FieldType::Ip,
            FieldType::Date,
            FieldType::DateNanos,
            FieldType::Flattened,
            FieldType::Object,
            FieldType::Nested,
        ];
        ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether values are kept whole as text.
    pub const fn is_keyword(self) -> bool {
        matches!(self, Self::Keyword | Self::ConstantKeyword | Self::Wildcard)
    }

    /// Whether values are analyzed text.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::MatchOnlyText)
    }

    /// Whether values are whole numbers.
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::Long | Self::Integer | Self::Short | Self::Byte | Self::UnsignedLong)
    }

    /// Whether values are numbers with a fraction.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Double | Self::Float | Self::HalfFloat | Self::ScaledFloat)
    }

    /// How values with a fraction are rounded; `None` for whole numbers and all else.
    pub const fn float_kind(self) -> Option<FloatKind> {
        Some(match self {
            Self::Double => FloatKind::Double,
            Self::Float => FloatKind::Float,
            Self::HalfFloat => FloatKind::Half,
            Self::ScaledFloat => FloatKind::Scaled,
            _ => return None,
        })
    }

    /// Whether values are numbers.
    pub const fn is_number(self) -> bool {
        self.is_integer() || self.is_float()
    }

    /// Whether values are instants.
    pub const fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::DateNanos)
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

/// Which fields exist and what type each has.
///
/// ```
/// use elkhound::schema::{FieldType, Lookup, Schema};
/// let schema = Schema::from_json(r#"{"properties": {"user": {"properties": {"id": {"type": "long"}}}}}"#)?;
/// assert!(matches!(schema.lookup("user.id"), Lookup::Field(field) if field.kind == FieldType::Long));
/// # Ok::<(), elkhound::schema::MappingError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Schema {
    layers: Vec<Layer>,
    ecs: bool,
    closed: bool,
}

/// Declared fields of one origin, by name.
#[derive(Debug, Clone, Default)]
struct Layer {
    fields: HashMap<String, Arc<Field>>,
    /// Whether events declared them.
    observed: bool,
    /// The fields of each index, where a mapping has several.
    indices: Vec<(String, Layer)>,
}

impl Schema {
    /// All that is declared, as text that is the same for the same types.
    #[cfg(feature = "rules")]
    pub(crate) fn describe(&self, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
        write!(out, "{} {}", self.ecs, self.closed)?;
        self.layers.iter().try_for_each(|layer| layer.describe(out))
    }

    /// No types at all: the JSON type of each value decides.
    pub fn none() -> Self {
        Self::default()
    }

    /// The built-in ECS table and the ECS dynamic patterns.
    #[cfg(feature = "ecs")]
    pub fn ecs() -> Self {
        Self { ecs: true, ..Self::default() }
    }

    /// The types of an Elasticsearch mapping (`{"properties": …}`, or a `GET _mapping` answer with several indices, each of which
    /// counts for its own events), a `_field_caps` answer, flat JSON (`{"field": "type"}`), or flat JSON for each data stream of
    /// an integration (`{"streams": {"package.stream": {"field": "type"}}}`).
    ///
    /// # Errors
    /// A text that is no JSON object, or an alias without its target.
    pub fn from_json(text: &str) -> Result<Self, MappingError> {
        let layer = mapping::read(text, Origin::Caller)?;
        Ok(Self { layers: vec![layer], ..Self::default() })
    }

    /// Puts the ECS table below these types.
    #[cfg(feature = "ecs")]
    #[must_use]
    pub fn under_ecs(mut self) -> Self {
        self.ecs = true;
        self
    }

    /// Lays the types of `above` over these: its answers come first.
    #[must_use]
    pub fn under(mut self, above: Self) -> Self {
        let mut layers = above.layers;
        layers.append(&mut self.layers);
        Self { layers, ecs: self.ecs || above.ecs, closed: self.closed || above.closed }
    }

    /// Adds the field list of an integration below what is there: JSON as for [`Schema::from_json`].
    ///
    /// # Errors
    /// As [`Schema::from_json`].
    pub fn with_integration(mut self, text: &str) -> Result<Self, MappingError> {
        self.layers.push(mapping::read(text, Origin::Integration)?);
        Ok(self)
    }

    /// Says that no field exists but the declared ones, as in a cluster.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.closed = true;
        self
    }

    /// Declares the fields of an event that nothing declares yet, as dynamic mapping would: by the JSON types of its values
    /// (Elasticsearch: dynamic mapping; strings are keywords).
    pub fn observe(&mut self, event: &dyn crate::event::Document) {
        let mut seen: Vec<(String, FieldType)> = Vec::new();
        event.any_leaf("", &mut |path, value| {
            let kind = match value {
                Value::Str(_) => FieldType::Keyword,
                Value::Int(_) | Value::UInt(_) => FieldType::Long,
                Value::Float(_) => FieldType::Double,
                Value::Bool(_) => FieldType::Boolean,
                Value::Null | Value::Object(_) => return false,
            };
            if self.declared(path).is_none() {
                seen.push((path.to_owned(), kind));
            }
            false
        });
        if seen.is_empty() {
            return;
        }
        let mut layer = Layer::default();
        for (name, kind) in seen {
            if kind == FieldType::Keyword {
                let below = format!("{name}.keyword");
                let exact = Field { path: name.clone(), ..Field::plain(&below, kind, Origin::Inferred) };
                layer.fields.insert(below, Arc::new(exact));
            }
            for (at, _) in name.match_indices('.') {
                let object = || Arc::new(Field::plain(&name[..at], FieldType::Object, Origin::Inferred));
                layer.fields.entry(name[..at].to_owned()).or_insert_with(object);
            }
            layer.fields.insert(name.clone(), Arc::new(Field::plain(&name, kind, Origin::Inferred)));
        }
        match self.layers.last_mut().filter(|last| last.observed) {
            Some(last) => {
                for (name, field) in layer.fields {
                    last.fields.entry(name).or_insert(field);
                }
            }
            None => self.layers.push(Layer { observed: true, ..layer }),
        }
    }

    /// The schema of each index that the caller's mapping names, where it names several: what the index declares first, then
    /// what the others do, but for the values that only their own documents have.
    pub fn by_index(&self) -> Vec<(String, Self)> {
        let schema = |at: usize, own: &Layer| {
            let mut layers = self.layers.clone();
            if let Some(all) = layers.get_mut(at) {
                all.fields.values_mut().filter(|field| field.constant.is_some()).for_each(|field| {
                    Arc::make_mut(field).constant = None;
                });
            }
            layers.insert(0, own.clone());
            Self { layers, ..self.clone() }
        };
        let layers = self.layers.iter().enumerate();
        let named = layers.flat_map(|(at, layer)| layer.indices.iter().map(move |(name, own)| (at, name, own)));
        named.map(|(at, name, own)| (name.clone(), schema(at, own))).collect()
    }

    /// Whether no field exists but the declared ones.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// What is known of `name`.
    pub fn lookup(&self, name: &str) -> Lookup {
        self.declared(name).map_or_else(|| self.undeclared(name), Lookup::Field)
    }

    fn declared(&self, name: &str) -> Option<Arc<Field>> {
        let layers = self.layers.iter().find_map(|layer| layer.field(name));
        layers.or_else(|| if self.ecs { ecs::field(name) } else { None })
    }

    fn undeclared(&self, name: &str) -> Lookup {
        let known = |kind, origin| Lookup::Field(Arc::new(Field::plain(name, kind, origin)));
        if name == "_index" || name == "_id" {
            return known(FieldType::Keyword, if self.closed { Origin::Caller } else { Origin::Ecs });
        }
        if self.closed {
            return Lookup::Unmapped;
        }
        let nested = name.rmatch_indices('.').map(|(at, _)| &name[..at]).find(|above| self.is_nested(above));
        let field = Field::plain(name, FieldType::Inferred, Origin::Inferred);
        Lookup::Field(Arc::new(Field { nested: nested.map(str::to_owned), ..field }))
    }

    /// The declared fields whose names fit the texts of `pattern` with anything between them, in the order of their names.
    pub fn expand(&self, pattern: &[String]) -> Vec<Arc<Field>> {
        let wildcard = crate::text::Wildcard::between(pattern);
        let mut names: Vec<String> =
            self.names().filter(|name| wildcard.matches(name, crate::text::Fold::Exact)).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names.iter().filter_map(|name| self.declared(name)).collect()
    }

    /// The names of all declared fields; one may come more than once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let declared = self.layers.iter().flat_map(|layer| layer.fields.keys().map(String::as_str));
        let built_in = self.ecs.then(ecs::names).into_iter().flatten();
        declared.chain(built_in.map(|name| -> &str { name }))
    }

    /// The names of declared fields that could be `name` with so many letters changed; a superset, found by length and letters.
    pub fn names_like(&self, name: &str, changes: usize) -> impl Iterator<Item = &str> {
        let letters = Letters::of(name);
        let declared = self.layers.iter().flat_map(|layer| layer.fields.keys().map(String::as_str));
        let near = declared.filter(move |other| {
            other.len().abs_diff(name.len()) <= changes && letters.is_within(Letters::of(other), changes)
        });
        let built_in = self.ecs.then(|| ecs::names_like(name, changes)).into_iter().flatten();
        near.chain(built_in.map(|name| -> &str { name }))
    }

    /// Whether the path is mapped as `nested`.
    pub fn is_nested(&self, path: &str) -> bool {
        match self.layers.iter().find_map(|layer| layer.field(path)) {
            Some(field) => field.kind == FieldType::Nested,
            None => self.ecs && ecs::is(path, "nested"),
        }
    }
}

/// Which letters a name has at least once, twice, and three times, case aside.
#[derive(Debug, Clone, Copy)]
struct Letters([u64; 3]);

impl Letters {
    fn of(name: &str) -> Self {
        Self(name.bytes().fold([0; 3], |[once, twice, thrice], byte| {
            let letter = 1 << (byte.to_ascii_lowercase() & 63);
            [once | letter, twice | once & letter, thrice | twice & letter]
        }))
    }

    /// The letters that it has at least once; of two names, each change takes out at most one and brings in at most one.
    const fn once(self) -> u64 {
        self.0[0]
    }

    /// Whether so many changes could make one name of the other: each brings in at most one letter.
    fn is_within(self, other: Self, changes: usize) -> bool {
        let more = |a: Self, b: Self| a.0.iter().zip(b.0).map(|(a, b)| (a & !b).count_ones() as usize).sum::<usize>();
        more(self, other) <= changes && more(other, self) <= changes
    }
}

impl Layer {
    #[cfg(feature = "rules")]
    fn describe(&self, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
        write!(out, " layer {}", self.observed)?;
        let mut fields: Vec<(&String, &Arc<Field>)> = self.fields.iter().collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        fields.iter().try_for_each(|(name, field)| write!(out, " {name}: {field:?}"))?;
        self.indices.iter().try_for_each(|(name, own)| {
            write!(out, " index {name}")?;
            own.describe(out)
        })
    }

    /// The field, or a key of a flattened field above the name.
    fn field(&self, name: &str) -> Option<Arc<Field>> {
        if let Some(field) = self.fields.get(name) {
            return Some(Arc::clone(field));
        }
        let above = name.match_indices('.').filter_map(|(at, _)| self.fields.get(&name[..at]));
        above.into_iter().find_map(|above| flattened_key(above, name))
    }
}

/// The field for a key below a flattened root.
fn flattened_key(root: &Field, name: &str) -> Option<Arc<Field>> {
    if root.kind != FieldType::Flattened {
        return None;
    }
    let path = format!("{}{}", root.path, &name[root.name.len()..]);
    Some(Arc::new(Field { name: name.to_owned(), path, kind: FieldType::FlattenedKey, ..root.clone() }))
}
