//! Thresholds: so many events, and so many distinct values, for each group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::StateLimits;
use super::terms::{TermFields, digest, distinct, names};
use crate::engine::alert::ThresholdResult;
use crate::eval::column::Column;
use crate::event::Event;
use crate::event::table::{EventTable, StateError, event_of};
use crate::event::time::Instant;
use crate::rule::Rule;
use crate::schema::Schema;

/// Most events of one group that are kept for its alert.
const KEPT_EVENTS: usize = 100;

/// A threshold: so many events, and so many distinct values, for each group (Kibana: threshold rules).
#[derive(Debug)]
pub(in crate::engine) struct Threshold {
    fields: TermFields,
    least: u64,
    cardinality: Option<Cardinality>,
    limits: StateLimits,
}

#[derive(Debug)]
struct Cardinality {
    field: String,
    column: Column,
    least: u64,
}

/// The groups so far, and until when the events of each are settled by an alert.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::engine) struct Groups {
    groups: BTreeMap<u128, Group>,
    /// The groups, oldest first.
    order: VecDeque<u128>,
    /// The time of the latest event in the last alert of a group.
    alerted: BTreeMap<u128, Instant>,
    distinct: usize,
    kept: usize,
    dropped: u64,
}

/// The events of one group so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Group {
    key: Vec<String>,
    count: u64,
    from: Option<Instant>,
    to: Option<Instant>,
    distinct: BTreeSet<u128>,
    /// Saved apart: see [`Groups::save_events`].
    #[serde(skip)]
    events: Vec<Arc<Event>>,
}

/// A group that reached the threshold.
#[derive(Debug)]
pub(in crate::engine) struct Reached {
    pub events: Vec<Arc<Event>>,
    pub result: ThresholdResult,
}

impl Groups {
    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Groups given up, and values and combinations not counted, because there were too many.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The numbers of the events kept for each group, in the order of the groups.
    pub fn save_events(&self, table: &mut EventTable) -> Vec<Vec<u32>> {
        let mut numbers = |group: &Group| group.events.iter().map(|event| table.number(event)).collect();
        self.groups.values().map(&mut numbers).collect()
    }

    /// Gives the groups their events back.
    ///
    /// # Errors
    /// Numbers of other groups, or that no event has.
    pub fn load_events(&mut self, numbers: &[Vec<u32>], events: &[Arc<Event>]) -> Result<(), StateError> {
        if numbers.len() != self.groups.len() {
            return Err(StateError::new("the events are not those of the groups"));
        }
        for (group, numbers) in self.groups.values_mut().zip(numbers) {
            group.events = numbers.iter().map(|&number| event_of(events, number)).collect::<Result<_, _>>()?;
        }
        (self.kept, self.distinct) = (numbers.iter().map(Vec::len).sum(), self.distinct_values());
        Ok(())
    }

    /// Gives up the events kept for alerts; they stay counted.
    pub fn shed(&mut self) {
        self.groups.values_mut().for_each(|group| group.events.clear());
        self.dropped += std::mem::take(&mut self.kept) as u64;
    }

    fn distinct_values(&self) -> usize {
        self.groups.values().map(|group| group.distinct.len()).sum()
    }

    /// Forgets alerts whose events all lie before `start`, the start of the window.
    pub fn forget(&mut self, start: Instant) {
        self.alerted.retain(|_, until| *until >= start);
    }

    fn evict(&mut self, limit: usize) {
        while self.groups.len() >= limit.max(1) {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(group) = self.groups.remove(&oldest) {
                self.distinct -= group.distinct.len();
                self.kept -= group.events.len();
                self.dropped += 1;
            }
        }
    }
}

