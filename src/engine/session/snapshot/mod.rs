//! Snapshots: the state of an engine as data, for another process to go on with.
//!
//! A snapshot carries the place in the input up to which it stands. What was pushed after it has to be pushed again; alerts
//! that were given between it and the crash come a second time, with the same ids.

mod migration;
mod saved;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(super) use migration::Identity;
pub use migration::{Change, MigratedRule, Migration};
use migration::{identities, migrate};
use saved::SavedState;

use super::reorder::ReorderState;
use super::state::State;
use super::stats::RuleStats;
use super::{Engine, EngineSettings};
use crate::engine::rule_set::RuleSet;
use crate::event::table::{EventTable, StateError};
use crate::event::time::Instant;
use crate::event::{Event, EventState};

/// The version of the format. A snapshot of another version is refused.
const VERSION: u32 = 2;
/// What a snapshot begins with.
const MAGIC: &str = "elkhound snapshot ";

/// The state of an engine at one place of its input.
///
/// ```
/// use elkhound::engine::{Engine, EngineSettings, RuleSet, Snapshot};
/// let rules = RuleSet::default();
/// let engine = Engine::new(rules.into());
/// let bytes = engine.snapshot("offset 0").to_bytes();
/// let snapshot = Snapshot::from_bytes(&bytes)?;
/// assert_eq!(snapshot.cursor(), "offset 0");
/// let engine = Engine::restore(RuleSet::default().into(), EngineSettings::default(), snapshot)?;
/// assert_eq!(engine.events(), 0);
/// # Ok::<(), elkhound::engine::SnapshotError>(())
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct Snapshot {
    cursor: String,
    events: u64,
    now: Option<Instant>,
    partition: Option<(u32, u32)>,
    reorder: ReorderState,
    ids: Vec<Arc<str>>,
    repeated: u64,
    table: Vec<EventState>,
    rules: Vec<(Identity, SavedState)>,
}

/// A snapshot that cannot be taken up.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SnapshotError {
    message: String,
    migration: Option<Migration>,
}

impl SnapshotError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), migration: None }
    }

    /// How the rules differ, where that is the reason.
    pub const fn migration(&self) -> Option<&Migration> {
        self.migration.as_ref()
    }
}

impl From<StateError> for SnapshotError {
    fn from(error: StateError) -> Self {
        Self::new(error.to_string())
    }
}

impl Snapshot {
    /// The place in the input, in the caller's own words.
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The place in the input as a count: how many events had been pushed.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// How many events it holds, each once.
    pub fn held_events(&self) -> usize {
        self.table.len()
    }

    /// The snapshot as bytes: one line with the version and the SHA-256 of the rest, then JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        // No part of a snapshot is a map with keys that JSON cannot write.
        let body = serde_json::to_vec(self).unwrap_or_default();
        let mut out = format!("{MAGIC}{VERSION} {}\n", hash(&body)).into_bytes();
        out.extend(body);
        out
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// Bytes that are no snapshot, one of another version, and one that is not whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let refuse = || SnapshotError::new("the bytes are no snapshot");
        let end = memchr::memchr(b'\n', bytes).ok_or_else(refuse)?;
        let header =
            std::str::from_utf8(&bytes[..end]).ok().and_then(|line| line.strip_prefix(MAGIC)).ok_or_else(refuse)?;
        let (version, expected) = header.split_once(' ').ok_or_else(refuse)?;
        if version.parse() != Ok(VERSION) {
            return Err(SnapshotError::new(format!(
                "the snapshot has the version `{version}`; this one reads {VERSION}"
            )));
        }
        let body = &bytes[end + 1..];
        if hash(body) != expected {
            return Err(SnapshotError::new("the snapshot is not whole: its hash differs"));
        }
        serde_json::from_slice(body).map_err(|error| SnapshotError::new(format!("the snapshot is damaged: {error}")))
    }
}

fn hash(bytes: &[u8]) -> String {
    let hex = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
    Sha256::digest(bytes).iter().flat_map(hex).collect()
}

impl Engine {
    fn fingerprints(&self) -> &[Identity] {
        self.fingerprints.get_or_init(|| identities(&self.rules))
    }

