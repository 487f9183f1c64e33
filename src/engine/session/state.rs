//! The state of one rule, and what is remembered of all alerts.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::order::OwnOrder;
use super::settings::EngineSettings;
use super::stats::RuleStats;
use super::windows::{Held, Windows};
use crate::engine::alert::{Details, Finding};
use crate::engine::kind::Kind;
use crate::engine::kind::new_terms::Seen;
use crate::engine::kind::threat::Indicators;
use crate::engine::kind::threshold::{Groups, Threshold};
use crate::engine::rule_set::CompiledRule;
use crate::event::Event;
use crate::event::time::Instant;
use crate::plan::QueryKind;
use crate::query::{Hit, Known, Run};

/// What a rule remembers.
#[derive(Debug)]
pub(super) struct State {
    pub run: Run,
    /// Whether the query has the clock of the engine.
    pub has_clock: bool,
    /// The order of its own that the rule has in a recording.
    pub order: Option<OwnOrder>,
    pub indicators: Indicators,
    pub groups: Groups,
    pub seen: Seen,
    pub held: Held,
    pub windows: Windows,
    /// When something is due, as the engine's queue has it.
    pub due: Option<Instant>,
    pub stats: RuleStats,
}

impl State {
    pub fn new(compiled: &CompiledRule, settings: &EngineSettings) -> Self {
        let indicators = match &compiled.kind {
            Kind::ThreatMatch(threat) => threat.select(&settings.indicators),
            _ => Indicators::default(),
        };
        Self {
            run: compiled.query.start(),
            has_clock: compiled.has_clock,
            order: None,
            indicators,
            groups: Groups::default(),
            seen: Seen::default(),
            held: Held::default(),
            windows: Windows::default(),
            due: None,
            stats: RuleStats::default(),
        }
    }

    /// Takes an event, its time by the clock of the engine, and which filters of the rule it fits, if that is known.
    pub fn push(&mut self, event: &Arc<Event>, time: Option<Instant>, fits: Option<u64>) -> Vec<Hit> {
        self.stats.events += 1;
        match &mut self.order {
            None => self.run.push_known(Arc::clone(event), Known { time: self.has_clock.then_some(time), fits }),
            Some(order) => order.push(event).into_iter().flat_map(|event| self.run.push(event)).collect(),
        }
    }

    /// The counters.
    pub fn stats(&self) -> RuleStats {
        let run = self.run.stats();
        RuleStats {
            live: run.live + self.groups.len() + self.seen.len() + self.held.len() + self.windows.len(),
            dropped: run.dropped + self.groups.dropped() + self.seen.dropped() + self.windows.dropped,
            late: run.late + self.order.as_ref().map_or(0, |order| order.counts().1),
            ..self.stats
        }
    }

    /// The groups that reached the threshold; counting begins anew.
    pub fn reached(&mut self, threshold: &Threshold) -> Vec<Finding> {
        let (reached, _) = threshold.reached(&mut self.groups, usize::MAX);
        // Every event was pushed once, so that none has to be kept from counting twice.
        self.groups.forget(Instant::MAX);
        let finding = |reached: crate::engine::kind::threshold::Reached| Finding {
            events: reached.events.into_iter().map(Some).collect(),
            details: Details::Threshold(reached.result),
            suppressed: None,
        };
        reached.into_iter().map(finding).collect()
    }

    /// When the next held finding or window is due.
    pub fn next_due(&self, compiled: &CompiledRule) -> Option<Instant> {
        let next = [self.held.first(), self.windows.closes()].into_iter().flatten().min()?;
        (next < Instant::MAX).then(|| next.saturating_add(slack(compiled)))
    }
}

/// Whether the findings of a rule wait until no earlier one can come: it suppresses, and becomes certain late.
pub(super) fn waits(compiled: &CompiledRule) -> bool {
    compiled.suppression.is_some() && missing(compiled)
}

fn missing(compiled: &CompiledRule) -> bool {
    match &compiled.query.plan().kind {
        QueryKind::Sequence(sequence) => sequence.stages.iter().any(|stage| stage.missing),
        _ => false,
    }
}

/// How long after its last event something may be found.
pub(super) fn slack(compiled: &CompiledRule) -> Instant {
    match &compiled.query.plan().kind {
        QueryKind::Sequence(sequence) if missing(compiled) => sequence.maxspan.unwrap_or(Instant::MAX),
        _ => 0,
    }
}

/// The identities of the latest alerts, for engines that give each alert once.
#[derive(Debug)]
pub(super) struct Identities {
    known: BTreeSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
    limit: usize,
    pub repeated: u64,
}

impl Identities {
    pub const fn new(limit: usize) -> Self {
        Self { known: BTreeSet::new(), order: VecDeque::new(), limit, repeated: 0 }
    }

    /// Notes an identity; tells whether it is new.
    pub fn insert(&mut self, id: String) -> bool {
        let id: Arc<str> = id.into();
        if !self.known.insert(Arc::clone(&id)) {
            self.repeated += 1;
            return false;
        }
        self.order.push_back(id);
        while self.order.len() > self.limit {
            self.order.pop_front().map(|oldest| self.known.remove(&oldest));
        }
        true
    }

    /// Takes up what was remembered.
    pub fn load(&mut self, ids: &[Arc<str>], repeated: u64) {
        self.known = ids.iter().cloned().collect();
        self.order = ids.iter().cloned().collect();
        self.repeated = repeated;
    }

    /// The identities, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.order.iter()
    }
}
