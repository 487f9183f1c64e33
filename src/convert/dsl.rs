//! The Query DSL that Kibana sends for a KQL query (Kibana: kbn-es-query, `toElasticsearchQuery`).

use serde_json::{Map, Value, json};

use crate::syntax::kql::ast::{Kind, Literal, LiteralKind, Node, RangeOperator};
use crate::syntax::kql::escape_query_string;
use crate::text::{Fold, Wildcard};

/// A field of a data view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ViewField {
    /// Its name.
    pub name: String,
    /// Kibana's type: `string`, `number`, `date`, `boolean`, `ip`, …
    pub kind: String,
    /// The types in Elasticsearch, by family.
    pub es_types: Vec<String>,
    /// The script of a scripted field and its language.
    pub script: Option<(String, String)>,
    /// The path of the nested objects it lies in.
    pub nested: Option<String>,
}

impl ViewField {
    /// Reads a field as Kibana writes it: `{"name", "type", "esTypes", "scripted", "script", "lang", "subType"}`.
    pub fn from_json(json: &Value) -> Option<Self> {
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        let es_types = json.get("esTypes").and_then(Value::as_array).into_iter().flatten();
        let scripted = json.get("scripted").and_then(Value::as_bool).unwrap_or(false);
        Some(Self {
            name: text("name")?,
            kind: text("type").unwrap_or_default(),
            es_types: es_types.filter_map(Value::as_str).map(str::to_owned).collect(),
            script: scripted.then(|| (text("script").unwrap_or_default(), text("lang").unwrap_or_default())),
            nested: json.pointer("/subType/nested/path").and_then(Value::as_str).map(str::to_owned),
        })
    }

    fn is_keyword(&self) -> bool {
        self.es_types == ["keyword"]
    }
}

/// Kibana's settings for the request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// `filtersInMustClause`
    pub filters_in_must: bool,
    /// `dateFormatTZ`
    pub time_zone: Option<String>,
    /// `nestedIgnoreUnmapped`
    pub ignore_unmapped: Option<bool>,
    /// `caseInsensitive`
    pub case_insensitive: Option<bool>,
}

impl Config {
    /// Reads the settings by Kibana's names for them; others are ignored.
    pub fn from_json(json: &Value) -> Self {
        let flag = |name: &str| json.get(name).and_then(Value::as_bool);
        Self {
            filters_in_must: flag("filtersInMustClause").unwrap_or(false),
            time_zone: json.get("dateFormatTZ").and_then(Value::as_str).and_then(zone),
            ignore_unmapped: flag("nestedIgnoreUnmapped"),
            case_insensitive: flag("caseInsensitive"),
        }
    }
}

/// Why Kibana refuses to send the query; its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DslError(String);

/// The Query DSL of the tree. `fields` is the data view, `None` where there is none.
///
/// # Errors
/// A nested field outside its group or inside a wrong one, and a value that a scripted field cannot have.
///
/// ```
/// use elkhound::{convert::dsl, source::Source, syntax::kql};
/// let node = kql::parse(&Source::new("<query>", "a: *"), &kql::Options::default())?;
/// let found = dsl::to_dsl(&node, None, &dsl::Config::default())?;
/// assert_eq!(found["bool"]["should"][0]["exists"]["field"], "a");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_dsl(node: &Node, fields: Option<&[ViewField]>, config: &Config) -> Result<Value, DslError> {
    Emitter { fields, config }.node(node, None)
}

struct Emitter<'a> {
    fields: Option<&'a [ViewField]>,
    config: &'a Config,
}

type Emitted = Result<Value, DslError>;

