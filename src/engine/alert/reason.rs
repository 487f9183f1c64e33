//! The sentence over an alert.

use std::sync::Arc;

use super::Alert;
use crate::engine::kind::terms::values;
use crate::event::Event;

impl Alert {
    /// The sentence that Kibana writes over an alert (Kibana: reason formatters); ports are printed.
    pub fn reason(&self) -> String {
        let source: Option<&Arc<Event>> = self.events().iter().flatten().next();
        let part = |field: &str| {
            let values = source.map(|event| values(event, field)).unwrap_or_default();
            let values: Vec<String> = values.into_iter().filter(|value| !value.is_empty() && value != "-").collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        let mut out = part("event.category").map(|category| format!("{category} ")).unwrap_or_default();
        out.push_str("event");
        let with = [
            part("process.name").map(|name| format!(" process {name},")),
            part("process.parent.name").map(|name| format!(" parent process {name},")),
            part("file.name").map(|name| format!(" file {name},")),
            address(part("source.ip"), part("source.port")).map(|text| format!(" source {text},")),
            address(part("destination.ip"), part("destination.port")).map(|text| format!(" destination {text},")),
        ];
        if with.iter().any(Option::is_some) {
            out.push_str(" with");
            with.iter().flatten().for_each(|text| out.push_str(text));
        }
        if let Some(user) = part("user.name") {
            out.push_str(&format!(" by {user}"));
        }
        if let Some(host) = part("host.name") {
            out.push_str(&format!(" on {host}"));
        }
        out.push_str(&format!(" created {} alert {}.", self.rule().severity(), self.rule().name()));
        out
    }
}

fn address(ip: Option<String>, port: Option<String>) -> Option<String> {
    match (ip, port) {
        (Some(ip), Some(port)) => Some(format!("{ip}:{port}")),
        (Some(ip), None) => Some(ip),
        (None, Some(port)) => Some(format!(":{port}")),
        (None, None) => None,
    }
}
