//! Runs of rules, written down as plainly as possible: every run looks at every event again, nothing is indexed, nothing is bounded.
//!
//! Gives alerts in the notation of the cases. Whether an event matches a query, and which sequences there are, is asked of the query
//! engine, which has a reference of its own; everything from there on is decided here from JSON alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use elkhound::event::Event;
use elkhound::event::time::{DateFormat, Instant, Rounding, date_math, parse_duration};
use elkhound::query::{Query, Settings};
use serde_json::{Value as Json, json};

use super::recording::{Case, short};

#[path = "kinds.rs"]
mod kinds;

/// An alert that exists.
#[derive(Debug, Clone)]
struct Alert {
    run: Instant,
    text: String,
    identity: Option<String>,
    group: Option<Group>,
}

/// What an alert that suppresses has taken in.
#[derive(Debug, Clone)]
struct Group {
    terms: Json,
    start: Instant,
    end: Instant,
    count: u64,
    /// The run that changed it last, and its end before that run.
    run: Instant,
    before: Option<Instant>,
}

/// A finding before it is an alert.
#[derive(Debug, Clone)]
struct Finding {
    text: String,
    identity: Option<String>,
    terms: Option<Json>,
    start: Instant,
    end: Instant,
    more: u64,
}

#[derive(Debug, Clone)]
struct Seen {
    event: Arc<Event>,
    time: Instant,
    order: (bool, Option<Instant>, bool, Option<Instant>, usize),
}

struct World<'a> {
    case: &'a Case,
    rule: Json,
    events: Vec<Arc<Event>>,
    alerts: Vec<Alert>,
    /// For each group of a threshold rule, until when its events are settled.
    alerted: BTreeMap<String, Instant>,
}

/// The alerts of a case.
pub fn alerts(case: &Case) -> Vec<String> {
    let rule = case.document();
    let mut world = World { case, rule, events: case.recorded(), alerts: Vec::new(), alerted: BTreeMap::new() };
    let mut previous = None;
    for now in world.starts() {
        for (from, to) in world.windows(now, previous) {
            world.search(now, from, to);
        }
        previous = Some(now);
    }
    let text = |alert: &Alert| match &alert.group {
        None => format!("{} {}", short(alert.run), alert.text),
        Some(group) => {
            let terms: Vec<String> = group.terms.as_array().unwrap().iter().map(Json::to_string).collect();
            let (start, end) = (short(group.start), short(group.end));
            format!("{} {} +{} {} {start}..{end}", short(alert.run), alert.text, group.count, terms.join(""))
        }
    };
    world.alerts.iter().map(text).collect()
}

fn values(event: &Event, field: &str) -> Vec<Json> {
    fn at(json: &Json, path: &str, out: &mut Vec<Json>) {
        match json {
            Json::Array(items) if path.is_empty() => items.iter().for_each(|item| at(item, path, out)),
            Json::Array(items) => items.iter().for_each(|item| at(item, path, out)),
            Json::Object(object) => {
                for (key, below) in object {
                    if let Some(rest) = path.strip_prefix(key.as_str()) {
                        if rest.is_empty() {
                            at(below, "", out);
                        } else if let Some(rest) = rest.strip_prefix('.') {
                            at(below, rest, out);
                        }
                    }
                }
            }
            Json::Null => {}
            value if path.is_empty() => out.push(value.clone()),
            _ => {}
        }
    }
    let mut out = Vec::new();
    at(event.source(), field, &mut out);
    out
}

