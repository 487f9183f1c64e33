//! Indicator match: events whose values stand in indicators (Kibana: indicator match rules).
//!
//! The values of indicators are hashed once, as the type of the event's field reads them, so that an event only meets the
//! indicators that share a value with it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::Value as Json;

use super::terms::{make_whole, names, term, values};
use crate::diagnostic::Diagnostics;
use crate::engine::alert::Enrichment;
use crate::engine::rule_set::RuleSettings;
use crate::eval::column::Column;
use crate::event::index::{IndexPatterns, Selection};
use crate::event::{Document, Event, FieldKey, Value};
use crate::function::Datum;
use crate::query::{Builder, Query};
use crate::rule::{Problem, Rule};
use crate::schema::{FieldType, Schema};
use crate::source::Source;
use crate::text::{parse_block, parse_ip, tokens};

/// Most indicators that an alert lists.
const MAX_ENRICHMENTS: usize = 200;

/// The mapping of a rule and the query of its indicators.
#[derive(Debug)]
pub(in crate::engine) struct ThreatMatch {
    groups: Vec<Group>,
    indicators: Query,
    /// The indices that indicators are read from, where that is enforced.
    indices: Option<IndexPatterns>,
    path: String,
}

/// Entries that all have to hold for the same indicator.
#[derive(Debug)]
struct Group {
    entries: Vec<Entry>,
    /// Whether several values of an indicator are several terms; otherwise such an indicator takes no part.
    terms: bool,
}

#[derive(Debug)]
struct Entry {
    field: String,
    column: Column,
    value: FieldKey,
    exact: bool,
    negate: bool,
}

/// The indicators that a rule selects, by their values.
#[derive(Debug, Default)]
pub(in crate::engine) struct Indicators {
    list: Vec<Arc<Event>>,
    /// For each group and entry.
    groups: Vec<Vec<Index>>,
}

#[derive(Debug, Default)]
struct Index {
    by_key: HashMap<String, Vec<u32>>,
    /// The lengths of the address blocks among the values.
    prefixes: BTreeSet<(bool, u8)>,
}

impl ThreatMatch {
    /// `builder` makes the query of the indicators, with what holds beside it.
    pub fn of(rule: &Rule, builder: Builder, settings: &RuleSettings) -> Result<Self, Box<Problem>> {
        let schema = &settings.query.schema;
        let unsupported = |reason: String| Box::new(Problem::unsupported(rule, reason));
        let mapping = rule.document().get("threat_mapping").and_then(Json::as_array);
        let groups = mapping.into_iter().flatten().filter_map(|group| group.get("entries")?.as_array());
        let groups: Vec<Group> = groups.map(|entries| Group::of(entries, schema)).collect();
        if groups.is_empty() {
            return Err(unsupported("the rule maps no fields to indicators".into()));
        }
        if rule.text("threat_language").is_some_and(|language| language != "kuery") {
            return Err(Box::new(Problem::at(rule, "threat_language", "only `kuery` is evaluated")));
        }
        let query = rule.source("threat_query").unwrap_or_else(|| Source::new(rule.file(), "*:*"));
        let indicators = builder.kql_source(&query);
        let indicators = indicators.map_err(|findings| Box::new(Problem::of_rule(rule, findings)))?;
        let path = rule.text("threat_indicator_path").unwrap_or("threat.indicator").to_owned();
        let patterns = names(rule.document().get("threat_index"));
        let indices = settings.enforce_index.then(|| IndexPatterns::new(&patterns, settings.query.now));
        Ok(Self { groups, indicators, indices, path })
    }

    /// Whether the same rule at another time selects the same indicators.
    pub fn selects_as(&self, other: &Self) -> bool {
        self.indicators.plan() == other.indicators.plan() && self.indices == other.indices
    }

    /// What was noticed about that query.
    pub fn warnings(&self) -> &Diagnostics {
        self.indicators.warnings()
    }

    /// The indicators that the rule's own query selects, by their values.
    pub fn select(&self, indicators: &[Arc<Event>]) -> Indicators {
        let own = indicators.iter().filter(|indicator| self.reads(indicator));
        let hits = self.indicators.search(own.cloned());
        let list: Vec<Arc<Event>> = hits.iter().flat_map(|hit| hit.events().iter().flatten().cloned()).collect();
        let groups = self.groups.iter().map(|group| group.index(&list)).collect();
        Indicators { list, groups }
    }

