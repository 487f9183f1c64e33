//! KQL: no text panics, and what is printed from a tree parses to the same tree.
#![no_main]

use elkhound::source::Source;
use elkhound::syntax::kql;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(node) = kql::parse(&Source::new("<query>", text), &kql::Options::default()) else { return };
    let printed = kql::print(&node);
    let again = kql::parse(&Source::new("<query>", printed.as_str()), &kql::Options::default());
    let again = again.unwrap_or_else(|refusal| panic!("{printed:?} is refused: {refusal}"));
    assert_eq!(kql::kibana_json(&node), kql::kibana_json(&again), "{printed:?}");
});
