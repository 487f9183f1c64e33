//! `complete`: what may be typed at a place in a KQL query.

use elkhound::analysis::propose::{Proposal, propose};
use elkhound::syntax::kql::{Completion, Suggestion};
use serde_json::{Value, json};

use crate::args::{CompleteArgs, Format, Language};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Data;
use crate::{query, schema};

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
    let found = propose(source.text(), offset, &schema);
    let mut data = Data::stdout();
    match args.format {
        Format::Json => data.line(&document(found).to_string())?,
        Format::Text => {
            for proposal in found.iter().flat_map(|(_, proposals)| proposals) {
                data.line(&proposal.text)?;
            }
        }
    }
    data.finish()?;
    Ok(Exit::Clean)
}

fn document(found: Option<(Completion, Vec<Proposal>)>) -> Value {
    let Some((completion, proposals)) = found else {
        return json!({ "suggestions": [], "replace": null, "items": [] });
    };
    let item = |proposal: &Proposal| {
        let replace = json!({ "start": proposal.replace.start, "end": proposal.replace.end });
        json!({ "kind": kind_name(proposal.kind), "text": proposal.text, "replace": replace })
    };
    let kinds: Vec<&str> = completion.suggestions.iter().map(|kind| kind_name(*kind)).collect();
    json!({
        "suggestions": kinds,
        "replace": { "start": completion.replace.start, "end": completion.replace.end },
        "prefix": completion.prefix,
        "suffix": completion.suffix,
        "field": completion.field,
        "nested_path": completion.nested_path,
        "items": proposals.iter().map(item).collect::<Vec<_>>(),
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
