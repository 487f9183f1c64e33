//! Reading types: Elasticsearch mappings, `_field_caps` answers, flat JSON.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Field, FieldType, Layer, Origin};

/// A mapping that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct MappingError {
    message: String,
    #[source]
    source: Option<serde_json::Error>,
}

fn error(message: impl Into<String>) -> MappingError {
    MappingError { message: message.into(), source: None }
}

pub(super) fn read(text: &str, origin: Origin) -> Result<Layer, MappingError> {
    let json: Value = serde_json::from_str(text).map_err(|source| MappingError {
        message: format!("the mapping is no JSON: {source}"),
        source: Some(source),
    })?;
    let Value::Object(root) = json else { return Err(error("a mapping is a JSON object")) };
    let mut reader = Reader { layer: Layer::default(), origin, aliases: Vec::new() };
    reader.root(&root)?;
    reader.resolve_aliases()?;
    reader.find_sub_fields();
    Ok(reader.layer)
}

struct Reader {
    layer: Layer,
    origin: Origin,
    aliases: Vec<(String, String)>,
}

/// What a field inherits from the objects above it.
#[derive(Clone, Copy, Default)]
struct Above<'a> {
    path: &'a str,
    nested: Option<&'a str>,
}

impl Reader {
    fn root(&mut self, root: &Map<String, Value>) -> Result<(), MappingError> {
        if let Some(mappings) = root.get("mappings").and_then(Value::as_object) {
            return self.root(mappings);
        }
        if let Some(properties) = root.get("properties").and_then(Value::as_object)
            && !properties.is_empty_type()
        {
            return self.properties(properties, Above::default());
        }
        if let Some(fields) = root.get("fields").and_then(Value::as_object) {
            return if fields.values().all(|field| type_of(field).is_some()) {
                self.flat(fields)
            } else {
                self.field_caps(fields);
                Ok(())
            };
        }
        // Field lists of an integration: flat names for each data stream.
        if let Some(streams) = root.get("streams").and_then(Value::as_object) {
            return streams.values().filter_map(Value::as_object).try_for_each(|fields| self.flat(fields));
        }
        // `GET _mapping`: an index for each key, its properties below `mappings` or at once.
        let index = |index: &'_ Value| match index.get("mappings") {
            Some(mappings) => mappings.as_object().cloned(),
            None => index
                .as_object()
                .filter(|index| index.contains_key("properties") && !index.contains_key("type"))
                .cloned(),
        };
        let indices: Vec<_> = root.iter().filter_map(|(name, value)| Some((name, index(value)?))).collect();
        if !indices.is_empty() && indices.len() == root.len() {
            indices.iter().try_for_each(|(name, mappings)| self.index(name, mappings))?;
            // An index whose fields are those of all needs no schema of its own.
            let Layer { fields, indices, .. } = &mut self.layer;
            let constants = || fields.values().filter(|field| field.constant.is_some());
            indices.retain(|(_, own)| {
                own.fields.iter().any(|(name, field)| fields.get(name) != Some(field))
                    || constants().any(|field| !own.fields.contains_key(&field.name))
            });
            return Ok(());
        }
        self.flat(root)
    }

    /// One index of several: its own fields, and its part in those of all.
    fn index(&mut self, name: &str, mappings: &Map<String, Value>) -> Result<(), MappingError> {
        let mut own = Reader { layer: Layer::default(), origin: self.origin, aliases: Vec::new() };
        own.root(mappings)?;
        own.resolve_aliases()?;
        own.layer.fields.values().for_each(|field| self.add(Field::clone(field)));
        self.layer.indices.push((name.to_owned(), own.layer));
        Ok(())
    }

    /// In flat lists a name below a field with values is a sub-field of it.
    fn find_sub_fields(&mut self) {
        let fields = &self.layer.fields;
        let parent = |field: &Field| {
            let above = fields.get(field.name.rsplit_once('.')?.0)?;
            let has_values = !matches!(above.kind, FieldType::Object | FieldType::Nested | FieldType::Flattened);
            (has_values && field.path == field.name).then(|| (field.name.clone(), Arc::clone(above)))
        };
        let found: Vec<_> = fields.values().filter_map(|field| parent(field)).collect();
        for (name, above) in found {
            if let Some(field) = self.layer.fields.get_mut(&name).map(Arc::make_mut) {
                field.path.clone_from(&above.path);
                // The one sub-field of ECS with a normalizer, which flat lists do not tell.
                let caseless = name.ends_with(".caseless");
                field.lowercase |= caseless;
                field.normalized |= caseless;
            }
            let exact = self.layer.fields.get(&name).is_some_and(|field| field.kind.is_keyword() && !field.normalized);
            if let Some(above) = self.layer.fields.get_mut(&above.name).filter(|_| exact).map(Arc::make_mut) {
                above.exact.push(name);
            }
        }
    }

    /// `{"field": "type"}` and `{"field": {"type": …}}`, dotted names.
    fn flat(&mut self, root: &Map<String, Value>) -> Result<(), MappingError> {
        let nested = names_of_nested(root, type_of);
        for (name, definition) in root {
            self.field(name, definition, Above { path: "", nested: nearest(&nested, name) })?;
        }
        Ok(())
    }

    /// The `fields` of a `_field_caps` answer: for each name its types.
    fn field_caps(&mut self, fields: &Map<String, Value>) {
        let nested = names_of_nested(fields, |types| Some(mapped(types)?.0));
        for (name, types) in fields {
            let Some((type_name, caps)) = mapped(types) else { continue };
            let mut field = self.plain(name, type_name);
            field.searchable = caps.get("searchable").and_then(Value::as_bool).unwrap_or(true);
            field.nested = nearest(&nested, name).map(str::to_owned);
            self.add(field);
        }
    }

    fn properties(&mut self, properties: &Map<String, Value>, above: Above<'_>) -> Result<(), MappingError> {
        properties.iter().try_for_each(|(name, definition)| self.field(name, definition, above))
    }

    fn field(&mut self, name: &str, definition: &Value, above: Above<'_>) -> Result<(), MappingError> {
        let name = if above.path.is_empty() { name.to_owned() } else { format!("{}.{name}", above.path) };
        let below = definition.get("properties").and_then(Value::as_object);
        let type_name = type_of(definition).unwrap_or("object");
        if type_name == "alias" {
            let target = definition.get("path").and_then(Value::as_str);
            match target {
                Some(target) => self.aliases.push((name, target.to_owned())),
                None if definition.is_string() => self.add(self.plain(&name, "keyword")),
                None => return Err(error(format!("the alias `{name}` has no `path`"))),
            }
            return Ok(());
        }
        let mut field = self.plain(&name, type_name);
        field.nested = above.nested.map(str::to_owned);
        settings(&mut field, definition);
        self.multi_fields(&mut field, definition);
        self.add_parents(&name);
        self.add(field);
        let nested = if type_name == "nested" { Some(name.as_str()) } else { above.nested };
        match below {
            Some(below) => self.properties(below, Above { path: &name, nested }),
            None => Ok(()),
        }
    }

    fn plain(&self, name: &str, type_name: &str) -> Field {
        let kind = FieldType::of(type_name).unwrap_or(FieldType::Unsearchable);
        Field { type_name: type_name.to_owned(), ..Field::plain(name, kind, self.origin) }
    }

    fn multi_fields(&mut self, parent: &mut Field, definition: &Value) {
        let Some(fields) = definition.get("fields").and_then(Value::as_object) else { return };
        for (name, definition) in fields {
            let mut field = self.plain(&format!("{}.{name}", parent.name), type_of(definition).unwrap_or("keyword"));
            field.path.clone_from(&parent.path);
            field.nested.clone_from(&parent.nested);
            settings(&mut field, definition);
            if field.kind.is_keyword() && !field.normalized && !field.lowercase {
                parent.exact.push(field.name.clone());
            }
            self.add(field);
        }
    }

    /// Dotted names bring their objects with them.
    fn add_parents(&mut self, name: &str) {
        for (at, _) in name.match_indices('.') {
            if !self.layer.fields.contains_key(&name[..at]) {
                self.add(self.plain(&name[..at], "object"));
            }
        }
    }

    /// Adds a field. Where another index has it too, the first type counts, with the date formats of both.
    fn add(&mut self, field: Field) {
        match self.layer.fields.get_mut(&field.name) {
            Some(known) if known.kind == FieldType::Object && field.kind != FieldType::Object => {
                *known = Arc::new(field)
            }
            Some(known) if known.kind.is_date() && field.kind.is_date() => {
                let known = Arc::make_mut(known);
                if known.format != field.format {
                    let default = || crate::event::time::DateFormat::default().as_str().to_owned();
                    let formats = [known.format.take(), field.format].map(|format| format.unwrap_or_else(default));
                    known.format = Some(formats.join("||"));
                }
                // The finer of both: instants of the coarser index have no more than milliseconds.
                known.kind = known.kind.max(field.kind);
            }
            Some(_) => {}
            None => {
                self.layer.fields.insert(field.name.clone(), Arc::new(field));
            }
        }
    }

    fn resolve_aliases(&mut self) -> Result<(), MappingError> {
        for (name, target) in std::mem::take(&mut self.aliases) {
            let known = self
                .layer
                .field(&target)
                .ok_or_else(|| error(format!("the alias `{name}` leads nowhere: `{target}`")))?;
            self.add_parents(&name);
            self.add(Field { name, ..(*known).clone() });
        }
        Ok(())
    }
}

