//! What a rule is: [`Rule`], its type, language and severity.

use std::sync::Arc;

use serde_json::Value as Json;

use super::place::Places;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span};

/// The types of rule (Kibana: rule schemas).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleType {
    /// `query`
    Query,
    /// `saved_query`
    SavedQuery,
    /// `eql`
    Eql,
    /// `threshold`
    Threshold,
    /// `new_terms`
    NewTerms,
    /// `threat_match`
    ThreatMatch,
    /// `esql`
    Esql,
    /// `machine_learning`
    MachineLearning,
}

impl RuleType {
    /// Every type.
    pub const ALL: &'static [Self] = &[
        Self::Query,
        Self::SavedQuery,
        Self::Eql,
        Self::Threshold,
        Self::NewTerms,
        Self::ThreatMatch,
        Self::Esql,
        Self::MachineLearning,
    ];

    /// The name in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::SavedQuery => "saved_query",
            Self::Eql => "eql",
            Self::Threshold => "threshold",
            Self::NewTerms => "new_terms",
            Self::ThreatMatch => "threat_match",
            Self::Esql => "esql",
            Self::MachineLearning => "machine_learning",
        }
    }
}

/// The query languages of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleLanguage {
    /// `kuery`
    Kuery,
    /// `lucene`
    Lucene,
    /// `eql`
    Eql,
    /// `esql`
    Esql,
}

impl RuleLanguage {
    /// Every language.
    pub const ALL: &'static [Self] = &[Self::Kuery, Self::Lucene, Self::Eql, Self::Esql];

    /// The name in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kuery => "kuery",
            Self::Lucene => "lucene",
            Self::Eql => "eql",
            Self::Esql => "esql",
        }
    }
}

/// The severities of rules, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleSeverity {
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `critical`
    Critical,
}

impl RuleSeverity {
    /// Every severity, mildest first.
    pub const ALL: &'static [Self] = &[Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for RuleSeverity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The indices that Kibana's detection rules read by default.
const DEFAULT_PATTERNS: &[&str] = &[
    "apm-*-transaction*",
    "auditbeat-*",
    "endgame-*",
    "filebeat-*",
    "logs-*",
    "packetbeat-*",
    "traces-apm*",
    "winlogbeat-*",
    "-*elastic-cloud-logs-*",
];

/// One rule as its file has it, checked for what its type requires.
///
/// [`Rule::document`] is the whole rule in the form of the Detection Engine API, defaults filled in.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) file: Arc<str>,
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) kind: RuleType,
    pub(super) language: Option<RuleLanguage>,
    pub(super) severity: RuleSeverity,
    pub(super) risk_score: u8,
    pub(super) version: Option<u64>,
    /// Of a text out of a history.
    pub(super) stack: Option<(u8, u8)>,
    pub(super) index: Option<Vec<String>>,
    pub(super) query: Option<Source>,
    pub(super) document: Arc<Json>,
    pub(super) metadata: Option<Arc<Json>>,
    pub(super) warnings: Diagnostics,
    pub(super) places: Arc<Places>,
}

impl Rule {
    /// The file it was read from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// `rule_id`, which only rules of the API's JSON may lack.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// `name`
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `type`
    pub const fn kind(&self) -> RuleType {
        self.kind
    }

    /// `language`, or the one that the type implies; `None` for machine learning.
    pub const fn language(&self) -> Option<RuleLanguage> {
        self.language
    }

    /// `severity`
    pub const fn severity(&self) -> RuleSeverity {
        self.severity
    }

    /// `risk_score`, 0 to 100.
    pub const fn risk_score(&self) -> u8 {
        self.risk_score
    }

    /// `version`; rules of the public repository have theirs in a lock file, not in their own.
    pub const fn version(&self) -> Option<u64> {
        self.version
    }

    /// Of a version out of a history, the version of the Stack with whose languages it is read.
    pub(crate) const fn stack(&self) -> Option<(u8, u8)> {
        self.stack
    }

    /// `index`: the patterns of the indices it reads, `None` where the rule does not say.
    pub fn index(&self) -> Option<&[String]> {
        self.index.as_deref()
    }

    /// The query with its place in the file.
    pub const fn query(&self) -> Option<&Source> {
        self.query.as_ref()
    }

    /// The index patterns it reads: its own, else those that Kibana takes by default; none where a data view names them. No patterns
    /// at all, as in a list of its own that is empty, select every index.
    pub fn patterns(&self) -> Vec<&str> {
        match &self.index {
            _ if self.text("data_view_id").is_some() => Vec::new(),
            Some(own) => own.iter().map(String::as_str).collect(),
            None => DEFAULT_PATTERNS.to_vec(),
        }
    }

    /// A field that is a query, with its place in the file; `None` where absent or empty.
    pub fn source(&self, key: &str) -> Option<Source> {
        self.text(key).map(|text| self.places.inner(key, text))
    }

    /// `threat`: what it maps to, as the API writes it.
    pub fn threat(&self) -> &Json {
        self.document.get("threat").unwrap_or(&Json::Null)
    }

    /// A field of the rule that is a text, `None` where absent or empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.document.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    /// A field of the rule that is a list; empty where absent.
    pub fn list(&self, key: &str) -> &[Json] {
        self.document.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// Where a field stands in the file, by its dotted name with places in lists as numbers (`filters.0.query`); what is above
    /// it where it is not there.
    pub fn span(&self, field: &str) -> Span {
        self.places.span(field)
    }

    /// Findings whose spans are places in the file.
    pub fn diagnostics(&self, items: Vec<Diagnostic>) -> Diagnostics {
        self.places.diagnostics(items)
    }

    /// The whole rule in the form of the API, defaults filled in.
    pub fn document(&self) -> &Json {
        &self.document
    }

    /// `[metadata]` of a TOML file.
    pub fn metadata(&self) -> Option<&Json> {
        self.metadata.as_deref()
    }

    /// What is odd about the file but does not keep the rule from running: unknown keys, no description.
    pub const fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }
}
