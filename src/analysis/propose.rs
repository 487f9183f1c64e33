//! Proposals for an editor: what may stand at the caret of a KQL text, filled from the types in force.

use crate::schema::{FieldType, Lookup, Schema};
use crate::source::Span;
use crate::syntax::kql::{Completion, Suggestion, complete, quote};

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

/// The fields that can be asked for at the caret, as they are typed.
fn fields(completion: &Completion, schema: &Schema) -> Vec<String> {
    let within = completion.nested_path.as_deref();
    let names = schema.names().filter(|name| is_askable(name, within, schema));
    let names = names.filter_map(|name| below(completion, name)).filter(|name| name.starts_with(&completion.prefix));
    let mut names: Vec<String> = names.map(typed).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_FIELDS);
    names
}

/// Whether a field can be asked for inside the group `within`: objects hold no values, and nested ones only in their own group.
fn is_askable(name: &str, within: Option<&str>, schema: &Schema) -> bool {
    let group = name.match_indices('.').map(|(at, _)| &name[..at]).rfind(|path| schema.is_nested(path));
    let is_object = matches!(schema.lookup(name), Lookup::Field(field) if field.kind == FieldType::Object);
    !is_object && group == within
}

/// A text as it is typed: in quotes where KQL would read it as something else.
fn typed(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-@/#$%+~".contains(c);
    let word = ["and", "or", "not"].iter().any(|word| text.eq_ignore_ascii_case(word));
    let constant = matches!(text, "true" | "false" | "null");
    if text.chars().all(plain) && !text.is_empty() && !word && !constant { text.to_owned() } else { quote(text) }
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
    let field = match schema.lookup(name) {
        Lookup::Field(field) => Some(field),
        Lookup::Unmapped => None,
    };
    let constant = field.as_ref().and_then(|field| field.constant.as_deref());
    let texts = categories(name).iter().copied().chain(constant);
    let mut known: Vec<String> = texts.filter(|text| text.starts_with(&completion.prefix)).map(typed).collect();
    if field.is_some_and(|field| field.kind == FieldType::Boolean) {
        let values = ["false", "true"].into_iter().filter(|value| value.starts_with(&completion.prefix));
        known.extend(values.map(str::to_owned));
    }
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
