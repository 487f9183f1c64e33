//! From paths and texts to rules: formats, directories, NDJSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use super::build::{self, Draft};
use super::json::{self, Line};
use super::place::Places;
use super::{Problem, Rule, toml};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::share::each;
use crate::source::{Source, Span};

/// How a rule text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The TOML of the public rule repository: one rule.
    Toml,
    /// JSON: a rule, a list of rules, a package asset, or a line for each (NDJSON).
    Json,
}

impl Format {
    /// The format of a text: by the extension of its file, else by its first character.
    pub fn of(file: &str, text: &str) -> Self {
        match Path::new(file).extension().and_then(|extension| extension.to_str()) {
            Some("toml") => Self::Toml,
            Some("json" | "ndjson" | "jsonl") => Self::Json,
            _ => Self::sniff(text),
        }
    }

    /// `[` before a bare word opens a TOML table; before `{` or the end of a list it opens JSON.
    fn sniff(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let list = text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', ']']));
        if text.starts_with('{') || list { Self::Json } else { Self::Toml }
    }
}

/// What was read: the rules that can be used and a problem for each thing that cannot.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The rules, in the order of files and lines.
    pub rules: Vec<Rule>,
    /// What is broken, in the same order.
    pub problems: Vec<Problem>,
    /// The exception lists and items that came with the rules of an export.
    pub exceptions: Vec<Json>,
    /// The values of value lists that came with them, by the id of the list.
    pub value_lists: BTreeMap<String, Vec<String>>,
}

impl Loaded {
    /// Adds what was read elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.rules.extend(other.rules);
        self.problems.extend(other.problems);
        self.exceptions.extend(other.exceptions);
        for (list, values) in other.value_lists {
            self.value_lists.entry(list).or_default().extend(values);
        }
    }

    fn add(&mut self, result: Result<Rule, Box<Problem>>) {
        match result {
            Ok(rule) => self.rules.push(rule),
            Err(problem) => self.problems.push(*problem),
        }
    }
}

impl FromIterator<Self> for Loaded {
    fn from_iter<T: IntoIterator<Item = Self>>(all: T) -> Self {
        let mut loaded = Self::default();
        all.into_iter().for_each(|own| loaded.extend(own));
        loaded
    }
}

/// A file or directory could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {cause}", path.display())]
pub struct LoadError {
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}

