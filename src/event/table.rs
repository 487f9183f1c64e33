//! Events by number, for states that are saved and loaded: many parts of a state share one event.

use std::sync::Arc;

use hashbrown::HashMap;

use super::Event;

/// Events, each once, in the order in which they were first named.
#[derive(Debug, Default)]
pub struct EventTable {
    events: Vec<Arc<Event>>,
    /// By address: the table keeps every event alive, so that no address is used twice.
    numbers: HashMap<usize, u32>,
}

/// A saved state that cannot be taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StateError {
    message: String,
}

impl StateError {
    /// An error that says why.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl EventTable {
    /// The number of an event, which is added unless it is there.
    pub fn number(&mut self, event: &Arc<Event>) -> u32 {
        let fresh = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(Arc::as_ptr(event) as usize).or_insert(fresh);
        if number == fresh {
            self.events.push(Arc::clone(event));
        }
        number
    }

    /// The events by number.
    pub fn events(&self) -> &[Arc<Event>] {
        &self.events
    }
}

/// The event of a number.
///
/// # Errors
/// A number that no event has.
pub fn event_of(events: &[Arc<Event>], number: u32) -> Result<Arc<Event>, StateError> {
    let event = events.get(number as usize).map(Arc::clone);
    event.ok_or_else(|| StateError::new(format!("the state names event {number} of {}", events.len())))
}
