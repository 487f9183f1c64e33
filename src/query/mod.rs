//! Queries: parse, analyze and compile in one step, then ask events.
//!
//! [`Filter`] is a query on single events, so it can answer at once; [`Query`] is any query, so only a [`Run`] over events
//! can.

mod batch;
mod build;
mod hit;
mod run;
mod saved;
mod set;
mod settings;

use std::sync::{Arc, OnceLock};

use crate::diagnostic::Diagnostics;
use crate::endgame;
use crate::eval::order::Clock;
#[cfg(feature = "rules")]
use crate::eval::order::Ordinal;
use crate::eval::sample::Sample;
use crate::eval::sequence::Sequence;
use crate::eval::{Program, Verdicts};
use crate::event::{Document, Event, EventError, Layout, Record, Scratch};
#[cfg(feature = "rules")]
use crate::function::Datum;
use crate::plan;
pub use batch::{Batch, Prepare, ReadError, Take, in_time_order};
pub use build::Builder;
#[cfg(feature = "rules")]
pub(crate) use build::{of_index, replace_in};
pub use hit::{Hit, response};
#[cfg(feature = "rules")]
pub(crate) use run::Known;
pub use run::{Run, RunStats};
pub use saved::RunState;
#[cfg(feature = "rules")]
pub(crate) use saved::{HitState, load_hit, save_hit};
pub use set::{Matches, QuerySet, SetStats};
pub use settings::{Position, Settings};

/// A query on single events, compiled. Cheap to clone.
///
/// ```
/// use elkhound::{event::Event, query::Filter};
/// let filter = Filter::kql("process.name: cmd.exe and not user.name: (SYSTEM or root)")?;
/// let event = Event::from_json(r#"{"process": {"name": "cmd.exe"}, "user": {"name": "bob"}}"#)?;
/// assert!(filter.matches(&event));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Filter(Query);

/// Any query, compiled. Cheap to clone.
///
/// ```
/// use elkhound::{event::Event, query::Query};
/// let query = Query::eql("sequence by host.id with maxspan=30s [process where true] [network where true]")?;
/// let mut run = query.start();
/// let events = [("process", 0), ("network", 5)].map(|(category, second)| {
///     Event::from_json(format!(
///         r#"{{"@timestamp": "2024-01-01T00:00:{second:02}Z", "event": {{"category": "{category}"}}, "host": {{"id": "a"}}}}"#
///     ))
/// });
/// let mut found = 0;
/// for event in events {
///     found += run.push(event?).len();
/// }
/// assert_eq!(found + run.finish().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Query(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    plan: plan::Query,
    /// Made when it is first asked, unless that could fail: a set has a program of its own.
    program: OnceLock<Program>,
    /// Made when an event's text is read for this query alone; a set has a layout of its own.
    layout: OnceLock<Layout>,
    kind: Kind,
    clock: Clock,
    settings: Settings,
    warnings: Diagnostics,
}

#[derive(Debug)]
enum Kind {
    Event,
    Sequence(Sequence),
    Sample(Sample),
    /// The Endgame dialect has a meaning of its own.
    Endgame(Arc<endgame::Program>),
}

impl Compiled {
    fn program(&self) -> &Program {
        // What could fail was compiled when the query was built.
        let compile = || Program::compile(&self.plan.kind.filters(), self.settings.limits).unwrap_or_default();
        self.program.get_or_init(compile)
    }
}

impl Filter {
    /// A KQL query with default settings.
    ///
    /// # Errors
    /// A text that is no KQL, or that Elasticsearch refuses.
    pub fn kql(text: &str) -> Result<Self, Diagnostics> {
        Query::builder().filter_kql(text)
    }

    /// An EQL event query with default settings.
    ///
    /// # Errors
    /// A text that is no EQL, is no event query, or that Elasticsearch refuses.
    pub fn eql(text: &str) -> Result<Self, Diagnostics> {
        Query::builder().filter_eql(text)
    }

    /// Whether the event satisfies the query.
    pub fn matches(&self, event: &Event) -> bool {
        self.matches_document(event)
    }

    /// Whether a JSON object does.
    pub fn matches_value(&self, event: &serde_json::Value) -> bool {
        self.matches_document(event)
    }

    /// Whether a JSON text does, of which only the fields that the query asks about are read.
    ///
    /// # Errors
    /// As [`Event::from_json`].
    pub fn matches_json(&self, text: &[u8], scratch: &mut Scratch) -> Result<bool, EventError> {
        let compiled = &*self.0.0;
        let layout = compiled.layout.get_or_init(|| Layout::new(compiled.program().fields()));
        Ok(self.matches_document(&Record::read(text, layout, scratch)?))
    }