    /// The state as data. `cursor` is the place in the input in the caller's own words, for a restart to go on from; events held
    /// by several rules are in it once.
    pub fn snapshot(&self, cursor: &str) -> Snapshot {
        let mut table = EventTable::default();
        let states = self.states.iter().zip(self.rule_stats());
        let states: Vec<SavedState> = states.map(|(state, stats)| SavedState::save(state, stats, &mut table)).collect();
        let reorder = self.reorder.save(&mut table);
        Snapshot {
            cursor: cursor.to_owned(),
            events: self.events,
            now: self.now,
            partition: self.settings.partition.map(|partition| (partition.index(), partition.count())),
            reorder,
            ids: self.identities.iter().cloned().collect(),
            repeated: self.identities.repeated,
            table: table.events().iter().map(|event| event.save()).collect(),
            rules: self.fingerprints().iter().cloned().zip(states).collect(),
        }
    }

    /// An engine that goes on where a snapshot stands.
    ///
    /// # Errors
    /// A snapshot of other rules (the error says [how they differ](SnapshotError::migration)), of another partition, and one that
    /// is damaged.
    pub fn restore(rules: Arc<RuleSet>, settings: EngineSettings, snapshot: Snapshot) -> Result<Self, SnapshotError> {
        let (engine, migration) = Self::migrate(rules, settings, snapshot)?;
        if !migration.is_same() {
            let message = format!("the snapshot is one of other rules: {migration}");
            return Err(SnapshotError { message, migration: Some(migration) });
        }
        Ok(engine)
    }

    /// An engine that goes on where a snapshot of other rules stands: rules that are the same keep their state, and the report
    /// says what became of each.
    ///
    /// # Errors
    /// A snapshot of another partition, and one that is damaged.
    pub fn migrate(
        rules: Arc<RuleSet>,
        settings: EngineSettings,
        snapshot: Snapshot,
    ) -> Result<(Self, Migration), SnapshotError> {
        let partition = settings.partition.map(|partition| (partition.index(), partition.count()));
        if partition != snapshot.partition {
            return Err(SnapshotError::new("the snapshot is one of another partition"));
        }
        let mut engine = Self::with_settings(Arc::clone(&rules), settings);
        let events: Vec<Arc<Event>> = snapshot.table.into_iter().map(|event| Arc::new(Event::load(event))).collect();
        let (old, states): (Vec<Identity>, Vec<SavedState>) = snapshot.rules.into_iter().unzip();
        let (from, migration) = migrate(&old, engine.fingerprints());
        let mut states: Vec<Option<SavedState>> = states.into_iter().map(Some).collect();
        for (at, from) in from.into_iter().enumerate() {
            if let Some(state) = from.and_then(|from| states.get_mut(from)?.take()) {
                engine.states[at] = state.load(&rules.rules[at], &engine.settings, &events)?;
                engine.schedule(at);
            }
        }
        engine.reorder.load(&snapshot.reorder, &engine.clock, &events)?;
        events.iter().for_each(|event| engine.budget.note(event));
        engine.identities.load(&snapshot.ids, snapshot.repeated);
        (engine.events, engine.now) = (snapshot.events, snapshot.now);
        Ok((engine, migration))
    }

    /// Puts another rule set in the place of this one while the stream goes on. Rules that are the same keep their state; the
    /// report says what became of each. What a dropped state held back is lost; call it between windows, or read the report.
    pub fn replace(&mut self, rules: Arc<RuleSet>) -> Migration {
        let mut engine = Self::with_settings(rules, self.settings.clone());
        let (from, migration) = migrate(self.fingerprints(), engine.fingerprints());
        let stats = self.rule_stats();
        let keep = |(state, stats): (State, RuleStats)| {
            let own = RuleStats { candidates: stats.candidates, ..state.stats };
            Some(State { due: None, stats: own, ..state })
        };
        let mut old: Vec<Option<State>> = std::mem::take(&mut self.states).into_iter().zip(stats).map(keep).collect();
        let take = |from: Option<usize>| from.and_then(|from| old.get_mut(from)?.take());
        let kept: Vec<Option<State>> = from.into_iter().map(take).collect();
        for (at, state) in kept.into_iter().enumerate() {
            if let Some(state) = state {
                engine.states[at] = state;
                engine.schedule(at);
            }
        }
        std::mem::swap(&mut engine.reorder, &mut self.reorder);
        std::mem::swap(&mut engine.identities, &mut self.identities);
        std::mem::swap(&mut engine.budget, &mut self.budget);
        (engine.events, engine.now) = (self.events, self.now);
        *self = engine;
        migration
    }
}
