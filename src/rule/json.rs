//! JSON rules: one object, a list, NDJSON exports, package assets.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::place::Places;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::share::each;
use crate::source::{Source, Span};

/// What one object of an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Rule,
    /// A rule that the product withdrew: a stub without a query.
    Stub,
    /// An exception list, or an item of one.
    Exception,
    /// An item of a value list.
    Value,
    /// Connectors, the summary.
    Other,
}

/// The kind of an object (rule formats: NDJSON export).
pub(super) fn classify(object: &Json) -> Line {
    let has = |key: &str| object.get(key).is_some();
    // Exports of lists alone, and those of old versions, count other things.
    let is_summary = object.as_object().is_some_and(|object| object.keys().any(|key| key.starts_with("exported_")));
    if is_summary || has("attributes") {
        return Line::Other;
    }
    if has("entries") || has("item_id") {
        return Line::Exception;
    }
    if has("list_id") && !has("query") && !has("risk_score") {
        return if has("value") { Line::Value } else { Line::Exception };
    }
    if object.get("deprecated").and_then(Json::as_bool) == Some(true) && !has("type") { Line::Stub } else { Line::Rule }
}

/// The objects of a text: each with its JSON and its part of the file. Errors do not stop the rest of an NDJSON text.
pub(super) fn objects(file: &Arc<str>, text: &Arc<str>) -> Vec<Result<(Json, Places), Diagnostics>> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(whole) => one(file, text, whole),
        // `[` and `{` may also open the first of several lines.
        Err(error) if text.trim_start().starts_with('{') && text.trim().contains('\n') && !is_pretty(text) => {
            drop(error);
            lines(file, text)
        }
        Err(error) => vec![Err(refused(file, text, &error, Span::new(0, text.len())))],
    }
}

/// Whether the text is one object over several lines: the first of them alone is no JSON, nor is another that is not indented.
fn is_pretty(text: &str) -> bool {
    let is_whole = |line: &str| serde_json::from_str::<&RawValue>(line).is_ok();
    let mut lines = text.trim_start().lines();
    !lines.next().is_some_and(is_whole) && !lines.any(|line| line.starts_with('{') && is_whole(line))
}

fn one(file: &Arc<str>, text: &Arc<str>, whole: &RawValue) -> Vec<Result<(Json, Places), Diagnostics>> {
    match serde_json::from_str::<Vec<&RawValue>>(whole.get()).ok().or_else(|| page(whole)) {
        Some(list) => each(list, &|item| object(file, text, item.get())),
        None => vec![object(file, text, whole.get())],
    }
}

/// The rules in the API's answer to a search.
fn page(whole: &RawValue) -> Option<Vec<&RawValue>> {
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(whole.get()).ok()?;
    fields.get("total")?;
    serde_json::from_str(fields.get("data")?.get()).ok()
}

fn lines(file: &Arc<str>, text: &Arc<str>) -> Vec<Result<(Json, Places), Diagnostics>> {
    let filled = text.lines().filter(|line| !line.trim().is_empty());
    each(filled.collect(), &|line| object(file, text, line))
}

/// One object; `raw` is a slice of `text`.
fn object(file: &Arc<str>, text: &Arc<str>, raw: &str) -> Result<(Json, Places), Diagnostics> {
    let span = span_in(text, raw);
    let fields: BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(raw).map_err(|error| refused(file, text, &error, span))?;
    if let Some(attributes) = fields.get("attributes")
        && serde_json::from_str::<Json>(attributes.get()).is_ok_and(|json| json.get("rule_id").is_some())
    {
        return object(file, text, attributes.get());
    }
    let json = serde_json::from_str(raw).map_err(|error| refused(file, text, &error, span))?;
    let mut places = Places::new(file, text, Span::new(span.start, span.start + 1));
    places.fields = fields.iter().map(|(key, value)| (key.to_string(), span_in(text, value.get()))).collect();
    Ok((json, places))
}

/// Where `part`, a slice of `text`, stands in it.
fn span_in(text: &str, part: &str) -> Span {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    Span::new(start, start + part.len())
}

fn refused(file: &Arc<str>, text: &Arc<str>, error: &serde_json::Error, part: Span) -> Diagnostics {
    let within = text.get(part.start..part.end).unwrap_or_default();
    let before: usize = within.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut offset = (part.start + before + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    let source = Source::new(Arc::clone(file), Arc::clone(text));
    Diagnostics::new(
        source,
        vec![Diagnostic::error(Code::RuleFile, Span::at(offset), format!("the text is not a JSON rule: {words}"))],
    )
}
