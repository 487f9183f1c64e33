//! The detection engine: rules in, alerts out.
//!
//! [`RuleSet`] is what was loaded, immutable; [`Engine`] is the state over a stream of events. Events are judged in one window
//! over everything that is pushed: no schedule and no cap on alerts. Rules that count or compare over the whole window speak
//! at [`Engine::finish`].

mod alert;
mod exceptions;
mod kind;
mod replay;
mod rule_set;
mod schedule;
mod session;
mod suppress;
mod time;

pub use alert::{Alert, AlertForm, Details, Enrichment, Finding, Suppressed, ThresholdResult};
pub use kind::StateLimits;
pub use replay::{Missed, MissedReason, Recording, Replay, ReplaySettings, RuleReplay, RunReport, replay};
pub use rule_set::{Compat, LoadedRules, RuleSet, RuleSettings, ValueLists};
pub use schedule::Window;
pub use session::{
    Change, Engine, EngineSettings, EngineStats, HASH_VERSION, MigratedRule, Migration, Partition, PartitionKey,
    Readable, Router, Routing, RuleStats, Snapshot, SnapshotError, Timing, judge_recording,
};
