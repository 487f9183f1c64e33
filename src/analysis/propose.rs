//! Proposals for an editor: what may stand at the caret of a KQL text, filled from the types in force.

use crate::schema::{FieldType, Lookup, Schema};
use crate::source::Span;
use crate::syntax::kql::{Completion, Suggestion, complete};

/// Something that may be typed at the caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What it is.
    pub kind: Suggestion,
    /// The text to type.
    pub text: String,
    /// What the text replaces, in bytes; empty at the caret for operators and conjunctions.
    pub replace: Span,
}

/// Most field names that are proposed.
const MOST_FIELDS: usize = 50;

/// What may stand at byte `offset` of `text`, and what of it the schema knows; `None` where the text around the caret is no
/// KQL.
///
/// ```
/// use elkhound::{analysis::propose::propose, schema::Schema};
/// let schema = Schema::from_json(r#"{"user.name": "keyword", "user.active": "boolean"}"#)?;
/// let (_, found) = propose("user.active: t", 14, &schema).expect("a value is being typed");
/// assert_eq!((found[0].text.as_str(), found[0].replace.start), ("true", 13));
/// # Ok::<(), elkhound::schema::MappingError>(())
/// ```
pub fn propose(text: &str, offset: usize, schema: &Schema) -> Option<(Completion, Vec<Proposal>)> {
    let completion = complete(text, offset)?;
    let caret = Span::at(offset.min(text.len()));
    let mut out = Vec::new();
    for &kind in &completion.suggestions {
        let (texts, replace) = match kind {
            Suggestion::Field => (fields(&completion, schema), completion.replace),
            Suggestion::Operator => (operators(&completion, schema), caret),
            Suggestion::Value => (values(&completion, schema), completion.replace),
            Suggestion::Conjunction => (vec!["and".into(), "or".into()], caret),
        };
        out.extend(texts.into_iter().map(|text| Proposal { kind, text, replace }));
    }
    Some((completion, out))
}

fn below<'a>(completion: &Completion, name: &'a str) -> Option<&'a str> {
    match &completion.nested_path {
        None => Some(name),
        Some(path) => name.strip_prefix(path.as_str())?.strip_prefix('.'),
    }
}

fn fields(completion: &Completion, schema: &Schema) -> Vec<String> {
    let names = schema.names().filter_map(|name| below(completion, name));
    let mut names: Vec<String> = names.filter(|name| name.starts_with(&completion.prefix)).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_FIELDS);
    names
}

fn kind(completion: &Completion, name: &str, schema: &Schema) -> Option<FieldType> {
    let full = completion.nested_path.as_ref().map_or_else(|| name.to_owned(), |path| format!("{path}.{name}"));
    match schema.lookup(&full) {
        Lookup::Field(field) => Some(field.kind),
        Lookup::Unmapped => None,
    }
}

/// `:`, and the ranges where the type of the field typed so far has an order that authors ask for.
fn operators(completion: &Completion, schema: &Schema) -> Vec<String> {
    let name = format!("{}{}", completion.prefix, completion.suffix);
    let ordered = match kind(completion, name.trim(), schema) {
        None | Some(FieldType::Inferred | FieldType::Ip | FieldType::Version) => true,
        Some(kind) => kind.is_number() || kind.is_date(),
    };
    let all: &[&str] = if ordered { &[":", "<", "<=", ">", ">="] } else { &[":"] };
    all.iter().map(|&operator| operator.to_owned()).collect()
}

/// The values that are known before any event is seen.
fn values(completion: &Completion, schema: &Schema) -> Vec<String> {
    let Some(name) = &completion.field else { return Vec::new() };
    let mut known: Vec<String> = categories(name).iter().map(|&value| value.to_owned()).collect();
    if let Lookup::Field(field) = schema.lookup(name) {
        if field.kind == FieldType::Boolean {
            known.extend(["false".into(), "true".into()]);
        }
        known.extend(field.constant.clone());
    }
    known.retain(|value| value.starts_with(&completion.prefix));
    known
}

/// The values that ECS allows in its categorization fields.
fn categories(name: &str) -> &'static [&'static str] {
    match name {
        "event.kind" => &["alert", "asset", "enrichment", "event", "metric", "pipeline_error", "signal", "state"],
        "event.category" => &[
            "api",
            "authentication",
            "configuration",
            "database",
            "driver",
            "email",
            "file",
            "host",
            "iam",
            "intrusion_detection",
            "library",
            "malware",
            "network",
            "package",
            "process",
            "registry",
            "session",
            "threat",
            "vulnerability",
            "web",
        ],
        "event.type" => &[
            "access",
            "admin",
            "allowed",
            "change",
            "connection",
            "creation",
            "deletion",
            "denied",
            "end",
            "error",
            "group",
            "indicator",
            "info",
            "installation",
            "protocol",
            "start",
            "user",
        ],
        "event.outcome" => &["failure", "success", "unknown"],
        _ => &[],
    }
}
