//! Defaults, and old spellings of a rule's fields.

use serde_json::{Map, Value as Json, json};

/// Brings a rule into the form in which the API gives it (rule formats: differences from TOML).
pub(super) fn normalize(object: &mut Map<String, Json>) {
    fill_defaults(object);
    for tactic in object.get_mut("threat").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(tactic) = tactic.as_object_mut() {
            tactic.entry("technique").or_insert(json!([]));
        }
    }
    if let Some(job) = object.get_mut("machine_learning_job_id").filter(|job| job.is_string()) {
        *job = json!([job.take()]);
    }
    // A text in old files, where the empty text means no field.
    if let Some(field) = object.get_mut("threshold").and_then(|threshold| threshold.get_mut("field"))
        && let Some(name) = field.as_str()
    {
        *field = if name.is_empty() { json!([]) } else { json!([name]) };
    }
}

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
    // Rules of searches may rest on their filters alone.
    if object.get("type").and_then(Json::as_str) == Some("query") && object.get("query").is_none_or(Json::is_null) {
        object.insert("query".into(), json!(""));
    }
}
