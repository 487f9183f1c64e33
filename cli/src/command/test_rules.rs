//! `test`: the cases beside rules, for every version of their history.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use elkhound::engine::{Alert, EngineSettings, Readable, RuleSet, RuleSettings, judge_recording};
use elkhound::event::Event;
use elkhound::query::{Settings, Take};
use elkhound::rule::{History, Loaded, Rule, load_paths};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::{Value, json};

use crate::args::{DialectArgs, Format, TestArgs};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{self, Data};
use crate::{input, settings};

/// A `tests.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tests {
    #[serde(default = "default_rule")]
    rule: PathBuf,
    tests: Vec<Case>,
}

fn default_rule() -> PathBuf {
    "rule.toml".into()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The reason, for readers.
    #[serde(default, rename = "why")]
    _why: String,
    matches: Expected,
    /// The versions that are judged; the released ones unless given.
    versions: Option<Vec<u64>>,
    /// Whether the index patterns decide which events the rule sees.
    #[serde(default)]
    enforce_index: bool,
    /// How many alerts there are, where that is not just one or more.
    alerts: Option<usize>,
    /// For each alert its events, by their place in `events`.
    hits: Option<Vec<Vec<usize>>>,
    events: Vec<Value>,
}

/// Which versions alert: all, none, or these.
#[derive(Debug)]
enum Expected {
    All(bool),
    Versions(Vec<u64>),
}

/// By hand, because what serde says of an untagged enum names neither what was written nor what is expected.
impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpectedVisitor)
    }
}

struct ExpectedVisitor;

impl<'de> Visitor<'de> for ExpectedVisitor {
    type Value = Expected;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("`true`, `false` or a list of versions for `matches`")
    }

    fn visit_bool<E>(self, all: bool) -> Result<Expected, E> {
        Ok(Expected::All(all))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Expected, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Expected::Versions)
    }
}

impl Expected {
    /// The versions that it names.
    fn versions(&self) -> &[u64] {
        match self {
            Self::All(_) => &[],
            Self::Versions(list) => list,
        }
    }

    fn of(&self, version: Option<u64>) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Versions(list) => version.is_some_and(|version| list.contains(&version)),
        }
    }
}

/// What the cases of one file said.
struct Tested {
    file: String,
    verdicts: Vec<Verdict>,
}

/// What one case said of one version.
struct Verdict {
    suite: String,
    name: String,
    problem: Option<String>,
}

pub fn run(args: &TestArgs) -> Outcome {
    let dialect = DialectArgs { dialect: None, case_sensitive: false, config: None };
    let settings = settings::of(&args.eval, &dialect, &[])?;
    let mut files = Vec::new();
    for path in &args.paths {
        find(path, &mut files)?;
    }
    if files.is_empty() {
        return Err(Failure::Usage("no `tests.yaml` below the given paths".into()));
    }
    files.sort();
    files.dedup();
    let mut tested = Vec::new();
    for file in &files {
        tested.push(Tested { file: input::name(file), verdicts: test_file(file, &settings)? });
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, junit(&tested)?).map_err(|error| Failure::file(path, error))?;
    }
    report(&tested, args.format)
}