/// The first type of a name in a `_field_caps` answer that an index maps, and what it can do.
fn mapped(types: &Value) -> Option<(&str, &Value)> {
    let (name, caps) = types.as_object()?.iter().find(|(name, _)| *name != "unmapped")?;
    Some((name, caps))
}

/// The names of a flat list that are nested objects.
fn names_of_nested<'a>(list: &'a Map<String, Value>, type_of: impl Fn(&'a Value) -> Option<&'a str>) -> Vec<&'a str> {
    list.iter().filter(|(_, item)| type_of(item) == Some("nested")).map(|(name, _)| name.as_str()).collect()
}

/// The nested object right above a name.
fn nearest<'a>(nested: &[&'a str], name: &str) -> Option<&'a str> {
    let is_above = |path: &&&str| name.strip_prefix(**path).is_some_and(|rest| rest.starts_with('.'));
    nested.iter().filter(is_above).max_by_key(|path| path.len()).copied()
}

/// The type of `{"type": "x"}` or `"x"`; an object with `properties` of its own has none.
fn type_of(definition: &Value) -> Option<&str> {
    definition.as_str().or_else(|| definition.get("type").and_then(Value::as_str))
}

trait EmptyType {
    /// Whether this is the flat definition of a field called `properties`.
    fn is_empty_type(&self) -> bool;
}

