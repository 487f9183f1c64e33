//! Many events at once: each rule takes those that concern it, and what the rules find is judged in the order of the events.

use std::sync::Arc;

use super::{Alert, Engine, State};
use crate::event::Event;
use crate::event::time::Instant;
use crate::query::Hit;
use crate::share::each;

/// Most events that the rules take side by side.
pub(super) const MANY: usize = 1_024;

/// What a rule found when it took an event: the place of the event, the place of the rule, the hits.
type Found = (usize, usize, Vec<Hit>);

/// The place of a rule, that of an event which concerns it, and which filters of the rule it fits, where that is known.
type Concerned = (usize, usize, Option<u64>);

impl Engine {
    /// Takes several events in their order; gives the alerts that [`Engine::push`] gives for one after the other.
    ///
    /// With the feature `parallel`, called on a thread of a pool of rayon's, the threads of the pool share the work of the rules.
    /// An engine that times its rules, or limits the bytes that it holds, takes the events one by one.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use elkhound::engine::{Engine, RuleSet};
    /// use elkhound::event::Event;
    /// let rule = r#"{"rule_id": "a", "name": "A", "type": "query", "severity": "low", "risk_score": 21, "query": "user.name: root"}"#;
    /// let mut engine = Engine::new(RuleSet::load_text("a.json", rule).rules);
    /// let event = Arc::new(Event::from_json(r#"{"user": {"name": "root"}}"#)?);
    /// assert_eq!(engine.push_all([Arc::clone(&event), event]).len(), 2);
    /// # Ok::<(), elkhound::event::EventError>(())
    /// ```
    pub fn push_all(&mut self, events: impl IntoIterator<Item = Arc<Event>>) -> Vec<Alert> {
        let mut events = events.into_iter();
        if self.settings.timing.is_some() || self.settings.held_bytes.is_some() {
            return events.flat_map(|event| self.push(event)).collect();
        }
        let mut out = Vec::new();
        loop {
            let block: Vec<Arc<Event>> = events.by_ref().take(MANY).collect();
            if block.is_empty() {
                return out;
            }
            let mut ready = Vec::with_capacity(block.len());
            let (clock, first) = (&self.clock, self.events);
            let place = |(at, event): (u64, Arc<Event>)| (clock.ordinal(event.as_ref(), at), event);
            for (ordinal, event) in each((first..).zip(block).collect(), &place) {
                self.events += 1;
                ready.extend(self.reorder.push(ordinal, event));
                ready.extend(std::iter::from_fn(|| self.reorder.pop()));
            }
            self.take_all(&ready, &mut out);
        }
    }

    /// Judges events, each in its place.
    fn take_all(&mut self, events: &[(Option<Instant>, Arc<Event>)], out: &mut Vec<Alert>) {
        let mut found = self.find(events).into_iter().peekable();
        for (at, (time, _)) in events.iter().enumerate() {
            self.now = self.now.max(*time);
            self.close_due(out);
            while let Some((_, rule, hits)) = found.next_if(|(place, ..)| *place == at) {
                self.judge(rule, hits, out);
            }
        }
    }

    /// What the rules find, in the order of the events and the rules.
    fn find(&mut self, events: &[(Option<Instant>, Arc<Event>)]) -> Vec<Found> {
        let mut concerned = Vec::new();
        for (at, (_, event)) in events.iter().enumerate() {
            let rules = super::concerned(&self.rules, event, &mut self.matches);
            let own = rules.into_iter().filter(|(rule, _)| self.owns_any(*rule, event));
            concerned.extend(own.map(|(rule, fits)| (rule, at, fits)));
        }
        concerned.sort_unstable();
        let mut by_rule = concerned.chunk_by(|(a, ..), (b, ..)| a == b).peekable();
        let states = self.states.iter_mut().enumerate();
        let tasks = states.filter_map(|(at, state)| Some((state, by_rule.next_if(|own| own[0].0 == at)?))).collect();
        let take = |(state, own): (&mut State, &[Concerned])| -> Vec<Found> {
            let take = |&(rule, at, fits): &Concerned| (at, rule, state.push(&events[at].1, events[at].0, fits));
            own.iter().map(take).filter(|(.., hits)| !hits.is_empty()).collect()
        };
        let mut found: Vec<Found> = each(tasks, &take).into_iter().flatten().collect();
        found.sort_unstable_by_key(|(at, rule, _)| (*at, *rule));
        found
    }
}
