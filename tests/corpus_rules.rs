//! Every rule of the public corpus loads as a rule file of each format, or says why it does not run.
#![cfg(all(feature = "rules", feature = "ecs"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reports by panicking and says on stderr what it saw"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use elkhound::engine::{LoadedRules, RuleSet, RuleSettings};
use elkhound::query::Settings;
use elkhound::rule::{Loaded, ProblemKind, load_paths, load_text};
use elkhound::schema::Schema;
use serde_json::{Map, Value as Json, json};

/// Fields of a corpus line that are not a rule's.
const NOT_OF_RULES: &[&str] =
    &["path", "maturity", "integration", "kind", "min_stack_version", "query_sha256", "deprecated", "version"];

/// A line as the rule of the API that it was taken from; prose is left out of the corpus.
fn rule(line: &Json, other: Option<&Json>) -> Json {
    let mut out = Map::new();
    for (key, value) in line.as_object().unwrap().iter().chain(other.into_iter().filter_map(Json::as_object).flatten())
    {
        if !NOT_OF_RULES.contains(&key.as_str()) && !value.is_null() {
            out.insert(key.clone(), value.clone());
        }
    }
    if let Some(terms) = out.remove("new_terms") {
        let list = |key: &str| terms.get(key).cloned();
        out.insert("new_terms_fields".into(), list("value").or(list("new_terms_fields")).unwrap());
        let start = terms["history_window_start"].get(0).map_or(&terms["history_window_start"], |one| &one["value"]);
        out.insert("history_window_start".into(), start.clone());
    }
    for (key, value) in [("severity", json!("low")), ("risk_score", json!(21)), ("description", json!("d"))] {
        out.entry(key).or_insert(value);
    }
    Json::Object(out)
}

/// The rules of the corpus; those of types of their own joined to their queries.
fn corpus() -> Vec<Json> {
    let others: BTreeMap<String, Json> = support::shared_lines("corpus/other_rules.jsonl")
        .into_iter()
        .map(|line| (line["rule_id"].as_str().unwrap().to_owned(), line))
        .collect();
    let lines = ["corpus/kql_rules.jsonl", "corpus/eql_rules.jsonl"].map(support::shared_lines).concat();
    let id = |line: &Json| line["rule_id"].as_str().unwrap().to_owned();
    let known: Vec<String> = lines.iter().map(id).collect();
    assert!(others.keys().all(|other| known.contains(other)), "a rule without its query");
    lines.iter().map(|line| rule(line, others.get(&id(line)))).collect()
}

fn compile(loaded: Loaded) -> LoadedRules {
    let settings = Settings { schema: Arc::new(Schema::ecs()), ..Settings::default() };
    RuleSet::compile(loaded, &RuleSettings { query: settings, ..RuleSettings::default() })
}

fn counts(loaded: &LoadedRules) -> BTreeMap<&'static str, usize> {
    let mut out = BTreeMap::new();
    loaded.rules.rules().for_each(|rule| *out.entry(rule.kind().name()).or_default() += 1);
    out
}

#[test]
fn every_rule_of_the_corpus_runs() {
    let rules = corpus();
    if rules.is_empty() {
        return;
    }
    let lines: String = rules.iter().map(|rule| format!("{rule}\n")).collect();
    let mut loaded = Loaded::default();
    load_text("corpus.ndjson", &lines, &mut loaded);
    let compiled = compile(loaded);
    for problem in &compiled.problems {
        eprintln!("{problem}");
    }
    eprintln!("corpus {:?}", counts(&compiled));
    // The corpus holds KQL and EQL alone, so nothing may be left out.
    assert_eq!((compiled.rules.len(), compiled.problems.len()), (rules.len(), 0));
    let unknown: Vec<String> =
        compiled.rules.rules().map(|rule| rule.warnings().to_string()).filter(|text| !text.is_empty()).collect();
    assert!(unknown.is_empty(), "{}", unknown.concat());
}

/// The same rules in every format are the same rules.
#[test]
fn formats_agree() {
    let rules = corpus();
    if rules.is_empty() {
        return;
    }
    let asset = |rule: &Json| json!({"id": rule["rule_id"], "type": "security-rule", "attributes": rule});
    let forms = [
        ("list.json", json!(rules).to_string()),
        ("page.json", json!({"page": 1, "perPage": 20, "total": rules.len(), "data": rules}).to_string()),
        ("pretty.json", serde_json::to_string_pretty(&rules).unwrap()),
        ("assets.ndjson", rules.iter().map(|rule| format!("  {}\r\n\n", asset(rule))).collect()),
    ];
    let documents = |file: &str, text: &str| {
        let mut loaded = Loaded::default();
        load_text(file, text, &mut loaded);
        assert!(loaded.problems.is_empty(), "{file}: {}", loaded.problems[0]);
        loaded.rules.iter().map(|rule| rule.document().clone()).collect::<Vec<_>>()
    };
    let wanted = documents("lines.ndjson", &rules.iter().map(|rule| format!("{rule}\n")).collect::<String>());
    assert_eq!(wanted.len(), rules.len());
    for (file, text) in forms {
        assert!(documents(file, &text) == wanted, "{file}");
        assert!(documents("-", &text) == wanted, "{file} without an extension");
    }
    for (rule, wanted) in rules.iter().zip(&wanted) {
        let toml = toml(rule);
        assert!(documents("rule.toml", &toml) == [wanted.clone()], "{toml}");
    }
}

/// A rule in the spelling of the public repository.
fn toml(rule: &Json) -> String {
    let mut rule = rule.clone();
    let fields = rule.as_object_mut().unwrap();
    if let (Some(terms), Some(start)) = (fields.remove("new_terms_fields"), fields.remove("history_window_start")) {
        let start = json!([{"field": "history_window_start", "value": start}]);
        fields.insert(
            "new_terms".into(),
            json!({"field": "new_terms_fields", "value": terms, "history_window_start": start}),
        );
    }
    toml::to_string(&json!({"metadata": {"maturity": "production"}, "rule": rule})).unwrap()
}

#[test]
fn samples_say_what_does_not_run() {
    for (file, runs, left) in [("rules_export.ndjson", 7, 2), ("package_assets.ndjson", 19, 4)] {
        let Some(path) = support::shared(&format!("corpus/samples/{file}")) else { return };
        let loaded = load_paths(&[path]).unwrap();
        let compiled = compile(loaded);
        for problem in &compiled.problems {
            assert_eq!(problem.kind(), ProblemKind::Unsupported, "{problem}");
            let reason = problem.reason();
            assert!(reason.contains("`esql`") || reason.contains("`machine_learning`"), "{problem}");
            assert!(problem.rule_id().is_some() && problem.rule_type().is_some());
        }
        eprintln!("{file} {:?}, not evaluated {}", counts(&compiled), compiled.problems.len());
        assert_eq!((compiled.rules.len(), compiled.problems.len()), (runs, left), "{file}");
    }
}

/// The exception lists of an export hold for the rules that came with them.
#[test]
fn exceptions_of_an_export_are_used() {
    let Some(path) = support::shared("corpus/samples/rules_export.ndjson") else { return };
    let loaded = load_paths(&[path]).unwrap();
    assert_eq!(loaded.exceptions.len(), 4, "two lists and their items");
    let compiled = compile(loaded);
    let missing: Vec<String> =
        compiled.rules.warnings().map(ToString::to_string).filter(|text| text.contains("not given")).collect();
    assert!(missing.is_empty(), "{}", missing.concat());
}
