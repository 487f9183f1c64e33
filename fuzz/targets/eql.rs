//! EQL: no text panics in any dialect, and what is printed from a tree parses to the same tree.
#![no_main]

use elkhound::source::Source;
use elkhound::syntax::eql::{self, Dialect, Options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let dialect = [Dialect::Newest, Dialect::Endgame, Dialect::Elastic(7, 9)][usize::from(choice) % 3];
    let options = Options { dialect, ..Options::default() };
    let Ok(statement) = eql::parse(&Source::new("<query>", text), &options) else { return };
    let printed = eql::print(&statement);
    let again = eql::parse(&Source::new("<query>", printed.as_str()), &options);
    let again = again.unwrap_or_else(|refusal| panic!("{printed:?} is refused: {refusal}"));
    assert_eq!(placeless(eql::json(&statement)), placeless(eql::json(&again)), "{printed:?}");
});

/// The tree without the places of its nodes.
fn placeless(mut json: serde_json::Value) -> serde_json::Value {
    match &mut json {
        serde_json::Value::Object(object) => {
            object.remove("span");
            object.values_mut().for_each(|below| *below = placeless(below.take()));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|below| *below = placeless(below.take())),
        _ => {}
    }
    json
}
