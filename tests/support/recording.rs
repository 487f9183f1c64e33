//! Cases of rules over recorded events in a short notation.
//!
//! An event is `10:05:30 user.name=root host.ip=["10.0.0.1"]`: its time on the first day of 2024 (`2/10:05` on the second, `-` for
//! none), then fields whose values are JSON, or texts where they are no JSON. `in=10:09` is `event.ingested`. Ids are the numbers
//! of the lines, from 1; indicators are `i1`, `i2`. `_id=x` and `_index=x` are others.
#![allow(dead_code, reason = "each test uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use elkhound::engine::{
    Alert, Details, LoadedRules, Recording, Replay, ReplaySettings, RuleSet, RuleSettings, StateLimits, replay,
};
use elkhound::event::Event;
use elkhound::event::time::{DateFormat, Instant, Rounding, parse_duration, to_iso};
use elkhound::query::Settings;
use elkhound::rule::{Loaded, load_text};
use elkhound::schema::Schema;
use serde_json::{Map, Value as Json, json};

#[derive(Debug, serde::Deserialize)]
pub struct Cases {
    pub case: Vec<Case>,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub why: String,
    pub rule: Json,
    #[serde(default)]
    pub runs: Vec<String>,
    #[serde(default)]
    pub events: Vec<String>,
    #[serde(default)]
    pub indicators: Vec<String>,
    #[serde(default)]
    pub exceptions: Vec<Json>,
    /// Types of fields; nothing is declared otherwise.
    pub types: Option<Json>,
    pub delay: Option<String>,
    #[serde(default)]
    pub strict_missing: bool,
    pub alert_limit: Option<usize>,
    /// Whether index patterns decide what the rule reads; the reference, which reads all, is not asked then.
    #[serde(default)]
    pub enforce_index: bool,
    #[serde(default)]
    pub alerts: Vec<String>,
    pub missed: Option<Vec<String>>,
    pub windows: Option<Vec<String>>,
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// A part of the message by which the rule is refused.
    pub problem: Option<String>,
    /// Whether the engine's bounds make a difference, so that the reference, which has none, is not asked.
    #[serde(default)]
    pub bounded: bool,
    /// Bounds of the state: groups, suppressions, identities, distinct.
    #[serde(default)]
    pub limits: BTreeMap<String, usize>,
}

impl Case {
    /// The rule with what every rule has.
    pub fn document(&self) -> Json {
        let mut rule =
            json!({"id": "r", "rule_id": "r", "name": "R", "severity": "low", "risk_score": 21, "type": "query"});
        let object = rule.as_object_mut().unwrap();
        object.extend(self.rule.as_object().cloned().unwrap_or_default());
        if object["type"] == "threat_match" {
            object.entry("threat_index").or_insert(json!(["i"]));
            object.entry("threat_query").or_insert(json!("*:*"));
        }
        if object["type"] != "eql" {
            object.entry("query").or_insert(json!("*:*"));
        }
        rule
    }

    pub fn schema(&self) -> Schema {
        match &self.types {
            Some(types) => Schema::from_json(&types.to_string()).unwrap(),
            None => Schema::none(),
        }
    }

    pub fn load(&self) -> LoadedRules {
        let mut loaded = Loaded::default();
        load_text("case.json", &self.document().to_string(), &mut loaded);
        let query = Settings { schema: Arc::new(self.schema()), now: time("12:00").unwrap(), ..Settings::default() };
        let bound = |name: &str, default: usize| self.limits.get(name).copied().unwrap_or(default);
        let all = StateLimits::default();
        let limits = StateLimits {
            groups: bound("groups", all.groups),
            suppressions: bound("suppressions", all.suppressions),
            identities: bound("identities", all.identities),
            distinct: bound("distinct", all.distinct),
            ..all
        };
        let (exceptions, enforce_index) = (self.exceptions.clone(), self.enforce_index);
        let settings = RuleSettings { query, exceptions, limits, enforce_index, ..RuleSettings::default() };
        RuleSet::compile(loaded, &settings)
    }

    pub fn recorded(&self) -> Vec<Arc<Event>> {
        let lines = self.events.iter().enumerate();
        lines.map(|(at, line)| event("logs", &(at + 1).to_string(), line)).collect()
    }

    pub fn known_indicators(&self) -> Vec<Arc<Event>> {
        let lines = self.indicators.iter().enumerate();
        lines.map(|(at, line)| event("threats", &format!("i{}", at + 1), line)).collect()
    }

    pub fn starts(&self) -> Vec<Instant> {
        self.runs.iter().map(|text| time(text).unwrap()).collect()
    }

    pub fn delayed(&self) -> Option<Instant> {
        self.delay.as_deref().map(|text| parse_duration(text).unwrap())
    }

    pub fn replay(&self, rules: &Arc<RuleSet>) -> Replay {
        let (events, indicators) = (self.recorded(), self.known_indicators());
        let settings = ReplaySettings {
            runs: (!self.runs.is_empty()).then(|| self.starts()),
            delay: self.delayed(),
            strict_missing: self.strict_missing,
            alert_limit: self.alert_limit.unwrap_or(1000),
            ..ReplaySettings::default()
        };
        replay(rules, Recording { events: &events, indicators: &indicators }, &settings)
    }
}

