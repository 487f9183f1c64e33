//! What an editor may propose at the caret of a KQL text.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use elkhound::analysis::propose::propose;
use elkhound::schema::Schema;

const MAPPING: &str = r#"{"properties": {
    "user": {"properties": {"name": {"type": "keyword"}, "active": {"type": "boolean"}, "age": {"type": "long"}}},
    "kind": {"type": "constant_keyword", "value": "alarm"},
    "event": {"properties": {"outcome": {"type": "keyword"}}},
    "part": {"type": "nested", "properties": {"name": {"type": "keyword"}, "size": {"type": "long"}}}
}}"#;

/// The text with the caret at `|`, and what is proposed: each text with what it replaces.
const CASES: &[(&str, &[(&str, &str)])] = &[
    (
        "user.n|",
        &[("user.name", "user.n"), (":", ""), ("<", ""), ("<=", ""), (">", ""), (">=", ""), ("and", ""), ("or", "")],
    ),
    ("user.name|", &[("user.name", "user.name"), (":", ""), ("and", ""), ("or", "")]),
    ("user.age |", &[(":", ""), ("<", ""), ("<=", ""), (">", ""), (">=", ""), ("and", ""), ("or", "")]),
    ("user.active: |", &[("false", ""), ("true", ""), ("and", ""), ("or", "")]),
    ("user.active: t|", &[("true", "t"), ("and", ""), ("or", "")]),
    ("kind: |", &[("alarm", ""), ("and", ""), ("or", "")]),
    ("event.outcome: (failure or s|)", &[("success", "s")]),
    ("event.outcome: (failure or s|", &[("success", "s")]),
    ("event.outcome: fail| and a: b", &[("failure", "fail"), ("and", ""), ("or", "")]),
    ("user.name: bob |", &[("and", ""), ("or", "")]),
    ("user.name: bob and ev|", &[("event.outcome", "ev"), (":", "")]),
    ("part: { n|", &[("name", "n"), (":", "")]),
    ("part: { size|}", &[("size", "size"), (":", ""), ("<", ""), ("<=", ""), (">", ""), (">=", "")]),
    ("event.outcome: \"f|", &[("failure", "\"f")]),
    ("a:b:c|", &[]),
];

#[test]
fn proposals() {
    let schema = Schema::from_json(MAPPING).unwrap();
    for (marked, expected) in CASES {
        let offset = marked.find('|').unwrap();
        let text = marked.replace('|', "");
        let found: Vec<(String, String)> = propose(&text, offset, &schema)
            .map(|(_, proposals)| proposals)
            .unwrap_or_default()
            .into_iter()
            .map(|proposal| (proposal.text, text[proposal.replace.start..proposal.replace.end].to_owned()))
            .collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let missing: Vec<_> = expected.iter().filter(|one| !found.contains(one)).collect();
        assert!(missing.is_empty() && found.is_empty() == expected.is_empty(), "{marked}: {found:?}");
    }
}

#[test]
fn any_offset_of_any_text() {
    let schema = Schema::from_json(MAPPING).unwrap();
    for text in
        ["", "ä: \"ö", "part: { name: (a or \"b\\\" ", "((((", "}}}", "a: \\", "not not", "user.name:\u{1F600}x"]
    {
        (0..=text.len() + 2).for_each(|offset| drop(propose(text, offset, &schema)));
    }
}
