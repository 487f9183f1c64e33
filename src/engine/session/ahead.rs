//! [`Ahead`]: a recording is judged while it is read, in the hope that it is in the order of time.

use std::sync::Arc;

use super::{Alert, Engine, EngineSettings, RuleSet};
use crate::eval::order::Ordinal;
use crate::event::Event;
use crate::query::in_time_order;
use crate::share::give_up;

/// Most alerts that wait for the end of the recording.
const WAITING: usize = 65_536;

/// Judges the events of a recording while others are still being read.
///
/// Whether they come in the order of their time shows only at the end. Until then the alerts wait, and the events are kept: where
/// one comes too early, or more than 65,536 alerts wait, all is judged anew when all is there.
///
/// ```
/// use std::sync::Arc;
/// use elkhound::engine::{Ahead, EngineSettings, RuleSet};
/// use elkhound::event::Event;
/// let rule = r#"{"rule_id": "a", "name": "A", "type": "query", "severity": "low", "risk_score": 21, "query": "user.name: root"}"#;
/// let rules = RuleSet::load_text("a.json", rule).rules;
/// let mut ahead = Ahead::new(rules, EngineSettings::default());
/// ahead.push(vec![Arc::new(Event::from_json(r#"{"user": {"name": "root"}}"#)?)]);
/// let (mut engine, mut alerts, left) = ahead.finish();
/// alerts.extend(engine.push_all(left));
/// alerts.extend(engine.finish());
/// assert_eq!(alerts.len(), 1);
/// # Ok::<(), elkhound::event::EventError>(())
/// ```
#[derive(Debug)]
pub struct Ahead {
    rules: Arc<RuleSet>,
    settings: EngineSettings,
    events: Vec<Arc<Event>>,
    /// As long as all were in order.
    judged: Option<Judged>,
}

#[derive(Debug)]
struct Judged {
    engine: Engine,
    newest: Option<Ordinal>,
    alerts: Vec<Alert>,
}

impl Ahead {
    /// An engine with these settings before the first event. One that limits the bytes it holds judges at the end only, when
    /// nothing else holds the events.
    pub fn new(rules: Arc<RuleSet>, settings: EngineSettings) -> Self {
        let judged = || {
            let engine = Engine::with_settings(Arc::clone(&rules), settings.clone());
            Judged { engine, newest: None, alerts: Vec::new() }
        };
        let judged = settings.held_bytes.is_none().then(judged);
        Self { rules, settings, events: Vec::new(), judged }
    }

    /// Takes the next events of the recording.
    pub fn push(&mut self, events: Vec<Arc<Event>>) {
        if self.judged.as_mut().is_some_and(|judged| !judged.take(&events)) {
            self.judged = None;
        }
        self.events.extend(events);
    }

    /// Ends the recording; gives the engine, its alerts so far, and the events that it has yet to take, in their order.
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
