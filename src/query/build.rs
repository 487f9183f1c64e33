//! From text to query.

use std::sync::{Arc, OnceLock};

use super::{Compiled, Filter, Kind, Query, Settings};
use crate::analysis::{self, Context};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::endgame;
use crate::eval::order::Clock;
use crate::eval::sample::Sample;
use crate::eval::sequence::Sequence;
use crate::eval::{CompileError, Program};
use crate::plan::{self, Predicate, QueryKind};
use crate::schema::Schema;
use crate::source::{Source, Span};
use crate::syntax::{eql, kql};

/// Builds queries with settings.
///
/// ```
/// use elkhound::query::{Query, Settings};
/// let settings = Settings { size: Some(10), ..Settings::default() };
/// let query = Query::builder().settings(settings).eql("any where true")?;
/// # Ok::<(), elkhound::diagnostic::Diagnostics>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Builder {
    settings: Settings,
    beside: Option<Predicate>,
}

impl Builder {
    /// Sets the types in force.
    #[must_use]
    pub fn schema(mut self, schema: Schema) -> Self {
        self.settings.schema = Arc::new(schema);
        self
    }

    /// Sets all settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Adds a condition that every event has to satisfy, those of missing stages and of `until` included
    /// (Elasticsearch: EQL search, `filter`).
    #[must_use]
    pub fn and(mut self, condition: Predicate) -> Self {
        self.beside = Some(condition).filter(|condition| *condition != Predicate::Const(true));
        self
    }

    /// A KQL query.
    ///
    /// # Errors
    /// A text that is no KQL, or that Elasticsearch refuses.
    pub fn kql(self, text: &str) -> Result<Query, Diagnostics> {
        self.kql_source(&Source::new("<query>", text))
    }

    /// An EQL query.
    ///
    /// # Errors
    /// A text that is no EQL, or that Elasticsearch refuses.
    pub fn eql(self, text: &str) -> Result<Query, Diagnostics> {
        self.eql_source(&Source::new("<query>", text))
    }

    /// A KQL query as a filter.
    ///
    /// # Errors
    /// As [`Builder::kql`].
    pub fn filter_kql(self, text: &str) -> Result<Filter, Diagnostics> {
        self.kql(text).map(Filter)
    }

    /// An EQL event query without pipes as a filter.
    ///
    /// # Errors
    /// As [`Builder::eql`], and a query that is about more than one event.
    pub fn filter_eql(self, text: &str) -> Result<Filter, Diagnostics> {
        let query = self.eql(text)?;
        if matches!(query.0.kind, Kind::Event) && query.plan().pipes.is_empty() {
            return Ok(Filter(query));
        }
        let message = "a filter is about single events; this query is not";
        let item = Diagnostic::error(Code::BadShape, Span::new(0, text.len()), message);
        Err(Diagnostics::new(Source::new("<query>", text), vec![item]))
    }

    /// A KQL query whose text has a place in a file.
    ///
    /// # Errors
    /// As [`Builder::kql`].
    pub fn kql_source(self, source: &Source) -> Result<Query, Diagnostics> {
        let options = kql::Options {
            leading_wildcards: self.settings.leading_wildcards,
            version: self.settings.dialect.version(),
            limits: self.settings.syntax,
            ..kql::Options::default()
        };
        let tree = kql::parse(source, &options)?;
        let analyze = |context: &Context| {
            let (predicate, warnings) = analysis::kql::analyze(&tree, source, &self.settings.kql, context)?;
            Ok((plan::Query { kind: QueryKind::Event(predicate), pipes: Vec::new() }, warnings))
        };
        let (plan, warnings) = self.by_index(&analyze)?;
        self.compile(plan, warnings)
    }

    /// The plan for all indices, where a mapping with several types some fields differently: each event is asked as its own
    /// index has it. Keys keep the type that they have in the first index.
    fn by_index(&self, analyze: Analyze<'_>) -> Result<(plan::Query, Diagnostics), Diagnostics> {
        let context = self.context();
        let (mut plan, warnings) = analyze(&context)?;
        let indices = self.settings.schema.by_index();
        if indices.is_empty() {
            return Ok((plan, warnings));
        }
        let mut asked: Vec<Predicate> = plan.kind.filters().into_iter().cloned().collect();
        for (name, schema) in indices {
            let (mut own, _) = analyze(&Context { schema: Arc::new(schema), ..self.context() })?;
            let test = of_index(&name, &context)?;
            keep_common_constants(&mut plan.kind, &own.kind);
            for (all, own) in asked.iter_mut().zip(own.kind.filters_mut()) {
                replace_in(&test, all, own);
            }
        }
        plan.kind.filters_mut().into_iter().zip(asked).for_each(|(filter, asked)| *filter = asked);
        Ok((plan, warnings))
    }