    /// Whether an indicator lies in an index that the rule reads them from.
    fn reads(&self, indicator: &Event) -> bool {
        let is_other =
            |indices: &IndexPatterns| indices.select(indicator.index_name().as_deref()) == Selection::NoMatch;
        !self.indices.as_ref().is_some_and(is_other)
    }

    /// What the indicators say of an event, at most 200; empty where none hits it.
    pub fn hits(&self, indicators: &Indicators, event: &Event) -> Vec<Enrichment> {
        let mut candidates: Vec<(u32, usize)> = Vec::new();
        let mut keys = Vec::new();
        for (at, (group, indexes)) in self.groups.iter().zip(&indicators.groups).enumerate() {
            let own: Vec<Vec<String>> =
                group.entries.iter().zip(indexes).map(|(entry, index)| entry.keys_of_event(event, index)).collect();
            candidates.extend(group.candidates(indexes, &own).into_iter().map(|indicator| (indicator, at)));
            keys.push(own);
        }
        candidates.sort_unstable();
        let mut out: Vec<Enrichment> = Vec::new();
        for (number, at) in candidates {
            let indicator = &indicators.list[number as usize];
            if out.len() >= MAX_ENRICHMENTS {
                break;
            }
            if let (Some(group), Some(keys)) = (self.groups.get(at), keys.get(at))
                && group.allows(indicator, keys)
            {
                self.enrich(group, indicator, event, &mut out);
            }
        }
        out
    }

    /// An enrichment for each entry of a group that holds, each pair of indicator and field once.
    fn enrich(&self, group: &Group, indicator: &Arc<Event>, event: &Event, out: &mut Vec<Enrichment>) {
        for entry in group.entries.iter().filter(|entry| !entry.negate) {
            let known = |hit: &Enrichment| Arc::ptr_eq(&hit.indicator, indicator) && hit.field == entry.field;
            if out.len() < MAX_ENRICHMENTS && !out.iter().rev().any(known) {
                let value = values(event, &entry.field).into_iter().next();
                let (indicator, path) = (Arc::clone(indicator), self.path.clone());
                out.push(Enrichment { indicator, path, field: entry.field.clone(), value });
            }
        }
    }
}

impl Group {
    fn of(entries: &[Json], schema: &Schema) -> Self {
        let entries: Vec<Entry> = entries.iter().map(|json| Entry::of(json, schema)).collect();
        let terms = matches!(entries.as_slice(), [only] if only.exact);
        Self { entries, terms }
    }

    fn takes(&self, indicator: &Event) -> bool {
        self.terms || self.entries.iter().all(|entry| entry.count(indicator) == 1)
    }

    fn index(&self, list: &[Arc<Event>]) -> Vec<Index> {
        let mut indexes: Vec<Index> = self.entries.iter().map(|_| Index::default()).collect();
        for (number, indicator) in list.iter().enumerate().filter(|(_, indicator)| self.takes(indicator)) {
            for (entry, index) in self.entries.iter().zip(&mut indexes) {
                for key in entry.keys_of_indicator(indicator) {
                    index.prefixes.extend(parse_block(&key).map(|block| (is_v4(&block), block.prefix_len())));
                    if !entry.negate {
                        index.by_key.entry(key).or_default().push(number as u32);
                    }
                }
            }
        }
        indexes
    }

    /// The indicators that every entry allows which has to match, each once: those of the entry that leaves the fewest, looked up
    /// in the others.
    fn candidates(&self, indexes: &[Index], keys: &[Vec<String>]) -> BTreeSet<u32> {
        let entries = self.entries.iter().zip(indexes).zip(keys).filter(|((entry, _), _)| !entry.negate);
        let mut lists: Vec<Vec<&Vec<u32>>> =
            entries.map(|((_, index), keys)| keys.iter().filter_map(|key| index.by_key.get(key)).collect()).collect();
        lists.sort_by_cached_key(|lists| lists.iter().map(|list| list.len()).sum::<usize>());
        let Some((fewest, others)) = lists.split_first() else { return BTreeSet::new() };
        // Lists are ascending, since indicators were numbered in turn.
        let in_any = |lists: &Vec<&Vec<u32>>, number: &u32| lists.iter().any(|list| list.binary_search(number).is_ok());
        let in_all = |number: &u32| others.iter().all(|lists| in_any(lists, number));
        fewest.iter().copied().flatten().copied().filter(in_all).collect()
    }

