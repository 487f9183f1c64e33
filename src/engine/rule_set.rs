//! Rules, compiled.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::exceptions::{Beside, Exceptions};
use super::kind::new_terms::NewTerms;
use super::kind::terms::TermFields;
use super::kind::threat::ThreatMatch;
use super::kind::threshold::Threshold;
use super::kind::{Kind, StateLimits};
use super::schedule::Schedule;
use super::suppress::Suppression;
use super::time::RuleTime;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::event::index::{DATA_STREAM, IndexPatterns, Selection};
use crate::event::time::Instant;
use crate::plan::Predicate;
use crate::query::{Batch, Query, QuerySet, Settings};
use crate::rule::{LoadError, Loaded, Problem, Rule, RuleLanguage, RuleType, load_paths};
use crate::share::each;

/// What becomes of a quirk of Kibana's that only changes how an alert looks or when it comes. A quirk that changes whether there
/// is an alert is always followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compat {
    /// What the author of the rule would expect.
    #[default]
    Sensible,
    /// What Kibana does.
    Kibana,
}

/// The values of value lists, by the id of the list.
pub type ValueLists = BTreeMap<String, Vec<String>>;

/// How rules are compiled and judged.
#[derive(Debug, Clone, Default)]
pub struct RuleSettings {
    /// Settings of the queries; fields that a rule sets itself win.
    pub query: Settings,
    /// Whether a rule sees only events, and indicators, of its own indices. One without an index is seen by every rule.
    pub enforce_index: bool,
    /// Exception items besides those that came with the rules; each names its list by `list_id`.
    pub exceptions: Vec<Json>,
    /// The value lists that exception items refer to.
    pub value_lists: ValueLists,
    /// Which quirks of Kibana are followed.
    pub compat: Compat,
    /// Bounds of what each rule remembers.
    pub limits: StateLimits,
}

/// A rule and what it became.
#[derive(Debug)]
pub(super) struct CompiledRule {
    pub rule: Rule,
    pub query: Query,
    /// The indices that it reads events from; every index unless that is enforced.
    pub indices: IndexPatterns,
    pub kind: Kind,
    pub suppression: Option<Suppression>,
    /// Whether the query has the timestamp and the tiebreaker of the settings.
    pub has_clock: bool,
    /// What takes the place of `@timestamp`, where the rule counts or compares by time.
    pub time: Option<Arc<RuleTime>>,
    /// What of the rule is not applied.
    pub notes: Diagnostics,
    pub schedule: Schedule,
    /// Whether its queries, exceptions or indices mean something else at another time.
    pub depends_on_now: bool,
    /// The hash of its exceptions, by which a changed rule is told.
    pub exceptions: [u8; 32],
}

impl CompiledRule {
    /// Whether it reads an event of this index; one without an index is read by every rule.
    pub fn reads(&self, index: Option<&str>) -> bool {
        self.indices.select(index) != Selection::NoMatch
    }

    /// The fields that its state reads of an event besides those that decide whether it has to see it.
    fn read_after(&self) -> Vec<&str> {
        let own = match &self.kind {
            Kind::Threshold(threshold) => Some(threshold.fields()),
            Kind::NewTerms(terms) => Some(terms.fields()),
            Kind::Hits | Kind::ThreatMatch(_) => None,
        };
        let groups = self.suppression.as_ref().map(Suppression::fields);
        let terms = own.into_iter().chain(groups).flat_map(TermFields::names);
        let times = self.time.iter().flat_map(|_| RuleTime::field(&self.rule).into_iter().chain(["@timestamp"]));
        self.query.read_after().into_iter().chain(terms).chain(times).collect()
    }
}

/// Rules that can run. Immutable; share it by `Arc`.
///
/// ```
/// use elkhound::engine::{Engine, RuleSet};
/// use elkhound::event::Event;
/// let rule = r#"{"rule_id": "a", "name": "A", "type": "query", "severity": "low", "risk_score": 21, "query": "user.name: root"}"#;
/// let loaded = RuleSet::load_text("a.json", rule);
/// assert!(loaded.problems.is_empty());
/// let mut engine = Engine::new(loaded.rules);
/// let alerts = engine.push(Event::from_json(r#"{"user": {"name": "root"}}"#)?);
/// assert_eq!(alerts[0].rule().name(), "A");
/// # Ok::<(), elkhound::event::EventError>(())
/// ```
#[derive(Debug, Default)]
pub struct RuleSet {
    pub(super) rules: Vec<CompiledRule>,
    /// The queries of the rules together; `None` where the set would break a limit that each query alone keeps.
    pub(super) queries: Option<QuerySet>,
    pub(super) settings: RuleSettings,
}

/// What was loaded: the rules that run, and a problem for each that does not.
#[derive(Debug, Default)]
pub struct LoadedRules {
    /// The rules that run.
    pub rules: Arc<RuleSet>,
    /// What is broken or not evaluated, by file, id and reason.
    pub problems: Vec<Problem>,
}

