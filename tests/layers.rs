//! The module graph is layered: every `crate::` path in `src` is an edge of this table, and the table has no cycle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Module, and the modules it may use; a module stands below those that use it.
const MAY_USE: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("text", &[]),
    ("share", &[]),
    ("diagnostic", &["source"]),
    ("event", &["text"]),
    ("schema", &["event", "text"]),
    ("syntax", &["source", "diagnostic"]),
    ("function", &["event", "text"]),
    ("plan", &["event", "text", "schema", "function"]),
    ("analysis", &["source", "diagnostic", "event", "text", "schema", "function", "syntax", "plan"]),
    ("eval", &["event", "text", "schema", "function", "plan"]),
    ("convert", &["source", "diagnostic", "event", "text", "schema", "syntax"]),
    ("endgame", &["source", "diagnostic", "event", "text", "syntax"]),
    (
        "query",
        &[
            "source",
            "diagnostic",
            "event",
            "text",
            "schema",
            "function",
            "syntax",
            "plan",
            "analysis",
            "eval",
            "endgame",
            "share",
        ],
    ),
    ("rule", &["query", "schema", "event", "source", "diagnostic", "share"]),
    (
        "engine",
        &[
            "rule",
            "query",
            "analysis",
            "plan",
            "eval",
            "function",
            "event",
            "text",
            "schema",
            "source",
            "diagnostic",
            "share",
        ],
    ),
];

/// Every `.rs` file below `directory`.
fn sources(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first segments after `crate::` in code (comments left out), groups included.
fn used(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(group_heads(group));
        } else {
            found.insert(head(rest));
        }
    }
    found.retain(|name| MAY_USE.iter().any(|(module, _)| module == name));
    found
}

fn head(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The heads of the paths of `{a, b::{c, d}}`, of which the opening brace is gone.
fn group_heads(group: &str) -> Vec<String> {
    let mut depth = 1;
    let mut heads = vec![head(group.trim_start())];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => heads.push(head(group[at + 1..].trim_start())),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

/// The edges that `src` has, with one file that has each.
fn edges() -> BTreeMap<(String, String), String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut edges = BTreeMap::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if first == "lib" {
            continue;
        }
        for to in used(&std::fs::read_to_string(&file).unwrap()) {
            if to != first {
                edges.insert((first.clone(), to), relative.display().to_string());
            }
        }
    }
    edges
}

#[test]
fn every_edge_is_in_the_table() {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut problems = Vec::new();
    for ((from, to), file) in edges() {
        match table.get(from.as_str()) {
            None => problems.push(format!("{file}: module `{from}` has no row in the table")),
            Some(allowed) if !allowed.contains(&to.as_str()) => {
                problems.push(format!("{file}: `{from}` may not use `{to}`"));
            }
            Some(_) => {}
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_table_has_no_cycle() {
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    loop {
        let ready: Vec<&str> = MAY_USE
            .iter()
            .filter(|(module, uses)| !settled.contains(module) && uses.iter().all(|used| settled.contains(used)))
            .map(|(module, _)| *module)
            .collect();
        if ready.is_empty() {
            break;
        }
        settled.extend(ready);
    }
    assert_eq!(settled.len(), MAY_USE.len(), "the modules that are left form a cycle");
}

#[test]
fn plan_and_eval_name_no_language() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for module in ["plan", "eval"] {
        let mut files = Vec::new();
        if src.join(module).is_dir() {
            sources(&src.join(module), &mut files);
        }
        for file in files {
            for (number, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
                // Comments may say where a meaning comes from.
                let code = line.split("//").next().unwrap_or_default().to_lowercase();
                assert!(!code.contains("kql") && !code.contains("eql"), "{}:{}: {line}", file.display(), number + 1);
            }
        }
    }
}

#[test]
fn the_reader_of_edges_sees_groups_and_paths() {
    let text = "use crate::{plan::{Query, Test}, text};\n// crate::analysis\nfn f() -> crate::event::Value {}";
    let expected = ["event", "plan", "text"].map(str::to_owned);
    assert_eq!(used(text).into_iter().collect::<Vec<_>>(), expected);
}
