//! The sentence over an alert. (Kibana: reason formatters.)

use super::overrides::{Overrides, each_value};
use super::source::{Object, at, each_clean, text};
use super::{Alert, Compat, Details};
use crate::event::{Tree, Value};

impl Alert {
    /// The sentence that Kibana writes over an alert. Ports are printed, which Kibana leaves out where they are no lists
    /// (`Compat::Kibana`).
    pub fn reason(&self) -> String {
        self.reason_of(None)
    }

    /// The same where the first event may have been read already.
    pub(super) fn reason_of(&self, first: Option<&Tree<'_>>) -> String {
        let (rule, compat) = (self.rule(), self.rules.settings.compat);
        let is_group = matches!(self.finding.details, Details::Threshold(_) | Details::Group(_));
        if let Some(event) = self.events().iter().flatten().next()
            && !is_group
            && compat == Compat::Sensible
            && !Overrides::may_come_from_source(rule)
        {
            // A few fields are asked for, so the rest of the source need not be looked at.
            let of = |tree: &Tree<'_>| sentence(&|field, visit| each_clean(tree, field, visit), &Overrides::none(rule));
            return first.map_or_else(|| of(&event.tree()), of);
        }
        let source = self.source();
        reason(&source, &self.overrides(&source), compat)
    }
}

/// The sentence for a source.
pub(super) fn reason(source: &Object, overrides: &Overrides, compat: Compat) -> String {
    let is_bare = |field: &str| at(source, field).is_some_and(|value| !value.is_array());
    let values = |field: &str, visit: &mut dyn FnMut(String)| {
        each_value(source, field, |value| {
            if !(compat == Compat::Kibana && value.is_number() && is_bare(field)) {
                Value::of_scalar(value).and_then(text).into_iter().for_each(&mut *visit);
            }
        });
    };
    sentence(&values, overrides)
}

/// Shows each value of a field as a text.
type Values<'a> = &'a dyn Fn(&str, &mut dyn FnMut(String));

/// The sentence for the values that fields have.
fn sentence(values: Values<'_>, overrides: &Overrides) -> String {
    let part = |field: &str| part(values, field);
    let mut out = part("event.category").map(|category| format!("{category} ")).unwrap_or_default();
    out.push_str("event");
    let with = [
        part("process.name").map(|name| format!(" process {name},")),
        part("process.parent.name").map(|name| format!(" parent process {name},")),
        part("file.name").map(|name| format!(" file {name},")),
        // The comma belongs to the port, as in Kibana's sentence.
        part("source.ip").map(|ip| format!(" source {ip}")),
        part("source.port").map(|port| format!(":{port},")),
        part("destination.ip").map(|ip| format!(" destination {ip}")),
        part("destination.port").map(|port| format!(":{port},")),
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
fn part(values: Values<'_>, field: &str) -> Option<String> {
    let mut shown: Vec<String> = Vec::new();
    values(field, &mut |text| shown.extend(Some(text).filter(|text| !text.is_empty() && text != "-")));
    (!shown.is_empty()).then(|| shown.join(", "))
}
