//! What keeps a rule from being one: fields that are missing, of the wrong type, or at odds with each other. All at once.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::place::Places;
use super::{RuleLanguage, RuleSeverity, RuleType};
use crate::diagnostic::{Code, Diagnostic};
use crate::event::time::{DateFormat, Rounding, date_math};

/// What every rule has; `None` where it is missing or wrong, which a finding says.
pub(super) struct Head {
    pub kind: Option<RuleType>,
    severity: Option<RuleSeverity>,
    risk_score: Option<u8>,
}

impl Head {
    pub fn complete(&self) -> Option<(RuleType, RuleSeverity, u8)> {
        Some((self.kind?, self.severity?, self.risk_score?))
    }
}

/// Checks a rule in the form of the API.
pub(super) fn check(object: &Map<String, Json>, places: &Places, is_toml: bool) -> (Head, Vec<Diagnostic>) {
    let mut check = Check { object, places, findings: Vec::new() };
    // The repository's build refuses what the product would take as a search for everything.
    if is_toml && check.get("query").and_then(Json::as_str) == Some("") && !check.is_filled("filters") {
        check.findings.push(Diagnostic::error(Code::RuleField, places.whole, "the rule has no `query`"));
    }
    check.types();
    let head = check.head();
    check.fields_of_type(head.kind);
    check.suppression(head.kind);
    (head, check.findings)
}

struct Check<'a> {
    object: &'a Map<String, Json>,
    places: &'a Places,
    findings: Vec<Diagnostic>,
}

const TEXTS: &[&str] = &[
    "building_block_type",
    "data_view_id",
    "description",
    "event_category_override",
    "from",
    "history_window_start",
    "license",
    "note",
    "query",
    "rule_id",
    "rule_name_override",
    "setup",
    "threat_indicator_path",
    "threat_language",
    "threat_query",
    "tiebreaker_field",
    "timestamp_field",
    "timestamp_override",
    "to",
];
/// The ends of windows.
const DATES: &[&str] = &["from", "history_window_start", "to"];
const LISTS_OF_TEXTS: &[&str] =
    &["index", "tags", "author", "references", "false_positives", "new_terms_fields", "threat_index"];
const LISTS_OF_OBJECTS: &[&str] = &[
    "exceptions_list",
    "filters",
    "risk_score_mapping",
    "severity_mapping",
    "threat",
    "threat_filters",
    "threat_mapping",
];

impl<'a> Check<'a> {
    /// The fields whose type is the same in every rule.
    fn types(&mut self) {
        for key in TEXTS {
            self.expect(key, "a text", Json::is_string);
        }
        for key in LISTS_OF_TEXTS {
            self.expect(key, "a list of texts", |value| is_list_of(value, Json::is_string));
        }
        for key in LISTS_OF_OBJECTS {
            self.expect(key, "a list of objects", |value| is_list_of(value, Json::is_object));
        }
        let interval = |value: &Json| value.as_str().is_some_and(is_interval);
        self.expect("interval", "a whole number from 1 and a unit, `s`, `m`, `h` or `d`", interval);
        for key in DATES {
            // An empty text is the default.
            let date = |value: &Json| value.as_str().is_none_or(|text| text.is_empty() || is_date(text));
            self.expect(key, "a date or date math, such as `now-6m`", date);
        }
        self.expect("timestamp_override_fallback_disabled", "`true` or `false`", Json::is_boolean);
        self.expect("max_signals", "a whole number from 1", |value| value.as_u64().is_some_and(|count| count > 0));
        for (at, mapping) in self.list("severity_mapping").iter().enumerate() {
            let severity = mapping.get("severity").and_then(Json::as_str);
            if !mapping.get("field").is_some_and(Json::is_string) || severity.and_then(severity_of).is_none() {
                self.wrong(&format!("severity_mapping.{at}"), "a table of `field`, `value` and `severity`");
            }
        }
        for mapping in ["severity_mapping", "risk_score_mapping"] {
            for (at, entry) in self.list(mapping).iter().enumerate() {
                self.only(&format!("{mapping}.{at}"), entry, "operator", "equals");
            }
        }
    }