/// The `tests.yaml` files at or below a path.
fn find(path: &Path, out: &mut Vec<PathBuf>) -> Outcome<()> {
    let metadata = std::fs::metadata(path).map_err(|error| Failure::file(path, error))?;
    if !metadata.is_dir() {
        out.push(if path.ends_with("tests.yaml") { path.to_owned() } else { path.with_file_name("tests.yaml") });
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(|error| Failure::file(path, error))? {
        let entry = entry.map_err(|error| Failure::file(path, error))?;
        let kind = entry.file_type().map_err(|error| Failure::file(path, error))?;
        if kind.is_dir() {
            find(&entry.path(), out)?;
        } else if entry.file_name() == "tests.yaml" {
            out.push(entry.path());
        }
    }
    Ok(())
}

/// A form of the rule that is tested.
struct Form {
    label: String,
    version: Option<u64>,
    released: bool,
    rule: Rule,
}

fn test_file(file: &Path, settings: &Settings) -> Outcome<Vec<Verdict>> {
    let tests: Tests = serde_saphyr::from_str(&input::text(file)?).map_err(|error| Failure::file(file, error))?;
    let rule_file = file.with_file_name(&tests.rule);
    let mut loaded = load_paths(&[&rule_file]).map_err(|error| Failure::Usage(error.to_string()))?;
    if loaded.rules.len() > 1 {
        return Err(Failure::file(&rule_file, "holds more than one rule, and the cases are of one"));
    }
    let rule = match (loaded.rules.pop(), loaded.problems.pop()) {
        (_, Some(problem)) => return Err(problem.diagnostics().clone().into()),
        (Some(rule), None) => rule,
        (None, None) => return Err(Failure::file(&rule_file, "holds no rule")),
    };
    let Loaded { exceptions, value_lists, .. } = loaded;
    let settings = RuleSettings { query: settings.clone(), exceptions, value_lists, ..RuleSettings::default() };
    let history =
        History::load(&file.with_file_name("history.toml")).map_err(|problem| problem.diagnostics().clone())?;
    let mut out = Vec::new();
    let suite = |label: &str| format!("{} {label}", rule.name());
    if let Some(problem) = history.as_ref().and_then(|history| drift(&rule, history)) {
        out.push(Verdict { suite: suite("rule file"), name: "the same as its version".into(), problem: Some(problem) });
    }
    let forms = forms(&rule, history.as_ref());
    let mut cases = Vec::new();
    for case in &tests.tests {
        match case.unknown_version(&forms).or_else(|| case.no_event()) {
            None => cases.push(case),
            problem => out.push(Verdict { suite: suite("tests"), name: case.name.clone(), problem }),
        }
    }
    for form in &forms {
        let suite = suite(&form.label);
        let rules =
            compile(&form.rule, &settings, false).and_then(|all| Ok((all, compile(&form.rule, &settings, true)?)));
        match rules {
            Err(problem) => out.push(Verdict { suite, name: "the query".into(), problem: Some(problem) }),
            Ok((all, selected)) => {
                for case in cases.iter().filter(|case| case.judges(form)) {
                    let rules = if case.enforce_index { &selected } else { &all };
                    let events: Vec<Arc<Event>> =
                        case.events.iter().map(|event| Arc::new(Event::from_value(event.clone()))).collect();
                    let alerts = alerts(&events, rules);
                    let problem = judge(case, case.matches.of(form.version), &events, &alerts);
                    out.push(Verdict { suite: suite.clone(), name: case.name.clone(), problem });
                }
            }
        }
    }
    Ok(out)
}

impl Case {
    fn judges(&self, form: &Form) -> bool {
        match (&self.versions, form.version) {
            (Some(versions), Some(version)) => versions.contains(&version),
            (Some(_), None) | (None, _) => self.versions.is_none() && form.released,
        }
    }

    /// What is wrong where the case names a version that there is none of: it would judge nothing, or expect the opposite.
    fn unknown_version(&self, forms: &[Form]) -> Option<String> {
        let matches = self.matches.versions().iter().map(|number| ("matches", number));
        let mut named = matches.chain(self.versions.iter().flatten().map(|number| ("versions", number)));
        let (key, number) = named.find(|(_, number)| forms.iter().all(|form| form.version != Some(**number)))?;
        let why = if forms.iter().all(|form| form.version.is_none()) {
            "but the rule has no history: `matches` is `true` or `false` then, and `versions` is left out"
        } else {
            "which the rule does not have"
        };
        Some(format!("`{key}` names version {number}, {why}"))
    }

    /// What is wrong where one of the events is none: nothing would ever match it.
    fn no_event(&self) -> Option<String> {
        let at = self.events.iter().position(|event| !event.is_object())?;
        Some(format!("event {at} is `{}`, and an event is an object of fields", self.events[at]))
    }
}

/// How the rule file differs from the version of the history that it should be.
fn drift(rule: &Rule, history: &History) -> Option<String> {
    let current = history.current()?;
    let version = history.versions().iter().find(|version| version.number() == current)?;
    let kept = version.apply(rule);
    let text = |rule: &Rule| rule.query().map(|query| query.text().trim().to_owned());
    if text(&kept) != text(rule) {
        return Some(format!("its query is not that of version {current} in the history"));
    }
    (kept.index() != rule.index()).then(|| format!("its index patterns are not those of version {current}"))
}

fn forms(rule: &Rule, history: Option<&History>) -> Vec<Form> {
    let mut out = Vec::new();
    let newest = history.and_then(History::current);
    for version in history.iter().flat_map(|history| history.versions()) {
        let number = version.number();
        let released = version.release().is_some();
        let form = |label: String, rule: Rule| Form { label, version: Some(number), released, rule };
        out.push(form(format!("version {number}"), version.apply(rule)));
        for (at, query) in version.forms().iter().enumerate() {
            out.push(form(format!("version {number}, form {}", at + 2), version.apply_form(rule, query)));
        }
    }
    let version = newest.or(rule.version());
    out.push(Form { label: "rule file".into(), version, released: true, rule: rule.clone() });
    out
}

fn compile(rule: &Rule, settings: &RuleSettings, enforce_index: bool) -> Result<Arc<RuleSet>, String> {
    let loaded = Loaded { rules: vec![rule.clone()], ..Loaded::default() };
    let settings = RuleSettings { enforce_index, ..settings.clone() };
    let compiled = RuleSet::compile(loaded, &settings);
    match compiled.problems.first() {
        Some(problem) => Err(output::diagnostics(problem.diagnostics())),
        None => Ok(compiled.rules),
    }
}

/// The alerts about the events, as `run` gives them.
fn alerts(events: &[Arc<Event>], rules: &Arc<RuleSet>) -> Vec<Alert> {
    let read = |take: Take<'_>| {
        let _ = take(events);
        Ok::<(), Infallible>(())
    };
    let mut out = Vec::new();
    let judged = judge_recording(rules, &EngineSettings::default(), Readable::Once, read, &mut |found| {
        out.extend(found);
        Ok(())
    });
    match judged {
        Ok(_) => out,
        Err(never) => match never {},
    }
}

