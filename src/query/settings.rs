//! Settings of queries, with Elasticsearch's names and defaults.

use std::sync::Arc;

use crate::analysis::kql;
use crate::eval::Limits;
use crate::event::time::Instant;
use crate::schema::{Schema, Strictness};
use crate::syntax::SyntaxLimits;
use crate::syntax::eql::Dialect;

/// Which results stay where `size` cuts some off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Position {
    /// The earliest.
    Head,
    /// The latest.
    #[default]
    Tail,
}

/// Settings of a query.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The types in force; none unless set, so that the JSON type of each value decides.
    pub schema: Arc<Schema>,
    /// What becomes of a request that Elasticsearch refuses.
    pub strictness: Strictness,
    /// The dialect of EQL. Its version tells what the grammar of KQL has too.
    pub dialect: Dialect,
    /// Whether the Endgame dialect compares texts exactly; it ignores case unless set.
    pub case_sensitive: bool,
    /// How KQL is read.
    pub kql: kql::Settings,
    /// Whether KQL values may begin with `*`.
    pub leading_wildcards: bool,
    /// The clock of date math, in nanoseconds since 1970.
    pub now: Instant,
    /// The field that orders events; `@timestamp` unless set.
    pub timestamp_field: String,
    /// The field that orders events of the same time; none unless set.
    pub tiebreaker_field: Option<String>,
    /// The field that an event category is compared with; `event.category` unless set.
    pub category_field: String,
    /// Most results; no limit unless set.
    pub size: Option<usize>,
    /// Which results stay.
    pub result_position: Position,
    /// Most samples for one key; 1 unless set.
    pub max_samples_per_key: usize,
    /// Most sequences under way, keys of missing events remembered, events held for a sample, and events that wait for earlier
    /// ones, each; 1,000,000 unless set. What is over the limit is given up, the oldest first, and counted.
    pub partials: usize,
    /// How much later than its place an event may come, in nanoseconds; 0 unless set.
    pub lateness: Instant,
    /// Limits of the parsers.
    pub syntax: SyntaxLimits,
    /// Limits of compilation.
    pub limits: Limits,
}

impl Settings {
    /// Reads the languages as they were in a version of the Stack, unless another dialect than the newest is chosen.
    #[cfg(feature = "rules")]
    pub(crate) fn read_as_in(&mut self, (major, minor): (u8, u8)) {
        if self.dialect == Dialect::Newest {
            self.dialect = Dialect::Elastic(major, minor);
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schema: Arc::new(Schema::none()),
            strictness: Strictness::default(),
            dialect: Dialect::default(),
            case_sensitive: false,
            kql: kql::Settings::default(),
            leading_wildcards: true,
            now: 0,
            timestamp_field: "@timestamp".into(),
            tiebreaker_field: None,
            category_field: "event.category".into(),
            size: None,
            result_position: Position::default(),
            max_samples_per_key: 1,
            partials: 1_000_000,
            lateness: 0,
            syntax: SyntaxLimits::default(),
            limits: Limits::default(),
        }
    }
}
