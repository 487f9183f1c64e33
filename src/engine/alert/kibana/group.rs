//! Sequences and samples: a building block for each event, and a shell over what they have in common.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::identity::{Origin, rule_uuid, sha256};
use super::super::overrides::Overrides;
use super::super::reason::reason;
use super::super::source::{Object, clean, common};
use super::super::{Alert, Compat};
use super::{Parent, Parts, alert_fields, document, original_time, suppression};
use crate::event::Event;

/// The events that become building blocks. Kibana makes one of a missing event too, without content, which leaves the shell
/// without fields.
fn events(alert: &Alert) -> impl Iterator<Item = Option<&Arc<Event>>> {
    let all = alert.rules.settings.compat == Compat::Kibana;
    alert.events().iter().map(Option::as_ref).filter(move |event| all || event.is_some())
}

/// What all events say.
pub(in super::super) fn common_source(alert: &Alert) -> Object {
    let sources: Vec<Object> = events(alert).map(source).collect();
    common(sources.iter())
}

fn source(event: Option<&Arc<Event>>) -> Object {
    event.map(|event| clean(event.source())).unwrap_or_default()
}

fn parents(alert: &Alert) -> Vec<Parent> {
    events(alert)
        .map(|event| event.map_or_else(|| Parent::raw(&Origin::default()), |event| Parent::of_event(event)))
        .collect()
}

/// The ids of the blocks: the lines of all of them, then the place of each.
fn block_ids(parents: &[Parent], rule: &str) -> Vec<String> {
    let all: String = parents.iter().map(|parent| line_text([parent]) + rule).collect();
    (0..parents.len()).map(|at| sha256([all.as_str(), &at.to_string()])).collect()
}

/// The id and the index of every ancestor.
fn line_text<'a>(parents: impl IntoIterator<Item = &'a Parent>) -> String {
    let text = |entry: &'a Json, key: &str| entry.get(key).and_then(Json::as_str).unwrap_or_default();
    let lines = parents.into_iter().flat_map(|parent| &parent.line);
    lines.flat_map(|entry| [text(entry, "id"), text(entry, "index")]).collect()
}

/// The blocks as parents of the shell.
fn shell_parents(parents: &[Parent], ids: &[String], rule: &str) -> Vec<Parent> {
    let each = parents.iter().zip(ids).map(|(parent, id)| {
        let depth = parent.depth + 1;
        let block = json!({"rule": rule, "id": id, "type": "signal", "index": "", "depth": depth});
        Parent { line: parent.line.iter().cloned().chain([block]).collect(), depth }
    });
    each.collect()
}

/// The id of the alert as a whole.
pub(in super::super) fn shell_id(alert: &Alert) -> String {
    let rule = rule_uuid(alert.rule());
    let parents = parents(alert);
    let ids = block_ids(&parents, &rule);
    sha256([line_text(&shell_parents(&parents, &ids, &rule)).as_str(), &rule])
}

/// The shell, then its building blocks.
pub(super) fn documents(alert: &Alert) -> Vec<Json> {
    let compat = alert.rules.settings.compat;
    let rule = rule_uuid(alert.rule());
    let overrides = Overrides::none(alert.rule());
    let parents = parents(alert);
    let ids = block_ids(&parents, &rule);
    let sources: Vec<Object> = events(alert).map(source).collect();
    let block = |((source, parent), id): ((&Object, &Parent), &String)| {
        let parts = Parts {
            parents: std::slice::from_ref(parent),
            overrides: &overrides,
            reason: reason(source, &overrides, compat),
            uuid: id.clone(),
            original_time: original_time(source),
        };
        document(alert, source.clone(), &parts)
    };
    let mut blocks: Vec<Object> = sources.iter().zip(&parents).zip(&ids).map(block).collect();
    let shell_parents = shell_parents(&parents, &ids, &rule);
    let uuid = sha256([line_text(&shell_parents).as_str(), &rule]);
    let own_time = sources.first().and_then(original_time);
    let shell_parts = Parts {
        parents: &shell_parents,
        reason: reason(&common(sources.iter()), &overrides, compat),
        overrides: &overrides,
        uuid: uuid.clone(),
        // Kibana reads the time of the first block, which is when that was created.
        original_time: if compat == Compat::Kibana { alert.created_iso() } else { own_time },
    };
    let mut shell = common(blocks.iter());
    for key in ["kibana.alert.building_block_type", "kibana.alert.original_time", "kibana.alert.reason"] {
        shell.shift_remove(key);
    }
    shell.extend(alert_fields(alert, &shell_parts));
    shell.extend(suppression(alert));
    shell.insert("kibana.alert.group.id".into(), json!(uuid));
    for (at, block) in blocks.iter_mut().enumerate() {
        block.insert("kibana.alert.building_block_type".into(), json!("default"));
        block.insert("kibana.alert.group.id".into(), json!(uuid));
        block.insert("kibana.alert.group.index".into(), json!(at));
    }
    std::iter::once(shell).chain(blocks).map(Json::Object).collect()
}
