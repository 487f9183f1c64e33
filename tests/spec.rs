//! The semantics as data: every case of `tests/spec`, with its reason, asked of the program and of the plain evaluator.
#![cfg(all(feature = "rules", feature = "ecs"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking and says what it did"
)]

mod reference;
#[path = "support/sets.rs"]
mod sets;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use elkhound::engine::{Engine, EngineSettings, RuleSet, RuleSettings};
use elkhound::event::Event;
use elkhound::event::time::MILLISECOND;
use elkhound::plan::QueryKind;
use elkhound::query::{Hit, Matches, Position, Query, QuerySet, Settings};
use elkhound::rule::{Loaded, load_text};
use elkhound::schema::{Field, FieldType, Lookup, Origin, Schema, Strictness};
use elkhound::syntax::eql::Dialect;
use reference::batch::{Asked, Positions};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<Case> {
    /// A mapping for all cases that have none of their own.
    #[serde(default)]
    mapping: Option<String>,
    case: Vec<Case>,
}

/// A query, and what it finds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    why: String,
    #[serde(default)]
    kql: Option<String>,
    #[serde(default)]
    eql: Option<String>,
    #[serde(default)]
    mapping: Option<String>,
    #[serde(default)]
    settings: Given,
    /// Events that satisfy the query, and events that do not.
    #[serde(default)]
    yes: Vec<String>,
    #[serde(default)]
    no: Vec<String>,
    /// A stream, an event a line: `SECONDS CATEGORY {…}`, `-` for none, or the whole event as JSON.
    #[serde(default)]
    events: Option<String>,
    /// What is found in it, by places in the stream; -1 is a missing event.
    #[serde(default)]
    hits: Option<Vec<Vec<i64>>>,
    /// The code with which the query is refused.
    #[serde(default)]
    refused: Option<String>,
}

/// Settings other than the default ones.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Given {
    /// The built-in table of types below the mapping.
    ecs: bool,
    strict: bool,
    /// The mapping names all fields there are.
    closed: bool,
    untyped: bool,
    case_insensitive: bool,
    no_leading_wildcards: bool,
    nested_ignore_unmapped: bool,
    time_zone: Option<String>,
    dialect: Option<(u8, u8)>,
    /// The clock, in seconds since 1970.
    now: i64,
    tiebreaker: Option<String>,
    size: Option<usize>,
    head: bool,
    samples_per_key: Option<usize>,
}

fn settings(given: &Given, mapping: Option<&str>) -> Settings {
    let own = mapping.map(|text| Schema::from_json(text).unwrap());
    let schema = match (own, given.ecs) {
        (Some(own), true) => own.under_ecs(),
        (Some(own), false) => own,
        (None, true) => Schema::ecs(),
        (None, false) => Schema::none(),
    };
    let schema = if given.closed { schema.closed() } else { schema };
    let mut out = Settings { schema: Arc::new(schema), ..Settings::default() };
    if given.strict {
        out.strictness = Strictness::Strict;
    }
    if let Some((major, minor)) = given.dialect {
        out.dialect = Dialect::Elastic(major, minor);
    }
    out.kql.typed = !given.untyped;
    out.kql.case_insensitive = given.case_insensitive;
    out.kql.nested_ignore_unmapped = given.nested_ignore_unmapped;
    out.kql.time_zone.clone_from(&given.time_zone);
    out.leading_wildcards = !given.no_leading_wildcards;
    out.now = i128::from(given.now) * 1000 * MILLISECOND;
    out.tiebreaker_field.clone_from(&given.tiebreaker);
    out.size = given.size;
    out.result_position = if given.head { Position::Head } else { Position::Tail };
    out.max_samples_per_key = given.samples_per_key.unwrap_or(1);
    out
}

fn asked(settings: &Settings) -> Asked {
    let field = |name: &str, otherwise| match settings.schema.lookup(name) {
        Lookup::Field(field) if field.kind != FieldType::Inferred => (*field).clone(),
        _ => Field::plain(name, otherwise, Origin::Inferred),
    };
    Asked {
        timestamp: field("@timestamp", FieldType::Date),
        tiebreaker: settings.tiebreaker_field.as_deref().map(|name| field(name, FieldType::Inferred)),
        per_key: settings.max_samples_per_key,
        size: settings.size,
        from_the_end: settings.result_position == Position::Tail,
    }
}

/// A line of a stream as an event.
fn event(line: &str) -> Json {
    if line.starts_with('{') {
        return serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let mut parts = line.splitn(3, ' ').map(str::trim);
    let (seconds, category) = (parts.next().unwrap(), parts.next().unwrap());
    let mut out = Map::new();
    if let Ok(seconds) = seconds.parse::<f64>() {
        out.insert("@timestamp".into(), json!((seconds * 1000.0).round() as i64));
    }
    if category != "-" {
        out.insert("event".into(), json!({"category": category}));
    }
    let rest: Map<String, Json> = serde_json::from_str(parts.next().unwrap_or("{}")).unwrap();
    out.extend(rest);
    out.into()
}

fn stream(text: &str) -> Vec<Json> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(event).collect()
}

