//! The states of runs as plain data, so that they can be written and read back.
//!
//! Events are numbers of an [`EventTable`]. Nothing in a saved state depends on the process that saved it.

use std::sync::Arc;

use super::absence::{Absent, Waiting};
use super::key::Key;
use super::order::Ordinal;
use super::sample::{Sample, SampleRun};
use super::sequence::{Found, Moment, Partial, Sequence, SequenceRun};
use crate::event::Event;
use crate::event::table::{EventTable, StateError, event_of};
use crate::event::time::Instant;
use crate::function::Datum;

/// The state of a [`SequenceRun`].
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SequenceState {
    /// The sequences under way, in the order in which they began.
    pub partials: Vec<PartialState>,
    /// The latest events of missing stages, in the order of their time.
    pub absent: Vec<AbsentState>,
    /// The complete sequences that wait for an absence, in the order of their completion.
    pub waiting: Vec<WaitingState>,
    /// What was given up because there was too much.
    pub evicted: u64,
}

/// A sequence under way.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PartialState {
    /// Its key values.
    pub key: Vec<Datum>,
    /// Its events and their times in nanoseconds since 1970, one for each stage so far.
    pub events: Vec<(u32, Instant)>,
    /// The time of the latest event of a leading missing stage.
    pub lead: Option<Instant>,
    /// Whether an event stood where none should, so that it will come to nothing.
    pub broken: bool,
}

/// The latest events of a missing stage for one key.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AbsentState {
    /// The number of the stage.
    pub stage: u8,
    /// The key values.
    pub key: Vec<Datum>,
    /// The time of the latest.
    pub latest: Instant,
    /// The time of the latest in an earlier millisecond.
    pub earlier: Option<Instant>,
}

/// A complete sequence that waits for an absence.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct WaitingState {
    /// Its key values.
    pub key: Vec<Datum>,
    /// Its events.
    pub events: Vec<u32>,
    /// The time of its first event.
    pub start: Instant,
    /// Where its last event stands.
    pub end: Ordinal,
    /// The time of the latest event of a leading missing stage.
    pub lead: Option<Instant>,
}

/// The state of a [`SampleRun`].
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SampleState {
    /// The events of each filter by key, in the order of the keys.
    pub candidates: Vec<(Vec<Datum>, Vec<Vec<u32>>)>,
    /// Events that were dropped because there were too many.
    pub dropped: u64,
}

impl SequenceRun {
    /// The state as data; `events` takes up the events that it holds.
    pub fn save(&self, sequence: &Sequence, events: &mut EventTable) -> SequenceState {
        let (partials, absences, evicted) = self.parts();
        SequenceState {
            partials: partials.map(|partial| self.save_partial(sequence, partial, events)).collect(),
            absent: absences.latest().map(save_absent).collect(),
            waiting: absences.waiting().map(|waiting| save_waiting(waiting, events)).collect(),
            evicted,
        }
    }

    fn save_partial(&self, sequence: &Sequence, partial: &Partial, events: &mut EventTable) -> PartialState {
        let first = (events.number(&partial.first), partial.start.instant());
        let later = self.later(partial).into_iter().map(|(event, time)| (events.number(event), time));
        let key = partial.key.as_deref().cloned().or_else(|| sequence.only_key(&partial.first));
        PartialState {
            key: key.map(|key| key.0).unwrap_or_default(),
            events: std::iter::once(first).chain(later).collect(),
            lead: partial.lead.some(),
            broken: partial.broken,
        }
    }

