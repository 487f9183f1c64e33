//! `check`: parse, resolve and type queries and rules; all problems at once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use comfy_table::Table;
use elkhound::diagnostic::{Code, Diagnostic, Diagnostics, Severity, render};
use elkhound::engine::{RuleSet, RuleSettings};
use elkhound::query::{Query, Settings};
use elkhound::rule::{ProblemKind, RuleType};
use elkhound::source::Source;
use serde_json::{Value, json};

use crate::args::{CheckArgs, Format, Language};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{self, Data};
use crate::{input, query, rules, settings};

pub fn run(args: &CheckArgs) -> Outcome {
    let settings = settings::typed(&args.schema, &args.query.dialect, &[])?;
    let asks = args.query.text.expression.is_some() || args.query.text.file.is_some();
    if !asks && args.paths.is_empty() {
        return Err(Failure::Usage("nothing to check: give `-l LANGUAGE -e TEXT` or paths".into()));
    }
    let mut found = Vec::new();
    let mut statuses = None;
    if asks {
        let (language, source) = query::read(&args.query)?;
        found.push(check_query(language, &source, &settings));
    }
    let (queries, rules): (Vec<&PathBuf>, Vec<&PathBuf>) =
        args.paths.iter().partition(|path| query::language_of(path).is_some());
    for path in queries {
        let source = Source::new(input::name(path), input::text(path)?);
        found.push(check_query(query::language_of(path).unwrap_or(Language::Kql), &source, &settings));
    }
    if !rules.is_empty() {
        let (findings, status) = check_rules(&rules, &rules::settings(settings, &args.beside)?)?;
        found.extend(findings);
        statuses = Some(status);
    }
    report(&found, statuses.as_ref(), args.format)
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

/// The rules of each type that run, are broken, or are not evaluated; those whose type cannot be read are under `?`.
type Statuses = BTreeMap<&'static str, [usize; 3]>;

const STATUSES: [&str; 3] = ["loaded", "broken", "unsupported"];

fn check_rules(paths: &[&PathBuf], settings: &RuleSettings) -> Outcome<(Vec<Diagnostics>, Statuses)> {
    let loaded = rules::load(paths)?;
    let oddities: Vec<Diagnostics> = loaded.rules.iter().map(|rule| rule.warnings().clone()).collect();
    let compiled = RuleSet::compile(loaded, settings);
    // The gravest first.
    let mut found: Vec<Diagnostics> = compiled.problems.iter().map(|problem| softened(problem.diagnostics())).collect();
    found.extend(compiled.rules.warnings().cloned());
    found.extend(oddities);
    let mut statuses = Statuses::new();
    for rule in compiled.rules.rules() {
        statuses.entry(rule.kind().name()).or_default()[0] += 1;
    }
    for problem in &compiled.problems {
        let status = if problem.kind() == ProblemKind::Broken { 1 } else { 2 };
        statuses.entry(problem.rule_type().map_or("?", RuleType::name)).or_default()[status] += 1;
    }
    Ok((found, statuses))
}

fn table(statuses: &Statuses) -> String {
    let mut table = Table::new();
    table.set_header(["type"].into_iter().chain(STATUSES));
    let mut row = |name: &str, counts: [usize; 3]| {
        table.add_row(std::iter::once(name.to_owned()).chain(counts.map(|count| count.to_string())));
    };
    statuses.iter().for_each(|(name, counts)| row(name, *counts));
    row("all", statuses.values().fold([0; 3], |all, counts| [0, 1, 2].map(|at| all[at] + counts[at])));
    table.to_string()
}

fn report(found: &[Diagnostics], statuses: Option<&Statuses>, format: Format) -> Outcome {
    let items = || found.iter().flat_map(Diagnostics::items);
    match format {
        Format::Text => {
            let filled = found.iter().filter(|findings| !findings.items().is_empty());
            filled.for_each(|findings| output::note(&output::diagnostics(findings)));
            statuses.iter().for_each(|statuses| output::note(&table(statuses)));
        }
        Format::Json => {
            let all: Vec<Value> = found
                .iter()
                .filter_map(|findings| render::json(findings).get("diagnostics").and_then(Value::as_array).cloned())
                .flatten()
                .collect();
            let mut data = Data::stdout();
            let mut report = json!({"diagnostics": all});
            if let Some(statuses) = statuses {
                let named = |counts: &[usize; 3]| STATUSES.into_iter().zip(*counts).collect::<BTreeMap<_, _>>();
                let each = statuses.iter().map(|(name, counts)| (*name, named(counts)));
                report["rules"] = json!(each.collect::<BTreeMap<_, _>>());
            }
            data.line(&report.to_string())?;
            data.finish()?;
        }
    }
    if items().any(|item| item.severity == Severity::Error) {
        return Ok(Exit::Broken);
    }
    // A refusal at run time is no finding of a check, nor is prose that a rule does without.
    let findings = items().any(|item| !matches!(item.code, Code::RefusedLenient | Code::RuleUndescribed));
    Ok(if findings { Exit::Findings } else { Exit::Clean })
}
