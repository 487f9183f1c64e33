//! Histories: every version that a rule ever had, in `history.toml` beside its file.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::place::Places;
use super::{Problem, Rule, toml};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Source;

/// Every version of one rule, oldest first.
///
/// ```
/// let text = "rule_id = 'x'\n[[version]]\nnumber = 1\nchanged = 'first'\nindex = []\nquery = 'a: b'";
/// let history = elkhound::rule::History::parse("history.toml", text).unwrap();
/// assert_eq!(history.versions()[0].number(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct History {
    rule_id: String,
    current: Option<u64>,
    versions: Vec<Version>,
}

/// One version of a rule.
#[derive(Debug, Clone)]
pub struct Version {
    number: u64,
    release: Option<String>,
    date: Option<String>,
    changed: String,
    name: Option<String>,
    stack: Option<(u8, u8)>,
    index: Vec<String>,
    query: Source,
    forms: Vec<Source>,
}

impl History {
    /// Reads the text of a history; `file` is its name in messages.
    ///
    /// # Errors
    /// When the text is not TOML or lacks a field; the problem has the place.
    pub fn parse(file: &str, text: &str) -> Result<Self, Box<Problem>> {
        let (file, text): (Arc<str>, Arc<str>) = (file.into(), text.into());
        let refuse = |findings| Box::new(Problem::of_file(Arc::clone(&file), findings));
        let (json, places) = toml::parse(&file, &text).map_err(refuse)?;
        let mut reader = Reader { places: &places, findings: Vec::new() };
        let history = reader.history(&json);
        let Reader { findings, .. } = reader;
        if findings.is_empty() { Ok(history) } else { Err(refuse(places.diagnostics(findings))) }
    }

    /// Reads a history file, `None` where there is none.
    ///
    /// # Errors
    /// When the file exists but cannot be read or is no history.
    pub fn load(path: &Path) -> Result<Option<Self>, Box<Problem>> {
        let name = path.to_string_lossy();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&name, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let finding = Diagnostic::error(
                    Code::RuleFile,
                    crate::source::Span::at(0),
                    format!("cannot read the file: {error}"),
                );
                let findings = crate::diagnostic::Diagnostics::new(Source::new(name.as_ref(), ""), vec![finding]);
                Err(Box::new(Problem::of_file(name.as_ref(), findings)))
            }
        }
    }

    /// The rule it is the history of.
    pub fn rule_id(&self) -> &str {
        &self.rule_id
    }

    /// The number of the version that the rule file holds: the one the history names, else the last one released.
    pub fn current(&self) -> Option<u64> {
        let released = self.versions.iter().filter(|version| version.release.is_some());
        self.current.or_else(|| released.map(|version| version.number).max())
    }

    /// The versions, oldest first.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }
}

impl Version {
    /// Its number.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The release that carried it first; `None` for drafts and numbers that no release has.
    pub fn release(&self) -> Option<&str> {
        self.release.as_deref()
    }

    /// The day of the release, or of the change, as the file writes it.
    pub fn date(&self) -> Option<&str> {
        self.date.as_deref()
    }

    /// What is different from the version before.
    pub fn changed(&self) -> &str {
        &self.changed
    }

    /// The version of the Stack from which on its query is valid, with whose languages it is read.
    pub const fn stack(&self) -> Option<(u8, u8)> {
        self.stack
    }

    /// Its index patterns.
    pub fn index(&self) -> &[String] {
        &self.index
    }

    /// Its query, with its place in the history file.
    pub const fn query(&self) -> &Source {
        &self.query
    }

    /// The same query as other sources write it.
    pub fn forms(&self) -> &[Source] {
        &self.forms
    }

    /// The rule as it was in this version: name, index patterns, query and number are the version's, the rest is the rule's.
    pub fn apply(&self, rule: &Rule) -> Rule {
        self.apply_form(rule, &self.query)
    }