impl Threshold {
    pub fn of(rule: &Rule, schema: &Schema, limits: &StateLimits) -> Result<Self, String> {
        let threshold = rule.document().get("threshold").ok_or("the rule has no threshold")?;
        let least = threshold.get("value").and_then(Json::as_u64).filter(|&value| value > 0);
        let least = least.ok_or("the threshold has no value")?;
        let fields = names(threshold.get("field"));
        // The product reads a list and uses its first element.
        let cardinality = match threshold.get("cardinality") {
            Some(Json::Array(items)) => items.first(),
            other => other,
        };
        let cardinality = cardinality.and_then(|each| {
            let field = each.get("field")?.as_str().filter(|field| !field.is_empty())?.to_owned();
            Some(Cardinality { column: Column::new(schema, &field), field, least: each.get("value")?.as_u64()? })
        });
        Ok(Self { fields: TermFields::new(fields, schema), least, cardinality, limits: *limits })
    }

    /// The fields that group.
    pub const fn fields(&self) -> &TermFields {
        &self.fields
    }

    /// Counts an event, unless an alert of its group has settled its time.
    pub fn add(&self, groups: &mut Groups, event: &Arc<Event>, time: Option<Instant>) {
        let (keys, dropped) = self.fields.combinations(event);
        groups.dropped += dropped;
        for key in keys {
            let id = digest(key.iter().map(String::as_str));
            if groups.alerted.get(&id).is_some_and(|until| time.is_some_and(|time| time <= *until)) {
                continue;
            }
            if !groups.groups.contains_key(&id) {
                groups.evict(self.limits.groups);
                groups.order.push_back(id);
                groups.groups.insert(id, Group { key, ..Group::default() });
            }
            self.count(groups, id, event, time);
        }
    }

    fn count(&self, groups: &mut Groups, id: u128, event: &Arc<Event>, time: Option<Instant>) {
        let Some(group) = groups.groups.get_mut(&id) else { return };
        group.count += 1;
        group.from = [group.from, time].into_iter().flatten().min();
        group.to = group.to.max(time);
        if groups.kept < self.limits.kept_events && group.events.len() < KEPT_EVENTS {
            group.events.push(Arc::clone(event));
            groups.kept += 1;
        }
        let Some(cardinality) = &self.cardinality else { return };
        let (values, beyond) = distinct(&cardinality.column, event);
        groups.dropped += beyond;
        for value in values {
            let value = digest([value.as_str()]);
            if groups.distinct < self.limits.distinct {
                groups.distinct += usize::from(group.distinct.insert(value));
            } else {
                groups.dropped += u64::from(!group.distinct.contains(&value));
            }
        }
    }

    fn is_reached(&self, group: &Group) -> bool {
        let distinct = group.distinct.len() as u64;
        group.count >= self.least && self.cardinality.as_ref().is_none_or(|each| distinct >= each.least)
    }

    /// Ends a window: the first `most` groups that reach the threshold, in the order of their keys, and how many did. All groups
    /// are taken out; what the alerts say is remembered, so that no event counts for two alerts of its group.
    pub fn reached(&self, groups: &mut Groups, most: usize) -> (Vec<Reached>, usize) {
        groups.order.clear();
        (groups.distinct, groups.kept) = (0, 0);
        let all = std::mem::take(&mut groups.groups).into_iter();
        let mut reached: Vec<(u128, Group)> = all.filter(|(_, group)| self.is_reached(group)).collect();
        reached.sort_by(|(_, a), (_, b)| self.fields.compare(&a.key, &b.key));
        let total = reached.len();
        reached.truncate(most);
        let result = |(id, group): (u128, Group)| {
            if let Some(to) = group.to {
                groups.alerted.insert(id, to);
            }
            let cardinality = self.cardinality.as_ref();
            let cardinality = cardinality.map(|each| (each.field.clone(), group.distinct.len() as u64));
            let terms = self.fields.names().map(str::to_owned).zip(group.key).collect();
            let result = ThresholdResult { terms, count: group.count, cardinality, from: group.from, to: group.to };
            Reached { events: group.events, result }
        };
        (reached.into_iter().map(result).collect(), total)
    }
}
