//! Rules over the caller's own type of event, without JSON: `cargo run --example own_events --features rules`.
//!
//! Queries on single events read anything that has fields, through [`Document`]. Rules that hold events (sequences, thresholds)
//! keep them for their alerts, so that the engine takes an [`Event`]; it is made only for those that concern a rule.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

#[cfg(feature = "rules")]
mod own {
    use elkhound::event::{Document, FieldKey, Value};

    /// A connection as some collector has it.
    pub struct Connection {
        pub time: i64,
        pub host: &'static str,
        pub process: &'static str,
        pub port: u16,
    }

    impl Connection {
        /// Its fields under their ECS names.
        fn fields(&self) -> [(&'static str, Value<'_>); 5] {
            [
                ("@timestamp", Value::Int(self.time)),
                ("event.category", Value::Str("network")),
                ("host.name", Value::Str(self.host)),
                ("process.name", Value::Str(self.process)),
                ("destination.port", Value::Int(self.port.into())),
            ]
        }

        /// The same as JSON, for events that a rule keeps.
        pub fn to_json(&self) -> serde_json::Value {
            serde_json::json!({
                "@timestamp": self.time, "event.category": "network", "host.name": self.host,
                "process.name": self.process, "destination.port": self.port,
            })
        }
    }

    impl Document for Connection {
        fn any(&self, field: &FieldKey, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
            self.fields().into_iter().any(|(name, value)| name == field.path() && visit(value))
        }

        fn any_leaf(&self, prefix: &str, visit: &mut dyn FnMut(&str, Value<'_>) -> bool) -> bool {
            let below =
                |name: &str| prefix.is_empty() || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
            self.fields().into_iter().any(|(name, value)| (below(name) || name == prefix) && visit(name, value))
        }

        fn any_object(&self, _path: &str, _visit: &mut dyn FnMut(&dyn Document) -> bool) -> bool {
            // No field is an object of its own.
            false
        }
    }
}

#[cfg(feature = "rules")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use elkhound::Filter;
    use elkhound::engine::{Engine, RuleSet};
    use elkhound::event::Event;
    use own::Connection;

    let connections = [
        Connection { time: 1_700_000_000_000, host: "a", process: "curl", port: 443 },
        Connection { time: 1_700_000_001_000, host: "a", process: "nc", port: 4444 },
        Connection { time: 1_700_000_002_000, host: "a", process: "nc", port: 4445 },
    ];
    // A filter answers for the caller's type itself.
    let filter = Filter::kql("process.name: nc and destination.port > 1024")?;
    for connection in connections.iter().filter(|connection| filter.matches_document(*connection)) {
        println!("{} to port {}", connection.process, connection.port);
    }
    // Rules: their queries decide which of the caller's events become events of the engine.
    let loaded = RuleSet::load_text("rule.json", RULE);
    let mut engine = Engine::new(loaded.rules);
    for connection in &connections {
        if engine.concerns(connection) {
            let alerts = engine.push(Event::from_value(connection.to_json()));
            alerts.iter().for_each(|alert| println!("{}", alert.rule().name()));
        }
    }
    Ok(())
}

#[cfg(feature = "rules")]
const RULE: &str = r#"{
    "rule_id": "two-ports", "name": "One tool, two ports", "type": "eql", "language": "eql", "severity": "low", "risk_score": 21,
    "description": "A tool that connects to several unusual ports.",
    "query": "sequence by host.name with maxspan=1m [network where process.name == \"nc\"] [network where process.name == \"nc\"]"
}"#;

#[cfg(not(feature = "rules"))]
fn main() {}
