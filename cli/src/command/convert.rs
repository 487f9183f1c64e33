//! `convert`: a query in another form.

use std::path::Path;

use elkhound::convert::dsl::{Config, ViewField, to_dsl};
use elkhound::convert::eql_search::{Parameters, body};
use elkhound::convert::{eql_to_kql, kql_to_eql};
use elkhound::schema::Schema;
use elkhound::source::Source;
use elkhound::syntax::{eql, kql};
use serde_json::Value;

use crate::args::{ConvertArgs, Language, Position, Target};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Data;
use crate::query::{self, KibanaConfig};
use crate::{input, rules, schema};

pub fn run(args: &ConvertArgs) -> Outcome {
    let text = match args.to {
        Target::RuleJson => rule_json(args.path.as_deref())?,
        _ => query_form(args)?,
    };
    let mut data = Data::stdout();
    data.line(&text)?;
    data.finish()?;
    Ok(Exit::Clean)
}

fn query_form(args: &ConvertArgs) -> Outcome<String> {
    let (language, source) = query::read(&args.query)?;
    let options = query::eql_options(&args.query.dialect);
    match (args.to, language) {
        (Target::Dsl, Language::Kql) => dsl(args, &source),
        (Target::Kql, Language::Kql) => Ok(kql::kibana_text(&kql_tree(args, &source)?)),
        (Target::Eql, Language::Eql) => Ok(eql::print(&eql::parse(&source, &options)?)),
        (Target::EqlSearch, Language::Eql) if options.dialect.is_endgame() => {
            Err(unfit("an `_eql/search` request holds Elasticsearch's EQL, not Endgame's"))
        }
        (Target::EqlSearch, Language::Eql) => {
            eql::parse(&source, &options)?;
            Ok(body(source.text(), &parameters(args)).to_string())
        }
        (Target::Eql, Language::Kql) => {
            plain_kql(args)?;
            Ok(kql_to_eql(&kql_tree(args, &source)?, &source, &schema::of(&args.eval.schema)?)?)
        }
        (Target::Kql, Language::Eql) if options.dialect.is_endgame() => {
            Err(unfit("Endgame's EQL ignores the case of texts and has null rules of its own, which KQL cannot say"))
        }
        (Target::Kql, Language::Eql) => {
            plain_kql(args)?;
            let category = args.eval.event_category_field.as_deref().unwrap_or("event.category");
            Ok(eql_to_kql(&eql::parse(&source, &options)?, &source, &schema::of(&args.eval.schema)?, category)?)
        }
        (Target::Dsl, Language::Eql) => Err(unfit("Query DSL is made from KQL")),
        (Target::EqlSearch, Language::Kql) => Err(unfit("an `_eql/search` request is made from EQL")),
        (Target::RuleJson, _) => Err(unfit("a rule is made from a rule file")),
    }
}

/// Translations are exact for KQL as rules run it: with types, exact texts, and dates in UTC.
fn plain_kql(args: &ConvertArgs) -> Outcome<()> {
    let config = KibanaConfig::of(&args.query.dialect)?;
    let utc = ["", "UTC", "Z", "Zulu", "GMT", "Browser"];
    if args.eval.schema.untyped {
        return Err(unfit("`--untyped` gives KQL a meaning that EQL has not"));
    }
    if config.case_insensitive == Some(true) || config.date_format_tz.is_some_and(|zone| !utc.contains(&&*zone)) {
        return Err(unfit("`caseInsensitive` and a zone in `dateFormatTZ` give KQL a meaning that EQL has not"));
    }
    Ok(())
}

fn unfit(reason: &str) -> Failure {
    crate::output::note(&format!("error: {reason}"));
    Failure::Reported(Exit::Broken)
}

fn kql_tree(args: &ConvertArgs, source: &Source) -> Outcome<kql::ast::Node> {
    Ok(kql::parse(source, &KibanaConfig::of(&args.query.dialect)?.parser())?)
}

fn dsl(args: &ConvertArgs, source: &Source) -> Outcome<String> {
    let node = kql_tree(args, source)?;
    let fields = view(args)?;
    let config = match &args.query.dialect.config {
        Some(path) => Config::from_json(&input::json(path)?),
        None => Config::default(),
    };
    let found = to_dsl(&node, fields.as_deref(), &config);
    found.map(|found| found.to_string()).map_err(|error| {
        crate::output::note(&format!("error: {error}"));
        Failure::Reported(Exit::Broken)
    })
}

/// The data view: its fields as given, else those that Kibana would see in the mapping; `None` without one.
fn view(args: &ConvertArgs) -> Outcome<Option<Vec<ViewField>>> {
    let types = &args.eval.schema;
    match &args.fields {
        Some(_) if !types.mapping.is_empty() => {
            Err(Failure::Usage("`--fields` and `--mapping` both name the fields of the data view: give one".into()))
        }
        Some(path) => listed(path).map(Some),
        None if types.mapping.is_empty() || types.untyped => Ok(None),
        None => Ok(Some(ViewField::of_schema(&schema::over(Schema::none(), types)?))),
    }
}

/// The fields of a data view: a list, or an object with one.
fn listed(path: &Path) -> Outcome<Vec<ViewField>> {
    let json = input::json(path)?;
    let list = json.as_array().or_else(|| json.get("fields").and_then(Value::as_array));
    let list = list.ok_or_else(|| Failure::file(path, "expected a list of fields"))?;
    Ok(list.iter().filter_map(ViewField::from_json).collect())
}

fn parameters(args: &ConvertArgs) -> Parameters {
    let eval = &args.eval;
    Parameters {
        timestamp_field: eval.timestamp_field.clone(),
        tiebreaker_field: eval.tiebreaker_field.clone(),
        category_field: eval.event_category_field.clone(),
        size: eval.size,
        head: eval.result_position.map(|end| end == Position::Head),
        max_samples_per_key: eval.max_samples_per_key.and_then(|count| usize::try_from(count).ok()),
    }
}

fn rule_json(path: Option<&Path>) -> Outcome<String> {
    let path = path.ok_or_else(|| Failure::Usage("the rule file is missing".into()))?;
    let loaded = rules::load(&[path])?;
    if let Some(problem) = loaded.problems.first() {
        return Err(problem.diagnostics().clone().into());
    }
    if loaded.rules.is_empty() {
        return Err(Failure::file(path, "holds no rule"));
    }
    let lines: Vec<String> = loaded.rules.iter().map(|rule| rule.document().to_string()).collect();
    Ok(lines.join("\n"))
}
