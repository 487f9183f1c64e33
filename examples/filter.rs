//! One query over events: `cargo run --example filter`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use elkhound::event::Scratch;
use elkhound::{Event, Filter};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = Filter::kql("destination.port: (1080 or 3128) and not destination.ip: 10.0.0.0/8")?;
    let inside = r#"{"destination": {"ip": "10.0.0.9", "port": 1080}}"#;
    let outside = r#"{"destination": {"ip": "203.0.113.9", "port": 1080}}"#;
    assert!(!filter.matches(&Event::from_json(inside)?));
    // From bytes only the fields that the query asks about are read.
    let mut scratch = Scratch::default();
    if filter.matches_json(outside.as_bytes(), &mut scratch)? {
        println!("{outside}");
    }
    Ok(())
}