impl Emitter<'_> {
    fn node(&self, node: &Node, path: Option<&str>) -> Emitted {
        let all = |nodes: &[Node]| nodes.iter().map(|node| self.node(node, path)).collect::<Result<Vec<_>, _>>();
        Ok(match &node.kind {
            Kind::MatchAll => json!({"match_all": {}}),
            Kind::And(nodes) => {
                let key = if self.config.filters_in_must { "must" } else { "filter" };
                json!({"bool": {key: all(nodes)?}})
            }
            Kind::Or(nodes) => should(all(nodes)?),
            Kind::Not(inner) => json!({"bool": {"must_not": self.node(inner, path)?}}),
            Kind::Is { field, value } => return self.is(field, value, path),
            Kind::Range { field, operator, bound } => return self.range(field, *operator, bound, path),
            Kind::Nested { path: own, query } => {
                let own = plain(own);
                let full = path.map_or_else(|| own.clone(), |outer| format!("{outer}.{own}"));
                let query = self.node(query, Some(&full))?;
                self.nested(&full, query)
            }
            Kind::Cursor(_) => json!({"match_none": {}}),
        })
    }

    fn nested(&self, path: &str, query: Value) -> Value {
        let mut body = json!({"path": path, "query": query, "score_mode": "none"});
        if let Some(ignore) = self.config.ignore_unmapped {
            body["ignore_unmapped"] = json!(ignore);
        }
        json!({"nested": body})
    }

    fn is(&self, field: &Literal, value: &Literal, path: Option<&str>) -> Emitted {
        if value.is_star() && field.is_star() {
            return Ok(json!({"match_all": {}}));
        }
        // Inside a group the absent field takes the group's path.
        if field.is_null() && path.is_none() {
            return Ok(free_text(value));
        }
        let selected = self.select(field, path)?;
        let mut queries = Vec::new();
        for found in &selected {
            if let Some(mut query) = self.value_query(found, value)? {
                // The literals `true` and `false` stay booleans where a name is a value.
                if let (LiteralKind::Bool(name), Some(place), None) =
                    (&field.kind, query.pointer_mut("/exists/field"), path)
                {
                    *place = json!(name);
                }
                queries.push(self.wrap(field, found, path, query));
            }
        }
        Ok(should(queries))
    }

    /// A pattern of names reaches nested fields from outside; their queries go inside.
    fn wrap(&self, name: &Literal, field: &ViewField, path: Option<&str>, query: Value) -> Value {
        match (&field.nested, &name.kind, path) {
            (Some(own), LiteralKind::Wildcard(_), None) => self.nested(own, query),
            _ => query,
        }
    }

    fn value_query(&self, field: &ViewField, value: &Literal) -> Result<Option<Value>, DslError> {
        let name = field.name.as_str();
        if let Some((script, lang)) = &field.script {
            return if value.is_star() { Ok(None) } else { scripted_is(field, script, lang, value).map(Some) };
        }
        let folded = |mut body: Value| {
            if let Some(fold) = self.config.case_insensitive {
                body["case_insensitive"] = json!(fold);
            }
            body
        };
        Ok(Some(match &value.kind {
            _ if value.is_star() => json!({"exists": {"field": name}}),
            LiteralKind::Wildcard(parts) if field.is_keyword() => {
                json!({"wildcard": {name: folded(json!({"value": escape_query_string(parts)}))}})
            }
            LiteralKind::Wildcard(parts) => {
                json!({"query_string": {"fields": [name], "query": escape_query_string(parts)}})
            }
            _ if field.kind == "date" => {
                let value = constant(value);
                json!({"range": {name: self.zoned(json!({"gte": value, "lte": value}), &value)}})
            }
            _ if field.is_keyword() => json!({"term": {name: folded(json!({"value": constant(value)}))}}),
            LiteralKind::Text { quoted: true, value } => json!({"match_phrase": {name: value}}),
            _ => json!({"match": {name: constant(value)}}),
        }))
    }

    /// The zone goes with dates that are no epoch numbers.
    fn zoned(&self, mut body: Value, value: &Value) -> Value {
        let epoch =
            value.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(zone) = self.config.time_zone.as_ref().filter(|_| !epoch) {
            body["time_zone"] = json!(zone);
        }
        body
    }

    fn range(&self, field: &Literal, operator: RangeOperator, bound: &Literal, path: Option<&str>) -> Emitted {
        let selected = self.select(field, path)?;
        let value = match &bound.kind {
            LiteralKind::Wildcard(parts) => json!(parts.join("*")),
            _ => constant(bound),
        };
        let queries = selected.iter().map(|found| {
            let query = match &found.script {
                Some((script, lang)) => scripted_range(found, script, lang, operator, &value),
                None => {
                    let mut body = json!({operator.dsl(): value});
                    if found.kind == "date" {
                        body = self.zoned(body, &value);
                    }
                    json!({"range": {found.name.as_str(): body}})
                }
            };
            self.wrap(field, found, path, query)
        });
        Ok(should(queries.collect()))
    }

    /// The fields that a name selects; a field of that name without a type where there is none.
    fn select(&self, name: &Literal, path: Option<&str>) -> Result<Vec<ViewField>, DslError> {
        let in_path = |text: &str| path.map_or_else(|| text.to_owned(), |path| format!("{path}.{text}"));
        let fields = self.fields.unwrap_or_default();
        let found: Vec<ViewField> = match &name.kind {
            LiteralKind::Wildcard(parts) => {
                let mut parts = parts.clone();
                if let Some(first) = parts.first_mut() {
                    *first = in_path(first);
                }
                let pattern = Wildcard::between(&parts);
                fields.iter().filter(|field| pattern.matches(&field.name, Fold::Exact)).cloned().collect()
            }
            _ => {
                let text = in_path(&plain(name));
                fields.iter().filter(|field| field.name == text).take(1).cloned().collect()
            }
        };
        if self.fields.is_some() && !(path.is_none() && matches!(name.kind, LiteralKind::Wildcard(_))) {
            check_nested(&found, path)?;
        }
        if found.is_empty() {
            return Ok(vec![ViewField { name: in_path(&plain(name)), ..ViewField::default() }]);
        }
        Ok(found)
    }
}

