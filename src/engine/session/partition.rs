//! Partitions: which events several engines need, so that together they find what one would.
//!
//! A rule's state falls apart by a key: the join keys of a sequence or sample, the fields of a threshold, new terms or
//! suppression. Events with the same key have to reach the same engine; events of rules without state have to reach exactly one.
//! Every engine is given the whole rule set and its own [`Partition`], and passes over what belongs to others.

use std::sync::Arc;

use super::concerned;
use crate::engine::kind::Kind;
use crate::engine::kind::terms::TermFields;
use crate::engine::rule_set::{CompiledRule, RuleSet};
use crate::engine::suppress::{Suppression, Terms};
use crate::engine::{Details, Finding};
use crate::event::Event;
use crate::event::number::to_f64;
use crate::function::Datum;
use crate::plan::{QueryKind, Stage};
use crate::query::Matches;
use crate::rule::RuleType;

/// One of several equal shares of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    index: u32,
    count: u32,
}

impl Partition {
    /// Share `index`, from 0, of `count`; `None` where there is no such share.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Its number, from 0.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Whether a key belongs to it: the remainder of the key's hash by the number of partitions is its index.
    pub const fn owns(self, hash: u64) -> bool {
        hash % self.count as u64 == self.index as u64
    }
}

/// A key of an event for one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionKey {
    /// The place of the rule in its set.
    pub rule: usize,
    /// The hash of the key, the same on every machine and in every version with the same
    /// [`HASH_VERSION`].
    pub hash: u64,
}

/// Changes whenever keys hash differently; engines that share work have to agree on it.
pub const HASH_VERSION: u32 = 1;

/// What a rule needs of the way in which events are divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routing {
    /// It judges each event by itself: exactly one engine has to see it.
    Event,
    /// The values of these fields are the key, whatever stage an event fits.
    Fields(Vec<String>),
    /// The key depends on the stage that an event fits: the fields of each stage, `until` last. No single column of the events
    /// can route them.
    Stages(Vec<Vec<String>>),
    /// It has no key, for this reason: all its events go to one engine.
    Single(&'static str),
}

/// Finds the keys of events.
#[derive(Debug)]
pub struct Router {
    rules: Arc<RuleSet>,
    routing: Vec<Routing>,
    matches: Matches,
}

