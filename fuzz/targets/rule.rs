//! Rule files: no text panics, and every text gives a rule or a problem, or is an export without rules.
#![no_main]

use elkhound::rule::{Loaded, load_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, &str)| {
    let (toml, text) = input;
    let mut loaded = Loaded::default();
    load_text(if toml { "a.toml" } else { "a.json" }, text, &mut loaded);
    for problem in &loaded.problems {
        assert!(!problem.to_string().is_empty());
        let _ = problem.diagnostics().to_string();
    }
    for rule in &loaded.rules {
        if let Some(query) = rule.query() {
            let _ = query.place(query.text().len());
        }
    }
});