    /// An EQL query whose text has a place in a file.
    ///
    /// # Errors
    /// As [`Builder::eql`].
    pub fn eql_source(self, source: &Source) -> Result<Query, Diagnostics> {
        let options = eql::Options { dialect: self.settings.dialect, limits: self.settings.syntax };
        let tree = eql::parse(source, &options)?;
        if self.settings.dialect.is_endgame() {
            return self.endgame(tree, source);
        }
        let settings = analysis::eql::Settings {
            dialect: self.settings.dialect,
            category_field: self.settings.category_field.clone(),
        };
        let analyze = |context: &Context| analysis::eql::analyze(&tree, source, &settings, context);
        let (plan, warnings) = self.by_index(&analyze)?;
        self.compile(plan, warnings)
    }

    fn endgame(self, tree: eql::ast::Statement, source: &Source) -> Result<Query, Diagnostics> {
        let program = endgame::Program::new(tree, source, self.settings.case_sensitive)?;
        let warnings = Diagnostics::new(source.clone(), Vec::new());
        let plan = plan::Query { kind: QueryKind::Event(Predicate::Const(false)), pipes: Vec::new() };
        let mut query = self.compile(plan, warnings)?;
        if let Some(compiled) = Arc::get_mut(&mut query.0) {
            compiled.kind = Kind::Endgame(program);
        }
        Ok(query)
    }

    fn context(&self) -> Context {
        let Settings { schema, strictness, now, .. } = &self.settings;
        Context { schema: Arc::clone(schema), strictness: *strictness, now: *now }
    }

    fn compile(self, mut plan: plan::Query, warnings: Diagnostics) -> Result<Query, Diagnostics> {
        if let Some(beside) = &self.beside {
            narrow(&mut plan.kind, beside);
        }
        let program = OnceLock::new();
        let predicates = plan.kind.filters();
        if !Program::is_sure(&predicates, self.settings.limits) {
            let built = Program::compile(&predicates, self.settings.limits);
            let _ = program.set(built.map_err(|error| limit(&error, &warnings))?);
        }
        let kind = match &plan.kind {
            QueryKind::Event(_) => Kind::Event,
            QueryKind::Sequence(sequence) => Kind::Sequence(Sequence::new(sequence, 0)),
            QueryKind::Sample(sample) => Kind::Sample(Sample::new(sample, 0)),
        };
        let settings = self.settings;
        let clock = Clock::new(&settings.schema, &settings.timestamp_field, settings.tiebreaker_field.as_deref());
        let layout = OnceLock::new();
        Ok(Query(Arc::new(Compiled { plan, program, layout, kind, clock, settings, warnings })))
    }
}

/// What gives the plan of a text under the types of a context.
type Analyze<'a> = &'a dyn Fn(&Context) -> Result<(plan::Query, Diagnostics), Diagnostics>;

/// Asks events that pass the test what `own` asks, instead of what all are asked.
pub(crate) fn replace_in(test: &Predicate, all: &mut Predicate, own: &Predicate) {
    if all != own {
        let here = Predicate::and([test.clone(), own.clone()]);
        let elsewhere = std::mem::replace(all, Predicate::Const(false));
        *all = Predicate::or([here, Predicate::and([test.clone().negate(), elsewhere])]);
    }
}

/// The test whether an event is of an index.
pub(crate) fn of_index(name: &str, context: &Context) -> Result<Predicate, Diagnostics> {
    let text = format!("_index: \"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    let source = Source::new("<index>", text);
    let tree = kql::parse(&source, &kql::Options::default())?;
    analysis::kql::analyze(&tree, &source, &analysis::kql::Settings::default(), context).map(|(predicate, _)| predicate)
}

/// Takes from the keys of a query the values that the documents of another index do not have.
fn keep_common_constants(kind: &mut QueryKind, other: &QueryKind) {
    let fields = kind.stages_mut().flat_map(|stage| &mut stage.keys).map(|key| &mut key.field);
    let others = other.stages().flat_map(|stage| &stage.keys).map(|key| &key.field);
    for (own, other) in fields.zip(others) {
        if let Some(own) = own.as_mut().filter(|own| other.as_ref().is_none_or(|other| other.constant != own.constant))
        {
            Arc::make_mut(own).constant = None;
        }
    }
}

/// Adds a condition to every filter of a query.
fn narrow(kind: &mut QueryKind, beside: &Predicate) {
    for filter in kind.filters_mut() {
        let own = std::mem::replace(filter, Predicate::Const(false));
        *filter = Predicate::and([own, beside.clone()]);
    }
}

/// The finding for a plan that cannot be compiled; a regular expression is looked up in the text.
fn limit(error: &CompileError, warnings: &Diagnostics) -> Diagnostics {
    let source = warnings.source().clone();
    let text = source.text();
    let found =
        error.pattern.as_deref().and_then(|pattern| text.find(pattern).map(|at| Span::new(at, at + pattern.len())));
    let span = found.unwrap_or(Span::new(0, text.len()));
    Diagnostics::new(source, vec![Diagnostic::error(Code::TooComplex, span, error.to_string())])
}
