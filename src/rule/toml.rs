//! TOML rule files and histories: to JSON, with the place of every value.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use toml_edit::{Document, Item, TableLike, Value};

use super::place::Places;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Source, Span};

/// A TOML text as JSON, and where each value stands, by dotted name (`version.0.query`).
pub(super) fn parse(file: &Arc<str>, text: &Arc<str>) -> Result<(Map<String, Json>, Places), Diagnostics> {
    let document = Document::parse(text.as_ref()).map_err(|error| refused(file, text, &error))?;
    let mut places = Places::new(file, text, Span::at(0));
    let mut path = String::new();
    let json = table(document.as_table(), &mut path, &mut places);
    Ok((json, places))
}

fn refused(file: &Arc<str>, text: &Arc<str>, error: &toml_edit::TomlError) -> Diagnostics {
    let span = error.span().map_or(Span::at(0), |span| Span::new(span.start, span.end));
    let message = format!("the file is not TOML: {}", error.message().replace('\n', "; "));
    let source = Source::new(Arc::clone(file), Arc::clone(text));
    Diagnostics::new(source, vec![Diagnostic::error(Code::RuleFile, span, message)])
}

fn table(table: &dyn TableLike, path: &mut String, places: &mut Places) -> Map<String, Json> {
    let mut out = Map::new();
    for (key, below) in table.iter() {
        if let Some(json) = within(path, key, |path| item(below, path, places)) {
            out.insert(key.to_owned(), json);
        }
    }
    out
}

/// Runs `body` with `key` added to the path.
fn within<T>(path: &mut String, key: &str, body: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    if length > 0 {
        path.push('.');
    }
    path.push_str(key);
    let result = body(path);
    path.truncate(length);
    result
}

fn item(item: &Item, path: &mut String, places: &mut Places) -> Option<Json> {
    if let Some(span) = item.span() {
        places.fields.insert(path.clone(), Span::new(span.start, span.end));
    }
    match item {
        Item::None => None,
        Item::Value(below) => Some(value(below, path, places)),
        Item::Table(below) => Some(Json::Object(table(below, path, places))),
        Item::ArrayOfTables(tables) => {
            let each = tables.iter().enumerate();
            Some(each.map(|(at, below)| within(path, &at.to_string(), |path| entry(below, path, places))).collect())
        }
    }
}

fn entry(below: &toml_edit::Table, path: &mut String, places: &mut Places) -> Json {
    if let Some(span) = below.span() {
        places.fields.insert(path.clone(), Span::new(span.start, span.end));
    }
    Json::Object(table(below, path, places))
}

fn value(value: &Value, path: &mut String, places: &mut Places) -> Json {
    match value {
        Value::String(text) => Json::from(text.value().as_str()),
        Value::Integer(number) => Json::from(*number.value()),
        Value::Float(number) => Json::from(*number.value()),
        Value::Boolean(value) => Json::from(*value.value()),
        Value::Datetime(instant) => Json::from(instant.value().to_string()),
        Value::InlineTable(below) => Json::Object(table(below, path, places)),
        Value::Array(items) => {
            let each = items.iter().enumerate();
            each.map(|(at, below)| {
                within(path, &at.to_string(), |path| {
                    if let Some(span) = below.span() {
                        places.fields.insert(path.clone(), Span::new(span.start, span.end));
                    }
                    self::value(below, path, places)
                })
            })
            .collect()
        }
    }
}

/// A parsed rule file as the API would have it: the `[rule]` table with its own spellings undone, and `[metadata]` aside.
pub(super) fn rule(mut file: Map<String, Json>, places: Places) -> (Json, Option<Json>, Places) {
    let metadata = file.remove("metadata").map(normal_metadata);
    let mut rule = match file.remove("rule") {
        Some(Json::Object(rule)) => rule,
        _ => Map::new(),
    };
    let places = below_rule(places);
    rule.remove("threat_mappings");
    if let Some(Json::Object(new_terms)) = rule.remove("new_terms") {
        rule.insert("new_terms_fields".to_owned(), new_terms.get("value").cloned().unwrap_or(Json::Null));
        let start =
            new_terms.get("history_window_start").and_then(|starts| starts.get(0)).and_then(|one| one.get("value"));
        rule.insert("history_window_start".to_owned(), start.cloned().unwrap_or(Json::Null));
    }
    (Json::Object(rule), metadata, places)
}

fn below_rule(mut places: Places) -> Places {
    places.whole = places.span("rule");
    let fields = std::mem::take(&mut places.fields);
    let below = fields.into_iter().filter_map(|(path, span)| Some((path.strip_prefix("rule.")?.to_owned(), span)));
    places.fields = below.collect();
    for (toml, api) in
        [("new_terms.value", "new_terms_fields"), ("new_terms.history_window_start", "history_window_start")]
    {
        if let Some(span) = places.fields.get(toml).copied() {
            places.fields.insert(api.to_owned(), span);
        }
    }
    places
}

/// `integration` is a text or a list; a list is what others read.
fn normal_metadata(mut metadata: Json) -> Json {
    if let Some(integration) = metadata.get_mut("integration")
        && integration.is_string()
    {
        *integration = Json::Array(vec![integration.take()]);
    }
    metadata
}
