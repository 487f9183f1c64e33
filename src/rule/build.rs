//! From a rule's JSON to a [`Rule`]: defaults, checks by type, the query with its place.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::place::Places;
use super::{Problem, Rule, RuleLanguage, RuleSeverity, RuleType};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

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
    let mut check = Check { object: &mut object, places: &places, findings: Vec::new() };
    let head = check.head();
    check.fields_of_type(head.kind);
    let findings = check.findings;
    let (id, name) = (owned(&object, "rule_id"), owned(&object, "name"));
    let Some((kind, severity, risk_score)) = head.complete().filter(|_| findings.is_empty()) else {
        let problem = Problem::of_file(Arc::clone(&places.file), places.diagnostics(findings));
        return Err(Box::new(problem.named(id, name)));
    };
    let warnings = unknown_keys(&object, &places);
    let query = object.get("query").and_then(Json::as_str).map(|text| places.inner("query", text));
    fill_defaults(&mut object);
    Ok(Rule {
        id,
        name: name.unwrap_or_default(),
        kind,
        language: language(&object, kind),
        severity,
        risk_score,
        version: object.get("version").and_then(Json::as_u64),
        index: strings(&object, "index"),
        query,
        document: Arc::new(Json::Object(object)),
        metadata: metadata.map(Arc::new),
        warnings,
        file: places.file,
    })
}

/// What every rule has; `None` where it is missing or wrong, which a finding says.
struct Head {
    kind: Option<RuleType>,
    severity: Option<RuleSeverity>,
    risk_score: Option<u8>,
}

impl Head {
    fn complete(&self) -> Option<(RuleType, RuleSeverity, u8)> {
        Some((self.kind?, self.severity?, self.risk_score?))
    }
}

struct Check<'a> {
    object: &'a mut Map<String, Json>,
    places: &'a Places,
    findings: Vec<Diagnostic>,
}