    /// Whether no entry matches that may not.
    fn allows(&self, indicator: &Event, keys: &[Vec<String>]) -> bool {
        self.entries.iter().zip(keys).filter(|(entry, _)| entry.negate).all(|(entry, own)| {
            let refused = entry.keys_of_indicator(indicator);
            !own.iter().any(|key| refused.contains(key))
        })
    }
}

impl Entry {
    fn of(json: &Json, schema: &Schema) -> Self {
        let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (field, indicator) = (text("field"), text("value"));
        let column = Column::new(schema, &field);
        let other = Column::new(schema, &indicator);
        Self {
            exact: is_exact(column.kind()) && is_exact(other.kind()),
            value: FieldKey::new(0, indicator.as_str()),
            negate: json.get("negate").and_then(Json::as_bool).unwrap_or(false),
            field,
            column,
        }
    }

    /// How many values the indicator has.
    fn count(&self, indicator: &Event) -> usize {
        let mut count = 0;
        indicator.any(&self.value, &mut |value| {
            count += usize::from(!matches!(value, Value::Null | Value::Object(_)));
            count > 1
        });
        count
    }

    /// What the event's field makes of the indicator's values.
    fn keys_of_indicator(&self, indicator: &Event) -> Vec<String> {
        let mut out = Vec::new();
        indicator.any(&self.value, &mut |value| {
            match value {
                Value::Str(text) if meets_blocks(self.column.kind()) && parse_block(text).is_some() => {
                    out.extend(parse_block(text).map(|block| block.to_string()));
                }
                value => out.extend(self.read(value).iter().flat_map(|value| self.keys(value))),
            }
            false
        });
        out
    }

    /// What the event's field would make of a value.
    fn read(&self, value: Value<'_>) -> Option<Datum> {
        let mut read = self.column.read(value)?;
        if self.column.kind() == FieldType::Inferred {
            make_whole(&mut read);
        }
        Some(read)
    }

    fn keys_of_event(&self, event: &Event, index: &Index) -> Vec<String> {
        // All of them: none is kept, and an event has a size.
        let mut values = Vec::new();
        self.column.each(event, &mut |mut value| {
            if self.column.kind() == FieldType::Inferred {
                make_whole(&mut value);
            }
            values.push(value);
        });
        let mut out: Vec<String> = values.iter().flat_map(|value| self.keys(value)).collect();
        if !index.prefixes.is_empty() {
            let addresses = values.iter().filter_map(|value| match value {
                Datum::Ip(ip) => Some(*ip),
                Datum::Text(text) => parse_ip(text),
                _ => None,
            });
            let blocks = addresses.flat_map(|ip| {
                let lengths = index.prefixes.iter().filter(move |(v4, _)| *v4 == ip.is_ipv4());
                lengths.filter_map(move |(_, length)| IpNet::new(ip, *length).ok())
            });
            out.extend(blocks.map(|block| block.trunc().to_string()));
        }
        out
    }

    fn keys(&self, value: &Datum) -> Vec<String> {
        match value {
            Datum::Text(text) if self.column.kind().is_text() => tokens(text),
            value => term(value).into_iter().collect(),
        }
    }
}

/// Whether a field's values are matched as a set of terms (Kibana: threat mapping, terms queries).
const fn is_exact(kind: FieldType) -> bool {
    matches!(
        kind,
        FieldType::Keyword | FieldType::ConstantKeyword | FieldType::Wildcard | FieldType::Ip | FieldType::Inferred
    )
}

const fn meets_blocks(kind: FieldType) -> bool {
    matches!(kind, FieldType::Ip | FieldType::Inferred)
}

const fn is_v4(block: &IpNet) -> bool {
    matches!(block, IpNet::V4(_))
}
