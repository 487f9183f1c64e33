//! `check`, `parse`, `convert`, `complete`, `completions`, `explain-code`, and what all calls share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::json;
use support::{file, folder, run, run_with};

#[test]
fn mistakes_in_the_call_end_with_3_and_nothing_on_stdout() {
    for args in [
        &["match", "--nonsense", "-l", "kql", "-e", "a: b"][..],
        &["nonsense"],
        &[],
        &["match", "-l", "lucene", "-e", "a"],
        &["match", "-l", "kql"],
        &["match", "-e", "a: b"],
        &["match", "-l", "kql", "-e"],
        &["match", "-l", "kql", "-e", "a", "-f", "b"],
        &["match", "-l", "kql", "-e", "a", "--size", "many"],
        &["match", "-l", "kql", "-e", "a", "--result-position", "middle"],
        &["match", "-l", "kql", "-e", "a", "--max-samples-per-key", "0"],
        &["match", "-l", "kql", "-e", "a", "--now", "soon"],
        &["match", "-l", "kql", "-e", "a", "--schema", "my"],
        &["match", "-l", "kql", "-e", "a", "--format", "xml"],
        &["match", "-l", "kql", "-e", "a", "--jobs", "0"],
        &["match", "-l", "kql", "-e", "a", "no/such/file.ndjson"],
        &["match", "-l", "kql", "-e", "a", "--mapping", "no/such/mapping.json"],
        &["match", "-l", "kql", "-e", "a", "--config", "no/such/config.json"],
        &["match", "-l", "kql", "-f", "no/such/query.kql"],
        &["match", "-l", "kql", "-e", "a", "src"],
        &["match", "-l", "eql", "-e", "any where true", "--dialect", "6.8"],
        &["match", "-l", "eql", "-e", "any where true", "--dialect", "newest-ish"],
        &["--color", "sometimes", "explain-code"],
        &["check"],
        &["check", "no/such/rules"],
        &["run", "rules"],
        &["run", "--events", "examples/events.ndjson"],
        &["run", "no/such/rules", "--events", "examples/events.ndjson"],
        &["run", "rules", "--events", "no/such/events.ndjson"],
        &["test"],
        &["test", "no/such/rules"],
        &["test", "src"],
        &["convert", "-l", "kql", "-e", "a: b"],
        &["convert", "--to", "rule-json"],
        &["parse", "-l", "eql", "-e", "any where true", "--cursor-symbol", "@"],
        &["explain-code", "E9999"],
        &["completions", "cmd"],
    ] {
        let ran = run(args);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{args:?}\n{}", ran.err);
        assert!(!ran.err.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_version_are_data() {
    for args in [&["--help"][..], &["match", "--help"], &["--version"], &["run", "--version"]] {
        let ran = run(args).ends(0);
        assert!(ran.out.contains("elkhound") && ran.err.is_empty(), "{args:?}");
    }
}

#[test]
fn expressions_take_any_next_argument() {
    let tree = run(&["parse", "-l", "kql", "-e", ""]).ends(0).json();
    assert_eq!(tree["function"], "is", "{tree}");
    for text in ["-1", "-l", "--help", "-"] {
        let tree = run(&["parse", "-l", "kql", "-e", text]).ends(0).json();
        assert_eq!(tree["arguments"][1]["value"], text, "{tree}");
    }
    let tree = run(&["parse", "-l", "kql", "--expression", "-x: -y"]).ends(0).json();
    assert_eq!(tree["arguments"][0]["value"], "-x");
    run(&["parse", "-l", "eql", "-e", ""]).ends(2);
}

#[test]
fn texts_come_from_files_and_stdin() {
    let folder = folder("texts");
    let query = file(&folder, "q.kql", "a: b\n");
    let wanted = run(&["parse", "-l", "kql", "-e", "a: b"]).ends(0).out;
    assert_eq!(run(&["parse", "-l", "kql", "-f", &query]).ends(0).out, wanted);
    assert_eq!(run(&["parse", "-f", &query]).ends(0).out, wanted, "the ending names the language");
    assert_eq!(run_with(&["parse", "-l", "kql", "-f", "-"], b"a: b").ends(0).out, wanted);
    let broken = file(&folder, "bad.kql", b"a: \xff");
    let ran = run(&["parse", "-f", &broken]).ends(3);
    assert!(ran.err.contains("not UTF-8 from byte 3 on"), "{}", ran.err);
}

#[test]
fn trees() {
    let tree = run(&["parse", "-l", "kql", "-e", "a: \"b\" and not c > 1"]).ends(0).json();
    let field = |name: &str| json!({"type": "literal", "value": name, "isQuoted": false});
    let is = json!({"type": "function", "function": "is", "arguments": [field("a"), {"type": "literal", "value": "b", "isQuoted": true}]});
    let range = json!({"type": "function", "function": "range", "arguments": [field("c"), "gt", field("1")]});
    let not = json!({"type": "function", "function": "not", "arguments": [range]});
    assert_eq!(tree, json!({"type": "function", "function": "and", "arguments": [is, not]}));
    let text = run(&["parse", "-l", "kql", "-e", "a:b   and(c:d)", "--format", "text"]);
    assert_eq!(text.ends(2).out, "", "`and(` is no operator");
    assert_eq!(
        run(&["parse", "-l", "kql", "-e", "a:b   and ( c:d )", "--format", "text"]).ends(0).out,
        "(a: b AND c: d)\n"
    );
    let eql = "sequence by a with maxspan=1m [any where true] ![b where c : \"d*\"]";
    assert_eq!(run(&["parse", "-l", "eql", "-e", eql]).ends(0).json()["query"]["type"], "sequence");
    let printed = run(&["parse", "-l", "eql", "-e", eql, "--format", "text"]).ends(0).out;
    let again = run(&["parse", "-l", "eql", "-e", printed.trim_end(), "--format", "text"]).ends(0).out;
    assert_eq!(again, printed);
    let cursor = run(&["parse", "-l", "kql", "-e", "a: b@", "--cursor-symbol", "@"]).ends(0).json();
    assert_eq!((&cursor["type"], &cursor["prefix"]), (&json!("cursor"), &json!("b")), "{cursor}");
}

#[test]
fn dialects() {
    run(&["parse", "-l", "eql", "-e", "process where true | unique pid"]).ends(2);
    run(&["parse", "-l", "eql", "-e", "process where true | unique pid", "--dialect", "endgame"]).ends(0);
    for dialect in ["7.9", "8.4", "9.x", "9", "8.4.2", "newest"] {
        run(&["check", "-l", "eql", "-e", "process where true", "--dialect", dialect]).ends(0);
    }
}

#[test]
fn check_reports_every_problem_at_once() {
    let ran =
        run(&["check", "-l", "eql", "-e", "process where proces.name == 1 and lenght(process.name) > 1", "--strict"])
            .ends(2);
    assert!(ran.out.is_empty() && ran.err.contains("`proces.name`") && ran.err.contains("`lenght`"), "{}", ran.err);
    run(&["check", "-l", "kql", "-e", "process.name: cmd.exe"]).ends(0);
    let ran = run(&["check", "-l", "kql", "-e", "a: ("]).ends(2);
    assert!(ran.err.contains("error[E0101]") && ran.err.contains("<query>:1:5"), "{}", ran.err);
}

#[test]
fn json_diagnostics() {
    let text = "process where `é`.x == \"\"\n  and length(process.name) :";
    let ran = run(&["check", "-l", "eql", "-e", text, "--format", "json"]).ends(2);
    let found = &ran.json()["diagnostics"];
    assert!(found.as_array().is_some_and(|list| !list.is_empty()));
    for item in found.as_array().unwrap() {
        for name in ["code", "severity", "message", "file", "line", "column", "span", "labels", "help", "fix"] {
            assert!(item.get(name).is_some(), "no `{name}` in {item}");
        }
    }
    let item = &found[0];
    let at = text.len();
    assert_eq!(item["span"]["start"], at, "{item}");
    let column = text.lines().nth(1).unwrap().chars().count() + 1;
    assert_eq!((&item["line"], &item["column"]), (&json!(2), &json!(column)), "{item}");
    assert_eq!(item["severity"], "error");
    // Columns count characters, offsets bytes.
    let item = run(&["check", "-l", "kql", "-e", "é: (", "--format", "json"]).ends(2).json()["diagnostics"][0].clone();
    assert_eq!((&item["span"]["start"], &item["column"]), (&json!(5), &json!(5)), "{item}");
    assert_eq!(
        run(&["check", "-l", "kql", "-e", "a: b", "--format", "json"]).ends(0).json(),
        json!({"diagnostics": []})
    );
}

#[test]
fn check_of_files() {
    let folder = folder("check");
    let good = file(&folder, "good.eql", "process where true");
    let bad = file(&folder, "bad.kql", "a: b or\n  c: (");
    run(&["check", &good]).ends(0);
    let ran = run(&["check", &good, &bad]).ends(2);
    assert!(ran.err.contains("bad.kql:2:7"), "{}", ran.err);
    run(&["check", "rules"]).ends(0);
    let rule = "[rule]\nname = \"A\"\nrule_id = \"0\"\nrisk_score = 21\nseverity = \"low\"\ntype = \"eql\"\nquery = '''\nprocess where\n  lenght(process.name) > 1\n'''\n";
    file(&folder, "rules/a.toml", rule);
    let ran = run(&["check", folder.join("rules").to_str().unwrap(), "--format", "json"]).ends(2);
    let item = &ran.json()["diagnostics"][0];
    assert!(item["file"].as_str().unwrap().ends_with("a.toml"), "{item}");
    assert_eq!((&item["line"], &item["column"]), (&json!(9), &json!(3)), "places are those of the file: {item}");
}

/// What Elasticsearch finds out only when the query runs is no error of a check; `match` ends with 2.
#[test]
fn run_time_failures() {
    let folder = folder("run_time");
    let mapping = file(&folder, "mapping.json", r#"{"n": "long", "ip": "ip"}"#);
    for text in ["n: many", "ip: \"10.0.0.0/99\""] {
        run(&["check", "-l", "kql", "-e", text, "--mapping", &mapping]).ends(0);
        run_with(&["match", "-l", "kql", "-e", text, "--mapping", &mapping], b"{}").ends(2);
    }
}

/// With a mapping Query DSL is what Kibana sends with a data view of it.
#[test]
fn a_mapping_is_a_data_view() {
    let folder = folder("convert_mapping");
    let properties = r#"{"k": {"type": "keyword"}, "w": {"type": "wildcard"}, "t": {"type": "text", "fields": {"raw": {"type": "constant_keyword"}}},
        "d": {"type": "date"}, "n": {"type": "long"}, "g": {"type": "nested", "properties": {"k": {"type": "keyword"}}}, "o": {"properties": {"p": {"type": "keyword"}}}}"#;
    let mapping = file(&folder, "m.json", format!(r#"{{"properties": {properties}}}"#));
    let dsl = |text: &str, more: &[&str]| {
        run(&[&["convert", "--to", "dsl", "-l", "kql", "-e", text], more].concat()).ends(0).json()
    };
    for (text, wanted) in [
        ("k: a", json!([{"term": {"k": {"value": "a"}}}])),
        ("w: a*", json!([{"wildcard": {"w": {"value": "a*"}}}])),
        ("t: a", json!([{"match": {"t": "a"}}])),
        ("t.raw: a", json!([{"term": {"t.raw": {"value": "a"}}}])),
        ("d: 2024", json!([{"range": {"d": {"gte": "2024", "lte": "2024"}}}])),
        ("n: 1", json!([{"match": {"n": "1"}}])),
        ("other: a", json!([{"match": {"other": "a"}}])),
        ("o*: a", json!([{"term": {"o.p": {"value": "a"}}}])),
    ] {
        assert_eq!(dsl(text, &["--mapping", &mapping])["bool"]["should"], wanted, "{text}");
        let untyped = dsl(text, &["--mapping", &mapping, "--untyped"]);
        assert_eq!(untyped, dsl(text, &[]), "{text}");
    }
    let inner = &dsl("g: { k: a }", &["--mapping", &mapping])["nested"]["query"]["bool"]["should"];
    assert_eq!(*inner, json!([{"term": {"g.k": {"value": "a"}}}]));
    let outside = run(&["convert", "--to", "dsl", "-l", "kql", "-e", "g.k: a", "--mapping", &mapping]).ends(2);
    assert!(outside.err.contains("g.k is a nested field, but is not in a nested group"), "{}", outside.err);
    // Indices that do not agree leave no type.
    let two = r#"{"a": {"mappings": {"properties": {"x": {"type": "keyword"}, "y": {"type": "keyword"}}}}, "b": {"mappings": {"properties": {"x": {"type": "date"}, "y": {"type": "wildcard"}}}}}"#;
    let two = file(&folder, "two.json", two);
    assert_eq!(dsl("x: a", &["--mapping", &two])["bool"]["should"], json!([{"match": {"x": "a"}}]));
    assert_eq!(dsl("y: a", &["--mapping", &two])["bool"]["should"], json!([{"term": {"y": {"value": "a"}}}]));
    let fields = file(&folder, "fields.json", "[]");
    run(&["convert", "--to", "dsl", "-l", "kql", "-e", "k: a", "--mapping", &mapping, "--fields", &fields]).ends(3);
}

#[test]
fn conversions() {
    let dsl = run(&["convert", "--to", "dsl", "-l", "kql", "-e", "a: b"]).ends(0).json();
    assert_eq!(dsl, json!({"bool": {"should": [{"match": {"a": "b"}}], "minimum_should_match": 1}}));
    let folder = folder("convert");
    let fields = file(&folder, "fields.json", r#"[{"name": "a", "type": "string", "esTypes": ["keyword"]}]"#);
    let dsl = run(&["convert", "--to", "dsl", "-l", "kql", "-e", "a: b", "--fields", &fields]).ends(0).json();
    assert_eq!(dsl["bool"]["should"][0], json!({"term": {"a": {"value": "b"}}}));
    let body =
        run(&["convert", "--to", "eql-search", "-l", "eql", "-e", "any where true", "--size", "7"]).ends(0).json();
    assert_eq!(body, json!({"query": "any where true", "size": 7}), "what is not asked for is left to Elasticsearch");
    let config = file(&folder, "config.json", r#"{"filtersInMustClause": true, "caseInsensitive": false}"#);
    let args =
        ["convert", "--to", "dsl", "-l", "kql", "-e", "a: b and a: c*", "--fields", &fields, "--config", &config];
    let one = |leaf: serde_json::Value| json!({"bool": {"should": [leaf], "minimum_should_match": 1}});
    let term = one(json!({"term": {"a": {"value": "b", "case_insensitive": false}}}));
    let pattern = one(json!({"wildcard": {"a": {"value": "c*", "case_insensitive": false}}}));
    assert_eq!(run(&args).ends(0).json(), json!({"bool": {"must": [term, pattern]}}));
    assert_eq!(run(&["convert", "--to", "kql", "-l", "kql", "-e", "a:b and c:d"]).ends(0).out, "(a: b AND c: d)\n");
    let eql = run(&["convert", "--to", "eql", "-l", "kql", "-e", "process.name: cmd.exe"]).ends(0).out;
    assert_eq!(eql, "any where process.name == \"cmd.exe\"\n");
    let kql =
        run(&["convert", "--to", "kql", "-l", "eql", "-e", "process where process.name == \"cmd.exe\""]).ends(0).out;
    assert_eq!(kql, "event.category: \"process\" and process.name: \"cmd.exe\"\n");
    let args = ["convert", "--to", "kql", "-l", "eql", "-e", "a where true", "--event-category-field", "odd: kind"];
    assert_eq!(run(&args).ends(0).out, "odd\\: kind: \"a\" and *: *\n");
    let folded = file(&folder, "folded.json", r#"{"caseInsensitive": true}"#);
    let zoned = file(&folder, "zoned.json", r#"{"dateFormatTZ": "Europe/Berlin"}"#);
    for args in [
        &["--to", "dsl", "-l", "eql", "-e", "any where true"][..],
        &["--to", "eql-search", "-l", "kql", "-e", "a: b"],
        &["--to", "eql-search", "-l", "eql", "-e", "any where"],
        &["--to", "eql-search", "-l", "eql", "-e", "process where true | unique pid", "--dialect", "endgame"],
        &["--to", "eql", "-l", "kql", "-e", "process.name: a", "--untyped"],
        &["--to", "eql", "-l", "kql", "-e", "process.name: a", "--config", &folded],
        &["--to", "kql", "-l", "eql", "-e", "any where process.name == \"a\"", "--config", &zoned],
        &["--to", "kql", "-l", "eql", "-e", "any where process.name == \"a\"", "--dialect", "endgame"],
        &["--to", "kql", "-l", "eql", "-e", "process where true", "--event-category-field", "message"],
        &["--to", "kql", "-l", "eql", "-e", "sequence [any where true] [any where true]"],
        &["--to", "eql", "-l", "kql", "-e", "just words"],
        &["--to", "dsl", "-l", "kql", "-e", "a: ("],
    ] {
        let ran = run(&[&["convert"], args].concat()).ends(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{args:?}");
    }
    let rule =
        run(&["convert", "--to", "rule-json", "rules/socks_traffic_from_an_unusual_process/rule.toml"]).ends(0).json();
    let text = std::fs::read("../rules/socks_traffic_from_an_unusual_process/rule.toml").unwrap();
    assert_eq!(run_with(&["convert", "--to", "rule-json", "-"], &text).ends(0).json(), rule);
    assert!(run_with(&["convert", "--to", "rule-json", "-"], b"[]").ends(3).out.is_empty());
    assert_eq!(rule["type"], "eql");
}

/// All parameters of the request that options name (Elasticsearch: EQL search API).
#[test]
fn search_requests() {
    let text = "sequence by k [any where true] [any where true]";
    let mut args = vec!["convert", "--to", "eql-search", "-l", "eql", "-e", text, "--size", "0"];
    args.extend(["--result-position", "head", "--max-samples-per-key", "2", "--timestamp-field", "t"]);
    args.extend(["--tiebreaker-field", "seq", "--event-category-field", "kind"]);
    let wanted = json!({
        "query": text, "size": 0, "result_position": "head", "max_samples_per_key": 2, "timestamp_field": "t",
        "tiebreaker_field": "seq", "event_category_field": "kind"
    });
    assert_eq!(run(&args).ends(0).json(), wanted);
    let old =
        ["convert", "--to", "eql-search", "-l", "eql", "-e", "process where wildcard(x, \"a\")", "--dialect", "7.9"];
    assert_eq!(run(&old).ends(0).json(), json!({"query": "process where wildcard(x, \"a\")"}));
}

/// What `complete` says of each kind of place, filled from the mapping.
#[test]
fn completion() {
    let folder = folder("complete");
    let mapping = file(
        &folder,
        "mapping.json",
        r#"{"properties": {"ok": {"type": "boolean"}, "kind": {"type": "constant_keyword", "value": "alarm"}, "part": {"type": "nested", "properties": {"size": {"type": "long"}}}}}"#,
    );
    let at = |text: &str, offset: &str| {
        let args = [
            "complete",
            "-l",
            "kql",
            "-e",
            text,
            "--offset",
            offset,
            "--mapping",
            &mapping,
            "--schema",
            "none",
            "--format",
            "json",
        ];
        run(&args).ends(0).json()
    };
    let items = |found: &serde_json::Value, kind: &str| -> Vec<String> {
        let all = found["items"].as_array().unwrap().iter().filter(|item| item["kind"] == kind);
        all.map(|item| item["text"].as_str().unwrap().to_owned()).collect()
    };
    let value = at("ok: t and kind: x", "5");
    assert_eq!((&value["suggestions"], &value["field"]), (&json!(["value", "conjunction"]), &json!("ok")), "{value}");
    assert_eq!((items(&value, "value"), &value["replace"]), (vec!["true".to_owned()], &json!({"start": 4, "end": 5})));
    assert_eq!(items(&at("kind: ", "6"), "value"), ["alarm"]);
    let field = at("o", "1");
    assert_eq!(field["suggestions"], json!(["field", "operator", "conjunction"]), "{field}");
    assert_eq!(items(&field, "field"), ["ok"]);
    let inner = at("part: { s", "9");
    assert_eq!((&inner["nested_path"], items(&inner, "field")), (&json!("part"), vec!["size".to_owned()]), "{inner}");
    // A space may go on with an unquoted value; behind a quoted one only a conjunction may stand.
    assert_eq!(at("ok: true ", "9")["suggestions"], json!(["value", "conjunction"]));
    assert_eq!(at("ok: \"true\" ", "11")["suggestions"], json!(["conjunction"]));
    assert_eq!(at("a:b:c", "5")["items"], json!([]));
    run(&["complete", "-l", "kql", "-e", "ä", "--offset", "1"]).ends(3);
    run(&["complete", "-l", "eql", "-e", "any where "]).ends(3);
}

#[test]
fn codes_and_completions() {
    let ran = run(&["explain-code", "E0201"]).ends(0);
    assert!(ran.out.starts_with("E0201: "), "{}", ran.out);
    let all = run(&["explain-code"]).ends(0).out;
    assert!(all.lines().count() > 15 && all.lines().all(|line| line.starts_with(['E', 'W'])), "{all}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(run(&["completions", shell]).ends(0).out.contains("elkhound"), "{shell}");
    }
    let ran = run(&["complete", "-l", "kql", "-e", "process.nam", "--format", "json"]).ends(0);
    assert!(ran.out.contains("process.name"), "{}", ran.out);
}

#[test]
fn color_is_asked_for() {
    let colored = run(&["--color", "always", "check", "-l", "kql", "-e", "a: ("]).ends(2);
    assert!(colored.err.contains("\u{1b}["));
    for args in [&["check", "-l", "kql", "-e", "a: ("][..], &["--color", "never", "check", "-l", "kql", "-e", "a: ("]] {
        assert!(!run(args).ends(2).err.contains('\u{1b}'), "{args:?}");
    }
}
