//! The state of a run as plain data.

use std::sync::Arc;

use super::Program;
use super::pipe::Item;
use super::relation::RelationState;
use super::run::{Run, Waiting};
use crate::event::Event;
use crate::event::table::{EventTable, StateError, event_of};

/// The state of a [`Run`]; events are numbers of an [`EventTable`].
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RunState {
    pending: Vec<Vec<(String, WaitingState)>>,
    items: Vec<Vec<u32>>,
    relations: Vec<RelationState>,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct WaitingState {
    start: f64,
    events: Vec<Option<u32>>,
}

impl Run {
    /// The state as data; `events` takes up the events that it holds.
    pub fn save(&self, events: &mut EventTable) -> RunState {
        let pending = self.pending.iter().map(|state| {
            let mut all: Vec<(String, WaitingState)> =
                state.iter().map(|(key, waiting)| (key.clone(), save_waiting(waiting, events))).collect();
            all.sort_by(|(a, _), (b, _)| a.cmp(b));
            all
        });
        let pending = pending.collect();
        let items = self.items.iter().map(|item| item.events().iter().map(|event| events.number(event)).collect());
        RunState { pending, items: items.collect(), relations: self.relations.save() }
    }

    /// Takes up a state that a run of the same program saved.
    ///
    /// # Errors
    /// A state that is not of this program.
    pub fn load(program: &Arc<Program>, state: &RunState, events: &[Arc<Event>]) -> Result<Self, StateError> {
        let mut run = program.start();
        let misfit = || StateError::new("the state is not one of this query");
        if run.pending.len() != state.pending.len() || !run.relations.load(&state.relations) {
            return Err(misfit());
        }
        for (pending, saved) in run.pending.iter_mut().zip(&state.pending) {
            for (key, waiting) in saved {
                let of = |number: &Option<u32>| number.map(|number| event_of(events, number)).transpose();
                let held = waiting.events.iter().map(of).collect::<Result<_, _>>()?;
                pending.insert(key.clone(), Waiting { start: waiting.start, events: held });
            }
        }
        for item in &state.items {
            let held = item.iter().map(|&number| event_of(events, number)).collect::<Result<_, _>>()?;
            run.items.push(Item::Events(held));
        }
        Ok(run)
    }
}

fn save_waiting(waiting: &Waiting, events: &mut EventTable) -> WaitingState {
    let events = waiting.events.iter().map(|event| event.as_ref().map(|event| events.number(event))).collect();
    WaitingState { start: waiting.start, events }
}
