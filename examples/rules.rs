//! The shipped rules over the shipped events: `cargo run --example rules --features rules`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

#[cfg(feature = "rules")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use elkhound::Event;
    use elkhound::engine::{Engine, RuleSet};

    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = RuleSet::load_dir(root.join("rules"))?;
    for problem in &loaded.problems {
        println!("not run: {problem}");
    }
    let mut engine = Engine::new(loaded.rules);
    for line in std::fs::read_to_string(root.join("examples/events.ndjson"))?.lines() {
        for alert in engine.push(Event::from_json(line)?) {
            println!("{}", alert.rule().name());
        }
    }
    for alert in engine.finish() {
        println!("{}", alert.rule().name());
    }
    Ok(())
}

#[cfg(not(feature = "rules"))]
fn main() {}
