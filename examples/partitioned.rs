//! Two engines that share the work of one: `cargo run --example partitioned --features rules`.
//!
//! Each has all rules and its own partition; a router says which engines need an event. Here they are threads with a channel; as
//! processes or machines it is the same, because the hash of a key is fixed.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

#[cfg(feature = "rules")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::sync::{Arc, mpsc};

    use elkhound::engine::{Alert, Engine, EngineSettings, Partition, Router, RuleSet};
    use elkhound::event::Event;

    const ENGINES: u32 = 2;
    let rules = RuleSet::load_text("rule.json", RULE).rules;
    let mut router = Router::new(Arc::clone(&rules));
    for (rule, routing) in rules.rules().zip(router.routing()) {
        println!("{}: {routing:?}", rule.name());
    }
    let mut inputs = Vec::new();
    let mut workers = Vec::new();
    for index in 0..ENGINES {
        let (input, events) = mpsc::channel::<Arc<Event>>();
        let settings = EngineSettings { partition: Partition::new(index, ENGINES), ..EngineSettings::default() };
        let mut engine = Engine::with_settings(Arc::clone(&rules), settings);
        inputs.push(input);
        workers.push(std::thread::spawn(move || {
            let mut alerts: Vec<Alert> = events.iter().flat_map(|event| engine.push(event)).collect();
            alerts.extend(engine.finish());
            alerts
        }));
    }
    let mut alone = Engine::new(Arc::clone(&rules));
    let mut expected: Vec<String> = Vec::new();
    for second in 0..200 {
        let category = ["process", "network"][second % 2];
        let json = format!(
            r#"{{"@timestamp": {}, "event.category": "{category}", "host.name": "host-{}", "user.name": ["u{}", "root"]}}"#,
            1_700_000_000_000_u64 + 1_000 * second as u64,
            second / 2 % 7,
            second % 3,
        );
        let event = Arc::new(Event::from_json(json)?);
        for engine in router.partitions(&event, ENGINES) {
            inputs[engine as usize].send(Arc::clone(&event))?;
        }
        expected.extend(alone.push(event).iter().map(Alert::id));
    }
    expected.extend(alone.finish().iter().map(Alert::id));
    drop(inputs);
    let mut found: Vec<String> = Vec::new();
    for (index, worker) in workers.into_iter().enumerate() {
        let alerts = worker.join().map_err(|_| "an engine stopped")?;
        println!("engine {index}: {} alerts", alerts.len());
        found.extend(alerts.iter().map(Alert::id));
    }
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "together they find what one finds");
    Ok(())
}

#[cfg(feature = "rules")]
const RULE: &str = r#"[
    {"rule_id": "start-and-connect", "name": "Start and connect", "type": "eql", "language": "eql", "severity": "low",
     "risk_score": 21, "description": "A process, then a connection.",
     "query": "sequence by host.name with maxspan=10s [process where true] [network where true]"},
    {"rule_id": "busy-user", "name": "Busy user", "type": "threshold", "language": "kuery", "severity": "low",
     "risk_score": 21, "description": "Many events of one user.", "query": "*",
     "threshold": {"field": ["user.name"], "value": 60}},
    {"rule_id": "connection", "name": "Connection", "type": "query", "language": "kuery", "severity": "low",
     "risk_score": 21, "description": "Any connection of a host.", "query": "event.category: network and host.name: host-3"}
]"#;

#[cfg(not(feature = "rules"))]
fn main() {}