impl RuleSet {
    /// The rules of a directory, with default settings.
    ///
    /// # Errors
    /// When the directory cannot be read; what is wrong with rules is in the problems.
    pub fn load_dir(path: impl AsRef<Path>) -> Result<LoadedRules, LoadError> {
        Ok(Self::compile(load_paths(&[path])?, &RuleSettings::default()))
    }

    /// The rules of one text, with default settings; `file` is its name in messages.
    pub fn load_text(file: &str, text: &str) -> LoadedRules {
        let mut loaded = Loaded::default();
        crate::rule::load_text(file, text, &mut loaded);
        Self::compile(loaded, &RuleSettings::default())
    }

    /// Compiles what was loaded. A rule that cannot run becomes a problem and stops no other.
    ///
    /// With the feature `parallel`, called on a thread of a pool of rayon's, the threads of the pool share the work. As with all work
    /// of a pool, nothing may be locked meanwhile that other work of the pool waits for, such as a `LazyLock` that holds the rules.
    pub fn compile(loaded: Loaded, settings: &RuleSettings) -> LoadedRules {
        let Loaded { rules, mut problems, exceptions, value_lists: mut lists } = loaded;
        lists.extend(settings.value_lists.clone());
        let all = settings.exceptions.iter().cloned().chain(exceptions).collect();
        let settings = RuleSettings { exceptions: all, value_lists: lists, ..settings.clone() };
        let exceptions = Exceptions::new(&settings);
        let mut compiled = Vec::new();
        for rule in each(rules, &|rule| compile(rule, &settings, &exceptions)) {
            match rule {
                Ok(rule) => compiled.push(rule),
                Err(problem) => problems.push(*problem),
            }
        }
        let queries: Vec<Query> = compiled.iter().map(|compiled| compiled.query.clone()).collect();
        // By these an event without an index of its own is told to be of a rule's indices.
        let names = if settings.enforce_index { DATA_STREAM } else { &[] };
        let also: Vec<Vec<&str>> = compiled.iter().map(|rule| [rule.read_after().as_slice(), names].concat()).collect();
        let queries = QuerySet::with_fields(&queries, &also).ok();
        drop(exceptions);
        LoadedRules { rules: Arc::new(Self { rules: compiled, queries, settings }), problems }
    }

    /// A rule as it is at another time.
    pub(super) fn at(&self, rule: usize, now: Instant) -> Option<CompiledRule> {
        let query = Settings { now, ..self.settings.query.clone() };
        let settings = RuleSettings { query, ..self.settings.clone() };
        compile(self.rules.get(rule)?.rule.clone(), &settings, &Exceptions::new(&settings)).ok()
    }

    /// The rules' queries together; `None` where they would break a limit that each of them keeps.
    pub const fn queries(&self) -> Option<&QuerySet> {
        self.queries.as_ref()
    }

    /// The rules' queries over a batch of lines.
    pub fn batch(&self) -> Batch {
        let queries = self.rules.iter().map(|compiled| &compiled.query);
        self.queries.clone().map_or_else(Batch::of_all, |set| Batch::of(set, queries))
    }

    /// How many rules run.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What was noticed while the rules were compiled.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostics> {
        self.rules.iter().flat_map(|compiled| {
            [compiled.query.warnings(), &compiled.notes].into_iter().chain(compiled.kind.warnings())
        })
    }

    /// The rules that run.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }
}

type Compiled<T> = Result<T, Box<Problem>>;

fn compile(rule: Rule, settings: &RuleSettings, exceptions: &Exceptions<'_>) -> Compiled<CompiledRule> {
    let language = language(&rule)?;
    let Some(source) = rule.query() else {
        return Err(Box::new(Problem::unsupported(&rule, "the rule has no query of its own")));
    };
    not_newer(&rule, &settings.query)?;
    let beside = exceptions.beside(&rule, settings)?;
    let builder = Query::builder()
        .settings(query_settings(&rule, &settings.query))
        .and(Predicate::and([beside.filters.clone(), beside.exceptions.clone()]));
    let query = match language {
        RuleLanguage::Eql => builder.eql_source(source),
        _ => builder.kql_source(source),
    };
    let query = query.map_err(|findings| Box::new(Problem::of_rule(&rule, findings)))?;
    let kind = kind(&rule, settings, &beside)?;
    let patterns = if settings.enforce_index { rule.patterns() } else { Vec::new() };
    let indices = IndexPatterns::new(&patterns, settings.query.now);
    let notes = rule.diagnostics(beside.notes);
    let (schema, most) = (&settings.query.schema, settings.limits.suppressions);
    let suppression = Suppression::of(&rule, schema, most).map_err(|why| Box::new(Problem::unsupported(&rule, why)))?;
    let has_clock = query.has_clock(&settings.query);
    let by_time = matches!(kind, Kind::Threshold(_) | Kind::NewTerms(_)) || suppression.is_some();
    let time = RuleTime::overridden(&rule, schema).filter(|_| by_time).map(Arc::new);
    let unsupported = |why: String| Box::new(Problem::unsupported(&rule, why));
    let schedule = Schedule::of(&rule).map_err(unsupported)?;
    let window = schedule.window(settings.query.now);
    if let Kind::NewTerms(terms) = &kind
        && terms.history_start(window.to).is_ok_and(|start| start >= window.from)
    {
        let message = "`history_window_start` has to be earlier than `from`";
        let finding = Diagnostic::error(Code::RuleValue, rule.span("history_window_start"), message);
        return Err(Box::new(Problem::of_rule(&rule, rule.diagnostics(vec![finding]))));
    }
    let depends_on_now = depends_on_now(&rule, exceptions) || settings.enforce_index && has_dated_indices(&rule);
    let exceptions = Sha256::digest(format!("{:?}", beside.exceptions)).into();
    Ok(CompiledRule {
        query,
        indices,
        kind,
        suppression,
        has_clock,
        time,
        notes,
        schedule,
        depends_on_now,
        exceptions,
        rule,
    })
}

