//! [`judge_recording`]: a recording is judged while it is read, in the hope that it is in the order of time.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::many::MANY;
use super::{Alert, Engine, EngineSettings, RuleSet};
use crate::eval::order::Ordinal;
use crate::event::Event;
use crate::query::{Take, in_time_order};
use crate::share::give_up;

/// Most alerts that wait for the end of the recording.
const WAITING: usize = 65_536;

/// How often a recording can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readable {
    /// As a pipe.
    Once,
    /// As a file.
    Again,
}

/// Judges the events of a recording in the order of their time, while others are still being read: `read` hands them on, some at a
/// time, and `found` takes the alerts, in their order. Gives the engine as it is then, finished.
///
/// Whether the events come in the order of their time shows only at the end of the recording. Until then the alerts wait, up to
/// 65,536 of them. Where more would wait, or an event comes too early, all is judged anew. A recording that is readable again is read
/// again for that, and no event of it is kept for itself, unless one comes too early: then all have to be there to be sorted.
///
/// A suppressed group is one alert, which comes when its window closes. A rule with a timestamp or a tiebreaker of its own, or with an
/// override of the timestamp that decides which event is the first, sees its events in that order: they wait for the end, at most
/// [`EngineSettings::buffered`] of a rule.
///
/// An engine that limits the bytes it holds judges at the end only, when nothing else holds the events.
///
/// # Errors
/// Those of `read` and `found`.
///
/// ```
/// use std::sync::Arc;
/// use elkhound::engine::{EngineSettings, Readable, RuleSet, judge_recording};
/// use elkhound::event::{Event, EventError};
/// let rule = r#"{"rule_id": "a", "name": "A", "type": "query", "severity": "low", "risk_score": 21, "query": "user.name: root"}"#;
/// let rules = RuleSet::load_text("a.json", rule).rules;
/// let mut alerts = Vec::new();
/// let read = |take: elkhound::query::Take<'_>| {
///     let _ = take(&[Arc::new(Event::from_json(r#"{"user": {"name": "root"}}"#)?)]);
///     Ok::<(), EventError>(())
/// };
/// judge_recording(&rules, &EngineSettings::default(), Readable::Again, read, &mut |found| {
///     alerts.extend(found);
///     Ok(())
/// })?;
/// assert_eq!(alerts.len(), 1);
/// # Ok::<(), EventError>(())
/// ```
pub fn judge_recording<E>(
    rules: &Arc<RuleSet>,
    settings: &EngineSettings,
    readable: Readable,
    mut read: impl FnMut(Take<'_>) -> Result<(), E>,
    found: &mut dyn FnMut(Vec<Alert>) -> Result<(), E>,
) -> Result<Engine, E> {
    let begin = || Engine::of_recording(Arc::clone(rules), settings.clone());
    let judges = settings.held_bytes.is_none();
    let keeps = readable == Readable::Once || !judges;
    let mut ahead = Ahead { engine: begin(), alerts: judges.then(Vec::new), newest: None, is_ordered: true };
    let mut events = Vec::new();
    read(&mut |some| {
        ahead.take(some);
        if keeps {
            events.extend_from_slice(some);
        }
        if keeps || ahead.is_ordered { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let mut engine = match ahead {
        Ahead { engine, alerts: Some(alerts), .. } => {
            give_up(events);
            let mut alerts = alerts.into_iter();
            while alerts.len() > 0 {
                found(alerts.by_ref().take(MANY).collect())?;
            }
            engine
        }
        Ahead { is_ordered: true, .. } if !keeps => {
            let (mut engine, mut handed) = (begin(), Ok(()));
            read(&mut |some| {
                let alerts: Vec<Alert> = some.iter().flat_map(|event| engine.push(Arc::clone(event))).collect();
                handed = if alerts.is_empty() { Ok(()) } else { found(alerts) };
                if handed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            handed?;
            engine
        }
        _ => {
            if !keeps {
                read(&mut |some| {
                    events.extend_from_slice(some);
                    ControlFlow::Continue(())
                })?;
            }
            let mut engine = begin();
            let mut events = in_time_order(events, &rules.settings.query).into_iter();
            while events.len() > 0 {
                found(engine.push_all(events.by_ref().take(MANY)))?;
            }
            engine
        }
    };
    found(engine.finish())?;
    Ok(engine)
}

/// What is known of a recording so far.
struct Ahead {
    engine: Engine,
    /// Those of all events, as long as all was well and not too many.
    alerts: Option<Vec<Alert>>,
    newest: Option<Ordinal>,
    is_ordered: bool,
}

impl Ahead {
    fn take(&mut self, events: &[Arc<Event>]) {
        for event in events {
            let ordinal = self.engine.ordinal(event);
            self.is_ordered &= self.newest.as_ref().is_none_or(|newest| newest.compare_results(&ordinal).is_le());
            if !self.is_ordered {
                self.alerts = None;
                return;
            }
            if let Some(alerts) = &mut self.alerts {
                alerts.extend(self.engine.push_at(ordinal.clone(), Arc::clone(event)));
                if alerts.len() > WAITING {
                    self.alerts = None;
                }
            }
            self.newest = Some(ordinal);
        }
    }
}