/// `10:05`, `10:05:30`, `2/10:05`.
pub fn time(text: &str) -> Option<Instant> {
    let (day, clock) = text.split_once('/').unwrap_or(("1", text));
    if !clock.contains(':') || !clock.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let clock = if clock.matches(':').count() == 1 { format!("{clock}:00") } else { clock.to_owned() };
    let day: u32 = day.parse().ok()?;
    DateFormat::default().parse(&format!("2024-01-{day:02}T{clock}Z"), Rounding::Down).ok()
}

/// The time as cases write it.
pub fn short(instant: Instant) -> String {
    let iso = to_iso(instant);
    let (date, clock) = iso.trim_end_matches('Z').split_once('T').unwrap();
    let clock = clock.trim_end_matches(".000");
    let clock = clock.strip_suffix(":00").filter(|rest| rest.contains(':')).unwrap_or(clock);
    match date.rsplit('-').next().unwrap().trim_start_matches('0') {
        "1" => clock.to_owned(),
        day => format!("{day}/{clock}"),
    }
}

fn event(index: &str, id: &str, line: &str) -> Arc<Event> {
    let mut parts = line.split_whitespace();
    let mut source = Map::new();
    if let Some(at) = parts.next().and_then(time) {
        source.insert("@timestamp".into(), json!(to_iso(at)));
    }
    let (mut id, mut index) = (id.to_owned(), index.to_owned());
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or_else(|| panic!("`{part}` in `{line}` is no field"));
        match (key, time(value)) {
            ("in", Some(at)) => drop(source.insert("event.ingested".into(), json!(to_iso(at)))),
            ("_id", _) => id = value.to_owned(),
            ("_index", _) => index = value.to_owned(),
            (key, Some(at)) => drop(source.insert(key.into(), json!(to_iso(at)))),
            (key, None) => {
                drop(source.insert(key.into(), serde_json::from_str(value).unwrap_or_else(|_| json!(value))));
            }
        }
    }
    Arc::new(Event::from_value(json!({"_index": index, "_id": id, "_source": source})))
}

/// The alerts as cases write them, by run.
pub fn engine_alerts(replay: &Replay) -> Vec<String> {
    replay.alerts.iter().map(alert_text).collect()
}

fn alert_text(alert: &Alert) -> String {
    let mut out = vec![short(alert.created().unwrap())];
    let ids = ids(alert.events());
    match &alert.finding().details {
        Details::Event | Details::Group(_) => out.push(ids),
        Details::Threshold(result) => {
            out.extend(result.terms.iter().map(|(field, value)| format!("{field}={value}")));
            out.push(format!("count={}", result.count));
            out.extend(result.cardinality.iter().map(|(_, count)| format!("distinct={count}")));
            let [from, to] = [result.from, result.to].map(|time| short(time.unwrap()));
            out.push(format!("{from}..{to}"));
        }
        Details::NewTerms(terms) => {
            out.push(ids);
            out.push(format!("new={}", terms.join(",")));
        }
        Details::Threat(hits) => {
            out.push(ids);
            let hits: Vec<String> =
                hits.iter().map(|hit| format!("{}:{}", hit.indicator.id().unwrap(), hit.field)).collect();
            out.push(format!("hit={}", hits.join(",")));
        }
    }
    if let Some(suppressed) = &alert.finding().suppressed {
        let terms: Vec<String> =
            suppressed.terms.iter().map(|(_, values)| Json::from(values.clone()).to_string()).collect();
        let [start, end] = [suppressed.start, suppressed.end].map(|time| short(time.unwrap()));
        out.push(format!("+{} {} {start}..{end}", suppressed.count, terms.join("")));
    }
    out.join(" ")
}

fn ids(events: &[Option<Arc<Event>>]) -> String {
    let id = |event: &Option<Arc<Event>>| event.as_ref().map_or("!", |event| event.id().unwrap()).to_owned();
    events.iter().map(id).collect::<Vec<_>>().join("+")
}

/// What was missed: ids, reason, run.
pub fn missed(replay: &Replay) -> Vec<String> {
    let all = replay.rules.iter().flat_map(|rule| &rule.missed);
    all.map(|missed| format!("{} {} {}", ids(&missed.events), missed.reason.name(), short(missed.run))).collect()
}

/// The windows of each run that had something to say, with its remaining gap in seconds.
pub fn windows(replay: &Replay) -> Vec<String> {
    let runs = replay.rules.iter().flat_map(|rule| &rule.runs);
    let text = |run: &elkhound::engine::RunReport| {
        let windows: Vec<String> =
            run.windows.iter().map(|window| format!("{}..{}", short(window.from), short(window.to))).collect();
        let gap = run.remaining_gap / elkhound::event::time::SECOND;
        format!("{} {} gap={gap}", short(run.start), windows.join(" "))
    };
    runs.map(text).collect()
}

pub fn counters(replay: &Replay) -> BTreeMap<&'static str, u64> {
    let rule = &replay.rules[0];
    BTreeMap::from([
        ("found", rule.sum(|run| run.found)),
        ("alerts", rule.sum(|run| run.alerts)),
        ("again", rule.sum(|run| run.found_again)),
        ("suppressed", rule.sum(|run| run.suppressed)),
        ("capped", rule.sum(|run| run.capped)),
        ("undecided", rule.sum(|run| run.undecided)),
        ("outside", rule.outside),
        ("untimed", rule.untimed),
        ("dropped", rule.dropped),
        ("runs", rule.run_count),
        ("notes", rule.notes.len() as u64),
    ])
}
