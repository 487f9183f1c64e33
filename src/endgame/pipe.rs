//! The pipes: on events, on lists of events, on records.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::Scope;
use super::eval::{Environment, truth};
use super::value::float;
use crate::event::Event;
use crate::syntax::eql::ast::{Expr, ExprKind, Literal, Pipe};

/// How many results `head` and `tail` keep unless told.
const DEFAULT_COUNT: usize = 50;

/// A result on its way through the pipes.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// An event, a sequence, a join.
    Events(Vec<Arc<Event>>),
    /// What a counting pipe says.
    Record(Json),
}

impl Item {
    /// Its events; none for a record.
    pub fn events(&self) -> &[Arc<Event>] {
        match self {
            Self::Events(events) => events,
            Self::Record(_) => &[],
        }
    }

    pub fn into_events(self) -> Vec<Arc<Event>> {
        match self {
            Self::Events(events) => events,
            Self::Record(record) => vec![Arc::new(Event::from_value(record))],
        }
    }

    pub fn eval(&self, scope: &Scope, exprs: &[Expr]) -> Vec<Json> {
        match self {
            Self::Record(record) => {
                exprs.iter().map(|expr| Environment::of_item(scope, record, &[record]).eval(expr)).collect()
            }
            Self::Events(events) => {
                let all: Vec<&Json> = events.iter().map(|event| event.source()).collect();
                let Some(first) = all.first() else { return vec![Json::Null; exprs.len()] };
                exprs.iter().map(|expr| Environment::of_item(scope, first, &all).eval(expr)).collect()
            }
        }
    }
}

impl Item {
    /// Whether a `filter` lets it through.
    pub fn passes(&self, scope: &Scope, conditions: &[Expr]) -> bool {
        self.eval(scope, conditions).iter().all(|value| truth(value) == Some(true))
    }
}

pub(super) fn apply(scope: &Scope, pipes: &[Pipe], mut items: Vec<Item>) -> Vec<Item> {
    for pipe in pipes {
        items = match pipe.name.text.as_str() {
            "head" => items.into_iter().take(count(pipe)).collect(),
            "tail" => items.split_off(items.len().saturating_sub(count(pipe))),
            "filter" => items.into_iter().filter(|item| item.passes(scope, &pipe.args)).collect(),
            "unique" => unique(scope, &pipe.args, items),
            "sort" => sort(scope, &pipe.args, items),
            "count" if pipe.args.is_empty() => totals(&items),
            "count" => grouped(scope, &pipe.args, &items),
            "unique_count" => unique_count(scope, &pipe.args, items),
            _ => items,
        };
    }
    items
}

pub(super) fn count(pipe: &Pipe) -> usize {
    match pipe.args.first().map(|arg| &arg.kind) {
        Some(ExprKind::Literal(Literal::Integer(count))) => usize::try_from(*count).unwrap_or(usize::MAX),
        _ => DEFAULT_COUNT,
    }
}

fn unique(scope: &Scope, keys: &[Expr], items: Vec<Item>) -> Vec<Item> {
    let mut seen = hashbrown::HashSet::new();
    items.into_iter().filter(|item| seen.insert(scope.key(&item.eval(scope, keys)))).collect()
}

/// Null, and what else counts as false, becomes the empty value of the type that the key has elsewhere.
fn fill<T>(keyed: &mut [(Vec<Json>, T)]) {
    let keys = keyed.iter().map(|(values, _)| values.len()).max().unwrap_or(0);
    for at in 0..keys {
        let empty = match keyed.iter().filter_map(|(values, _)| values.get(at)).find(|value| !value.is_null()) {
            Some(Json::String(_)) => json!(""),
            Some(Json::Bool(_)) => json!(false),
            Some(Json::Number(_)) => json!(0),
            _ => continue,
        };
        let own = keyed.iter_mut().filter_map(|(values, _)| values.get_mut(at));
        let hollow = own.filter(|value| truth(value) != Some(true));
        hollow.for_each(|value| *value = empty.clone());
    }
}

fn sort(scope: &Scope, keys: &[Expr], items: Vec<Item>) -> Vec<Item> {
    let mut keyed: Vec<(Vec<Json>, Item)> = items.into_iter().map(|item| (item.eval(scope, keys), item)).collect();
    fill(&mut keyed);
    keyed.sort_by(|(a, _), (b, _)| by_parts(a, b, |a, b| scope.order(a, b)));
    keyed.into_iter().map(|(_, item)| item).collect()
}

