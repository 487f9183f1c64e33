//! Cases from the language references, line by line: what a query gives on one event, or why it is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "support/sets.rs"]
mod sets;

use std::sync::Arc;

use elkhound::event::Event;
use elkhound::query::{Query, Settings};
use elkhound::schema::{Schema, Strictness};
use elkhound::syntax::eql::Dialect;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The mapping of every case of the file, flat JSON.
    mapping: String,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    eql: Option<String>,
    kql: Option<String>,
    #[serde(default = "empty")]
    event: String,
    matches: Option<bool>,
    /// A part of the product's words, or of ours where the product has none.
    error: Option<String>,
    /// `7.9`, `8.4`, `endgame`; the newest unless given.
    dialect: Option<String>,
    why: String,
}

fn empty() -> String {
    "{}".to_owned()
}

fn dialect(name: Option<&str>) -> Dialect {
    match name {
        None => Dialect::Newest,
        Some("endgame") => Dialect::Endgame,
        Some(version) => {
            let (major, minor) = version.split_once('.').unwrap();
            Dialect::Elastic(major.parse().unwrap(), minor.parse().unwrap_or(u8::MAX))
        }
    }
}

/// The query of the case, or the findings.
fn query(case: &Case, schema: &Arc<Schema>) -> Result<Query, String> {
    let settings = Settings {
        schema: Arc::clone(schema),
        strictness: Strictness::Strict,
        dialect: dialect(case.dialect.as_deref()),
        ..Settings::default()
    };
    let builder = Query::builder().settings(settings);
    let query = match (&case.eql, &case.kql) {
        (Some(text), None) => builder.eql(text),
        (None, Some(text)) => builder.kql(text),
        _ => panic!("a case has one query: {}", case.why),
    };
    query.map_err(|found| {
        let product = found.items().iter().filter_map(|item| item.product.clone());
        format!("{} | {found}", product.collect::<Vec<_>>().join(" | "))
    })
}