impl LoadError {
    /// The file or directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The rules of files and directories. A directory is searched to its bottom for `*.toml` files with a `[rule]` table and for
/// `*.json`, `*.ndjson` and `*.jsonl` files; names that begin with a dot, histories and tests are passed over.
///
/// With the feature `parallel`, called on a thread of a pool of rayon's, the threads of the pool share the work.
///
/// # Errors
/// When a path cannot be read. What is wrong with the rules themselves is in [`Loaded::problems`].
pub fn load_paths<P: AsRef<Path>>(paths: &[P]) -> Result<Loaded, LoadError> {
    let mut all = Vec::new();
    for path in paths {
        let path = path.as_ref();
        // What is named is read, be it a pipe.
        let named = !path.is_dir();
        all.extend(files(path)?.into_iter().map(|file| (file, named)));
    }
    each(all, &load_file).into_iter().collect()
}

/// The rules of a file that was named, or met in a directory.
fn load_file((file, named): (PathBuf, bool)) -> Result<Loaded, LoadError> {
    let bytes = std::fs::read(&file).map_err(|cause| LoadError { path: file.clone(), cause })?;
    let (name, mut loaded) = (file.to_string_lossy(), Loaded::default());
    match String::from_utf8(bytes) {
        Ok(text) if named || is_rule_text(&name, &text) => load_text(&name, &text, &mut loaded),
        Ok(_) => {}
        Err(error) => loaded.problems.push(not_utf8(&name, &error)),
    }
    Ok(loaded)
}

/// The rule files below a path, sorted; a file stands for itself.
fn files(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let fail = |cause| LoadError { path: path.to_owned(), cause };
    if !std::fs::metadata(path).map_err(fail)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    // INVARIANT: a directory that is a symbolic link is not entered, so the walk ends.
    let mut open = vec![path.to_owned()];
    while let Some(directory) = open.pop() {
        let fail = |cause| LoadError { path: directory.clone(), cause };
        for entry in std::fs::read_dir(&directory).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let kind = entry.file_type().map_err(fail)?;
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            } else if kind.is_dir() {
                open.push(path);
            } else if is_rule_name(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_rule_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("toml" | "json" | "ndjson" | "jsonl"))
}

/// Whether a file met in a directory holds rules: a TOML file that says so, or JSON that does not say otherwise.
fn is_rule_text(name: &str, text: &str) -> bool {
    match Format::of(name, text) {
        // A broken file counts when a line of it opens the table.
        Format::Toml => text.lines().any(|line| line.trim_start().starts_with("[rule]")),
        Format::Json => text.contains("\"rule_id\"") || text.contains("\"risk_score\""),
    }
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Problem {
    let offset = error.utf8_error().valid_up_to();
    let message = format!("the file is not UTF-8 from byte {offset} on");
    let source = Source::new(name, String::from_utf8_lossy(error.as_bytes()).into_owned());
    Problem::of_file(name, Diagnostics::new(source, vec![Diagnostic::error(Code::RuleFile, Span::at(offset), message)]))
}

/// The rules of one text; `file` is its name in messages.
///
/// With the feature `parallel`, called on a thread of a pool of rayon's, the threads of the pool share the work.
///
/// ```
/// use elkhound::rule::{Loaded, load_text};
/// let mut loaded = Loaded::default();
/// load_text("a.json", r#"{"name": "A", "type": "query", "severity": "low", "risk_score": 21, "query": "a: b"}"#, &mut loaded);
/// assert_eq!(loaded.rules[0].name(), "A");
/// load_text("b.toml", "[rule]\nname = 1", &mut loaded);
/// assert!(loaded.problems[0].diagnostics().to_string().contains("`name` has to be a text"));
/// ```
pub fn load_text(file: &str, text: &str, loaded: &mut Loaded) {
    let format = Format::of(file, text);
    let (file, text): (Arc<str>, Arc<str>) = (file.into(), text.trim_start_matches('\u{feff}').into());
    match format {
        Format::Toml => loaded.add(toml_rule(&file, &text)),
        Format::Json => {
            let load = |object| {
                let mut own = Loaded::default();
                match object {
                    Ok((document, places)) => json_object(document, places, &mut own),
                    Err(findings) => own.problems.push(Problem::of_file(Arc::clone(&file), findings)),
                }
                own
            };
            loaded.extend(each(json::objects(&file, &text), &load).into_iter().collect());
        }
    }
}

fn toml_rule(file: &Arc<str>, text: &Arc<str>) -> Result<Rule, Box<Problem>> {
    let refuse = |findings| Box::new(Problem::of_file(Arc::clone(file), findings));
    let (json, places) = toml::parse(file, text).map_err(refuse)?;
    if !json.get("rule").is_some_and(Json::is_object) {
        let finding = Diagnostic::error(Code::RuleField, places.whole, "the file has no table `[rule]`");
        return Err(refuse(places.diagnostics(vec![finding])));
    }
    let (document, metadata, places) = toml::rule(json, places);
    build::rule(Draft { document, metadata, places })
}

fn json_object(document: Json, places: Places, loaded: &mut Loaded) {
    let text = |key: &str| document.get(key).and_then(Json::as_str).map(str::to_owned);
    match json::classify(&document) {
        Line::Other => {}
        Line::Rule => loaded.add(build::rule(Draft { document, metadata: None, places })),
        Line::Exception => loaded.exceptions.push(document),
        Line::Value => {
            if let (Some(list), Some(value)) = (text("list_id"), text("value")) {
                loaded.value_lists.entry(list).or_default().push(value);
            }
        }
        Line::Stub => {
            let finding = Diagnostic::error(Code::RuleUnsupported, places.whole, "the product withdrew the rule");
            let problem = Problem::of_file(Arc::clone(&places.file), places.diagnostics(vec![finding]));
            loaded.problems.push(problem.named(text("rule_id"), text("name")));
        }
    }
}