fn by_parts(left: &[Json], right: &[Json], order: impl Fn(&Json, &Json) -> Option<Ordering>) -> Ordering {
    let mut parts = left.iter().zip(right).map(|(a, b)| order(a, b).unwrap_or(Ordering::Equal));
    parts.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The hosts of items, sorted, where any names one.
#[derive(Default)]
struct Hosts(std::collections::BTreeSet<String>);

impl Hosts {
    fn note(&mut self, item: &Item) {
        if let Item::Events(events) = item {
            self.0.extend(events.iter().filter_map(|event| event.source()["hostname"].as_str().map(str::to_owned)));
        }
    }

    fn write(&self, record: &mut Map<String, Json>) {
        if !self.0.is_empty() {
            record.insert("hosts".into(), json!(self.0));
            record.insert("total_hosts".into(), json!(self.0.len()));
        }
    }
}

fn totals(items: &[Item]) -> Vec<Item> {
    let mut hosts = Hosts::default();
    items.iter().for_each(|item| hosts.note(item));
    let mut record = Map::from_iter([("key".to_owned(), json!("totals")), ("count".to_owned(), json!(items.len()))]);
    hosts.write(&mut record);
    vec![Item::Record(Json::Object(record))]
}

/// Groups in the order in which their keys were seen first.
fn groups<'i>(scope: &Scope, keys: &[Expr], items: &'i [Item]) -> Vec<(Vec<Json>, Vec<&'i Item>)> {
    let mut places: hashbrown::HashMap<String, usize> = hashbrown::HashMap::new();
    let mut out: Vec<(Vec<Json>, Vec<&Item>)> = Vec::new();
    for item in items {
        let values = item.eval(scope, keys);
        let at = *places.entry(scope.key(&values)).or_insert(out.len());
        if at == out.len() {
            out.push((values, Vec::new()));
        }
        out[at].1.push(item);
    }
    out
}

fn grouped(scope: &Scope, keys: &[Expr], items: &[Item]) -> Vec<Item> {
    let mut groups = groups(scope, keys, items);
    fill(&mut groups);
    // The letters of keys count here.
    let exact = Scope { case_sensitive: true, regexes: hashbrown::HashMap::new() };
    groups.sort_by(|(a, left), (b, right)| {
        left.len().cmp(&right.len()).then_with(|| by_parts(a, b, |a, b| exact.order(a, b)))
    });
    let record = |(key, members): (Vec<Json>, Vec<&Item>)| {
        let key = if let [only] = key.as_slice() { only.clone() } else { Json::Array(key) };
        let mut record = Map::from_iter([
            ("key".to_owned(), key),
            ("count".to_owned(), json!(members.len())),
            ("percent".to_owned(), float(members.len() as f64 / items.len() as f64)),
        ]);
        let mut hosts = Hosts::default();
        members.iter().for_each(|item| hosts.note(item));
        hosts.write(&mut record);
        Item::Record(Json::Object(record))
    };
    groups.into_iter().map(record).collect()
}

fn unique_count(scope: &Scope, keys: &[Expr], items: Vec<Item>) -> Vec<Item> {
    let total = items.len();
    let first = |(_, members): (Vec<Json>, Vec<&Item>)| {
        let mut hosts = Hosts::default();
        members.iter().for_each(|item| hosts.note(item));
        let add = |json: &Json| {
            let mut json = json.clone();
            if let Json::Object(object) = &mut json {
                object.insert("count".into(), json!(members.len()));
                object.insert("percent".into(), float(members.len() as f64 / total as f64));
                hosts.write(object);
            }
            json
        };
        match members.first() {
            Some(Item::Events(events)) => {
                let mut events = events.clone();
                if let Some(first) = events.first_mut() {
                    *first = Arc::new(Event::from_value(add(first.source())));
                }
                Item::Events(events)
            }
            Some(Item::Record(record)) => Item::Record(add(record)),
            None => Item::Record(Json::Null),
        }
    };
    groups(scope, keys, &items).into_iter().map(first).collect()
}
