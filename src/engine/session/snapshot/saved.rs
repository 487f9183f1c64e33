//! The state of a rule as plain data, its events by number.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::settings::EngineSettings;
use super::super::state::State;
use super::super::stats::RuleStats;
use super::super::windows::{Candidate, Window};
use crate::engine::alert::{Details, Enrichment, Finding, ThresholdResult};
use crate::engine::kind::new_terms::Seen;
use crate::engine::kind::threshold::Groups;
use crate::engine::rule_set::CompiledRule;
use crate::engine::suppress::{Tally, Terms};
use crate::event::Event;
use crate::event::table::{EventTable, StateError, event_of};
use crate::event::time::Instant;
use crate::query::{HitState, Run, RunState, load_hit, save_hit};

/// A [`State`] as data.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedState {
    run: RunState,
    groups: Groups,
    kept: Vec<Vec<u32>>,
    seen: Seen,
    held: Vec<(FindingState, Instant, Instant)>,
    windows: Vec<WindowState>,
    windows_dropped: u64,
    stats: RuleStats,
}

#[derive(Debug, Serialize, Deserialize)]
struct WindowState {
    finding: FindingState,
    terms: Terms,
    span: (Instant, Instant),
    tally: Tally,
    closes: Instant,
}

#[derive(Debug, Serialize, Deserialize)]
struct FindingState {
    events: Vec<Option<u32>>,
    details: DetailsState,
}

#[derive(Debug, Serialize, Deserialize)]
enum DetailsState {
    Event,
    Group(HitState),
    Threshold(ThresholdResult),
    NewTerms(Vec<String>),
    Threat(Vec<EnrichmentState>),
}

#[derive(Debug, Serialize, Deserialize)]
struct EnrichmentState {
    indicator: u32,
    path: String,
    field: String,
    value: Option<String>,
}

impl SavedState {
    /// `stats` are the counters as the engine gives them.
    pub fn save(state: &State, stats: RuleStats, table: &mut EventTable) -> Self {
        let held = state.held.iter().map(|(finding, span)| (save_finding(finding, table), span.0, span.1)).collect();
        let window = |window: &Window| WindowState {
            finding: save_finding(&window.first.finding, table),
            terms: window.first.terms.clone(),
            span: (window.first.start, window.first.end),
            tally: window.tally,
            closes: window.closes,
        };
        let windows = state.windows.iter().map(window).collect();
        Self {
            run: state.run.save(table),
            kept: state.groups.save_events(table),
            groups: state.groups.clone(),
            seen: state.seen.clone(),
            held,
            windows,
            windows_dropped: state.windows.dropped,
            stats: RuleStats { candidates: stats.candidates, ..state.stats },
        }
    }

    pub fn load(
        self,
        compiled: &CompiledRule,
        settings: &EngineSettings,
        events: &[Arc<Event>],
    ) -> Result<State, StateError> {
        let mut state = State::new(compiled, settings);
        state.run = Run::load(&compiled.query, &self.run, events)?;
        (state.groups, state.seen, state.stats) = (self.groups, self.seen, self.stats);
        state.groups.load_events(&self.kept, events)?;
        for (finding, start, end) in self.held {
            state.held.insert(load_finding(finding, events)?, (start, end));
        }
        for saved in self.windows {
            let finding = load_finding(saved.finding, events)?;
            let first = Candidate { finding, terms: saved.terms, start: saved.span.0, end: saved.span.1 };
            state.windows.insert(Window { first, tally: saved.tally, closes: saved.closes, serial: 0 });
        }
        state.windows.dropped = self.windows_dropped;
        Ok(state)
    }
}

fn save_finding(finding: &Finding, table: &mut EventTable) -> FindingState {
    let events = finding.events.iter().map(|event| event.as_ref().map(|event| table.number(event))).collect();
    let details = match &finding.details {
        Details::Event => DetailsState::Event,
        Details::Group(hit) => DetailsState::Group(save_hit(hit, table)),
        Details::Threshold(result) => DetailsState::Threshold(result.clone()),
        Details::NewTerms(terms) => DetailsState::NewTerms(terms.clone()),
        Details::Threat(hits) => DetailsState::Threat(hits.iter().map(|hit| save_enrichment(hit, table)).collect()),
    };
    FindingState { events, details }
}

fn save_enrichment(hit: &Enrichment, table: &mut EventTable) -> EnrichmentState {
    let Enrichment { indicator, path, field, value } = hit.clone();
    EnrichmentState { indicator: table.number(&indicator), path, field, value }
}

fn load_finding(state: FindingState, events: &[Arc<Event>]) -> Result<Finding, StateError> {
    let of = |number: Option<u32>| number.map(|number| event_of(events, number)).transpose();
    let enrichment = |EnrichmentState { indicator, path, field, value }| {
        Ok(Enrichment { indicator: event_of(events, indicator)?, path, field, value })
    };
    let details = match state.details {
        DetailsState::Event => Details::Event,
        DetailsState::Group(hit) => Details::Group(load_hit(&hit, events)?),
        DetailsState::Threshold(result) => Details::Threshold(result),
        DetailsState::NewTerms(terms) => Details::NewTerms(terms),
        DetailsState::Threat(hits) => {
            Details::Threat(hits.into_iter().map(enrichment).collect::<Result<_, StateError>>()?)
        }
    };
    Ok(Finding { events: state.events.into_iter().map(of).collect::<Result<_, _>>()?, details, suppressed: None })
}
