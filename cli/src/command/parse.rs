//! `parse`: the syntax tree as JSON, or the query printed from its tree.

use elkhound::diagnostic::Diagnostics;
use elkhound::source::Source;
use elkhound::syntax::{eql, kql};

use crate::args::{Format, Language, ParseArgs};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Data;
use crate::query::{self, KibanaConfig};

pub fn run(args: &ParseArgs) -> Outcome {
    let (language, source) = query::read(&args.query)?;
    let printed = match language {
        Language::Kql => parse_kql(args, &source)?,
        Language::Eql if args.cursor_symbol.is_some() => {
            return Err(Failure::Usage("`--cursor-symbol` goes with `-l kql`".into()));
        }
        Language::Eql => parse_eql(args, &source)?,
    };
    let mut data = Data::stdout();
    data.line(&printed)?;
    data.finish()?;
    Ok(Exit::Clean)
}

fn parse_kql(args: &ParseArgs, source: &Source) -> Outcome<String> {
    let config = KibanaConfig::of(&args.query.dialect)?;
    let options = kql::Options { cursor_symbol: args.cursor_symbol.clone(), ..config.parser() };
    let node = kql::parse(source, &options).map_err(|refusal| refused(args.format, refusal))?;
    Ok(match args.format {
        Some(Format::Text) => kql::print(&node),
        _ => kql::kibana_json(&node).to_string(),
    })
}

fn parse_eql(args: &ParseArgs, source: &Source) -> Outcome<String> {
    let options = query::eql_options(&args.query.dialect);
    let statement = eql::parse(source, &options).map_err(|refusal| refused(args.format, refusal))?;
    Ok(match args.format {
        Some(Format::Text) => eql::print(&statement),
        _ => eql::json(&statement).to_string(),
    })
}

/// The failure of a refused query; with JSON asked for, its findings are the data.
pub fn refused(format: Option<Format>, refusal: Diagnostics) -> Failure {
    if format != Some(Format::Json) {
        return refusal.into();
    }
    let mut data = Data::stdout();
    let printed = data.line(&elkhound::diagnostic::render::json(&refusal).to_string()).and_then(|()| data.finish());
    printed.err().unwrap_or(Failure::Reported(Exit::Broken))
}
