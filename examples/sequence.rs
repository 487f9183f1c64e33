//! A sequence over a stream: `cargo run --example sequence`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use elkhound::{Event, Query};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let query = Query::eql(
        "sequence by host.id with maxspan=30s [process where process.name == \"cmd.exe\"] [network where true]",
    )?;
    let mut run = query.start();
    let lines = [
        r#"{"@timestamp": "2024-01-01T00:00:00Z", "event": {"category": "process"}, "host": {"id": "a"}, "process": {"name": "cmd.exe"}}"#,
        r#"{"@timestamp": "2024-01-01T00:00:10Z", "event": {"category": "network"}, "host": {"id": "b"}}"#,
        r#"{"@timestamp": "2024-01-01T00:00:20Z", "event": {"category": "network"}, "host": {"id": "a"}}"#,
    ];
    for line in lines {
        for hit in run.push(Event::from_json(line)?) {
            println!("{}", hit.to_json());
        }
    }
    for hit in run.finish() {
        println!("{}", hit.to_json());
    }
    Ok(())
}
