//! The published page whose addresses were lost: both of its query texts are refused where Kibana refuses them, and every place where a
//! keyword stands for a value is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]

#[path = "support/oracle.rs"]
mod oracle;
mod support;

use elkhound::source::Source;
use elkhound::syntax::kql;
use serde_json::json;

/// The part of the page between two of its lines.
fn part<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let start = page.find(from).unwrap() + from.len();
    page[start..start + page[start..].find(to).unwrap()].trim()
}

/// The words `and`, `or` and `not` of a text, with their places.
fn keywords(text: &str) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = ["and", "or", "not"]
        .iter()
        .flat_map(|word| text.match_indices(word))
        .filter(|(at, word)| {
            let around = |text: Option<char>| text.is_none_or(|c| !c.is_alphanumeric());
            around(text[..*at].chars().next_back()) && around(text[at + word.len()..].chars().next())
        })
        .map(|(at, word)| (at, word.to_owned()))
        .collect();
    words.sort();
    words
}

/// `end` says which keyword stops the parser, `values` which ones are read as values.
fn refused(text: &str, end: usize, values: &[usize]) {
    let words = keywords(text);
    let offset = words[end].0;
    let labels: Vec<(usize, String)> = values.iter().map(|&at| words[at].clone()).collect();
    let found = kql::parse(&Source::new("page", text), &kql::Options::default()).unwrap_err();
    let [item] = found.items() else { panic!("one finding: {found}") };
    assert_eq!((item.code.id(), item.span.start), ("E0101", offset), "{found}");
    assert!(text[offset..].starts_with("not"), "{found}");
    let named: Vec<(usize, String)> =
        item.labels.iter().map(|label| (label.span.start, text[label.span.start..label.span.end].to_owned())).collect();
    assert_eq!(named, labels, "{found}");
    for (label, (_, word)) in item.labels.iter().zip(&labels) {
        assert_eq!(label.message, format!("`{word}` is read as a value here; is a value missing before it?"));
    }
    assert!(item.help.as_deref().is_some_and(|help| help.contains("write the missing values")), "{found}");
    let script = support::shared("oracles/kql/oracle.mjs").unwrap();
    let Some(answers) = oracle::node(&script, &[json!({"query": text})]) else {
        eprintln!("skipped: no node");
        return;
    };
    assert_eq!(answers[0]["error"]["offset"], offset, "the place is Kibana's");
    assert_eq!(item.product.as_deref(), answers[0]["error"]["message"].as_str(), "and so is the message");
}

#[test]
fn both_texts_of_the_damaged_page() {
    let Some(path) = support::shared("seeds/001_fd031714a4bcafa2.txt") else { return };
    let page = std::fs::read_to_string(path).unwrap();

    // `source.ip:( or or and not destination.ip:( or or or or "::1")`: a value, an operator, a value, and the end; a value, an operator,
    // a value, an operator.
    refused(part(&page, "Rule queryedit", "Threat mapping"), 7, &[4, 6, 8, 10]);
    // `source.ip: ( or or and not destination.ip: ( or or ) )`
    refused(part(&page, "Updated query, changed from:", "Version 2"), 8, &[5, 7, 9]);
}
