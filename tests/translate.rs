//! KQL to EQL and back: what is converted means the same on every event, and what is not is refused with a reason.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test reports by panicking")]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;

use std::collections::BTreeMap;
use std::sync::Arc;

use elkhound::convert;
use elkhound::diagnostic::{Code, Diagnostics};
use elkhound::event::Event;
use elkhound::query::{Query, Settings};
use elkhound::schema::Schema;
use elkhound::source::Source;
use elkhound::syntax::{eql, kql};
use random::Random;
use serde_json::Value as Json;

struct Case {
    settings: Settings,
    schema: Arc<Schema>,
    converted: usize,
    yes: usize,
    refusals: BTreeMap<String, usize>,
}

impl Case {
    fn new(mapping: &Json) -> Self {
        let schema = Arc::new(Schema::from_json(&mapping.to_string()).unwrap());
        let settings = Settings { schema: Arc::clone(&schema), ..Settings::default() };
        Self { settings, schema, converted: 0, yes: 0, refusals: BTreeMap::new() }
    }

    fn compare(&mut self, original: &Query, text: &str, other: Result<Query, Diagnostics>, events: &[Json]) {
        let other = other.unwrap_or_else(|findings| panic!("{text} became what is refused:\n{findings}"));
        self.converted += 1;
        for event in events {
            let event = Event::from_value(event.clone());
            let expected = original.concerns(&event);
            assert_eq!(other.concerns(&event), expected, "{text}\n{}", event.source());
            self.yes += usize::from(expected);
        }
    }

    fn refused(&mut self, findings: &Diagnostics) {
        assert_eq!(findings.items()[0].code, Code::NoExactForm, "{findings}");
        let message = findings.items()[0].message.split('`').next().unwrap().to_owned();
        *self.refusals.entry(message).or_default() += 1;
    }

    fn report(&self, name: &str) {
        println!("{name}: {} converted, {} events found, refused: {:#?}", self.converted, self.yes, self.refusals);
        assert!(self.converted > 100 && self.yes > self.converted / 4, "the generator has become trivial");
    }
}

#[test]
fn from_kql() {
    let mut case = Case::new(&random::mapping());
    for seed in 0..oracle::count(6_000) as u64 {
        let mut random = Random::new(seed + 0x7A5);
        let depth = random.below(3);
        let text = random::query(&mut random, depth);
        let source = Source::new("<query>", text.as_str());
        let builder = || Query::builder().settings(case.settings.clone());
        let Ok(original) = builder().kql(&text) else { continue };
        let tree = kql::parse(&source, &kql::Options::default()).unwrap();
        match convert::kql_to_eql(&tree, &source, &case.schema) {
            Ok(made) => {
                let events: Vec<Json> = (0..8).map(|_| random::event(&mut random)).collect();
                let other = builder().eql(&made);
                case.compare(&original, &format!("{text}\n{made}"), other, &events);
            }
            Err(findings) => case.refused(&findings),
        }
    }
    case.report("KQL to EQL");
}

#[test]
fn from_eql() {
    let mut case = Case::new(&random_eql::mapping("date"));
    for seed in 0..oracle::count(6_000) as u64 {
        let mut random = Random::new(seed + 0x7A6);
        let text = random_eql::event_query(&mut random);
        let source = Source::new("<query>", text.as_str());
        let builder = || Query::builder().settings(case.settings.clone());
        let Ok(original) = builder().eql(&text) else { continue };
        let tree = eql::parse(&source, &eql::Options::default()).unwrap();
        match convert::eql_to_kql(&tree, &source, &case.schema, "event.category") {
            Ok(made) => {
                let events = random_eql::stream(&mut random, true);
                let other = builder().kql(&made);
                case.compare(&original, &format!("{text}\n{made}"), other, &events);
            }
            Err(findings) => case.refused(&findings),
        }
    }
    case.report("EQL to KQL");
}

/// Texts that KQL reads in ways of its own.
#[test]
fn odd_texts() {
    let mut case = Case::new(&random_eql::mapping("date"));
    let texts = [
        "a not b",
        "cannot open",
        "x and y",
        "or",
        "a  b",
        "a\tb",
        "a\nb",
        "C:\\not\\temp",
        "{(<:>)}\"",
        " a",
        "null",
        "true",
        "",
        "not x",
        "*a",
        "a\u{a0}b",
    ];
    let events: Vec<Json> = texts.iter().map(|text| serde_json::json!({"s": text})).collect();
    for text in texts {
        let string = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
        for query in [
            "any where s == \"?\"",
            "any where s like \"?\"",
            "any where s like \"*?*\"",
            "any where s in (\"?\", \"x\")",
        ] {
            let query = query.replace('?', &string);
            let source = Source::new("<query>", query.as_str());
            let tree = eql::parse(&source, &eql::Options::default()).unwrap();
            let original = Query::builder().settings(case.settings.clone()).eql(&query).unwrap();
            match convert::eql_to_kql(&tree, &source, &case.schema, "event.category") {
                Ok(made) => {
                    let other = Query::builder().settings(case.settings.clone()).kql(&made);
                    case.compare(&original, &format!("{query}\n{made}"), other, &events);
                }
                Err(findings) => case.refused(&findings),
            }
        }
    }
    println!("odd texts: {} converted, refused: {:?}", case.converted, case.refusals);
    assert!(case.converted > 50);
}
