//! Rule files, and what rules refer to.

use std::path::{Path, PathBuf};

use elkhound::diagnostic::Code;
use elkhound::engine::RuleSettings;
use elkhound::query::Settings;
use elkhound::rule::{History, Loaded, load_paths, load_text};

use crate::args::BesideArgs;
use crate::failure::{Failure, Outcome};
use crate::{input, output};

/// The rules of files, directories, patterns and stdin.
pub fn load<P: AsRef<Path>>(paths: &[P]) -> Outcome<Loaded> {
    let mut loaded = Loaded::default();
    for path in paths {
        let path = path.as_ref();
        if input::is_stdin(path) {
            load_packed(path, &mut loaded)?;
            continue;
        }
        let paths = expanded(path)?;
        // What the library reads, it reads on all threads.
        let (packed, plain): (Vec<_>, Vec<_>) = paths.iter().partition(|path| input::is_packed(path));
        loaded.extend(load_paths(&plain).map_err(|error| Failure::Usage(error.to_string()))?);
        packed.into_iter().try_for_each(|path| load_packed(path, &mut loaded))?;
    }
    Ok(loaded)
}

/// The rules of stdin or of a file that has to be unpacked.
fn load_packed(path: &Path, loaded: &mut Loaded) -> Outcome<()> {
    load_text(&input::name(path), &input::text(path)?, loaded);
    Ok(())
}

/// The rules with, in place of each that has a `history.toml` beside it, one for every version of it.
pub fn with_histories(mut loaded: Loaded) -> Loaded {
    for rule in std::mem::take(&mut loaded.rules) {
        match History::load(&Path::new(rule.file()).with_file_name("history.toml")) {
            Ok(Some(history)) if Some(history.rule_id()) == rule.id() => {
                loaded.rules.extend(history.versions().iter().map(|version| version.apply(&rule)));
            }
            Ok(_) => loaded.rules.push(rule),
            Err(problem) => {
                loaded.problems.push(*problem);
                loaded.rules.push(rule);
            }
        }
    }
    loaded
}

/// The paths that a pattern stands for; a path that exists is no pattern.
fn expanded(path: &Path) -> Outcome<Vec<PathBuf>> {
    let text = path.to_string_lossy();
    if path.exists() || !text.contains(['*', '?', '[']) {
        return Ok(vec![path.to_owned()]);
    }
    let found = glob::glob(&text).map_err(|error| Failure::file(path, error))?;
    let found: Vec<PathBuf> =
        found.collect::<Result<_, _>>().map_err(|error| Failure::file(error.path(), error.error()))?;
    if found.is_empty() { Err(Failure::file(path, "no file fits the pattern")) } else { Ok(found) }
}

/// The settings of rules: those of their queries, and what the rules refer to.
pub fn settings(query: Settings, args: &BesideArgs) -> Outcome<RuleSettings> {
    let mut settings = RuleSettings { query, ..RuleSettings::default() };
    for path in &args.exceptions {
        let mut loaded = Loaded::default();
        load_text(&input::name(path), &input::text(path)?, &mut loaded);
        let is_json = |problem: &&elkhound::rule::Problem| {
            problem.diagnostics().items().iter().any(|item| item.code == Code::RuleFile)
        };
        if let Some(problem) = loaded.problems.iter().find(is_json) {
            return Err(Failure::Usage(problem.to_string()));
        }
        if loaded.exceptions.is_empty() && loaded.value_lists.is_empty() {
            output::note(&format!("{}: there is no exception in it", input::name(path)));
        }
        settings.exceptions.extend(loaded.exceptions);
        settings.value_lists.extend(loaded.value_lists);
    }
    for (name, path) in &args.value_list {
        let text = input::text(path)?;
        let values = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(value);
        settings.value_lists.entry(name.clone()).or_default().extend(values);
    }
    Ok(settings)
}

/// The value of a line: the line itself, or the value of an exported item.
fn value(line: &str) -> String {
    let item = line.starts_with('{').then(|| serde_json::from_str::<serde_json::Value>(line).ok()).flatten();
    item.and_then(|item| item.get("value")?.as_str().map(str::to_owned)).unwrap_or_else(|| line.to_owned())
}
