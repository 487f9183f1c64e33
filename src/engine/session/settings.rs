//! Settings of an engine.

use std::sync::Arc;

use super::partition::Partition;
use crate::event::Event;
use crate::event::time::Instant;

/// How an engine runs. What grows has a limit; what is dropped beyond it is counted in the [statistics](super::EngineStats).
///
/// The limit of sequences under way and of events held for a sample is `partials` of the queries'
/// [settings](crate::query::Settings); groups, terms and windows have theirs in [`StateLimits`](crate::engine::StateLimits).
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The indicators that indicator match rules see.
    pub indicators: Vec<Arc<Event>>,
    /// How much later than newer ones an event may come and still be judged in its place, in nanoseconds; 0 unless set, so that
    /// events are judged as they come.
    pub lateness: Instant,
    /// Most events that wait for earlier ones, and in a recording for those of a rule's own order; 100,000 unless set. Beyond it the
    /// earliest is judged before its time.
    pub buffered: usize,
    /// About how many bytes of memory the held events may take together, each counted once; no limit unless set. Beyond it the
    /// older half of everything that holds events is given up and counted, until they take half of it. Events that the caller
    /// holds too are counted as long as they are.
    pub held_bytes: Option<usize>,
    /// The share of this engine where several divide the work; all of it unless set.
    pub partition: Option<Partition>,
    /// Whether an alert that was given before is left out: for inputs that may bring an event twice. The identities that are
    /// remembered are bounded by [`StateLimits::identities`](crate::engine::StateLimits::identities). False unless set.
    pub once: bool,
    /// When to take the time of rules; never unless set.
    pub timing: Option<Timing>,
}

/// A clock of the caller's, for the time that rules take. The library has none of its own.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Nanoseconds since any fixed point.
    pub clock: fn() -> u64,
    /// Time is taken for one of so many events; 0 counts as 1.
    pub every: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            indicators: Vec::new(),
            lateness: 0,
            buffered: 100_000,
            held_bytes: None,
            partition: None,
            once: false,
            timing: None,
        }
    }
}
