//! The engine: the state of a rule set over a stream of events.

use std::sync::Arc;

use super::alert::{Alert, Details, Finding};
use super::kind::Kind;
use super::kind::new_terms::Seen;
use super::kind::threshold::{Groups, Reached};
use super::rule_set::{CompiledRule, RuleSet};
use crate::event::Event;
use crate::event::index::Selection;
use crate::query::{Hit, Matches, Run};

/// Rules over a stream.
///
/// Events come in the order of their time. Alerts come as soon as they are certain.
#[derive(Debug)]
pub struct Engine {
    rules: Arc<RuleSet>,
    states: Vec<State>,
    indicators: Vec<Vec<Arc<Event>>>,
    matches: Matches,
    events: u64,
}

#[derive(Debug)]
struct State {
    run: Run,
    groups: Groups,
    seen: Seen,
    stats: RuleStats,
}

/// Counters of one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleStats {
    /// Events that could matter to the rule: hits, and events of a stage.
    pub events: u64,
    /// What its query found.
    pub hits: u64,
    /// Its alerts.
    pub alerts: u64,
    /// Sequences under way and events held.
    pub live: usize,
    /// Sequences given up and events dropped.
    pub dropped: u64,
    /// Events that came too late for a sequence.
    pub late: u64,
}

/// Counters of an engine.
#[derive(Debug, Clone, Default)]
pub struct EngineStats {
    /// Events pushed.
    pub events: u64,
    /// Counters of each rule, in the order of the rule set.
    pub rules: Vec<RuleStats>,
}

impl Engine {
    /// An engine without state.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self::with_indicators(rules, &[])
    }

    /// An engine whose indicator match rules see these indicators.
    pub fn with_indicators(rules: Arc<RuleSet>, indicators: &[Arc<Event>]) -> Self {
        let state = |compiled: &CompiledRule| State {
            run: compiled.query.start(),
            groups: Groups::default(),
            seen: Seen::default(),
            stats: RuleStats::default(),
        };
        let chosen = |compiled: &CompiledRule| match &compiled.kind {
            Kind::ThreatMatch(threat) => threat.select(indicators),
            _ => Vec::new(),
        };
        let states = rules.rules.iter().map(state).collect();
        let indicators = rules.rules.iter().map(chosen).collect();
        Self { rules, states, indicators, matches: Matches::default(), events: 0 }
    }

    /// Takes the next event; gives the alerts that are certain now.
    pub fn push(&mut self, event: impl Into<Arc<Event>>) -> Vec<Alert> {
        let event = event.into();
        self.events += 1;
        let rules = Arc::clone(&self.rules);
        let index = if rules.settings.enforce_index { event.index_name() } else { None };
        let mut out = Vec::new();
        let mut matches = std::mem::take(&mut self.matches);
        let all: Vec<u32>;
        let concerned = match &rules.queries {
            Some(queries) => queries.matches(event.as_ref(), &mut matches),
            None => {
                all = (0..rules.rules.len() as u32).collect();
                &all
            }
        };
        for &at in concerned {
            let (at, compiled) = (at as usize, &rules.rules[at as usize]);
            if rules.settings.enforce_index && compiled.indices.select(index.as_deref()) == Selection::NoMatch {
                continue;
            }
            self.states[at].stats.events += 1;
            let hits = self.states[at].run.push(Arc::clone(&event));
            self.judge(at, hits, &mut out);
        }
        self.matches = matches;
        out
    }

    /// Ends the stream; gives what was held back.
    pub fn finish(&mut self) -> Vec<Alert> {
        let rules = Arc::clone(&self.rules);
        let mut out = Vec::new();
        for (at, compiled) in rules.rules.iter().enumerate() {
            let hits = self.states[at].run.finish();
            self.judge(at, hits, &mut out);
            if let Kind::Threshold(threshold) = &compiled.kind {
                let (reached, _) = threshold.reached(&mut self.states[at].groups, usize::MAX);
                for Reached { events, result } in reached {
                    let events = events.into_iter().map(Some).collect();
                    out.push(self.alert(at, Finding { events, details: Details::Threshold(result), suppressed: None }));
                }
            }
        }
        out
    }

    /// The counters.
    pub fn stats(&self) -> EngineStats {
        let each = |state: &State| {
            let run = state.run.stats();
            RuleStats { live: run.live, dropped: run.dropped, late: run.late, ..state.stats }
        };
        EngineStats { events: self.events, rules: self.states.iter().map(each).collect() }
    }

    fn judge(&mut self, at: usize, hits: Vec<Hit>, out: &mut Vec<Alert>) {
        if hits.is_empty() {
            return;
        }
        let rules = Arc::clone(&self.rules);
        self.states[at].stats.hits += hits.len() as u64;
        for hit in hits {
            let event = hit.events().iter().flatten().next().cloned();
            match (&rules.rules[at].kind, event) {
                (Kind::Hits, _) => out.push(self.alert(at, Finding::of_hit(hit))),
                (Kind::Threshold(threshold), Some(event)) => threshold.add(&mut self.states[at].groups, &event, None),
                (Kind::NewTerms(terms), Some(event)) => {
                    for term in terms.new_terms(&mut self.states[at].seen, &event, None) {
                        out.push(self.alert(at, Finding::of_event(Arc::clone(&event), Details::NewTerms(term))));
                    }
                }
                (Kind::ThreatMatch(threat), Some(event)) => {
                    let hits = threat.hits(&self.indicators[at], &event);
                    if !hits.is_empty() {
                        out.push(self.alert(at, Finding::of_event(event, Details::Threat(hits))));
                    }
                }
                (_, None) => {}
            }
        }
    }

    fn alert(&mut self, rule: usize, finding: Finding) -> Alert {
        self.states[rule].stats.alerts += 1;
        Alert { rules: Arc::clone(&self.rules), rule, finding, created: None }
    }
}
