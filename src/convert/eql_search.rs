//! The body of an `_eql/search` request (Elasticsearch: EQL search API).

use serde_json::{Map, Value, json};

/// Parameters of the request; what is left out takes Elasticsearch's default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters {
    /// `timestamp_field`
    pub timestamp_field: Option<String>,
    /// `tiebreaker_field`
    pub tiebreaker_field: Option<String>,
    /// `event_category_field`
    pub category_field: Option<String>,
    /// `size`
    pub size: Option<usize>,
    /// `result_position`: whether the earliest results are kept.
    pub head: Option<bool>,
    /// `max_samples_per_key`
    pub max_samples_per_key: Option<usize>,
}

/// The request body for the text of a query.
///
/// ```
/// use elkhound::convert::eql_search::{Parameters, body};
/// let request = body("any where true", &Parameters { size: Some(5), ..Parameters::default() });
/// assert_eq!(request["size"], 5);
/// ```
pub fn body(query: &str, parameters: &Parameters) -> Value {
    let mut out = Map::new();
    out.insert("query".into(), json!(query));
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.into(), value);
        }
    };
    let text = |value: &Option<String>| value.as_ref().map(|value| json!(value));
    put("timestamp_field", text(&parameters.timestamp_field));
    put("tiebreaker_field", text(&parameters.tiebreaker_field));
    put("event_category_field", text(&parameters.category_field));
    put("size", parameters.size.map(|size| json!(size)));
    put("result_position", parameters.head.map(|head| json!(if head { "head" } else { "tail" })));
    put("max_samples_per_key", parameters.max_samples_per_key.map(|count| json!(count)));
    Value::Object(out)
}