    /// Takes up a state that a run of the same sequence saved.
    ///
    /// # Errors
    /// A state that is not of this sequence.
    pub fn load(
        sequence: &Sequence,
        limit: usize,
        state: &SequenceState,
        events: &[Arc<Event>],
    ) -> Result<Self, StateError> {
        let mut run = Self::new(sequence, limit);
        for partial in &state.partials {
            run.load_partial(sequence, partial, events)?;
        }
        for absent in &state.absent {
            if usize::from(absent.stage) >= sequence.len() {
                return Err(misfit());
            }
            let AbsentState { stage, key, latest, earlier } = absent.clone();
            run.load_absent(Absent { key: Key(key), stage, latest, earlier });
        }
        for waiting in &state.waiting {
            if waiting.events.len() != sequence.events() {
                return Err(misfit());
            }
            let each = waiting.events.iter().map(|&number| event_of(events, number)).collect::<Result<Vec<_>, _>>()?;
            let found =
                Found { key: Key(waiting.key.clone()), events: sequence.places(each), end: waiting.end.clone() };
            run.load_waiting(Waiting { found, start: waiting.start, last_leading: waiting.lead });
        }
        run.count_evicted(state.evicted);
        Ok(run)
    }

    fn load_partial(
        &mut self,
        sequence: &Sequence,
        state: &PartialState,
        events: &[Arc<Event>],
    ) -> Result<(), StateError> {
        let Some((&(first, start), later)) = state.events.split_first() else { return Err(misfit()) };
        if state.events.len() >= sequence.events() {
            return Err(misfit());
        }
        let first = event_of(events, first)?;
        let key = Key(state.key.clone());
        let own = !sequence.is_only_key(&first, &key);
        let later = later.iter().map(|&(number, time)| Ok((event_of(events, number)?, time)));
        let later = later.collect::<Result<Vec<_>, StateError>>()?;
        let partial = Partial::new(first, start, state);
        self.load_chain(&key, Partial { key: own.then(|| Box::new(key.clone())), ..partial }, later);
        Ok(())
    }
}

impl Partial {
    fn new(first: Arc<Event>, start: Instant, state: &PartialState) -> Self {
        let step = state.events.len() - 1;
        let (start, lead) = (Moment::new(start), Moment::or_none(state.lead));
        Self { first, key: None, start, lead, links: super::sequence::FIRST, step: step as u8, broken: state.broken }
    }
}

fn save_absent(absent: &Absent) -> AbsentState {
    let Absent { key, stage, latest, earlier } = absent.clone();
    AbsentState { stage, key: key.0, latest, earlier }
}

fn save_waiting(waiting: &Waiting, events: &mut EventTable) -> WaitingState {
    let Waiting { found, start, last_leading } = waiting;
    WaitingState {
        key: found.key.0.clone(),
        events: found.events.iter().flatten().map(|event| events.number(event)).collect(),
        start: *start,
        end: found.end.clone(),
        lead: *last_leading,
    }
}

fn misfit() -> StateError {
    StateError::new("the state is not one of this query")
}

impl SampleRun {
    /// The state as data; `events` takes up the events that it holds.
    pub fn save(&self, events: &mut EventTable) -> SampleState {
        let mut all: Vec<(&Key, &Vec<Vec<Arc<Event>>>)> = self.candidates().collect();
        all.sort_by(|(a, _), (b, _)| a.compare(b));
        let mut filter = |held: &Vec<Arc<Event>>| held.iter().map(|event| events.number(event)).collect();
        let candidates = all.into_iter().map(|(key, held)| (key.0.clone(), held.iter().map(&mut filter).collect()));
        SampleState { candidates: candidates.collect(), dropped: self.counts().1 }
    }

    /// Takes up a state that a run of the same sample saved.
    ///
    /// # Errors
    /// A state that is not of this sample.
    pub fn load(sample: &Sample, state: &SampleState, events: &[Arc<Event>]) -> Result<Self, StateError> {
        let filter = |held: &Vec<u32>| held.iter().map(|&number| event_of(events, number)).collect();
        let mut candidates = Vec::new();
        for (key, held) in &state.candidates {
            let held = held.iter().map(filter).collect::<Result<Vec<Vec<_>>, _>>()?;
            if held.len() != sample.len() {
                return Err(misfit());
            }
            candidates.push((Key(key.clone()), held));
        }
        Ok(Self::of(candidates, state.dropped))
    }
}