impl Case {
    fn query(&self, settings: Settings) -> Result<Query, elkhound::diagnostic::Diagnostics> {
        let builder = Query::builder().settings(settings);
        match (&self.kql, &self.eql) {
            (Some(text), None) => builder.kql(text),
            (None, Some(text)) => builder.eql(text),
            _ => panic!("{}: one of `kql` and `eql`", self.name),
        }
    }

    /// What does not hold.
    fn problems(&self, mapping: Option<&str>) -> Vec<String> {
        let settings = settings(&self.settings, self.mapping.as_deref().or(mapping));
        let asked = asked(&settings);
        let query = match (self.query(settings), &self.refused) {
            (Ok(query), None) => query,
            (Ok(_), Some(code)) => return vec![format!("is not refused with {code}")],
            (Err(found), Some(code)) if found.items().iter().any(|item| item.code.id() == code) => return Vec::new(),
            (Err(found), _) => return vec![format!("is refused:\n{found}")],
        };
        let events = self.yes.iter().map(|event| (event, true)).chain(self.no.iter().map(|event| (event, false)));
        let mut out: Vec<String> = events.flat_map(|(text, wanted)| single(&query, &event(text), wanted)).collect();
        if let (Some(text), Some(wanted)) = (&self.events, &self.hits) {
            out.extend(several(&query, &stream(text), wanted, &asked));
        } else if out.is_empty() && self.yes.is_empty() && self.no.is_empty() {
            out.push("asserts nothing".into());
        }
        out
    }
}

/// The three answers about one event.
fn single(query: &Query, event: &Json, wanted: bool) -> Vec<String> {
    let QueryKind::Event(filter) = &query.plan().kind else { return vec!["is no event query".into()] };
    let set = QuerySet::new(std::slice::from_ref(query)).unwrap();
    let mut matches = Matches::default();
    let read = !set.matches_json(event.to_string().as_bytes(), &mut matches).unwrap().is_empty();
    let answers = [
        ("reference", reference::holds(filter, event)),
        ("program", query.concerns(&Event::from_value(event.clone()))),
        ("program on text", read),
    ];
    let wrong = answers.into_iter().filter(|(_, answer)| *answer != wanted);
    wrong.map(|(who, answer)| format!("the {who} says {answer} for {event}")).collect()
}

/// The answers about a stream: as a batch, as a stream where nothing is cut off, and by the reference.
fn several(query: &Query, documents: &[Json], wanted: &[Vec<i64>], asked: &Asked) -> Vec<String> {
    let wanted: Vec<Positions> =
        wanted.iter().map(|hit| hit.iter().map(|&at| usize::try_from(at).ok()).collect()).collect();
    let events: Vec<Arc<Event>> = documents.iter().map(|json| Arc::new(Event::from_value(json.clone()))).collect();
    let mut answers = vec![
        ("reference", reference::batch::search(query.plan(), documents, asked)),
        ("program", positions(&query.search(events.clone()), &events)),
    ];
    if query.plan().pipes.is_empty() && asked.size.is_none() {
        let order = match query.plan().kind {
            QueryKind::Sample(_) => (0..events.len()).collect(),
            _ => reference::batch::order(documents, asked, Ordering::Greater),
        };
        let mut run = query.start();
        let mut hits: Vec<Hit> = order.iter().flat_map(|&at| run.push(Arc::clone(&events[at]))).collect();
        hits.extend(run.finish());
        let mut found = positions(&hits, &events);
        found.sort_by_key(|hit| wanted.iter().position(|other| other == hit));
        answers.push(("program on a stream", found));
    }
    let wrong = answers.into_iter().filter(|(_, answer)| *answer != wanted);
    wrong.map(|(who, answer)| format!("the {who} finds {answer:?}, not {wanted:?}")).collect()
}

fn positions(hits: &[Hit], events: &[Arc<Event>]) -> Vec<Positions> {
    let place = |event: &Arc<Event>| events.iter().position(|other| Arc::ptr_eq(other, event)).unwrap();
    hits.iter().map(|hit| hit.events().iter().map(|event| event.as_ref().map(place)).collect()).collect()
}

/// The files of a folder, by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec").join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut out: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    out.sort();
    out
}

fn read<Case: serde::de::DeserializeOwned>(path: &Path) -> File<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Asks every case of a folder; `ask` gives its name and what does not hold.
fn check_files<Case: serde::de::DeserializeOwned>(
    folder: &str,
    ask: impl Fn(&Case, Option<&str>) -> (String, Vec<String>),
) -> usize {
    let (mut count, mut problems) = (0, Vec::new());
    for path in files(folder) {
        let file: File<Case> = read(&path);
        for case in &file.case {
            count += 1;
            let (name, found) = ask(case, file.mapping.as_deref());
            problems.extend(found.into_iter().map(|problem| format!("{}: {problem}\n  in {name}", path.display())));
        }
    }
    println!("{folder}: {count} cases");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    count
}

