//! `match`: the events, sequences or samples that a query finds.

use elkhound::diagnostic::Diagnostics;
use elkhound::query::{Batch, Hit, Query, response};

use super::parse::refused;
use crate::args::{Format, Language, MatchArgs};
use crate::events::Reading;
use crate::failure::{Exit, Outcome};
use crate::output::{self, Data};
use crate::{events, query, settings, threads};

pub fn run(args: &MatchArgs) -> Outcome {
    let (language, source) = query::read(&args.query)?;
    let fill = !args.eval.no_fill;
    let all = settings::need_events(&args.eval).then(|| events::read(&args.events, fill)).transpose()?;
    let settings = settings::of(&args.eval, &args.query.dialect, all.as_deref().unwrap_or_default())?;
    let builder = Query::builder().settings(settings);
    let query = match language {
        Language::Kql => builder.kql_source(&source),
        Language::Eql => builder.eql_source(&source),
    };
    let query = query.map_err(|findings| refused(Some(args.format), findings))?;
    warn(query.warnings());
    let events = match all {
        Some(events) => events,
        None => {
            let batch = Batch::new(std::slice::from_ref(&query)).unwrap_or_else(|_| Batch::of_all());
            let batch = if fill { batch } else { batch.without_fill() };
            events::read_some(&args.events, &Reading { batch: &batch, fill, jobs: args.eval.jobs })?
        }
    };
    let hits = query.search(events);
    let exit = if hits.is_empty() && args.fail_if_none { Exit::Findings } else { Exit::Clean };
    let mut data = Data::stdout();
    match args.format {
        Format::Json => data.line(&response(&hits, query.is_event_query()).to_string())?,
        Format::Text => threads::write(hits, |hit| line(&hit) + "\n", &mut data)?,
    }
    data.finish()?;
    Ok(exit)
}

/// An event as it came, a sequence as JSON.
fn line(hit: &Hit) -> String {
    match hit.events() {
        [Some(event)] if hit.is_event() => event.to_line(),
        _ => hit.to_json().to_string(),
    }
}

fn warn(warnings: &Diagnostics) {
    if !warnings.items().is_empty() {
        output::note(&output::diagnostics(warnings));
    }
}
