//! `check`: parse, resolve and type queries and rules; all problems at once.

use std::path::{Path, PathBuf};

use elkhound::diagnostic::{Code, Diagnostic, Diagnostics, Severity, render};
use elkhound::engine::{RuleSet, RuleSettings};
use elkhound::query::{Query, Settings};
use elkhound::rule::{Loaded, load_paths, load_text};
use elkhound::source::Source;
use serde_json::{Value, json};

use crate::args::{CheckArgs, Format, Language};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{self, Data};
use crate::{input, query, settings};

pub fn run(args: &CheckArgs) -> Outcome {
    let settings = settings::typed(&args.schema, &args.query.dialect, &[])?;
    let text = query::text(&args.query.text)?;
    if text.is_none() && args.paths.is_empty() {
        return Err(Failure::Usage("nothing to check: give `-l LANGUAGE -e TEXT` or paths".into()));
    }
    let mut found = Vec::new();
    if let Some(source) = text {
        let (language, _) = query::read(&args.query)?;
        found.push(check_query(language, &source, &settings));
    }
    let (queries, rules): (Vec<&PathBuf>, Vec<&PathBuf>) =
        args.paths.iter().partition(|path| query::language_of(path).is_some());
    for path in queries {
        let source = Source::new(input::name(path), input::text(path)?);
        found.push(check_query(query::language_of(path).unwrap_or(Language::Kql), &source, &settings));
    }
    if !rules.is_empty() {
        found.extend(check_rules(&rules, settings)?);
    }
    report(&found, args.format)
}

/// What a query makes known: errors and warnings. What fails only when the query runs is a warning here.
fn check_query(language: Language, source: &Source, settings: &Settings) -> Diagnostics {
    let builder = Query::builder().settings(settings.clone());
    let built = match language {
        Language::Kql => builder.kql_source(source),
        Language::Eql => builder.eql_source(source),
    };
    softened(&built.map_or_else(|findings| findings, |query| query.warnings().clone()))
}

fn softened(findings: &Diagnostics) -> Diagnostics {
    let soften = |item: &Diagnostic| {
        let mut item = item.clone();
        if item.code == Code::Refused {
            item.code = Code::RefusedLenient;
            item.severity = Severity::Warning;
        }
        item
    };
    Diagnostics::new(findings.source().clone(), findings.items().iter().map(soften).collect())
}

fn check_rules(paths: &[&PathBuf], query: Settings) -> Outcome<Vec<Diagnostics>> {
    let mut loaded = Loaded::default();
    for path in paths {
        if input::is_stdin(path) {
            load_text("<stdin>", &input::text(path)?, &mut loaded);
        } else {
            let part = load_paths(&[Path::new(path)]).map_err(|error| Failure::Usage(error.to_string()))?;
            loaded.extend(part);
        }
    }
    let mut found: Vec<Diagnostics> = loaded.rules.iter().map(|rule| rule.warnings().clone()).collect();
    let compiled = RuleSet::compile(loaded, &RuleSettings { query, ..RuleSettings::default() });
    found.extend(compiled.rules.warnings().cloned());
    found.extend(compiled.problems.iter().map(|problem| softened(problem.diagnostics())));
    Ok(found)
}

fn report(found: &[Diagnostics], format: Format) -> Outcome {
    let items = || found.iter().flat_map(Diagnostics::items);
    match format {
        Format::Text => found
            .iter()
            .filter(|findings| !findings.items().is_empty())
            .for_each(|findings| output::note(&output::diagnostics(findings))),
        Format::Json => {
            let all: Vec<Value> = found
                .iter()
                .filter_map(|findings| render::json(findings).get("diagnostics").and_then(Value::as_array).cloned())
                .flatten()
                .collect();
            let mut data = Data::stdout();
            data.line(&json!({"diagnostics": all}).to_string())?;
            data.finish()?;
        }
    }
    if items().any(|item| item.severity == Severity::Error) {
        return Ok(Exit::Broken);
    }
    // A refusal at run time is no finding of a check.
    let findings = items().any(|item| item.code != Code::RefusedLenient);
    Ok(if findings { Exit::Findings } else { Exit::Clean })
}