fn check(folder: &str, least: usize) {
    let count = check_files(folder, |case: &Case, mapping| {
        (format!("{}\n  because {}", case.name, case.why), case.problems(mapping))
    });
    assert!(count >= least, "{folder} has lost cases");
    files(folder).iter().for_each(|path| in_a_set(&read(path)));
}

/// The queries of a file say in one set what they say alone, of every event and every stream of the file.
fn in_a_set(file: &File<Case>) {
    let query =
        |case: &Case| case.query(settings(&case.settings, case.mapping.as_deref().or(file.mapping.as_deref()))).ok();
    let mut together = sets::Together::new(&file.case.iter().filter_map(query).collect::<Vec<_>>());
    let single = file.case.iter().flat_map(|case| case.yes.iter().chain(&case.no)).map(|text| event(text));
    together.same_verdicts(&single.collect::<Vec<_>>());
    for text in file.case.iter().filter_map(|case| case.events.as_deref()) {
        let documents = stream(text);
        together.same_verdicts(&documents);
        together.same_streams(&documents);
    }
}

#[test]
fn kql() {
    check("kql", 60);
}

#[test]
fn eql() {
    check("eql", 50);
}

#[test]
fn sequences() {
    check("sequence", 45);
}

#[test]
fn samples() {
    check("sample", 10);
}

/// A rule, and what it alerts about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleCase {
    name: String,
    why: String,
    /// The fields of the rule as the API has them, but for those that every rule has.
    rule: Map<String, Json>,
    /// Exception items of the list `list`, which the rule refers to where there are some.
    #[serde(default)]
    exceptions: Vec<Json>,
    #[serde(default)]
    enforce_index: bool,
    #[serde(default)]
    events: String,
    #[serde(default)]
    indicators: String,
    /// The events of each alert, by places.
    #[serde(default)]
    alerts: Vec<Vec<i64>>,
    /// The code of the problem that keeps the rule from running.
    #[serde(default)]
    problem: Option<String>,
}

impl RuleCase {
    fn document(&self) -> Json {
        let mut out = json!({
            "rule_id": "case", "name": "Case", "description": "", "severity": "low", "risk_score": 1, "type": "query", "language": "kuery"
        });
        for (name, value) in &self.rule {
            out[name] = value.clone();
        }
        if !self.exceptions.is_empty() {
            let list = json!({"id": "1", "list_id": "list", "type": "detection", "namespace_type": "single"});
            out["exceptions_list"] = json!([list]);
        }
        out
    }

    fn problems(&self) -> Vec<String> {
        let mut loaded = Loaded::default();
        load_text("case.json", &self.document().to_string(), &mut loaded);
        let in_list = |item: &Json| {
            let mut item = item.clone();
            item["list_id"] = "list".into();
            item
        };
        let settings = RuleSettings {
            query: Settings { schema: Arc::new(Schema::ecs()), ..Settings::default() },
            exceptions: self.exceptions.iter().map(in_list).collect(),
            enforce_index: self.enforce_index,
            ..RuleSettings::default()
        };
        let loaded = RuleSet::compile(loaded, &settings);
        let codes = loaded.problems.iter().flat_map(|problem| problem.diagnostics().items());
        match (codes.map(|item| item.code.id().to_owned()).next(), &self.problem) {
            (None, None) => self.alerts(loaded.rules),
            (found, wanted) if found == *wanted => Vec::new(),
            (found, wanted) => vec![format!("has the problem {found:?}, not {wanted:?}")],
        }
    }

    fn alerts(&self, rules: Arc<RuleSet>) -> Vec<String> {
        let read = |text: &str| -> Vec<Arc<Event>> {
            stream(text).into_iter().map(|json| Arc::new(Event::from_value(json))).collect()
        };
        let events = read(&self.events);
        let own = EngineSettings { indicators: read(&self.indicators), ..EngineSettings::default() };
        let mut engine = Engine::with_settings(rules, own);
        let mut alerts: Vec<_> = events.iter().flat_map(|event| engine.push(Arc::clone(event))).collect();
        alerts.extend(engine.finish());
        let place =
            |event: &Arc<Event>| events.iter().position(|other| Arc::ptr_eq(other, event)).map_or(-1, |at| at as i64);
        let found =
            alerts.iter().map(|alert| alert.events().iter().map(|event| event.as_ref().map_or(-1, place)).collect());
        let found: Vec<Vec<i64>> = found.collect();
        if found == self.alerts { Vec::new() } else { vec![format!("alerts about {found:?}, not {:?}", self.alerts)] }
    }
}

#[test]
fn rules() {
    let cases =
        check_files("rule", |case: &RuleCase, _| (format!("{}\n  because {}", case.name, case.why), case.problems()));
    assert!(cases >= 25, "rule has lost cases");
}
