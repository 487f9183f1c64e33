//! [`Ahead`]: a recording is judged while it is read, in the hope that it is in the order of time.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Alert, Engine, EngineSettings, RuleSet};
use crate::eval::order::Ordinal;
use crate::event::Event;
use crate::query::{Take, in_time_order};
use crate::share::give_up;

/// Most alerts that wait for the end of the recording.
const WAITING: usize = 65_536;

/// A recording that was judged while it was read.
///
/// Whether its events come in the order of their time shows only at the end. Until then the alerts wait; where an event comes too
/// early, or more than 65,536 alerts wait, all is judged when all is there. Of a recording that can be read again no event is kept
/// for that, but what the rules hold.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::sync::Arc;
/// use elkhound::engine::{Ahead, EngineSettings, Readable, RuleSet};
/// use elkhound::event::{Event, EventError};
/// let rule = r#"{"rule_id": "a", "name": "A", "type": "query", "severity": "low", "risk_score": 21, "query": "user.name: root"}"#;
/// let rules = RuleSet::load_text("a.json", rule).rules;
/// let ahead = Ahead::read(rules, EngineSettings::default(), Readable::Again, |take| {
///     let _ = take(vec![Arc::new(Event::from_json(r#"{"user": {"name": "root"}}"#)?)]);
///     Ok::<(), EventError>(())
/// })?;
/// let (mut engine, mut alerts, left) = ahead.finish();
/// alerts.extend(engine.push_all(left));
/// alerts.extend(engine.finish());
/// assert_eq!(alerts.len(), 1);
/// # Ok::<(), EventError>(())
/// ```
#[derive(Debug)]
pub struct Ahead {
    rules: Arc<RuleSet>,
    settings: EngineSettings,
    /// What may have to be judged anew.
    events: Vec<Arc<Event>>,
    /// As long as all was well.
    judged: Option<Judged>,
}

/// How often a recording can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readable {
    /// As a pipe.
    Once,
    /// As a file.
    Again,
}

#[derive(Debug)]
struct Judged {
    engine: Engine,
    newest: Option<Ordinal>,
    alerts: Vec<Alert>,
}

impl Ahead {
    /// Judges what `read` hands on, some events at a time, in their order. A recording that is readable again is read from its start
    /// once more where it turns out that all has to be there first.
    ///
    /// An engine that limits the bytes it holds judges at the end only, when nothing else holds the events.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read<E>(
        rules: Arc<RuleSet>,
        settings: EngineSettings,
        readable: Readable,
        mut read: impl FnMut(Take<'_>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let judged = || {
            let engine = Engine::with_settings(Arc::clone(&rules), settings.clone());
            Judged { engine, newest: None, alerts: Vec::new() }
        };
        let mut judged = settings.held_bytes.is_none().then(judged);
        let keeps = readable == Readable::Once || judged.is_none();
        let mut events = Vec::new();
        read(&mut |some| {
            if judged.as_mut().is_some_and(|judged| !judged.take(&some)) {
                judged = None;
            }
            if keeps {
                events.extend(some);
            }
            if keeps || judged.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if judged.is_none() && !keeps {
            read(&mut |some| {
                events.extend(some);
                ControlFlow::Continue(())
            })?;
        }
        Ok(Self { rules, settings, events, judged })
    }

    /// Gives the engine, its alerts so far, and the events that it has yet to take, in their order.
    pub fn finish(self) -> (Engine, Vec<Alert>, Vec<Arc<Event>>) {
        match self.judged {
            Some(Judged { engine, alerts, .. }) => {
                give_up(self.events);
                (engine, alerts, Vec::new())
            }
            None => {
                let events = in_time_order(self.events, &self.rules.settings.query);
                (Engine::with_settings(self.rules, self.settings), Vec::new(), events)
            }
        }
    }
}

impl Judged {
    /// Judges events; tells whether all was well.
    fn take(&mut self, events: &[Arc<Event>]) -> bool {
        for event in events {
            let ordinal = self.engine.ordinal(event);
            if self.newest.as_ref().is_some_and(|newest| newest.compare_results(&ordinal).is_gt()) {
                return false;
            }
            self.alerts.extend(self.engine.push_at(ordinal.clone(), Arc::clone(event)));
            self.newest = Some(ordinal);
            if self.alerts.len() > WAITING {
                return false;
            }
        }
        true
    }
}