fn check_nested(found: &[ViewField], path: Option<&str>) -> Result<(), DslError> {
    let problem = |field: &ViewField| {
        let name = &field.name;
        match (path, field.nested.as_deref()) {
            (Some(path), None) => {
                Some(format!("{name} is not a nested field but is in nested group \"{path}\" in the KQL expression."))
            }
            (None, Some(_)) => {
                Some(format!("{name} is a nested field, but is not in a nested group in the KQL expression."))
            }
            (Some(path), Some(own)) if path != own => Some(format!(
                "Nested field {name} is being queried with the incorrect nested path. The correct path is {own}."
            )),
            _ => None,
        }
    };
    let problems: Vec<String> = found.iter().filter_map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(DslError(problems.join("\n"))) }
}

/// The name as it is sent.
fn plain(name: &Literal) -> String {
    name.to_text()
}

fn should(queries: Vec<Value>) -> Value {
    json!({"bool": {"should": queries, "minimum_should_match": 1}})
}

fn constant(value: &Literal) -> Value {
    match &value.kind {
        LiteralKind::Null => Value::Null,
        LiteralKind::Bool(value) => json!(value),
        _ => json!(value.to_text()),
    }
}

fn free_text(value: &Literal) -> Value {
    match &value.kind {
        LiteralKind::Wildcard(parts) => json!({"query_string": {"query": escape_query_string(parts)}}),
        kind => {
            let quoted = matches!(kind, LiteralKind::Text { quoted: true, .. });
            let words = if quoted { "phrase" } else { "best_fields" };
            json!({"multi_match": {"type": words, "query": constant(value), "lenient": true}})
        }
    }
}

/// A number as JavaScript's `Number` reads a whole text; `None` is NaN.
fn number(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}'));
    let radix = |digits: &str, radix| u128::from_str_radix(digits, radix).ok().map(|value| value as f64);
    match text.get(..2) {
        Some("0x" | "0X") => return radix(&text[2..], 16),
        Some("0o" | "0O") => return radix(&text[2..], 8),
        Some("0b" | "0B") => return radix(&text[2..], 2),
        _ => {}
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    match text.trim_start_matches(['+', '-']) {
        "" if text.is_empty() => Some(0.0),
        "Infinity" => Some(f64::INFINITY),
        _ => text.parse().ok().filter(|_| plain),
    }
}

