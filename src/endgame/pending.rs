//! Sequences and joins under way: by key, and by start, so that neither time nor a limit needs a walk over all.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::event::Event;

/// A sequence or a join under way.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// The timestamp of its first event; 0 for joins, which have no time.
    pub start: f64,
    pub events: Vec<Option<Arc<Event>>>,
}

/// What waits in one state, by key.
#[derive(Debug, Default)]
pub(super) struct Pending {
    entries: HashMap<Arc<str>, (u64, Waiting)>,
    /// Keys by the order of the start, and by number.
    starts: BTreeMap<(u64, u64), Arc<str>>,
    serial: u64,
}

impl Pending {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Waiting> {
        self.entries.get_mut(key).map(|(_, waiting)| waiting)
    }

    pub fn get(&self, key: &str) -> Option<&Waiting> {
        self.entries.get(key).map(|(_, waiting)| waiting)
    }

    /// Puts it in the place of what waits under the key.
    pub fn insert(&mut self, key: &str, waiting: Waiting) {
        self.remove(key);
        self.serial += 1;
        let key: Arc<str> = key.into();
        self.starts.insert((order(waiting.start), self.serial), Arc::clone(&key));
        self.entries.insert(key, (self.serial, waiting));
    }

    pub fn remove(&mut self, key: &str) -> Option<Waiting> {
        let (serial, waiting) = self.entries.remove(key)?;
        self.starts.remove(&(order(waiting.start), serial));
        Some(waiting)
    }

    /// Drops what began before `oldest`.
    pub fn expire(&mut self, oldest: f64) {
        let oldest = order(oldest);
        while let Some(first) = self.starts.first_entry().filter(|first| first.key().0 < oldest) {
            self.entries.remove(&first.remove());
        }
    }

    /// Keeps at most `limit`, the latest; tells how many were dropped.
    pub fn evict(&mut self, limit: usize) -> u64 {
        let mut dropped = 0;
        while self.entries.len() > limit
            && let Some((_, key)) = self.starts.pop_first()
        {
            self.entries.remove(&key);
            dropped += 1;
        }
        dropped
    }

    /// All of it, in the order of the starts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Waiting)> {
        self.starts.values().filter_map(|key| Some((key.as_ref(), self.get(key)?)))
    }
}

/// A number that is ordered as the double is; both zeros are one.
fn order(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn doubles_keep_their_order() {
        let values = [f64::NEG_INFINITY, -1e300, -2.5, -1.0, 0.0, 1e-300, 1.0, 2.5, 1e300];
        assert!(values.is_sorted_by(|a, b| order(*a) < order(*b)));
        assert_eq!(order(-0.0), order(0.0));
    }
}
