//! The state of a run as plain data: save, write, read, load, and the stream goes on as if nothing had been.

use std::fmt::Write;
use std::sync::Arc;

use super::hit::Shape;
use super::run::{Early, RunStats, State};
use super::{Hit, Kind, Query, Run};
use crate::endgame;
use crate::eval::sample::SampleRun;
use crate::eval::saved::{SampleState, SequenceState};
use crate::eval::sequence::SequenceRun;
use crate::event::Event;
use crate::event::table::{EventTable, StateError, event_of};
use crate::event::time::Instant;
use crate::function::Datum;

/// The state of a [`Run`], made by [`Run::save`]. Its events are numbers of an [`EventTable`], which many runs may share.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RunState {
    /// What the query was.
    query: String,
    kind: KindState,
    /// Events that wait for earlier ones, and their places in the input.
    early: Vec<(u32, u64)>,
    newest: Option<Instant>,
    last: Option<Instant>,
    /// How many hits may still pass.
    heads: usize,
    held: Vec<HitState>,
    stats: RunStats,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum KindState {
    Event,
    Sequence(SequenceState),
    Sample(SampleState),
    Endgame(endgame::RunState),
}

/// A hit whose events are numbers.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct HitState {
    shape: Shape,
    join_keys: Vec<Datum>,
    events: Vec<Option<u32>>,
}

impl Run {
    /// The state as data; `events` takes up the events that it holds.
    ///
    /// ```
    /// use elkhound::event::{Event, table::EventTable};
    /// use elkhound::query::{Query, Run};
    /// let query = Query::eql("sequence with maxspan=1m [process where true] [network where true]")?;
    /// let event = |text: &str| Event::from_json(text).map(std::sync::Arc::new);
    /// let mut run = query.start();
    /// run.push(event(r#"{"@timestamp": "2024-01-01T00:00:00Z", "event": {"category": "process"}}"#)?);
    /// let mut events = EventTable::default();
    /// let state = run.save(&mut events);
    /// let mut later = Run::load(&query, &state, events.events())?;
    /// let next = event(r#"{"@timestamp": "2024-01-01T00:00:01Z", "event": {"category": "network"}}"#)?;
    /// assert_eq!(later.push(next).len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, events: &mut EventTable) -> RunState {
        let kind = match (&self.state, &self.query.0.kind) {
            (State::Sequence(run), Kind::Sequence(sequence)) => KindState::Sequence(run.save(sequence, events)),
            (State::Sample(run), _) => KindState::Sample(run.save(events)),
            (State::Endgame(run), _) => KindState::Endgame(run.save(events)),
            _ => KindState::Event,
        };
        let mut early: Vec<(u32, u64)> =
            self.waiting.iter().map(|Early(ordinal, event)| (events.number(event), ordinal.position)).collect();
        early.sort_unstable_by_key(|(_, position)| *position);
        RunState {
            query: fingerprint(&self.query),
            kind,
            early,
            newest: self.newest,
            last: self.last,
            heads: self.pipes.heads,
            held: self.pipes.held.iter().map(|hit| save_hit(hit, events)).collect(),
            stats: self.stats,
        }
    }

    /// Takes up a state that a run of the same query saved; `events` are those of the table.
    ///
    /// # Errors
    /// A state of another query or under other settings, and one that is damaged.
    pub fn load(query: &Query, state: &RunState, events: &[Arc<Event>]) -> Result<Self, StateError> {
        if state.query != fingerprint(query) {
            return Err(StateError::new("the state is one of another query"));
        }
        let mut run = query.start();
        run.state = match (&state.kind, &query.0.kind) {
            (KindState::Event, Kind::Event) => State::Event,
            (KindState::Sequence(state), Kind::Sequence(sequence)) => {
                State::Sequence(Box::new(SequenceRun::load(sequence, query.0.settings.partials, state, events)?))
            }
            (KindState::Sample(state), Kind::Sample(sample)) => State::Sample(SampleRun::load(sample, state, events)?),
            (KindState::Endgame(state), Kind::Endgame(program)) => {
                State::Endgame(endgame::Run::load(program, query.0.settings.partials, state, events)?)
            }
            _ => return Err(StateError::new("the state is one of another kind of query")),
        };
        for &(number, position) in &state.early {
            let event = event_of(events, number)?;
            let ordinal = query.0.clock.ordinal(event.as_ref(), position);
            run.waiting.push(Early(ordinal, event));
        }
        (run.newest, run.last, run.stats, run.pipes.heads) = (state.newest, state.last, state.stats, state.heads);
        run.pipes.held = state.held.iter().map(|hit| load_hit(hit, events)).collect::<Result<_, _>>()?;
        Ok(run)
    }
}

pub(crate) fn save_hit(hit: &Hit, events: &mut EventTable) -> HitState {
    let events = hit.events.iter().map(|event| event.as_ref().map(|event| events.number(event))).collect();
    HitState { shape: hit.shape, join_keys: hit.join_keys.clone(), events }
}

pub(crate) fn load_hit(state: &HitState, events: &[Arc<Event>]) -> Result<Hit, StateError> {
    let of = |number: &Option<u32>| number.map(|number| event_of(events, number)).transpose();
    let events = state.events.iter().map(of).collect::<Result<_, _>>()?;
    Ok(Hit { shape: state.shape, join_keys: state.join_keys.clone(), events })
}

/// What a query is, as far as its state depends on it: FNV-1a in 128 bits over its plan and the fields of its clock.
fn fingerprint(query: &Query) -> String {
    let compiled = &query.0;
    let mut hash = Fnv(0x6C62_272E_07BB_0142_62B8_2175_6295_C58D);
    let settings = &compiled.settings;
    let written = match &compiled.kind {
        // The state of an event query is in its pipes.
        Kind::Event => write!(hash, "event {:?}", compiled.plan.pipes),
        Kind::Endgame(_) => {
            write!(hash, "endgame {} {}", settings.case_sensitive, compiled.warnings.source().text())
        }
        Kind::Sequence(_) | Kind::Sample(_) => {
            write!(hash, "{:?} {:?} {:?}", settings.timestamp_field, settings.tiebreaker_field, compiled.plan)
        }
    };
    debug_assert!(written.is_ok(), "writing into a hash does not fail");
    format!("{:032x}", hash.0)
}

struct Fnv(u128);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
        }
        Ok(())
    }
}