/// A whole number is the same with and without a fraction of zero.
fn text(value: &Json) -> String {
    match value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0) {
        Some(whole) => format!("{whole:.0}"),
        None => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

fn instant(event: &Event, field: &str) -> Option<Instant> {
    let times = values(event, field)
        .into_iter()
        .filter_map(|value| DateFormat::default().parse(value.as_str()?, Rounding::Down).ok());
    times.min()
}

fn product(lists: &[Vec<String>]) -> Vec<Vec<String>> {
    lists.iter().fold(vec![vec![]], |rows, list| {
        rows.iter().flat_map(|row| list.iter().map(|item| [row.clone(), vec![item.clone()]].concat())).collect()
    })
}

impl World<'_> {
    fn text(&self, key: &str) -> &str {
        self.rule[key].as_str().unwrap_or_default()
    }

    fn kind(&self) -> &str {
        self.text("type")
    }

    fn math(&self, key: &str, default: &str, now: Instant) -> Instant {
        let text = self.rule[key].as_str().unwrap_or(default);
        date_math(text, &DateFormat::default(), Rounding::Down, now, None).unwrap()
    }

    fn interval(&self) -> Instant {
        parse_duration(self.rule["interval"].as_str().unwrap_or("5m")).unwrap()
    }

    fn starts(&self) -> Vec<Instant> {
        if !self.case.runs.is_empty() {
            return self.case.starts();
        }
        let times: Vec<Instant> = self.events.iter().filter_map(|event| instant(event, "@timestamp")).collect();
        let arrivals: Vec<Instant> =
            self.events.iter().filter_map(|event| Some(self.arrival(event, instant(event, "@timestamp")?))).collect();
        let last = arrivals.iter().chain(&times).max();
        let (Some(first), Some(last)) = (times.iter().min(), last) else { return Vec::new() };
        let mut starts = vec![*first];
        while starts.last().unwrap() < last {
            starts.push(starts.last().unwrap() + self.interval());
        }
        starts
    }

    /// The worked rule of gaps: at most four more windows, each one interval earlier.
    fn windows(&self, now: Instant, previous: Option<Instant>) -> Vec<(Instant, Instant)> {
        let (from, to) = (self.math("from", "now-6m", now), self.math("to", "now", now));
        let mut out = vec![(from, to)];
        let Some(previous) = previous else { return out };
        let mut uncovered = (now - previous) - (to - from);
        while uncovered > 0 && out.len() < 5 {
            let (from, to) = out[0];
            out.insert(0, (from - self.interval(), to - self.interval()));
            uncovered -= self.interval();
        }
        out
    }

    fn arrival(&self, event: &Event, time: Instant) -> Instant {
        match self.case.delayed() {
            Some(delay) => time + delay,
            None => instant(event, "event.ingested").unwrap_or(time),
        }
    }

    fn cap(&self) -> usize {
        let own = self.rule["max_signals"].as_u64().unwrap_or(100) as usize;
        own.min(self.case.alert_limit.unwrap_or(1000))
    }

    /// The events that a run sees in a window, by time; those that the query matches unless it is about several events.
    fn seen(&self, now: Instant, from: Instant, to: Instant) -> Vec<Seen> {
        let over = self.rule["timestamp_override"].as_str().filter(|field| *field != "@timestamp");
        let falls_back = over.is_some() && self.rule["timestamp_override_fallback_disabled"] != json!(true);
        let mut out: Vec<Seen> = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            let primary = instant(event, over.unwrap_or("@timestamp"));
            let secondary = if falls_back { instant(event, "@timestamp") } else { None };
            let Some(time) = primary.or(secondary) else { continue };
            if time < from || time > to || self.arrival(event, time) > now || self.excepted(event, now) {
                continue;
            }
            let order = (primary.is_none(), primary, secondary.is_none(), secondary, at);
            out.push(Seen { event: Arc::clone(event), time, order });
        }
        out.sort_by_key(|seen| (seen.time, seen.order.4));
        out
    }

    /// Whether an item that has not expired fits the event; cases only use `match` entries.
    fn excepted(&self, event: &Event, now: Instant) -> bool {
        self.case.exceptions.iter().any(|item| {
            let end = item["expire_time"].as_str().map(|end| DateFormat::default().parse(end, Rounding::Down).unwrap());
            let fits = |entry: &Json| {
                values(event, entry["field"].as_str().unwrap()).iter().map(text).any(|own| entry["value"] == json!(own))
            };
            end.is_none_or(|end| end >= now) && item["entries"].as_array().unwrap().iter().all(fits)
        })
    }

    /// The keys of an event's values, as the type of the field spells them.
    fn keys(&self, event: &Event, field: &str) -> Vec<String> {
        let spell = |value: Json| match self.type_of(field) {
            "ip" => text(&value).parse::<std::net::IpAddr>().map_or(value, |ip| json!(ip.to_canonical().to_string())),
            _ => value,
        };
        unique(values(event, field).into_iter().map(spell).collect())
    }

    /// Buckets come in the order of their keys, numbers by value.
    fn in_key_order<T>(&self, fields: &[String], groups: BTreeMap<Vec<String>, T>) -> Vec<(Vec<String>, T)> {
        let mut list: Vec<(Vec<String>, T)> = groups.into_iter().collect();
        let number =
            |field: &str, key: &str| if self.type_of(field) == "long" { key.parse().unwrap_or(0) } else { 0_i64 };
        list.sort_by_cached_key(|(key, _)| {
            fields.iter().zip(key).map(|(field, key)| (number(field, key), key.clone())).collect::<Vec<_>>()
        });
        list
    }

    fn query(&self, now: Instant, text: &str) -> Query {
        let schema = Arc::new(self.case.schema());
        let mut settings = Settings { schema, now, ..Settings::default() };
        for (key, field) in [("event_category_override", 0), ("timestamp_field", 1), ("tiebreaker_field", 2)] {
            if let Some(value) = self.rule[key].as_str() {
                match field {
                    0 => settings.category_field = value.to_owned(),
                    1 => settings.timestamp_field = value.to_owned(),
                    _ => settings.tiebreaker_field = Some(value.to_owned()),
                }
            }
        }
        let builder = Query::builder().settings(settings);
        if self.kind() == "eql" { builder.eql(text).unwrap() } else { builder.kql(text).unwrap() }
    }

    fn own(&self, event: &Event) -> bool {
        values(event, "kibana.alert.ancestors.rule").contains(&self.rule["id"])
    }

    fn search(&mut self, now: Instant, from: Instant, to: Instant) {
        let query = self.query(now, self.text("query"));
        let mut seen = self.seen(now, from, to);
        if self.kind() != "eql" {
            seen.retain(|seen| query.concerns(&seen.event));
        }
        let findings = match self.kind() {
            "threshold" => self.threshold(&seen, now, from),
            "new_terms" => self.new_terms(&seen, now, from, to, &query),
            "threat_match" => self.threat(seen, now),
            "eql" => self.eql(&seen, &query, to),
            _ if self.suppresses() => self.groups(&seen, from),
            _ => {
                seen.retain(|seen| !self.own(&seen.event));
                seen.sort_by_key(|seen| seen.order);
                seen.iter().map(|seen| self.single(seen, String::new())).collect()
            }
        };
        self.admit(findings, now, from);
    }

    fn single(&self, seen: &Seen, extra: String) -> Finding {
        let id = seen.event.id().unwrap();
        let text = format!("{id}{extra}");
        let terms = self.suppresses().then(|| self.terms(&[&seen.event]));
        let identity = Some(match self.kind() {
            "new_terms" => text.clone(),
            _ => id.to_owned(),
        });
        Finding { text, identity, terms, start: seen.time, end: seen.time, more: 0 }
    }

    fn suppresses(&self) -> bool {
        self.rule["alert_suppression"].is_object()
    }

    fn group_by(&self) -> Vec<String> {
        let names = self.rule["alert_suppression"]["group_by"].as_array().cloned().unwrap_or_default();
        names.iter().map(text).collect()
    }

    /// The values of each grouping field that all events share, sorted.
    fn terms(&self, events: &[&Event]) -> Json {
        let mut out = Vec::new();
        for field in self.group_by() {
            let mut common = values(events[0], &field);
            common.retain(|value| events.iter().all(|event| values(event, &field).contains(value)));
            common.sort_by(|a, b| match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => a.to_string().cmp(&b.to_string()),
            });
            out.push(Json::from(common));
        }
        Json::from(out)
    }

    fn stands_alone(&self, terms: &Json) -> bool {
        let keeps = self.rule["alert_suppression"]["missing_fields_strategy"] == "doNotSuppress";
        keeps && terms.as_array().unwrap().contains(&json!([]))
    }

    fn duration(&self) -> Option<Instant> {
        let own = &self.rule["alert_suppression"]["duration"];
        parse_duration(&format!("{}{}", own["value"].as_u64()?, own["unit"].as_str()?))
    }

    /// Query rules group first: each value of a field is a group of its own.
    fn groups(&self, seen: &[Seen], from: Instant) -> Vec<Finding> {
        let mut groups: BTreeMap<Vec<Option<Ordered>>, Vec<&Seen>> = BTreeMap::new();
        let mut alone = Vec::new();
        for seen in seen.iter().filter(|seen| !self.own(&seen.event)) {
            if self.stands_alone(&self.terms(&[&seen.event])) {
                alone.push(Finding { terms: None, ..self.single(seen, String::new()) });
                continue;
            }
            let mut rows: Vec<Vec<Option<Ordered>>> = vec![vec![]];
            for field in self.group_by() {
                let mut list: Vec<Option<Ordered>> = Vec::new();
                let declared = self.case.types.as_ref().is_some_and(|types| types[&field] == "keyword");
                for value in values(&seen.event, &field) {
                    let value = if declared { json!(text(&value)) } else { value };
                    if !list.contains(&Some(Ordered(value.clone()))) {
                        list.push(Some(Ordered(value)));
                    }
                }
                if list.is_empty() {
                    list.push(None);
                }
                rows = rows
                    .iter()
                    .flat_map(|row| list.iter().map(|value| [row.clone(), vec![value.clone()]].concat()))
                    .collect();
            }
            for row in rows {
                let terms = row_terms(&row);
                let settled = self.alerts.iter().rev().filter_map(|alert| alert.group.as_ref());
                let settled = settled.into_iter().find(|group| group.terms == terms).map(|group| group.end);
                if settled.is_none_or(|end| end < from || seen.time > end) {
                    groups.entry(row).or_default().push(seen);
                }
            }
        }
        let group = |(row, events): (Vec<Option<Ordered>>, Vec<&Seen>)| Finding {
            terms: Some(row_terms(&row)),
            identity: None,
            end: events[events.len() - 1].time,
            more: events.len() as u64 - 1,
            ..self.single(events[0], String::new())
        };
        let mut out: Vec<Finding> = groups.into_iter().map(group).collect();
        out.extend(alone);
        out
    }

    fn admit(&mut self, mut findings: Vec<Finding>, now: Instant, from: Instant) {
        let (cap, mut made) = (self.cap(), 0);
        if self.suppresses() && !["query", "saved_query", "threshold"].contains(&self.kind()) {
            findings.sort_by_key(|finding| finding.start);
            findings.truncate(cap * 5);
        }
        for finding in findings {
            let exists = |alert: &Alert| alert.identity.is_some() && alert.identity == finding.identity;
            if self.alerts.iter().any(exists) {
                continue;
            }
            let terms = finding.terms.clone().filter(|terms| !self.stands_alone(terms));
            if let Some(terms) = &terms
                && self.joins(terms, &finding, now, from)
            {
                continue;
            }
            if made < cap {
                made += 1;
                let Finding { text, identity, start, end, more, .. } = finding;
                let group = terms.map(|terms| Group { terms, start, end, count: more, run: now, before: None });
                self.alerts.push(Alert { run: now, text, identity, group });
            }
        }
    }

    /// Whether the latest alert of the group takes the finding in, or has counted it before.
    fn joins(&mut self, terms: &Json, finding: &Finding, now: Instant, from: Instant) -> bool {
        let duration = self.duration();
        let of_group = |alert: &&mut Alert| alert.group.as_ref().is_some_and(|group| group.terms == *terms);
        let Some(alert) = self.alerts.iter_mut().rev().find(of_group) else { return false };
        let recent = alert.run >= duration.map_or(from, |duration| now - duration);
        let created = alert.run;
        let Some(group) = &mut alert.group else { return false };
        if group.run != now {
            (group.run, group.before) = (now, Some(group.end));
        }
        if recent && group.before.is_some_and(|before| finding.end <= before) {
            return true;
        }
        let takes = if duration.is_some() { recent } else { created == now };
        if takes {
            group.start = group.start.min(finding.start);
            group.end = group.end.max(finding.end);
            group.count += finding.more + 1;
        }
        takes
    }
}

/// A value with the order of buckets.
#[derive(Debug, Clone, PartialEq)]
struct Ordered(Json);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self.0.as_f64(), other.0.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => self.0.to_string().cmp(&other.0.to_string()),
        }
    }
}

fn row_terms(row: &[Option<Ordered>]) -> Json {
    row.iter().map(|value| value.iter().map(|value| value.0.clone()).collect::<Json>()).collect()
}

fn unique(values: Vec<Json>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for value in values.iter().map(text) {
        if !out.contains(&value) {
            out.push(value);
        }
    }
    out
}