/// A number as JavaScript's `parseFloat` reads the start of a text.
fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim_start();
    (1..=text.len()).rev().filter(|&end| text.is_char_boundary(end)).find_map(|end| {
        let part = &text[..end];
        part.ends_with(|c: char| c.is_ascii_digit() || c == '.').then(|| part.parse().ok()).flatten()
    })
}

fn js_number(value: Option<f64>) -> Value {
    match value {
        // Whole numbers below 10^21 are written out: the shortest digits, then zeros.
        Some(value) if value.fract() == 0.0 && value.abs() < 1e21 => {
            let digits = value.to_string();
            digits
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| digits.parse::<u64>().map(Value::from))
                .unwrap_or(json!(value))
        }
        Some(value) => json!(value),
        None => Value::Null,
    }
}

/// The zone to send: none for an empty text; the browser's own is not known here, so UTC stands for it.
fn zone(text: &str) -> Option<String> {
    match text {
        "" => None,
        "Browser" => Some("UTC".to_owned()),
        zone => Some(zone.to_owned()),
    }
}

fn script(source: String, lang: &str, params: Value) -> Value {
    json!({"script": {"script": {"source": source, "lang": lang, "params": params}}})
}

fn scripted_is(field: &ViewField, source: &str, lang: &str, value: &Literal) -> Emitted {
    let sent = constant(value);
    let value = match field.kind.as_str() {
        "boolean" => match sent {
            Value::Bool(value) => json!(value),
            Value::String(text) if text == "true" => json!(true),
            Value::String(text) if text == "false" => json!(false),
            other => {
                let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
                return Err(DslError(format!("{text} is not a valid boolean value for boolean field {}", field.name)));
            }
        },
        "number" => js_number(match &sent {
            Value::String(text) => number(text),
            // As JavaScript counts `null`, `false` and `true`.
            other => Some(f64::from(*other == Value::Bool(true))),
        }),
        _ => sent,
    };
    if lang == "painless" {
        let compare = "boolean compare(Supplier s, def v) {if(s.get() instanceof List){List list = s.get(); for(def k : list)\
                       {if(k==v){return true;}}return false;}else{return s.get() == v;}}";
        let source = format!("{compare}compare(() -> {{ {source} }}, params.value);");
        return Ok(script(source, lang, json!({"value": value})));
    }
    Ok(script(format!("({source}) == value"), lang, json!({"value": value})))
}

fn scripted_range(field: &ViewField, source: &str, lang: &str, operator: RangeOperator, value: &Value) -> Value {
    let key = operator.dsl();
    let value = match (field.kind.as_str(), value) {
        ("number", Value::String(text)) => js_number(leading_number(text)),
        _ => value.clone(),
    };
    let mut params = Map::new();
    params.insert(key.to_owned(), value);
    let params = Value::Object(params);
    if lang != "painless" {
        return script(format!("({source}){}{key}", operator.symbol()), lang, params);
    }
    let body = if field.kind == "date" {
        match operator {
            RangeOperator::Gt => "return s.get().toInstant().isAfter(Instant.parse(v))".to_owned(),
            RangeOperator::Gte => "return !s.get().toInstant().isBefore(Instant.parse(v))".to_owned(),
            RangeOperator::Lt => "return s.get().toInstant().isBefore(Instant.parse(v))".to_owned(),
            RangeOperator::Lte => "return !s.get().toInstant().isAfter(Instant.parse(v))".to_owned(),
        }
    } else {
        format!("return s.get() {} v", operator.symbol())
    };
    let source = format!("boolean {key}(Supplier s, def v) {{{body}}}{key}(() -> {{ {source} }}, params.{key})");
    script(source, lang, params)
}
