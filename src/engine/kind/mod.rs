//! What rules of each type do with the events that their queries find.

pub(super) mod new_terms;
pub(super) mod terms;
pub(super) mod threat;
pub(super) mod threshold;

use new_terms::NewTerms;
use threat::ThreatMatch;
use threshold::Threshold;

/// What is done with the hits of a rule's query.
#[derive(Debug)]
pub(super) enum Kind {
    /// An alert for each hit.
    Hits,
    Threshold(Threshold),
    NewTerms(NewTerms),
    ThreatMatch(Box<ThreatMatch>),
}
