//! The sentence over an alert. (Kibana: reason formatters.)

use serde_json::Value as Json;

use super::overrides::{Overrides, each_value, text};
use super::source::Object;
use super::{Alert, Compat};

impl Alert {
    /// The sentence that Kibana writes over an alert. Ports are printed, which Kibana leaves out where they are no lists
    /// (`Compat::Kibana`).
    pub fn reason(&self) -> String {
        let source = self.source();
        reason(&source, &self.overrides(&source), self.rules.settings.compat)
    }
}

/// The sentence for a source.
pub(super) fn reason(source: &Object, overrides: &Overrides, compat: Compat) -> String {
    let part = |field: &str| part(source, field, compat);
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
    out.push_str(&format!(" created {} alert {}.", overrides.severity, overrides.name));
    out
}

/// The values of a field, `None` where there are none, or none but empty ones and hyphens.
fn part(source: &Object, field: &str, compat: Compat) -> Option<String> {
    let mut values: Vec<String> = Vec::new();
    let bare = |value: &Json| compat == Compat::Kibana && value.is_number() && is_bare(source, field);
    each_value(source, field, |value| {
        let shown = text(value).filter(|text| !text.is_empty() && text != "-");
        values.extend(shown.filter(|_| !bare(value)));
    });
    (!values.is_empty()).then(|| values.join(", "))
}

fn is_bare(source: &Object, field: &str) -> bool {
    super::source::at(source, field).is_some_and(|value| !value.is_array())
}

fn address(ip: Option<String>, port: Option<String>) -> Option<String> {
    match (ip, port) {
        (Some(ip), Some(port)) => Some(format!("{ip}:{port}")),
        (Some(ip), None) => Some(ip),
        (None, Some(port)) => Some(format!(":{port}")),
        (None, None) => None,
    }
}
