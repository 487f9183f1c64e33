//! What rules of each type do with the events that their queries find.

pub(super) mod new_terms;
pub(super) mod terms;
pub(super) mod threat;
pub(super) mod threshold;

use crate::diagnostic::Diagnostics;
use new_terms::NewTerms;
use threat::ThreatMatch;
use threshold::Threshold;

/// What is done with the hits of a rule's query.
#[derive(Debug)]
pub(super) enum Kind {
    /// An alert for each hit.
    Hits,
    Threshold(Box<Threshold>),
    NewTerms(NewTerms),
    ThreatMatch(Box<ThreatMatch>),
}

impl Kind {
    /// What was noticed about queries besides the rule's own.
    pub fn warnings(&self) -> Option<&Diagnostics> {
        match self {
            Self::ThreatMatch(threat) => Some(threat.warnings()),
            _ => None,
        }
    }
}

/// Bounds of what each rule remembers between events. What is dropped beyond them is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateLimits {
    /// Groups of a threshold rule; the oldest goes first. 100,000 unless set.
    pub groups: usize,
    /// Distinct values counted over all groups of a threshold rule. 1,000,000 unless set.
    pub distinct: usize,
    /// Events kept for the alerts over all groups of a threshold rule; all events are counted. 100,000 unless set.
    pub kept_events: usize,
    /// Terms that a new terms rule has seen; the one not seen for the longest time goes first. 1,000,000 unless set.
    pub terms: usize,
    /// Groups whose suppression is remembered; the oldest goes first. 100,000 unless set.
    pub suppressions: usize,
    /// Identities of alerts that are remembered to find each once; the oldest goes first. 1,000,000 unless set.
    pub identities: usize,
}

impl Default for StateLimits {
    fn default() -> Self {
        Self {
            groups: 100_000,
            distinct: 1_000_000,
            kept_events: 100_000,
            terms: 1_000_000,
            suppressions: 100_000,
            identities: 1_000_000,
        }
    }
}
