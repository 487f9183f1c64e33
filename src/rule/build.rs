//! From a rule's JSON to a [`Rule`]: defaults, checks by type, the query with its place.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::check::check;
use super::place::Places;
use super::{Problem, Rule, RuleLanguage, RuleType};
use crate::diagnostic::{Code, Diagnostic};

/// A rule as read, before any check: the API's JSON, `[metadata]`, and where things stand.
pub(super) struct Draft {
    pub document: Json,
    pub metadata: Option<Json>,
    pub places: Places,
}

/// Fields of the API that a rule may have; anything else is noted.
const KNOWN: &[&str] = &[
    "actions",
    "alert_suppression",
    "anomaly_threshold",
    "author",
    "building_block_type",
    "bypass_version_lock",
    "concurrent_searches",
    "created_at",
    "created_by",
    "data_view_id",
    "description",
    "enabled",
    "event_category_override",
    "exceptions_list",
    "execution_summary",
    "false_positives",
    "filters",
    "from",
    "history_window_start",
    "id",
    "immutable",
    "index",
    "interval",
    "investigation_fields",
    "items_per_search",
    "language",
    "license",
    "machine_learning_job_id",
    "max_signals",
    "meta",
    "name",
    "namespace",
    "new_terms_fields",
    "note",
    "outcome",
    "output_index",
    "query",
    "references",
    "related_integrations",
    "required_fields",
    "response_actions",
    "revision",
    "risk_score",
    "risk_score_mapping",
    "rule_id",
    "rule_name_override",
    "rule_source",
    "saved_id",
    "setup",
    "severity",
    "severity_mapping",
    "tags",
    "threat",
    "threat_filters",
    "threat_index",
    "threat_indicator_path",
    "threat_language",
    "threat_mapping",
    "threat_query",
    "threshold",
    "throttle",
    "tiebreaker_field",
    "timeline_id",
    "timeline_title",
    "timestamp_field",
    "timestamp_override",
    "timestamp_override_fallback_disabled",
    "to",
    "type",
    "updated_at",
    "updated_by",
    "version",
];

/// A rule, or why it cannot be one: every finding at once.
pub(super) fn rule(draft: Draft) -> Result<Rule, Box<Problem>> {
    let Draft { document, metadata, places } = draft;
    let Json::Object(mut object) = document else {
        let finding = Diagnostic::error(Code::RuleFile, places.whole, "a rule is a JSON object");
        return Err(Box::new(Problem::of_file(Arc::clone(&places.file), places.diagnostics(vec![finding]))));
    };
    super::normal::normalize(&mut object);
    let (head, findings) = check(&object, &places, metadata.is_some());
    let (id, name) = (owned(&object, "rule_id"), owned(&object, "name"));
    let Some((kind, severity, risk_score)) = head.complete().filter(|_| findings.is_empty()) else {
        let problem = Problem::of_file(Arc::clone(&places.file), places.diagnostics(findings));
        return Err(Box::new(problem.named(id, name).typed(head.kind)));
    };
    let mut oddities = unknown_keys(&object, &places);
    if owned(&object, "description").is_none_or(|text| text.is_empty()) {
        oddities.push(Diagnostic::warning(Code::RuleUndescribed, places.whole, "the rule has no `description`"));
    }
    let warnings = places.diagnostics(oddities);
    let query = object.get("query").and_then(Json::as_str).map(|text| places.inner("query", text));
    Ok(Rule {
        id,
        name: name.unwrap_or_default(),
        kind,
        language: language(&object, kind),
        severity,
        risk_score,
        version: object.get("version").and_then(Json::as_u64),
        stack: None,
        index: strings(&object, "index"),
        query,
        document: Arc::new(Json::Object(object)),
        metadata: metadata.map(Arc::new),
        warnings,
        file: Arc::clone(&places.file),
        places: Arc::new(places),
    })
}

fn owned(object: &Map<String, Json>, key: &str) -> Option<String> {
    object.get(key).and_then(Json::as_str).map(str::to_owned)
}

fn strings(object: &Map<String, Json>, key: &str) -> Option<Vec<String>> {
    let list = object.get(key)?.as_array()?;
    Some(list.iter().filter_map(Json::as_str).map(str::to_owned).collect())
}

/// The language written, else the one that the type implies.
fn language(object: &Map<String, Json>, kind: RuleType) -> Option<RuleLanguage> {
    let written = object.get("language").and_then(Json::as_str);
    let known = RuleLanguage::ALL.iter().copied().find(|one| Some(one.name()) == written);
    known.or(match kind {
        RuleType::Eql => Some(RuleLanguage::Eql),
        RuleType::Esql => Some(RuleLanguage::Esql),
        RuleType::MachineLearning => None,
        _ => Some(RuleLanguage::Kuery),
    })
}

fn unknown_keys(object: &Map<String, Json>, places: &Places) -> Vec<Diagnostic> {
    let unknown = object.keys().filter(|key| !KNOWN.contains(&key.as_str()));
    let notes = unknown.map(|key| {
        Diagnostic::warning(Code::RuleUnknownKey, places.span(key), format!("unknown key `{key}` in a rule"))
    });
    notes.collect()
}
