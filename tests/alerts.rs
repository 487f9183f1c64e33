//! Alerts as documents, filters and exceptions: cases as data, each with its reason, and whole documents of each type of rule.
#![cfg(all(feature = "rules", feature = "ecs"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use elkhound::engine::{Alert, AlertForm, Compat, Engine, EngineSettings, LoadedRules, RuleSet, RuleSettings};
use elkhound::event::Event;
use elkhound::event::time::{DateFormat, Rounding};
use elkhound::query::Settings;
use elkhound::rule::{Loaded, load_text};
use elkhound::schema::Schema;
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// One rule over a few events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    why: String,
    /// What differs from the plainest rule, as JSON.
    rule: String,
    /// As JSON, as are all of the following.
    events: Vec<String>,
    #[serde(default)]
    indicators: Vec<String>,
    #[serde(default)]
    exceptions: Vec<String>,
    #[serde(default)]
    value_lists: BTreeMap<String, Vec<String>>,
    /// A mapping over ECS.
    mapping: Option<String>,
    now: Option<String>,
    /// `minimal`, `kibana` or `ecs`.
    form: Option<String>,
    #[serde(default)]
    compat: bool,
    /// The places of the events that alert, for rules that alert on each.
    found: Option<Vec<usize>>,
    /// Part of each document: keys as they stand in it, else paths; null for what must not be there.
    documents: Option<Vec<String>>,
    /// Why the rule does not run.
    problem: Option<String>,
    /// What is said of it although it runs.
    warning: Option<String>,
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn events(texts: &[String]) -> Vec<Arc<Event>> {
    texts
        .iter()
        .map(|text| Arc::new(Event::from_json(text).unwrap_or_else(|error| panic!("{error}: {text}"))))
        .collect()
}

impl Case {
    fn rules(&self) -> LoadedRules {
        let mut rule = json!({"rule_id": "r1", "name": "R", "type": "query", "severity": "low", "risk_score": 21});
        for (key, value) in json(&self.rule).as_object().unwrap() {
            rule[key] = value.clone();
        }
        if !self.exceptions.is_empty() && rule.get("exceptions_list").is_none() {
            rule["exceptions_list"] = json!([{"list_id": "x", "namespace_type": "single"}]);
        }
        let mut loaded = Loaded::default();
        load_text("rule.json", &rule.to_string(), &mut loaded);
        let schema = match &self.mapping {
            Some(mapping) => Schema::ecs().under(Schema::from_json(mapping).unwrap()),
            None => Schema::ecs(),
        };
        let now = self.now.as_deref().unwrap_or("2024-01-02T00:00:00Z");
        let now = DateFormat::default().parse(now, Rounding::Down).unwrap();
        let exceptions = self.exceptions.iter().map(|text| {
            let mut item = json(text);
            item.as_object_mut().unwrap().entry("list_id").or_insert(json!("x"));
            item
        });
        let settings = RuleSettings {
            query: Settings { schema: Arc::new(schema), now, ..Settings::default() },
            exceptions: exceptions.collect(),
            value_lists: self.value_lists.clone(),
            compat: if self.compat { Compat::Kibana } else { Compat::Sensible },
            ..RuleSettings::default()
        };
        RuleSet::compile(loaded, &settings)
    }

    fn alerts(&self, rules: Arc<RuleSet>) -> (Vec<Arc<Event>>, Vec<Alert>) {
        let events = events(&self.events);
        let settings = EngineSettings { indicators: self::events(&self.indicators), ..EngineSettings::default() };
        let mut engine = Engine::with_settings(rules, settings);
        let mut alerts: Vec<Alert> = events.iter().flat_map(|event| engine.push(Arc::clone(event))).collect();
        alerts.extend(engine.finish());
        (events, alerts)
    }

    fn form(&self) -> AlertForm {
        match self.form.as_deref() {
            Some("minimal") => AlertForm::Minimal,
            Some("ecs") => AlertForm::Ecs,
            Some("kibana") | None => AlertForm::Kibana,
            Some(other) => panic!("no form `{other}`"),
        }
    }