/// The language of a rule that is evaluated.
fn language(rule: &Rule) -> Compiled<RuleLanguage> {
    let unsupported = |field: &str, reason: String| Err(Box::new(Problem::at(rule, field, reason)));
    if let kind @ (RuleType::Esql | RuleType::MachineLearning) = rule.kind() {
        return unsupported("type", format!("rules of the type `{}` are not evaluated", kind.name()));
    }
    match rule.language() {
        Some(language @ (RuleLanguage::Kuery | RuleLanguage::Eql)) => Ok(language),
        Some(other) => unsupported("language", format!("queries in `{}` are not evaluated", other.name())),
        None => unsupported("language", "the rule has no language".into()),
    }
}

/// Refuses what versions as old as the dialect's did not have (rule formats: checks at build time).
fn not_newer(rule: &Rule, settings: &Settings) -> Compiled<()> {
    let length = |pointer: &str| rule.document().pointer(pointer).and_then(Json::as_array).map_or(0, Vec::len);
    let limits =
        [("threshold.field", "/threshold/field", 3, (9, 2)), ("new_terms_fields", "/new_terms_fields", 1, (8, 6))];
    let dialect = settings.dialect;
    for (field, pointer, most, (major, minor)) in limits {
        if length(pointer) > most && !dialect.is_endgame() && !dialect.since(major, minor) {
            let names = if most == 1 { "name" } else { "names" };
            let message = format!("more than {most} {names} in `{field}` came with Elasticsearch {major}.{minor}");
            let finding = Diagnostic::error(Code::RuleValue, rule.span(field), message);
            let finding = finding.with_help("choose the dialect that has it");
            return Err(Box::new(Problem::of_rule(rule, rule.diagnostics(vec![finding]))));
        }
    }
    Ok(())
}

fn kind(rule: &Rule, settings: &RuleSettings, beside: &Beside) -> Compiled<Kind> {
    let (schema, limits) = (&settings.query.schema, &settings.limits);
    let unsupported = |reason: String| Box::new(Problem::unsupported(rule, reason));
    Ok(match rule.kind() {
        RuleType::Threshold => Kind::Threshold(Box::new(Threshold::of(rule, schema, limits).map_err(unsupported)?)),
        RuleType::NewTerms => Kind::NewTerms(NewTerms::of(rule, schema, limits).map_err(unsupported)?),
        RuleType::ThreatMatch => {
            // Kibana filters indicators by the same exceptions as events.
            let also = Predicate::and([beside.indicator_filters.clone(), beside.exceptions.clone()]);
            let query = Query::builder().settings(settings.query.clone()).and(also);
            Kind::ThreatMatch(Box::new(ThreatMatch::of(rule, query, settings)?))
        }
        _ => Kind::Hits,
    })
}

/// Whether the rule has date math or exceptions that expire. Generous: a text that only looks like date math counts too.
fn depends_on_now(rule: &Rule, exceptions: &Exceptions<'_>) -> bool {
    let texts = ["query", "threat_query", "filters", "threat_filters"];
    let says_now = |key: &&str| match rule.document().get(*key) {
        Some(Json::String(text)) => has_word_now(text),
        Some(json) => has_word_now(&json.to_string()),
        None => false,
    };
    let expires = || exceptions.expire() && !rule.list("exceptions_list").is_empty();
    texts.iter().any(says_now) || expires()
}

/// Whether the name of some index that the rule reads has date math, as in `<logs-{now/d}>`.
fn has_dated_indices(rule: &Rule) -> bool {
    let threat = rule.list("threat_index").iter().filter_map(Json::as_str);
    rule.patterns().into_iter().chain(threat).any(|pattern| pattern.contains('<'))
}

fn has_word_now(text: &str) -> bool {
    text.match_indices("now").any(|(at, word)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

/// The rule's own fields over the settings.
fn query_settings(rule: &Rule, settings: &Settings) -> Settings {
    let own = |key: &str| rule.text(key).map(str::to_owned);
    let mut settings = settings.clone();
    if let Some(field) = own("event_category_override") {
        settings.category_field = field;
    }
    if let Some(field) = own("timestamp_field") {
        settings.timestamp_field = field;
    }
    if let Some(stack) = rule.stack() {
        settings.read_as_in(stack);
    }
    settings.tiebreaker_field = own("tiebreaker_field").or(settings.tiebreaker_field);
    settings
}