impl Router {
    /// A router for the events of a rule set.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        let routing = rules.rules.iter().map(routing).collect();
        Self { rules, routing, matches: Matches::default() }
    }

    /// What each rule needs, in the order of the rule set.
    pub fn routing(&self) -> &[Routing] {
        &self.routing
    }

    /// The keys of an event: one or more for each rule that it concerns, none for the others.
    pub fn partition_keys(&mut self, event: &Event) -> Vec<PartitionKey> {
        let mut out = Vec::new();
        for (rule, _) in concerned(&self.rules, event, &mut self.matches) {
            let hashes = self.hashes(rule, event);
            out.extend(hashes.into_iter().map(|hash| PartitionKey { rule, hash }));
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Which of `count` engines need an event, in ascending order.
    pub fn partitions(&mut self, event: &Event, count: u32) -> Vec<u32> {
        let count = u64::from(count.max(1));
        let mut out: Vec<u32> =
            self.partition_keys(event).iter().filter_map(|key| u32::try_from(key.hash % count).ok()).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// The hashes of the event's keys for a rule that it concerns.
    pub(super) fn hashes(&self, rule: usize, event: &Event) -> Vec<u64> {
        let compiled = &self.rules.rules[rule];
        let terms = |fields: &TermFields| fields.combinations(event).0.iter().map(|key| texts_hash(key)).collect();
        match (&self.routing[rule], &compiled.kind, &compiled.suppression) {
            (Routing::Event, ..) => vec![event_hash(event)],
            (Routing::Single(_), ..) => vec![rule_hash(compiled)],
            (_, Kind::Threshold(threshold), _) => terms(threshold.fields()),
            (_, Kind::NewTerms(new), _) => terms(new.fields()),
            (_, _, Some(suppression)) => {
                let (groups, _) = event_groups(compiled, suppression, event);
                groups.iter().map(|terms| group_owner(suppression, terms, event)).collect()
            }
            (..) => compiled.query.join_keys(event).iter().map(|key| key_hash(key)).collect(),
        }
    }

    /// The hash of the key of a group that something was found for.
    pub(super) fn group_owner(&self, rule: usize, finding: &Finding, terms: &Terms) -> u64 {
        match (&self.rules.rules[rule].suppression, &finding.details, finding.events.as_slice()) {
            (Some(suppression), Details::Event | Details::Threat(_), [Some(event)])
                if !matches!(self.routing[rule], Routing::Single(_)) =>
            {
                group_owner(suppression, terms, event)
            }
            _ => self.owner(rule, finding),
        }
    }

    /// The hash of the key under which something was found.
    pub(super) fn owner(&self, rule: usize, finding: &Finding) -> u64 {
        let compiled = &self.rules.rules[rule];
        let source = finding.events.iter().flatten().next();
        match (&self.routing[rule], &finding.details, source) {
            (Routing::Single(_), ..) => rule_hash(compiled),
            (_, Details::Group(hit), _) => key_hash(hit.join_keys()),
            (_, Details::NewTerms(terms), _) => texts_hash(terms),
            (_, Details::Threshold(result), _) => {
                let values: Vec<&str> = result.terms.iter().map(|(_, value)| value.as_str()).collect();
                texts_hash(&values)
            }
            (_, _, Some(event)) => event_hash(event),
            (_, _, None) => rule_hash(compiled),
        }
    }
}

/// What a rule needs.
fn routing(compiled: &CompiledRule) -> Routing {
    let suppression = compiled.suppression.as_ref();
    match (&compiled.kind, &compiled.query.plan().kind) {
        (Kind::Threshold(threshold), _) if threshold.fields().len() == 0 => {
            Routing::Single("its threshold counts all events together")
        }
        (Kind::Threshold(threshold), _) => names(threshold.fields()),
        (Kind::NewTerms(_), _) | (_, QueryKind::Sequence(_) | QueryKind::Sample(_)) if suppression.is_some() => {
            Routing::Single("what it finds is grouped again by suppression")
        }
        (Kind::NewTerms(terms), _) => names(terms.fields()),
        _ if !compiled.query.plan().pipes.is_empty() => Routing::Single("its query counts hits by `head` or `tail`"),
        _ if compiled.query.is_endgame() => {
            Routing::Single("queries of the Endgame dialect depend on all events before")
        }
        (_, query @ (QueryKind::Sequence(_) | QueryKind::Sample(_))) => stages(query.stages()),
        (_, QueryKind::Event(_)) => suppression.map_or(Routing::Event, |suppression| names(suppression.fields())),
    }
}

fn names(fields: &TermFields) -> Routing {
    Routing::Fields(fields.names().map(str::to_owned).collect())
}

fn stages<'a>(stages: impl Iterator<Item = &'a Stage>) -> Routing {
    let fields = |stage: &Stage| stage.keys.iter().map(|key| key.name.clone()).collect();
    let stages: Vec<Vec<String>> = stages.map(fields).collect();
    match stages.first() {
        Some(first) if first.is_empty() => Routing::Single("nothing joins its events (`by`)"),
        Some(first) if stages.iter().all(|stage| stage == first) => Routing::Fields(first.clone()),
        _ => Routing::Stages(stages),
    }
}

/// FNV-1a of 64 bits, the upper half folded onto the lower, over a tag, a length and the bytes of each part.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn part(&mut self, tag: u8, bytes: &[u8]) {
        self.bytes(&[tag]);
        self.bytes(&(bytes.len() as u64).to_le_bytes());
        self.bytes(bytes);
    }

    const fn finish(self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// Keys that join have the same hash: numbers by their double, texts by their bytes.
fn key_hash(key: &[Datum]) -> u64 {
    let mut hash = Fnv::new();
    for datum in key {
        match datum {
            Datum::Null => hash.part(0, &[]),
            Datum::Bool(value) => hash.part(1, &[u8::from(*value)]),
            Datum::Text(text) | Datum::Version(text) => hash.part(2, text.as_bytes()),
            Datum::Ip(ip) => hash.part(3, &crate::text::ip_number(*ip).to_le_bytes()),
            Datum::Date(instant) => hash.part(4, &instant.to_le_bytes()),
            // Minus zero joins zero.
            number => {
                let double = number.as_number().map_or(0.0, |number| to_f64(number) + 0.0);
                hash.part(5, &double.to_bits().to_le_bytes());
            }
        }
    }
    hash.finish()
}

fn texts_hash<T: AsRef<str>>(texts: &[T]) -> u64 {
    let mut hash = Fnv::new();
    texts.iter().for_each(|text| hash.part(2, text.as_ref().as_bytes()));
    hash.finish()
}

/// The groups of a finding.
pub(super) fn groups(compiled: &CompiledRule, suppression: &Suppression, finding: &Finding) -> (Vec<Terms>, u64) {
    match (&finding.details, finding.events.as_slice()) {
        (Details::Threshold(result), _) => (vec![Suppression::threshold_terms(result)], 0),
        (_, [Some(event)]) => event_groups(compiled, suppression, event),
        (_, events) => one(suppression.terms(events)),
    }
}

/// The groups of an event: one, or for query rules one for each combination of its values (Kibana: alert suppression).
fn event_groups(compiled: &CompiledRule, suppression: &Suppression, event: &Event) -> (Vec<Terms>, u64) {
    if !matches!(compiled.rule.kind(), RuleType::Query | RuleType::SavedQuery) {
        return one(suppression.event_terms(event));
    }
    let (mut groups, dropped) = suppression.groups(event);
    if groups.first().is_some_and(|terms| suppression.stands_alone(terms)) {
        groups.truncate(1);
    }
    (groups, dropped)
}

fn one((terms, dropped): (Terms, u64)) -> (Vec<Terms>, u64) {
    (vec![terms], dropped)
}

/// The hash of a suppression group, or of the event where it stands alone: the values of each field as JSON, in order.
pub(super) fn group_owner(suppression: &Suppression, terms: &Terms, event: &Event) -> u64 {
    if suppression.stands_alone(terms) {
        return event_hash(event);
    }
    let mut hash = Fnv::new();
    for values in terms {
        hash.part(6, &(values.len() as u64).to_le_bytes());
        values.iter().for_each(|value| hash.part(2, value.to_string().as_bytes()));
    }
    hash.finish()
}

/// An event without an id of its own is known by its text, which does not change on the way to another engine.
fn event_hash(event: &Event) -> u64 {
    let mut hash = Fnv::new();
    match event.own_id() {
        Some(id) => {
            hash.part(7, event.own_index().unwrap_or_default().as_bytes());
            hash.part(8, id.as_bytes());
        }
        None => hash.part(9, event.to_line().as_bytes()),
    }
    hash.finish()
}

fn rule_hash(compiled: &CompiledRule) -> u64 {
    let mut hash = Fnv::new();
    hash.part(10, compiled.rule.id().unwrap_or(compiled.rule.name()).as_bytes());
    hash.finish()
}