    /// A field of an entry that may be left out but has one value only.
    fn only(&mut self, place: &str, entry: &Json, key: &str, value: &str) {
        if entry.get(key).is_some_and(|own| !own.is_null() && own != value) {
            self.wrong(&format!("{place}.{key}"), &format!("`{value}`"));
        }
    }

    fn head(&mut self) -> Head {
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

    fn get(&self, key: &str) -> Option<&'a Json> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn list(&self, key: &str) -> &'a [Json] {
        self.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// The value of a field that must be there.
    fn required(&mut self, key: &str) -> Option<&'a Json> {
        let value = self.get(key);
        if value.is_none() {
            let message = format!("the rule has no `{key}`");
            self.findings.push(Diagnostic::error(Code::RuleField, self.places.whole, message));
        }
        value
    }

    fn expect(&mut self, key: &str, expected: &str, fits: impl Fn(&Json) -> bool) {
        if self.get(key).is_some_and(|value| !fits(value)) {
            self.wrong(key, expected);
        }
    }

    fn wrong(&mut self, key: &str, expected: &str) {
        let message = format!("`{key}` has to be {expected}");
        self.findings.push(Diagnostic::error(Code::RuleValue, self.places.span(key), message));
    }

    fn refuse(&mut self, key: &str, message: &str) {
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

    fn fields_of_type(&mut self, kind: Option<RuleType>) {
        let required: &[&str] = match kind {
            Some(RuleType::Eql | RuleType::Esql) => &["query"],
            Some(RuleType::Threshold) => &["query", "threshold"],
            Some(RuleType::NewTerms) => &["query", "new_terms_fields", "history_window_start"],
            Some(RuleType::ThreatMatch) => &["query", "threat_mapping", "threat_index"],
            Some(RuleType::SavedQuery) => &["saved_id"],
            Some(RuleType::MachineLearning) => &["anomaly_threshold", "machine_learning_job_id"],
            Some(RuleType::Query) | None => &[],
        };
        for key in required {
            self.required(key);
        }
        self.language(kind);
        self.threshold();
        self.new_terms();
        self.threat_mapping();
        if self.is_filled("index") && self.is_filled("data_view_id") {
            self.refuse("data_view_id", "`index` and `data_view_id` exclude each other");
        }
    }

    fn language(&mut self, kind: Option<RuleType>) {
        let Some(value) = self.get("language") else { return };
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

    fn threshold(&mut self) {
        let Some(threshold) = self.get("threshold") else { return };
        let value = threshold.get("value").and_then(Json::as_u64);
        let fields = threshold.get("field").is_none_or(|field| is_list_of(field, Json::is_string));
        if value.is_none_or(|value| value == 0) || !fields {
            self.wrong("threshold", "a table of `field`, a list of names, and `value`, a whole number from 1");
        } else if threshold.get("field").and_then(Json::as_array).is_some_and(|fields| fields.len() > 5) {
            self.refuse("threshold.field", "a threshold groups by at most 5 fields");
        }
        let of_cardinality = |each: &Json| {
            let value = each.get("value").and_then(Json::as_u64);
            let field = each.get("field").and_then(Json::as_str);
            field == Some("") || (field.is_some() && value.is_some_and(|value| value > 0))
        };
        let cardinality = threshold.get("cardinality").filter(|value| !value.is_null());
        // A table of its own in old files.
        if cardinality.is_some_and(|value| !of_cardinality(value) && !is_list_of(value, of_cardinality)) {
            self.wrong("threshold.cardinality", "a list of tables of `field` and `value`, a whole number from 1");
        }
    }

    fn new_terms(&mut self) {
        let fields = self.list("new_terms_fields");
        if self.get("new_terms_fields").is_some_and(Json::is_array) && !(1..=3).contains(&fields.len()) {
            self.wrong("new_terms_fields", "a list of 1 to 3 names");
        }
    }

    /// Groups of entries (rule formats: threat mapping).
    fn threat_mapping(&mut self) {
        if self.get("threat_mapping").and_then(Json::as_array).is_some_and(Vec::is_empty) {
            self.refuse("threat_mapping", "the rule maps no fields to indicators");
        }
        for (at, group) in self.list("threat_mapping").iter().enumerate() {
            let place = format!("threat_mapping.{at}");
            let entries = group.get("entries").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            let text = |entry: &'a Json, key: &str| entry.get(key).and_then(Json::as_str);
            if entries.is_empty() || entries.iter().any(|each| text(each, "field").and(text(each, "value")).is_none()) {
                self.wrong(&place, "a table of `entries`, each with `field` and `value`");
                continue;
            }
            for (number, entry) in entries.iter().enumerate() {
                let place = format!("{place}.entries.{number}");
                self.only(&place, entry, "type", "mapping");
                if entry.get("negate").is_some_and(|negate| !negate.is_null() && !negate.is_boolean()) {
                    self.wrong(&format!("{place}.negate"), "`true` or `false`");
                }
            }
            let negated = |entry: &Json| entry.get("negate").and_then(Json::as_bool).unwrap_or(false);
            let (no, yes): (Vec<&Json>, Vec<&Json>) = entries.iter().partition(|entry| negated(entry));
            let pair = |entry: &&'a Json| (text(entry, "field"), text(entry, "value"));
            let yes: BTreeSet<_> = yes.iter().map(pair).collect();
            if yes.is_empty() {
                self.refuse(&place, "a group of the mapping has only negated entries");
            } else if no.iter().map(pair).any(|pair| yes.contains(&pair)) {
                self.refuse(&place, "a group of the mapping has the same pair of fields negated and not");
            }
        }
    }

    fn suppression(&mut self, kind: Option<RuleType>) {
        let Some(suppression) = self.get("alert_suppression") else { return };
        let groups = suppression.get("group_by").filter(|value| !value.is_null());
        if kind != Some(RuleType::Threshold) {
            let fits = |value: &Json| is_list_of(value, Json::is_string) && (1..=3).contains(&length(value));
            if !groups.is_some_and(fits) {
                self.wrong("alert_suppression.group_by", "a list of 1 to 3 names");
            }
        }
        if let Some(duration) = suppression.get("duration").filter(|value| !value.is_null()) {
            let value = duration.get("value").and_then(Json::as_u64).is_some_and(|value| value > 0);
            let unit = duration.get("unit").and_then(Json::as_str);
            if !value || !matches!(unit, Some("s" | "m" | "h")) {
                self.wrong("alert_suppression.duration", "a table of `value`, from 1, and `unit`, `s`, `m` or `h`");
            }
        }
        let strategy = suppression.get("missing_fields_strategy").filter(|value| !value.is_null());
        if strategy.is_some_and(|value| !matches!(value.as_str(), Some("suppress" | "doNotSuppress"))) {
            self.wrong("alert_suppression.missing_fields_strategy", "`suppress` or `doNotSuppress`");
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

/// `5m`: Kibana's intervals have no other units, unlike date math.
fn is_interval(text: &str) -> bool {
    let number = text.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or_default();
    number.bytes().all(|byte| byte.is_ascii_digit()) && number.bytes().any(|byte| byte != b'0')
}

/// Whether a text can be read as an end of a window; which instant it is depends on the clock.
fn is_date(text: &str) -> bool {
    date_math(text, &DateFormat::default(), Rounding::Down, 0, None).is_ok()
}

fn is_list_of(value: &Json, fits: impl Fn(&Json) -> bool) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(fits))
}

fn length(value: &Json) -> usize {
    value.as_array().map_or(0, Vec::len)
}

fn severity_of(text: &str) -> Option<RuleSeverity> {
    RuleSeverity::ALL.iter().copied().find(|one| one.name() == text)
}