impl Check<'_> {
    fn head(&mut self) -> Head {
        for key in ["rule_id", "description", "license", "note", "setup", "from", "to", "interval", "query"] {
            self.text_if_any(key);
        }
        for key in ["index", "tags", "author", "references", "false_positives"] {
            self.strings_if_any(key);
        }
        if let Some(name) = self.required("name")
            && !name.is_string()
        {
            self.wrong("name", "a text");
        }
        Head {
            kind: self.one_of("type", RuleType::ALL, RuleType::name),
            severity: self.one_of("severity", RuleSeverity::ALL, RuleSeverity::name),
            risk_score: self.risk_score(),
        }
    }

    /// The value of a field that must be there.
    fn required(&mut self, key: &str) -> Option<Json> {
        let value = self.object.get(key).filter(|value| !value.is_null()).cloned();
        if value.is_none() {
            let message = format!("the rule has no `{key}`");
            self.findings.push(Diagnostic::error(Code::RuleField, self.places.whole, message));
        }
        value
    }

    fn wrong(&mut self, key: &str, expected: &str) {
        let message = format!("`{key}` has to be {expected}");
        self.findings.push(Diagnostic::error(Code::RuleValue, self.places.span(key), message));
    }

    fn one_of<T: Copy>(&mut self, key: &str, all: &[T], name: fn(T) -> &'static str) -> Option<T> {
        let value = self.required(key)?;
        let found = value.as_str().and_then(|text| all.iter().copied().find(|one| name(*one) == text));
        if found.is_none() {
            let names: Vec<String> = all.iter().map(|one| format!("`{}`", name(*one))).collect();
            self.wrong(key, &format!("one of {}", names.join(", ")));
        }
        found
    }

    fn risk_score(&mut self) -> Option<u8> {
        let value = self.required("risk_score")?;
        // Exports of some versions write `21.0`.
        let whole =
            value.as_u64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64));
        let score = whole.and_then(|score| u8::try_from(score).ok()).filter(|score| *score <= 100);
        if score.is_none() {
            self.wrong("risk_score", "a whole number from 0 to 100");
        }
        score
    }

    fn text_if_any(&mut self, key: &str) {
        if self.object.get(key).is_some_and(|value| !value.is_string() && !value.is_null()) {
            self.wrong(key, "a text");
        }
    }

    fn strings_if_any(&mut self, key: &str) {
        let fits =
            |value: &Json| value.is_null() || value.as_array().is_some_and(|list| list.iter().all(Json::is_string));
        if self.object.get(key).is_some_and(|value| !fits(value)) {
            self.wrong(key, "a list of texts");
        }
    }

    fn fields_of_type(&mut self, kind: Option<RuleType>) {
        let required: &[&str] = match kind {
            Some(RuleType::Eql | RuleType::Esql) => &["query"],
            Some(RuleType::Threshold) => &["query", "threshold"],
            Some(RuleType::NewTerms) => &["query", "new_terms_fields", "history_window_start"],
            Some(RuleType::ThreatMatch) => &["threat_query", "threat_mapping", "threat_index"],
            Some(RuleType::SavedQuery) => &["saved_id"],
            Some(RuleType::MachineLearning) => &["anomaly_threshold", "machine_learning_job_id"],
            Some(RuleType::Query) | None => &[],
        };
        for key in required {
            self.required(key);
        }
        self.language(kind);
        self.threshold();
        if self.is_filled("index") && self.is_filled("data_view_id") {
            let message = "`index` and `data_view_id` exclude each other";
            self.findings.push(Diagnostic::error(Code::RuleValue, self.places.span("data_view_id"), message));
        }
    }

    fn language(&mut self, kind: Option<RuleType>) {
        let Some(value) = self.object.get("language").filter(|value| !value.is_null()).cloned() else { return };
        let language = RuleLanguage::ALL.iter().copied().find(|one| Some(one.name()) == value.as_str());
        let fits = match (kind, language) {
            (_, None) => false,
            (Some(RuleType::Eql), Some(language)) => language == RuleLanguage::Eql,
            (Some(RuleType::Esql), Some(language)) => language == RuleLanguage::Esql,
            (Some(RuleType::MachineLearning) | None, Some(_)) => true,
            (Some(_), Some(language)) => matches!(language, RuleLanguage::Kuery | RuleLanguage::Lucene),
        };
        if !fits {
            let expected = match kind {
                Some(RuleType::Eql) => "`eql`",
                Some(RuleType::Esql) => "`esql`",
                _ => "`kuery` or `lucene`",
            };
            self.wrong("language", &format!("{expected} in a rule of this type"));
        }
    }

    /// `threshold.field` is a list of names; a text in old files, where the empty text means none.
    fn threshold(&mut self) {
        let Some(threshold) = self.object.get_mut("threshold").filter(|value| !value.is_null()) else { return };
        if let Some(field) = threshold.get_mut("field")
            && let Some(name) = field.as_str()
        {
            *field = if name.is_empty() { json!([]) } else { json!([name]) };
        }
        let value = threshold.get("value").and_then(Json::as_u64);
        let field = threshold.get("field").is_none_or(Json::is_array);
        if value.is_none_or(|value| value == 0) || !field {
            self.wrong("threshold", "a table of `field`, a list of names, and `value`, a whole number from 1");
        }
    }

    fn is_filled(&self, key: &str) -> bool {
        match self.object.get(key) {
            Some(Json::Array(list)) => !list.is_empty(),
            Some(Json::String(text)) => !text.is_empty(),
            _ => false,
        }
    }
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

fn unknown_keys(object: &Map<String, Json>, places: &Places) -> Diagnostics {
    let unknown = object.keys().filter(|key| !KNOWN.contains(&key.as_str()));
    let notes = unknown.map(|key| {
        Diagnostic::warning(Code::RuleUnknownKey, places.span(key), format!("unknown key `{key}` in a rule"))
    });
    places.diagnostics(notes.collect())
}

/// What the API fills in (rule formats: differences from TOML).
fn fill_defaults(object: &mut Map<String, Json>) {
    let lists = [
        "actions",
        "author",
        "exceptions_list",
        "false_positives",
        "references",
        "related_integrations",
        "required_fields",
        "risk_score_mapping",
        "severity_mapping",
        "tags",
        "threat",
    ];
    let lists = lists.into_iter().map(|key| (key, json!([])));
    let others = [
        ("from", json!("now-6m")),
        ("to", json!("now")),
        ("interval", json!("5m")),
        ("max_signals", json!(100)),
        ("setup", json!("")),
    ];
    for (key, value) in lists.chain(others) {
        let filled = object.entry(key).or_insert(Json::Null);
        if filled.is_null() {
            *filled = value;
        }
    }
    for tactic in object.get_mut("threat").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(tactic) = tactic.as_object_mut() {
            tactic.entry("technique").or_insert(json!([]));
        }
    }
    if let Some(Json::String(job)) = object.get("machine_learning_job_id") {
        let list = json!([job]);
        object.insert("machine_learning_job_id".to_owned(), list);
    }
}