    /// Whether anything with fields does: the caller's own type.
    pub fn matches_document(&self, event: &dyn Document) -> bool {
        self.0.0.program().matches(0, event)
    }

    /// What was noticed while the query was read.
    pub fn warnings(&self) -> &Diagnostics {
        &self.0.0.warnings
    }
}

impl From<Filter> for Query {
    fn from(filter: Filter) -> Self {
        filter.0
    }
}

impl Query {
    /// A KQL query with default settings.
    ///
    /// # Errors
    /// As [`Filter::kql`].
    pub fn kql(text: &str) -> Result<Self, Diagnostics> {
        Self::builder().kql(text)
    }

    /// An EQL query with default settings.
    ///
    /// # Errors
    /// A text that is no EQL, or that Elasticsearch refuses.
    pub fn eql(text: &str) -> Result<Self, Diagnostics> {
        Self::builder().eql(text)
    }

    /// A builder, for settings other than the default ones.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Whether a run has to see the event: it is a hit, or one of a stage or of `until`; a query in which absence counts, or one
    /// in the Endgame dialect, has to see them all.
    pub fn concerns(&self, event: &Event) -> bool {
        let program = self.0.program();
        match &self.0.kind {
            Kind::Event | Kind::Sample(_) => (0..program.len()).any(|at| program.matches(at, event)),
            Kind::Sequence(sequence) => sequence.concerns(Verdicts::Asked(program), event),
            Kind::Endgame(_) => true,
        }
    }

    /// The join keys under which an event fits a stage or `until`, without repetition; none for queries on single events.
    #[cfg(feature = "rules")]
    pub(crate) fn join_keys(&self, event: &Event) -> Vec<Vec<Datum>> {
        let keys = match &self.0.kind {
            Kind::Sequence(sequence) => sequence.keys(Verdicts::Asked(self.0.program()), event),
            Kind::Sample(sample) => sample.keys(Verdicts::Asked(self.0.program()), event),
            Kind::Event | Kind::Endgame(_) => Vec::new(),
        };
        keys.into_iter().map(|key| key.0).collect()
    }

    /// Where an event stands by the clock of the query; `position` is its place in the input.
    #[cfg(feature = "rules")]
    pub(crate) fn ordinal(&self, event: &Event, position: u64) -> Ordinal {
        self.0.clock.ordinal(event, position)
    }

    /// Whether its timestamp and its tiebreaker are those of the settings.
    #[cfg(feature = "rules")]
    pub(crate) fn has_clock(&self, settings: &Settings) -> bool {
        let own = &self.0.settings;
        own.timestamp_field == settings.timestamp_field && own.tiebreaker_field == settings.tiebreaker_field
    }

    /// Whether it is of the Endgame dialect, whose queries depend on all events before.
    #[cfg(feature = "rules")]
    pub(crate) fn is_endgame(&self) -> bool {
        matches!(self.0.kind, Kind::Endgame(_))
    }

    /// Starts a run over a stream of events.
    pub fn start(&self) -> Run {
        Run::new(Self(Arc::clone(&self.0)))
    }

    /// All hits among `events`, which may be in any order, after the pipes, `size` and the result position.
    pub fn search(&self, events: impl IntoIterator<Item = Arc<Event>>) -> Vec<Hit> {
        run::search(self, events.into_iter().collect())
    }

    /// The fields that the query reads.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.program().fields().iter().map(crate::event::FieldKey::path).filter(|path| !path.is_empty())
    }

    /// The fields that a run reads of an event besides those that decide whether it has to see it.
    pub(crate) fn read_after(&self) -> Vec<&str> {
        let settings = &self.0.settings;
        let keys = self.0.plan.kind.stages().flat_map(|stage| &stage.keys);
        let paths = keys.filter_map(|key| key.field.as_ref()).map(|field| field.path.as_str());
        let clock = [Some(settings.timestamp_field.as_str()), settings.tiebreaker_field.as_deref()];
        clock.into_iter().flatten().chain(paths).collect()
    }

    /// What the query means.
    pub fn plan(&self) -> &plan::Query {
        &self.0.plan
    }

    /// What was noticed while the query was read.
    pub fn warnings(&self) -> &Diagnostics {
        &self.0.warnings
    }

    /// Whether its hits are single events.
    pub fn is_event_query(&self) -> bool {
        match &self.0.kind {
            Kind::Event => true,
            Kind::Endgame(program) => program.is_event_query(),
            Kind::Sequence(_) | Kind::Sample(_) => false,
        }
    }
}
