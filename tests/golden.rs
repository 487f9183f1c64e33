//! What rule authors see: one case for each diagnostic code, from the code's own example. `BLESS=1` writes the files anew.
#![cfg(all(feature = "rules", feature = "ecs"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

use std::path::Path;
use std::sync::Arc;

use elkhound::convert;
use elkhound::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use elkhound::engine::{RuleSet, RuleSettings};
use elkhound::eval::Limits;
use elkhound::query::{Query, Settings};
use elkhound::rule::{Loaded, load_text};
use elkhound::schema::{Schema, Strictness};
use elkhound::source::Source;
use elkhound::syntax::eql::Dialect;
use elkhound::syntax::kql;

fn settings(schema: Schema, dialect: Dialect) -> Settings {
    Settings { schema: Arc::new(schema), dialect, ..Settings::default() }
}

/// Every way in that the text could take, and what each says of it.
fn findings(text: &str) -> Vec<Diagnostics> {
    let mut out = Vec::new();
    let mut note = |result: Result<Query, Diagnostics>| match result {
        Ok(query) => out.push(query.warnings().clone()),
        Err(found) => out.push(found),
    };
    let closed = || Schema::ecs().closed();
    let mut no_leading = settings(Schema::ecs(), Dialect::Newest);
    no_leading.leading_wildcards = false;
    note(Query::builder().settings(no_leading).kql(text));
    let strict = Settings { strictness: Strictness::Strict, ..settings(Schema::ecs(), Dialect::Newest) };
    note(Query::builder().settings(strict).kql(text));
    let nested = Schema::from_json(r#"{"user": "nested", "user.first": "keyword"}"#).unwrap();
    note(Query::builder().settings(settings(nested, Dialect::Newest)).kql(text));
    let narrow = Limits { regex: 1 << 10, ..Limits::default() };
    note(Query::builder().settings(Settings { limits: narrow, ..Settings::default() }).eql(text));
    for dialect in [Dialect::Newest, Dialect::Elastic(7, 9), Dialect::Endgame] {
        for schema in [Schema::ecs(), closed()] {
            note(Query::builder().settings(settings(schema.clone(), dialect)).eql(text));
            note(Query::builder().settings(settings(schema, dialect)).kql(text));
        }
    }
    for file in ["rule.toml", "rule.json"] {
        let mut loaded = Loaded::default();
        load_text(file, text, &mut loaded);
        out.extend(loaded.rules.iter().map(|rule| rule.warnings().clone()));
        let loaded = RuleSet::compile(loaded, &RuleSettings::default());
        out.extend(loaded.rules.warnings().cloned());
        out.extend(loaded.problems.iter().map(|problem| problem.diagnostics().clone()));
    }
    let source = Source::new("<query>", text);
    if let Ok(tree) = kql::parse(&source, &kql::Options::default()) {
        out.extend(convert::kql_to_eql(&tree, &source, &Schema::none()).err());
    }
    out
}

/// The text that provokes a code, where it is too long for the table of codes.
fn example(code: Code) -> String {
    match code {
        Code::TooDeep => "(".repeat(300),
        Code::TooLong => "x".repeat((1 << 20) + 1),
        _ => code.example().to_owned(),
    }
}

#[test]
fn every_code_has_its_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("BLESS").is_some();
    let mut problems = Vec::new();
    for &code in Code::ALL {
        let shown =
            findings(&example(code)).into_iter().find(|found| found.items().iter().any(|item| item.code == code));
        let Some(shown) =
            shown.map(|shown| shown.to_string()).map(|shown| shown.chars().take(4_000).collect::<String>())
        else {
            problems.push(format!("{}: its example does not provoke it: {}", code.id(), code.example()));
            continue;
        };
        let file = folder.join(format!("{}.txt", code.id()));
        if bless {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &shown).unwrap();
        }
        let wanted = std::fs::read_to_string(&file).unwrap_or_default();
        if wanted != shown {
            problems.push(format!("{}\n{shown}\nwanted\n{wanted}", code.id()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// The usual slips of authors, in both languages.
const SLIPS: &[(&str, &[&str])] = &[
    (
        "kql",
        &[
            "user.name: \"root\" \u{1F600}",
            "bytes:[1 TO 2]",
            "bytes:{1 TO 5}",
            "bytes:{1 TO 5]",
            "bytes:[* TO 5]",
            "@timestamp:[2021-01-01T00:00:00Z TO now]",
            "bytes:(7 or [1 TO 2])",
            "process.name:/cmd[0-9]+/",
            "process.name: /cmd(.exe)?/",
            "user.name: a && host.name: b",
            "user.name: a || host.name: b",
            "(user.name: a) && (host.name: b)",
            "user.name: \"a\" && host.name: \"b\"",
            "user.name: root || true",
            "-user.name",
            "-user.name: root",
            "! user.name: root",
            "!(user.name: root)",
            "_exists_:user.name",
            "user.name = root",
            "user.name != root",
            "user.name = \"root\"",
            "user.name == \"root\"",
            "user.name != \"root\"",
            "user.name <> root",
            "user.name: a and host.name == \"b\"",
            "process.pid: >5",
            "process.pid > (1 or 2)",
            "process where true",
            "process where process.name : \"cmd.exe\"",
            "process where process.name == \"cmd.exe\"",
            "sequence by host.id [process where true] [network where true]",
            "user.name like \"a*\"",
            "user.name in (\"a\", \"b\")",
            "user.name: (\"a\", \"b\")",
            "user.name: “root”",
            "user.name: “big root” and host.name: “x”",
            "user.name: 'root'",
            "user.name: ",
            "(user.name: )",
            "user.name: ()",
            "user.name: root and",
            "user.name: \"root\" and",
            "user.name: \"root\" and ",
            "user.name: (a or )",
            "and user.name: root",
            "user.name: a or b",
            "user.name: \"a\" host.name: \"b\"",
            "user.name: a host.name: b",
            "user.name: \"a\" not host.name: \"b\"",
            "(user.name: a)and(host.name: b)",
            "user.name: a and(host.name: b)",
            "not(user.name: a)",
            "url.full: http://example.org",
            "url.full: http://*.example.org",
            "source.ip: fe80::1",
            "source.ip: (fe80::1 or 10.0.0.1)",
            "user.name: (a: b)",
            "process.args: f(x)",
            "process.args: f (x)",
            "user.name: (a or b",
            "user.name: root)",
            "user: { name: a",
            "user.name: not root",
            "user.name: not \"big root\"",
            "not not user.name: root",
            "message: cannot open",
            "user.name: \"root",
            "user.name: \"a\" \"b\"",
            "file.path: C:\\Windows",
            "file.path: C:\\Windows\\*",
            "user.name: CORP\\bob",
            "usr.name: root",
        ],
    ),
    (
        "eql",
        &[
            "user.name: \"root\"",
            "user.name: root",
            "process where user.name: root",
            "process where user.name : cmd.exe",
            "process where user.name : (root, bob)",
            "process where user.name == 'root'",
            "process where user.name == “root”",
            "process where user.name : \"a\" and not: \"b\"",
            "process where user.name = \"root\"",
            "process where user.name <> \"root\"",
            "process where user.name !: \"root\"",
            "process where !(user.name : \"root\")",
            "process user.name == \"root\"",
            "where user.name == \"root\"",
            "process",
            "process where",
            "process where user.name ==",
            "process where user.name :",
            "process where user.name : \"a\" or",
            "process where usr.name == \"root\" and strtsWith(user.name, \"r\") and length(1) == 2",
            "process where user.name == \"a\" && true",
            "process where user.name == \"a\" || true",
            "process where user.name == \"a\" AND true",
            "process where user.name not like \"a*\"",
            "process where user.name is null",
            "process where user.name in \"a\"",
            "process where user.name : [\"a\", \"b\"]",
            "process where user.name in (\"a\",)",
            "process where user.name in ()",
            "process where user.name",
            "process where not user.name",
            "process where process.pid : 5",
            "process where source.ip : \"10.*\"",
            "process where user.name == \"C:\\Windows\"",
            "process where (user.name == \"a\"",
            "Process Where true",
            "process where true | tial 1",
            "process where 1 < process.pid < 5",
            "sequence with maxspan=5 [a where true] [b where true]",
            "sequence with maxspan=5m by user.name [a where true] [b where true]",
            "sequence by user.name [a where true]",
            "sequence [a where true], [b where true]",
            "sequence [a where true] [b where true",
            "sequence a where true b where true",
            "sequence [a] [b where true]",
            "process where process.args[0] == \"a\"",
            "process where child of [process where true]",
        ],
    ),
];

fn told(language: &str, text: &str) -> Diagnostics {
    let builder = Query::builder().settings(settings(Schema::ecs(), Dialect::Newest));
    let query = if language == "kql" { builder.kql(text) } else { builder.eql(text) };
    query.map_or_else(|found| found, |query| query.warnings().clone())
}

/// Each slip has its help. A text that is offered instead mends its own finding: put in place, the finding is gone, and no
/// error has come earlier in the text than it was.
#[test]
fn slips() {
    let mut shown = String::new();
    for (language, texts) in SLIPS {
        for text in *texts {
            let found = told(language, text);
            assert!(found.items().iter().any(|item| item.help.is_some()), "{language} `{text}` has no help:\n{found}");
            shown.push_str(&format!("{found}\n"));
            for item in found.items() {
                let Some(fix) = &item.fix else { continue };
                let mended = format!("{}{}{}", &text[..fix.span.start], fix.replacement, &text[fix.span.end..]);
                shown.push_str(&format!("  fixed: {mended}\n"));
                let again = told(language, &mended);
                let known = |other: &Diagnostic| found.items().iter().any(|one| one.message == other.message);
                let start = item.span.start.min(fix.span.start);
                let same = again.items().iter().find(|other| {
                    (other.code == item.code && other.message == item.message)
                        || (other.severity == Severity::Error && other.span.start < start && !known(other))
                });
                assert!(same.is_none(), "`{text}` became `{mended}`, which is no better:\n{again}");
            }
            shown.push('\n');
        }
    }
    golden("slips.txt", &shown);
}

/// What the Endgame dialect refuses of pipes, functions and operators.
const ENDGAME: &[&str] = &[
    "any where true | head 0",
    "any where true | head -1",
    "any where true | head \"a\"",
    "any where true | head 1 2",
    "any where true | tail x",
    "any where true | tail 1.5",
    "any where true | unique",
    "any where true | unique 1",
    "any where true | unique length(\"a\")",
    "any where true | unique_count",
    "any where true | sort",
    "any where true | sort x, 1",
    "any where true | count 1",
    "any where true | filter",
    "any where true | filter a, b",
    "any where true | filter child of [process where true]",
    "any where cidrMatch(i, \"10.0.0.0\")",
    "any where cidrMatch(i, \"10.0.0.0/8\", \"x/y\")",
    "any where cidrMatch(i, x)",
    "any where length(5) == 1",
    "any where s + \"a\" == 1",
    "any where -\"a\" == 1",
    "any where substring(s, \"a\") == \"b\"",
    "any where substring(s) == \"b\"",
    "any where between(s, \"a\", \"c\", 1) == \"b\"",
    "any where arrayCount(a, 5, true) == 1",
    "any where arraySearch(\"a\", x, x == 1)",
    "any where startsWith(s, length(s))",
    "any where wildcard(s, x)",
    "any where length(s) == \"a\"",
    "any where s > true",
    "any where length(s) in (1, \"a\")",
    "any where length(s)",
    "sequence [a where true] [b where true] until [c where true] fork",
    "any where @timestamp > 5",
];

#[test]
fn endgame() {
    let told = |text: &&str| {
        let query = Query::builder().settings(settings(Schema::none(), Dialect::Endgame)).eql(text);
        format!("{}\n\n", query.expect_err(text))
    };
    golden("endgame.txt", &ENDGAME.iter().map(told).collect::<String>());
}

/// A report beside those of the codes.
fn golden(name: &str, shown: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&file).unwrap_or_default(), "{name}");
}

/// Values that were lost: keywords stand where they stood, and all such places are shown at once, before the error and behind it.
#[test]
fn lost_values() {
    let text = "port:(80 or 443) and\nhost.ip:( or or and not\nuser.name:( or or or \"root\")";
    let found = Query::kql(text).unwrap_err();
    golden("lost_values.txt", &found.to_string());
    let json = elkhound::diagnostic::render::json(&found);
    golden("lost_values.json", &format!("{json:#}\n"));
}

/// The places of a query in a rule file are those of the file: of TOML of several lines, of one with escapes, of JSON.
#[test]
fn places_in_rule_files() {
    let head = "[rule]\nname = \"Naïve\"\nrule_id = \"7\"\nrisk_score = 21\nseverity = \"low\"\n";
    let toml = format!(
        "{head}type = \"eql\"\nquery = '''\nprocess where\n  process.name : \"é\" and lenght(proces.name) > 1\n'''\n"
    );
    let line =
        format!("{head}type = \"query\"\nlanguage = \"kuery\"\nquery = \"a: \\\"\\u00e9\\\\\\\"\\\" and\\nb: (\"\n");
    let json = r#"{"rule_id": "7", "name": "Naïve", "risk_score": 21, "severity": "low", "type": "query",
  "query": "a: \"\u00e9\" and\nb: (c or )"}"#;
    let mut shown = String::new();
    for (file, text) in [("rules/a.toml", toml.as_str()), ("rules/line.toml", &line), ("rules/a.json", json)] {
        let loaded = RuleSet::load_text(file, text);
        for problem in &loaded.problems {
            shown += &format!("{problem}\n{}\n", problem.diagnostics());
            let json = elkhound::diagnostic::render::json(problem.diagnostics());
            for item in json["diagnostics"].as_array().unwrap() {
                let start = item["span"]["start"].as_u64().unwrap() as usize;
                let line = text[..start].matches('\n').count() + 1;
                let column = text[..start].lines().last().map_or(0, |line| line.chars().count());
                let column = if text[..start].ends_with('\n') { 1 } else { column + 1 };
                assert_eq!((&item["line"], &item["column"]), (&line.into(), &column.into()), "{item}");
            }
        }
    }
    golden("places_in_rule_files.txt", &shown);
}