    /// What is not as the case says.
    fn judge(&self) -> Vec<String> {
        let loaded = self.rules();
        let mut out = Vec::new();
        let problem = loaded.problems.first().map(ToString::to_string);
        if problem.is_some() != self.problem.is_some()
            || !problem.as_deref().unwrap_or_default().contains(self.problem.as_deref().unwrap_or_default())
        {
            return vec![format!("problem: {problem:?}")];
        }
        let warnings: Vec<String> = loaded.rules.warnings().map(ToString::to_string).collect();
        let warnings = warnings.concat();
        match &self.warning {
            Some(wanted) if !warnings.contains(wanted.as_str()) => out.push(format!("warnings: {warnings}")),
            None if !warnings.is_empty() && self.problem.is_none() => out.push(format!("warnings: {warnings}")),
            _ => {}
        }
        let (events, alerts) = self.alerts(loaded.rules);
        let place = |event: &Arc<Event>| events.iter().position(|other| Arc::ptr_eq(other, event)).unwrap();
        let found: Vec<usize> = alerts.iter().flat_map(|alert| alert.events().iter().flatten().map(place)).collect();
        if self.found.as_ref().is_some_and(|wanted| *wanted != found) {
            out.push(format!("found {found:?}"));
        }
        if let Some(wanted) = &self.documents {
            let documents: Vec<Json> = alerts.iter().flat_map(|alert| alert.to_documents(self.form())).collect();
            if documents.len() != wanted.len() {
                out.push(format!("{} documents", documents.len()));
            }
            for (at, (document, wanted)) in documents.iter().zip(wanted).enumerate() {
                let wanted = json(wanted);
                let differing =
                    wanted.as_object().unwrap().iter().filter(|(key, value)| part(document, key) != **value);
                out.extend(differing.map(|(key, _)| format!("document {at}: `{key}` is {}", part(document, key))));
            }
        }
        assert!(
            self.found.is_some() || self.documents.is_some() || self.problem.is_some(),
            "{} asks nothing",
            self.name
        );
        out
    }
}