impl EmptyType for Map<String, Value> {
    fn is_empty_type(&self) -> bool {
        self.len() == 1 && self.get("type").is_some_and(Value::is_string)
    }
}

fn settings(field: &mut Field, definition: &Value) {
    let flag = |name: &str| definition.get(name).and_then(Value::as_bool);
    let text = |name: &str| definition.get(name).and_then(Value::as_str);
    field.ignore_above =
        definition.get("ignore_above").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    field.null_value = definition.get("null_value").filter(|value| !value.is_null()).cloned();
    if let Some(normalizer) = text("normalizer") {
        field.lowercase = normalizer == "lowercase";
        field.normalized = true;
    }
    if let Some(factor) = definition.get("scaling_factor").and_then(Value::as_f64) {
        field.scaling_factor = factor;
    }
    field.format = text("format").map(str::to_owned);
    field.constant = text("value").map(str::to_owned);
    field.searchable = flag("index").unwrap_or(true) || flag("doc_values").unwrap_or(true);
    if let Some(analyzer) = text("analyzer").filter(|name| *name != "standard") {
        field.type_name = format!("{}:{analyzer}", field.type_name);
    }
    if definition.get("enabled").and_then(Value::as_bool) == Some(false) {
        // Nothing below is mapped.
        field.kind = FieldType::Object;
        field.searchable = false;
    }
}
