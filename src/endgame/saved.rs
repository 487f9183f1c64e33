//! The state of a run as plain data.

use std::sync::Arc;

use super::Program;
use super::pending::Waiting;
use super::pipe::Item;
use super::relation::RelationState;
use super::run::Run;
use crate::event::Event;
use crate::event::table::{EventTable, StateError, event_of};

/// The state of a [`Run`]; events are numbers of an [`EventTable`].
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RunState {
    pending: Vec<Vec<(String, WaitingState)>>,
    pipes: Vec<PassState>,
    held: Vec<Vec<u32>>,
    relations: Vec<RelationState>,
    dropped: u64,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct WaitingState {
    start: f64,
    events: Vec<Option<u32>>,
}

/// What a pipe remembers of what passed it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct PassState {
    pub left: usize,
    pub seen: Vec<String>,
}

impl Run {
    /// The state as data; `events` takes up the events that it holds.
    pub fn save(&self, events: &mut EventTable) -> RunState {
        let mut save = |(key, waiting): (&str, &Waiting)| (key.to_owned(), save_waiting(waiting, events));
        let pending = self.pending.iter().map(|state| state.iter().map(&mut save).collect()).collect();
        let held = self.pipes.held().map(|item| item.events().iter().map(|event| events.number(event)).collect());
        RunState {
            pending,
            held: held.collect(),
            pipes: self.pipes.save(),
            relations: self.relations.save(),
            dropped: self.dropped,
        }
    }

    /// Takes up a state that a run of the same program saved.
    ///
    /// # Errors
    /// A state that is not of this program.
    pub fn load(
        program: &Arc<Program>,
        limit: usize,
        state: &RunState,
        events: &[Arc<Event>],
    ) -> Result<Self, StateError> {
        let mut run = program.start(limit);
        let fits = run.pending.len() == state.pending.len();
        if !(fits && run.relations.load(&state.relations) && run.pipes.load(&state.pipes)) {
            return Err(StateError::new("the state is not one of this query"));
        }
        for (pending, saved) in run.pending.iter_mut().zip(&state.pending) {
            for (key, waiting) in saved {
                let of = |number: &Option<u32>| number.map(|number| event_of(events, number)).transpose();
                let held = waiting.events.iter().map(of).collect::<Result<_, _>>()?;
                pending.insert(key, Waiting { start: waiting.start, events: held });
            }
        }
        for item in &state.held {
            let held = item.iter().map(|&number| event_of(events, number)).collect::<Result<_, _>>()?;
            run.pipes.hold(Item::Events(held));
        }
        run.dropped = state.dropped;
        Ok(run)
    }
}

fn save_waiting(waiting: &Waiting, events: &mut EventTable) -> WaitingState {
    let events = waiting.events.iter().map(|event| event.as_ref().map(|event| events.number(event))).collect();
    WaitingState { start: waiting.start, events }
}