    /// As [`Version::apply`], with one of [`Version::forms`] for the query.
    pub fn apply_form(&self, rule: &Rule, query: &Source) -> Rule {
        let mut rule = rule.clone();
        let document = Arc::make_mut(&mut rule.document);
        if let Some(object) = document.as_object_mut() {
            object.insert("version".to_owned(), Json::from(self.number));
            object.insert("query".to_owned(), Json::from(query.text()));
            object.insert("index".to_owned(), Json::from(self.index.clone()));
            if let Some(name) = &self.name {
                object.insert("name".to_owned(), Json::from(name.as_str()));
            }
        }
        rule.name = self.name.clone().unwrap_or(rule.name);
        rule.version = Some(self.number);
        rule.stack = self.stack;
        rule.index = Some(self.index.clone());
        rule.query = Some(query.clone());
        rule
    }
}

/// The first two numbers of `8.3.0`.
fn stack(text: &str) -> Option<(u8, u8)> {
    let (major, rest) = text.split_once('.')?;
    Some((major.parse().ok()?, rest.split('.').next()?.parse().ok()?))
}

/// Reads fields and notes what is missing.
struct Reader<'a> {
    places: &'a Places,
    findings: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn history(&mut self, json: &Map<String, Json>) -> History {
        let versions = json.get("version").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        if versions.is_empty() {
            self.missing("", "version");
        }
        let empty = Map::new();
        let entries = versions.iter().map(|version| version.as_object().unwrap_or(&empty)).enumerate();
        let versions: Vec<Version> =
            entries.map(|(at, version)| self.version(&format!("version.{at}"), version)).collect();
        self.unique(&versions);
        History {
            rule_id: self.text("", json, "rule_id"),
            current: json.get("current").and_then(Json::as_u64),
            versions,
        }
    }

    fn version(&mut self, path: &str, json: &Map<String, Json>) -> Version {
        let text = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
        let number = json.get("number").and_then(Json::as_u64);
        if number.is_none() {
            self.missing(path, "number");
        }
        let index = json.get("index").and_then(Json::as_array);
        if index.is_none() {
            self.missing(path, "index");
        }
        let query = self.text(path, json, "query");
        Version {
            number: number.unwrap_or_default(),
            release: text("release"),
            date: text("date"),
            changed: self.text(path, json, "changed"),
            name: text("name"),
            stack: self.stack(path, json),
            index: index.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect(),
            query: self.places.inner(&format!("{path}.query"), &query),
            forms: self.forms(path, json),
        }
    }

    fn stack(&mut self, path: &str, json: &Map<String, Json>) -> Option<(u8, u8)> {
        let key = "min_stack_version";
        let stack = json.get(key)?.as_str().and_then(stack);
        if stack.is_none() {
            let message = format!("`{key}` is a version of the Stack, such as `8.3.0`");
            self.findings.push(Diagnostic::error(Code::RuleValue, self.places.span(&format!("{path}.{key}")), message));
        }
        stack
    }

    fn forms(&mut self, path: &str, json: &Map<String, Json>) -> Vec<Source> {
        let forms = json.get("form").and_then(Json::as_array).into_iter().flatten().enumerate();
        let empty = Map::new();
        forms
            .map(|(at, form)| {
                let path = format!("{path}.form.{at}");
                let query = self.text(&path, form.as_object().unwrap_or(&empty), "query");
                self.places.inner(&format!("{path}.query"), &query)
            })
            .collect()
    }

    fn text(&mut self, path: &str, json: &Map<String, Json>, key: &str) -> String {
        let text = json.get(key).and_then(Json::as_str);
        if text.is_none() {
            self.missing(path, key);
        }
        text.unwrap_or_default().to_owned()
    }

    fn missing(&mut self, path: &str, key: &str) {
        let message = format!("the history has no `{key}` here, or one of the wrong type");
        self.findings.push(Diagnostic::error(Code::RuleField, self.places.span(path), message));
    }

    fn unique(&mut self, versions: &[Version]) {
        for (at, version) in versions.iter().enumerate() {
            if versions.iter().take(at).any(|earlier| earlier.number == version.number) {
                let span = self.places.span(&format!("version.{at}.number"));
                let message = format!("version {} is listed twice", version.number);
                self.findings.push(Diagnostic::error(Code::RuleValue, span, message));
            }
        }
    }
}