/// What stands at a path, for every way to spell it; null where nothing does.
fn part(document: &Json, path: &str) -> Json {
    if let Some(found) = document.get(path) {
        return found.clone();
    }
    let dots = path.match_indices('.').map(|(dot, _)| dot);
    let found = dots.map(|dot| document.get(&path[..dot]).map(|below| part(below, &path[dot + 1..])));
    found.flatten().find(|found| !found.is_null()).unwrap_or_default()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn cases() {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder("tests/spec/alert")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut count, mut failed) = (0, Vec::new());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let cases: Cases = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for case in cases.case {
            count += 1;
            assert!(!case.why.is_empty(), "{} has no reason", case.name);
            let wrong = case.judge();
            if !wrong.is_empty() {
                failed.push(format!("{} / {} ({}):\n  {}", file.display(), case.name, case.why, wrong.join("\n  ")));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {count} cases fail\n{}", failed.len(), failed.join("\n"));
}

/// Lists beyond what Kibana puts in a filter: query rules judge by them all the same, others say that they do not.
#[test]
fn large_lists() {
    let entry = |kind: &str| {
        format!(
            r#"{{"list_id": "x", "entries": [{{"field": "source.ip", "type": "list", "operator": "included", "list": {{"id": "l", "type": "{kind}"}}}}]}}"#
        )
    };
    let addresses: Vec<String> =
        (0..65_537_u32).map(|n| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255)).collect();
    let ranges: Vec<String> = (0..201).map(|n| format!("10.1.{n}.0-10.1.{n}.9")).collect();
    for (kind, values, last) in [("ip", addresses, "10.1.0.0"), ("ip_range", ranges, "10.1.200.9")] {
        for (rule, found, warned) in
            [(r#"{"query": "*"}"#, 1, false), (r#"{"type": "eql", "query": "any where true"}"#, 2, true)]
        {
            let whole = case(rule, &entry(kind), values.clone(), last);
            let less = case(rule, &entry(kind), values[1..].to_vec(), last);
            for (case, found, warned) in [(whole, found, warned), (less, 1, false)] {
                let loaded = case.rules();
                let warnings: Vec<String> = loaded.rules.warnings().map(ToString::to_string).collect();
                assert_eq!(warnings.concat().contains("too large"), warned, "{kind} {rule} {warnings:?}");
                assert_eq!(case.alerts(loaded.rules).1.len(), found, "{kind} {rule}");
            }
        }
    }
}

/// Documents of hostile events: nothing grows or takes time beyond the event's own size.
#[test]
fn hostile_events() {
    let rule = r#"{"id": "u", "name": "R", "severity": "low", "risk_score": 1, "type": "eql", "query": "sequence [any where true] [any where true]",
        "rule_name_override": "a.a.a.a", "severity_mapping": [{"field": "a.a.a.a.a.a", "value": "1", "severity": "high"}]}"#;
    let dots = "a.".repeat(20_000);
    let many: String = (0..20_000).map(|n| format!("\"k{n}\": {n},")).collect();
    let deep = (0..100).fold("1".to_owned(), |inner, _| format!(r#"{{"a": {inner}, "a.a": 1}}"#));
    for event in [
        format!(r#"{{"{dots}": 1, "event": {{"{dots}": {{{many} "x": 1}}}}}}"#),
        format!(r#"{{"event.{dots}": {{{many} "x": {{{many} "y": 1}}}}, "process": {{"{dots}": 1}}}}"#),
        format!(
            r#"{{"tags": [{}0], "event": {{"category": [{}0]}}}}"#,
            "1,2,".repeat(10_000),
            (0..20_000).map(|n| format!("{n},")).collect::<String>()
        ),
        deep,
    ] {
        let mut engine = Engine::new(RuleSet::load_text("r.json", rule).rules);
        let events =
            [1, 2].map(|n| Event::from_json(event.replacen('{', &format!("{{\"@timestamp\": {n},"), 1)).unwrap());
        let alerts: Vec<Alert> = events.into_iter().flat_map(|event| engine.push(event)).collect();
        assert_eq!(alerts.len(), 1);
        for form in [AlertForm::Minimal, AlertForm::Kibana, AlertForm::Ecs] {
            let size: usize = alerts[0].to_documents(form).iter().map(|document| document.to_string().len()).sum();
            assert!(size < 10 * event.len() + 100_000, "{size} of {}", event.len());
        }
    }
}

/// A rule over the last address of a list, and one that is in none.
fn case(rule: &str, exception: &str, values: Vec<String>, last: &str) -> Case {
    let text = format!(
        "name = 'large'\nwhy = 'limits'\nrule = '{rule}'\nevents = ['{{\"source\": {{\"ip\": \"{last}\"}}}}', '{{\"source\": {{\"ip\": \"11.0.0.1\"}}}}']\nexceptions = ['{exception}']\nfound = []"
    );
    let mut case: Case = toml::from_str(&text).unwrap();
    case.value_lists.insert("l".into(), values);
    case
}

/// Whole documents, so that a change of any field is seen. `BLESS=1` writes the files anew.
#[test]
fn whole_documents() {
    let text = std::fs::read_to_string(folder("tests/golden/alerts/cases.toml")).unwrap();
    let cases: Cases = toml::from_str(&text).unwrap();
    let mut wrong = Vec::new();
    for case in cases.case {
        let (_, alerts) = case.alerts(case.rules().rules);
        assert!(!alerts.is_empty(), "{} does not alert", case.name);
        let documents: Vec<Json> = alerts.iter().flat_map(|alert| alert.to_documents(case.form())).collect();
        let shown = serde_json::to_string_pretty(&documents).unwrap() + "\n";
        let file = folder(&format!("tests/golden/alerts/{}.json", case.name));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, &shown).unwrap();
        }
        if std::fs::read_to_string(&file).unwrap_or_default() != shown {
            wrong.push(format!("{}\n{shown}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