/// What is wrong with the alerts about a case's events; `None` where it holds.
fn judge(case: &Case, expected: bool, events: &[Arc<Event>], alerts: &[Alert]) -> Option<String> {
    if alerts.is_empty() == expected {
        return Some(if expected { "no alert, one was expected" } else { "an alert, none was expected" }.to_owned());
    }
    if let Some(count) = case.alerts.filter(|&count| expected && count != alerts.len()) {
        return Some(format!("{} alerts, expected {count}", alerts.len()));
    }
    let wanted = case.hits.as_ref().filter(|_| expected)?;
    let place = |event: &Arc<Event>| events.iter().position(|other| Arc::ptr_eq(other, event));
    let found: Vec<Vec<usize>> =
        alerts.iter().map(|alert| alert.events().iter().flatten().filter_map(place).collect()).collect();
    (found != *wanted).then(|| format!("alerts of the events {}, expected {}", json!(found), json!(wanted)))
}

fn report(tested: &[Tested], format: Format) -> Outcome {
    let failed: Vec<(&str, &Verdict)> = all(tested).filter(|(_, verdict)| verdict.problem.is_some()).collect();
    let (files, cases) = (tested.len(), all(tested).count());
    let mut data = Data::stdout();
    match format {
        Format::Json => {
            let failure = |(file, Verdict { suite, name, problem }): &(&str, &Verdict)| json!({"file": file, "suite": suite, "case": name, "problem": problem});
            let failures: Vec<Value> = failed.iter().map(failure).collect();
            data.line(&json!({"files": files, "cases": cases, "failed": failures}).to_string())?;
        }
        Format::Text => {
            for (file, verdict) in &failed {
                let problem = verdict.problem.as_deref().unwrap_or_default();
                data.line(&format!("FAILED {}: {} ({file})\n    {problem}", verdict.suite, verdict.name))?;
            }
            data.line(&format!("{} of {cases} cases passed in {files} files", cases - failed.len()))?;
        }
    }
    data.finish()?;
    Ok(if failed.is_empty() { Exit::Clean } else { Exit::Findings })
}

/// All verdicts, each with the file of its case.
fn all(tested: &[Tested]) -> impl Iterator<Item = (&str, &Verdict)> {
    tested.iter().flat_map(|each| each.verdicts.iter().map(|verdict| (each.file.as_str(), verdict)))
}

/// A suite for each form of each rule; rules of different files may have the same name.
fn junit(tested: &[Tested]) -> Outcome<String> {
    let mut report = Report::new("elkhound test");
    for Tested { file, verdicts } in tested {
        for of_suite in verdicts.chunk_by(|one, next| one.suite == next.suite) {
            let Some(first) = of_suite.first() else { continue };
            let mut suite = TestSuite::new(first.suite.as_str());
            for verdict in of_suite {
                let mut case = TestCase::new(verdict.name.as_str(), status(verdict));
                case.set_classname(file.as_str());
                suite.add_test_case(case);
            }
            report.add_test_suite(suite);
        }
    }
    report.to_string().map_err(|error| Failure::Usage(error.to_string()))
}

fn status(verdict: &Verdict) -> TestCaseStatus {
    let Some(problem) = &verdict.problem else { return TestCaseStatus::success() };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(problem.as_str());
    status
}
