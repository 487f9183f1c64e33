//! Ids that are the same on every machine. (Kibana: ids of alerts.)
//!
//! They rest on the index and the id of the source events and on the rule, so the same find has the same id in every run.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Alert, Details, kibana};
use crate::event::{Event, Member, Tree};
use crate::rule::{Rule, RuleType};

/// The Kibana space that alerts belong to.
pub(super) const SPACE: &str = "default";
/// What Kibana hashes for the version of an event, which its searches do not ask for.
const VERSION: &str = "undefined";
/// Names of rules and threshold documents become UUIDs in this namespace.
const NAMESPACE: Uuid = Uuid::from_u128(0x9b1e_6f0a_52c3_5d7e_8a41_0c2f_e7d6_3b18);

/// The index and the id that stand for a source document.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    pub index: String,
    pub id: String,
}

impl Origin {
    /// Of an event; one without an id has the hash of its content for one.
    pub fn of(event: &Event) -> Self {
        match event.own_id() {
            Some(id) => Self { index: event.own_index().unwrap_or_default(), id: id.to_owned() },
            None => Self::of_read(event, &event.tree()),
        }
    }

    /// The same for an event that has been read.
    fn of_read(event: &Event, tree: &Tree<'_>) -> Self {
        let id = event.own_id().map_or_else(|| content_hash(tree), str::to_owned);
        Self { index: event.own_index_of(tree).unwrap_or_default(), id }
    }
}

impl Alert {
    /// The id of the alert: the same for the same rule and source documents, on every machine and in every run. An event without
    /// `_id` is known by its content. (Kibana: `kibana.alert.uuid`; the ways to build it are Kibana's, the hashes of new terms
    /// and suppressed alerts and the UUIDs of thresholds are not.)
    pub fn id(&self) -> String {
        self.id_of(None)
    }

    /// The same where the first event may have been read already.
    pub(super) fn id_of(&self, first: Option<&Tree<'_>>) -> String {
        let rule = rule_uuid(self.rule());
        match &self.finding.details {
            Details::Group(_) => kibana::group::shell_id(self),
            Details::Threshold(_) => of_document(&self.threshold_origin(), &rule),
            details => {
                let event = self.events().iter().flatten().next();
                let origin = event.map_or_else(Origin::default, |event| match first {
                    Some(tree) => Origin::of_read(event, tree),
                    None => Origin::of(event),
                });
                match (details, self.parts_of_suppression()) {
                    (Details::NewTerms(terms), _) => {
                        structural(&json!([origin.index, origin.id, VERSION, format!("{SPACE}:{rule}"), terms]))
                    }
                    (_, Some(parts)) => {
                        structural(&json!([origin.index, origin.id, VERSION, format!("{SPACE}:{rule}"), parts]))
                    }
                    _ => of_document(&origin, &rule),
                }
            }
        }
    }

    /// What a query rule's alert over a group is told by, besides its first event: the group. Kibana adds the times of the group's
    /// events, which grow while the alert is open.
    fn parts_of_suppression(&self) -> Option<Json> {
        let suppressed = self.finding.suppressed.as_ref()?;
        let is_query = matches!(self.rule().kind(), RuleType::Query | RuleType::SavedQuery);
        is_query.then(|| json!(kibana::terms(suppressed)))
    }

    /// The document that stands for a group that reached a threshold: new in every run.
    pub(super) fn threshold_origin(&self) -> Origin {
        let mut name = self.rule().id().map_or_else(|| rule_uuid(self.rule()), str::to_owned);
        name.push_str(&self.created_iso().unwrap_or_default());
        if let Details::Threshold(result) = &self.finding.details {
            let mut terms = result.terms.clone();
            terms.iter().for_each(|(field, _)| name.extend(["\u{0}", field]));
            terms.sort();
            terms.iter().for_each(|(_, value)| name.extend(["\u{0}", value]));
        }
        let index = self.rule().patterns().join(",");
        Origin { index, id: Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string() }
    }
}

/// The id of an alert over one document.
pub(super) fn of_document(origin: &Origin, rule: &str) -> String {
    sha256([origin.index.as_str(), &origin.id, VERSION, SPACE, ":", rule])
}

/// The id that Kibana gives the rule as an object, else one made of its name there (`rule_id`), else of all it says.
pub(super) fn rule_uuid(rule: &Rule) -> String {
    let known = rule.text("id").or(rule.id());
    known.map_or_else(|| named(&rule.document().to_string()), str::to_owned)
}

/// A UUID made of a name.
pub(super) fn named(name: &str) -> String {
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}

/// The hash of a value as a whole.
pub(super) fn structural(value: &Json) -> String {
    content_hash(&Tree::of(value))
}

/// SHA-256 over texts one after the other, in hexadecimal.
pub(super) fn sha256<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    parts.into_iter().for_each(|part| hasher.update(part));
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A hash of a value that does not depend on the order of members.
fn content_hash(value: &Tree<'_>) -> String {
    let mut text = Vec::new();
    feed(value, &mut text);
    hex(&Sha256::digest(&text))
}

/// Writes a value so that different ones differ: the length of everything stands before it. Writing to memory does not fail.
fn feed(value: &Tree<'_>, out: &mut Vec<u8>) {
    match value {
        Tree::Object(members) => {
            let mut members: Vec<&Member<'_>> = members.iter().collect();
            members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            out.push(b'{');
            number(members.len(), out);
            for (key, below) in members {
                number(key.len(), out);
                out.extend_from_slice(key.as_bytes());
                feed(below, out);
            }
        }
        Tree::Array(items) => {
            out.push(b'[');
            number(items.len(), out);
            items.iter().for_each(|item| feed(item, out));
        }
        // All bytes at once, without asking after each.
        Tree::Text(text) if text.bytes().fold(true, |all, byte| all & stands_for_itself(byte)) => {
            number(text.len() + 2, out);
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        scalar => {
            let start = out.len();
            let _ = serde_json::to_writer(&mut *out, scalar);
            let end = out.len();
            number(end - start, out);
            let length = out.len() - end;
            out[start..].rotate_right(length);
        }
    }
}

/// Whether a byte of a text is written in JSON as it is.
const fn stands_for_itself(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

/// Appends a number and a colon.
fn number(value: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = value;
    while {
        out.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        rest > 0
    } {}
    out[start..].reverse();
    out.push(b':');
}
