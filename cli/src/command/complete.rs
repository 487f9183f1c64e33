//! `complete`: what may be typed at a place in a KQL query.

use elkhound::syntax::kql::{self, Completion, Suggestion};
use serde_json::{Value, json};

use crate::args::{CompleteArgs, Format, Language};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Data;
use crate::{query, schema};

/// The most field names that are listed.
const MOST_FIELDS: usize = 50;

pub fn run(args: &CompleteArgs) -> Outcome {
    let (language, source) = query::read(&args.query)?;
    if language == Language::Eql {
        return Err(Failure::Usage("completion knows KQL only".into()));
    }
    let offset = args.offset.unwrap_or(source.text().len());
    if !source.text().is_char_boundary(offset) {
        return Err(Failure::Usage(format!("byte {offset} is not a place in the text")));
    }
    let schema = schema::of(&args.schema)?;
    let completion = kql::complete(source.text(), offset);
    let mut data = Data::stdout();
    match args.format {
        Format::Json => data.line(&document(completion.as_ref(), &schema).to_string())?,
        Format::Text => {
            for line in completion.iter().flat_map(|completion| words(completion, &schema)) {
                data.line(&line)?;
            }
        }
    }
    data.finish()?;
    Ok(Exit::Clean)
}

fn document(completion: Option<&Completion>, schema: &elkhound::schema::Schema) -> Value {
    let Some(completion) = completion else { return json!({ "suggestions": [], "replace": null, "items": [] }) };
    let kinds: Vec<&str> = completion.suggestions.iter().map(|kind| kind_name(*kind)).collect();
    json!({
        "suggestions": kinds,
        "replace": { "start": completion.replace.start, "end": completion.replace.end },
        "prefix": completion.prefix,
        "suffix": completion.suffix,
        "field": completion.field,
        "nested_path": completion.nested_path,
        "items": words(completion, schema),
    })
}

const fn kind_name(kind: Suggestion) -> &'static str {
    match kind {
        Suggestion::Field => "field",
        Suggestion::Operator => "operator",
        Suggestion::Value => "value",
        Suggestion::Conjunction => "conjunction",
    }
}

/// The words that may be typed, as far as they are known; values are the events' business.
fn words(completion: &Completion, schema: &elkhound::schema::Schema) -> Vec<String> {
    let mut words = Vec::new();
    for kind in &completion.suggestions {
        match kind {
            Suggestion::Field => words.extend(fields(completion, schema)),
            Suggestion::Operator => words.extend([":", "<", "<=", ">", ">="].map(str::to_owned)),
            Suggestion::Value => {}
            Suggestion::Conjunction => words.extend(["and", "or"].map(str::to_owned)),
        }
    }
    words
}

fn fields(completion: &Completion, schema: &elkhound::schema::Schema) -> Vec<String> {
    let below = completion.nested_path.as_ref().map(|path| format!("{path}."));
    let below = below.as_deref().unwrap_or_default();
    let names = schema.names().filter_map(|name| name.strip_prefix(below));
    let mut names: Vec<String> = names.filter(|name| name.starts_with(&completion.prefix)).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_FIELDS);
    names
}
