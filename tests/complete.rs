//! What an editor may propose at the caret of a KQL text.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use elkhound::analysis::propose::propose;
use elkhound::schema::Schema;

const MAPPING: &str = r#"{"properties": {
    "user": {"properties": {"name": {"type": "keyword"}, "active": {"type": "boolean"}, "age": {"type": "long"}}},
    "kind": {"type": "constant_keyword", "value": "alarm"},
    "place": {"type": "constant_keyword", "value": "C:\\a or b"},
    "odd name": {"type": "ip"},
    "event": {"properties": {"outcome": {"type": "keyword"}}},
    "part": {"type": "nested", "properties": {
        "name": {"type": "keyword"}, "size": {"type": "long"},
        "bolt": {"type": "nested", "properties": {"ok": {"type": "boolean"}}}
    }}
}}"#;

/// `:`, and the comparisons that a field with an order has besides.
const IS: (&str, &str) = (":", "");
const ORDER: [(&str, &str); 4] = [("<", ""), ("<=", ""), (">", ""), (">=", "")];
const AND: (&str, &str) = ("and", "");
const OR: (&str, &str) = ("or", "");

/// The text with the caret at `|`, and all that is proposed in its order: each text with what it replaces. `<` stands for all four
/// comparisons.
const CASES: &[(&str, &[(&str, &str)])] = &[
    // A field, an operator, or the end of a free text.
    ("user.n|", &[("user.name", "user.n"), IS, ORDER[0], AND, OR]),
    ("user.|", &[("user.active", "user."), ("user.age", "user."), ("user.name", "user."), IS, ORDER[0], AND, OR]),
    ("user.name|", &[("user.name", "user.name"), IS, AND, OR]),
    ("user.age |", &[IS, ORDER[0], AND, OR]),
    ("user.name: bob and ev|", &[("event.outcome", "ev"), IS, ORDER[0], AND, OR]),
    ("us|er.a", &[("user.active", "user.a"), ("user.age", "user.a"), ("user.name", "user.a"), IS, ORDER[0], AND, OR]),
    // A name that needs quotes; an object is no field, and nested ones are reached through their path.
    ("odd|", &[("\"odd name\"", "odd"), IS, ORDER[0], AND, OR]),
    ("event|", &[("event.outcome", "event"), IS, AND, OR]),
    ("pa|", &[("part", "pa"), IS, ORDER[0], AND, OR]),
    // A value.
    ("user.active: |", &[("false", ""), ("true", ""), AND, OR]),
    ("user.active: t|", &[("true", "t"), AND, OR]),
    ("user.name: |", &[AND, OR]),
    ("kind: |", &[("alarm", ""), AND, OR]),
    ("kind: b|", &[AND, OR]),
    ("place: |", &[("\"C:\\\\a or b\"", ""), AND, OR]),
    ("event.outcome: (failure or s|)", &[("success", "s"), AND, OR]),
    ("event.outcome: (failure or s|", &[("success", "s"), AND, OR]),
    ("event.outcome: fail| and a: b", &[("failure", "fail"), AND, OR]),
    ("event.outcome: \"f|", &[("failure", "\"f"), AND, OR]),
    // Behind a value.
    ("user.name: bob |", &[AND, OR]),
    ("user.name: \"bob\" |", &[AND, OR]),
    ("user.age > 5|", &[AND, OR]),
    // In a group.
    ("part: { n|", &[("name", "n"), IS, ORDER[0], AND, OR]),
    ("part: { size|}", &[("size", "size"), IS, ORDER[0], AND, OR]),
    ("part: { bolt: { o|", &[("ok", "o"), IS, ORDER[0], AND, OR]),
    ("part: { b|", &[("bolt", "b"), IS, ORDER[0], AND, OR]),
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
        let expected: Vec<_> =
            expected.iter().flat_map(|one| if *one == ORDER[0] { ORDER.to_vec() } else { vec![*one] }).collect();
        assert_eq!(found, expected, "{marked}");
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