fn check(name: &str, text: &str) {
    let file: File = toml::from_str(text).unwrap();
    let schema = Arc::new(Schema::from_json(&file.mapping).unwrap().closed());
    let (mut failed, mut queries) = (Vec::new(), Vec::new());
    for case in &file.case {
        let query = query(case, &schema);
        queries.extend(query.clone());
        let event = Event::from_value(serde_json::from_str(&case.event).unwrap());
        let found = query.map(|query| !query.search([Arc::new(event)]).is_empty());
        let same = match (&found, case.matches, &case.error) {
            (Ok(found), Some(wanted), None) => *found == wanted,
            (Err(found), None, Some(wanted)) => found.contains(wanted.as_str()),
            _ => false,
        };
        if !same {
            let query = case.eql.as_ref().or(case.kql.as_ref()).unwrap();
            failed.push(format!(
                "{query}\n  on {}\n  {found:?}, wanted {:?} {:?}: {}",
                case.event, case.matches, case.error, case.why
            ));
        }
    }
    println!("{name} {}/{}", file.case.len() - failed.len(), file.case.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let documents: Vec<_> = file.case.iter().map(|case| serde_json::from_str(&case.event).unwrap()).collect();
    let mut together = sets::Together::new(&queries);
    println!("in a set, {} yes, {} hits", together.same_verdicts(&documents), together.same_streams(&documents));
}

#[test]
fn eql() {
    check("reference eql", include_str!("spec_corpus/eql.toml"));
}

#[test]
fn kql() {
    check("reference kql", include_str!("spec_corpus/kql.toml"));
}

#[test]
fn dialects() {
    check("reference dialects", include_str!("spec_corpus/dialects.toml"));
}

/// Two indices that type a field differently: each event is asked as its own index has it.
#[test]
fn several_indices() {
    let mapping = r#"{
        "a": {"mappings": {"properties": {"code": {"type": "keyword"}, "who": {"type": "keyword"}, "at": {"type": "date", "format": "dd-MM-yyyy"}}}},
        "b": {"mappings": {"properties": {"code": {"type": "long"}, "user": {"type": "keyword"}, "who": {"type": "alias", "path": "user"}, "at": {"type": "date"}}}}
    }"#;
    let found = |query: Result<Query, _>, event: &str| -> bool {
        let query: Query = query.map_err(|found: elkhound::diagnostic::Diagnostics| found.to_string()).unwrap();
        !query.search([Arc::new(Event::from_json(event).unwrap())]).is_empty()
    };
    let kql = |text: &str| Query::builder().schema(Schema::from_json(mapping).unwrap().closed()).kql(text);
    let eql = |text: &str| Query::builder().schema(Schema::from_json(mapping).unwrap().closed()).eql(text);
    assert!(!found(kql("code: 0443"), r#"{"_index": "a", "code": "443"}"#), "a keyword is compared whole");
    assert!(found(kql("code: 0443"), r#"{"_index": "b", "code": 443}"#), "a number is not");
    assert!(found(kql("not code: 0443"), r#"{"_index": "a", "code": "443"}"#));
    assert!(found(kql("who: x"), r#"{"_index": "b", "user": "x"}"#), "an alias of one index");
    assert!(found(kql("who: x"), r#"{"_index": "a", "who": "x"}"#), "a field of the other");
    assert!(!found(kql("who: x"), r#"{"_index": "a", "user": "x"}"#));
    assert!(found(eql("any where who == \"x\""), r#"{"_index": "b", "user": "x"}"#));
    assert!(
        eql("any where at == \"2024-03-02\"").is_err(),
        "one of the indices cannot read the date, so the search fails"
    );
    assert!(found(kql("who: x"), r#"{"who": "x"}"#), "an event of no index is asked as the first has it");
}

/// Two indices whose documents have different constants, and one without the field.
#[test]
fn constants_of_several_indices() {
    let mapping = r#"{
        "a": {"mappings": {"properties": {"set": {"type": "constant_keyword", "value": "one"}, "k": {"type": "keyword"}}}},
        "b": {"mappings": {"properties": {"set": {"type": "constant_keyword", "value": "two"}, "k": {"type": "keyword"}}}},
        "c": {"mappings": {"properties": {"k": {"type": "keyword"}}}}
    }"#;
    let schema = || Schema::from_json(mapping).unwrap().closed();
    let hits = |query: Result<Query, elkhound::diagnostic::Diagnostics>| {
        let event = |(second, index): (usize, &&str)| {
            let text = format!(r#"{{"_index": "{index}", "@timestamp": "2024-03-02T00:00:0{second}Z", "k": "x"}}"#);
            Arc::new(Event::from_json(&text).unwrap())
        };
        query.unwrap().search(["a", "b", "c"].iter().enumerate().map(event)).len()
    };
    let kql = |text: &str| hits(Query::builder().schema(schema()).kql(text));
    let eql = |text: &str| hits(Query::builder().schema(schema()).eql(text));
    assert_eq!(kql("set: one"), 1, "the third index does not have the field");
    assert_eq!(kql("not set: *"), 1);
    assert_eq!(eql("any where set == \"two\""), 1);
    assert_eq!(eql("any where set == null"), 1);
    assert_eq!(
        eql("sequence by k [any where set == \"one\"] [any where startsWith(set, \"tw\")]"),
        1,
        "no stage is empty for being so in one index"
    );
    assert_eq!(eql("sequence by set [any where true] [any where true]"), 0, "no index lends its constant to another");
}

/// Flat lists of an integration's data streams, a `_field_caps` answer, and lists with more than types.
#[test]
fn flat_lists() {
    let kind = |schema: &Schema, name: &str| match schema.lookup(name) {
        elkhound::schema::Lookup::Field(field) => (field.kind.name(), field.path.clone()),
        elkhound::schema::Lookup::Unmapped => ("", String::new()),
    };
    let read = |text: &str| Schema::from_json(text).unwrap().closed();
    let streams = read(r#"{"note": "x", "streams": {"p.a": {"x.y": "ip", "x.y.text": "text"}, "p.b": {"z": "long"}}}"#);
    assert_eq!(kind(&streams, "x.y"), ("ip", "x.y".into()));
    assert_eq!(kind(&streams, "x.y.text"), ("text", "x.y".into()), "a sub-field holds its parent's value");
    assert_eq!(kind(&streams, "z"), ("long", "z".into()));
    let typed = read(r#"{"count": 1, "fields": {"x": {"type": "boolean", "in": ["p.a"], "rules": 2}}}"#);
    assert_eq!(kind(&typed, "x"), ("boolean", "x".into()));
    let caps = read(
        r#"{"indices": ["a"], "fields": {"x": {"unmapped": {"type": "unmapped"}, "long": {"type": "long", "searchable": true, "aggregatable": true}}}}"#,
    );
    assert_eq!(kind(&caps, "x"), ("long", "x".into()));
}
