//! Seeded random EQL queries of every kind, and streams of events that they are about.
#![allow(dead_code, reason = "each test uses its own part")]

use serde_json::{Map, Value, json};

use crate::random::Random;

/// The types of the fields that the queries name.
pub fn mapping() -> Value {
    json!({
        "@timestamp": "date", "event.category": "keyword", "k": "keyword", "kk": "keyword", "i": "long", "n": "long", "d": "double",
        "s": "keyword", "w": "wildcard", "ip": "ip", "ok": "boolean", "v": "version", "sf": {"type": "scaled_float", "scaling_factor": 10}
    })
}

const CATEGORIES: &[&str] = &["a", "b", "c", "any", "any"];
const TEXTS: &[&str] = &["foo", "Foo", "bar", "foobar", "", "é", "É", "10", "a.b"];
const NUMBERS: &[&str] = &["0", "1", "2", "-1", "10", "1.5", "9223372036854775807"];
const KEYS: &[&str] = &["k", "i", "kk", "ip", "n"];

/// A random query on single events.
pub fn event_query(random: &mut Random) -> String {
    let depth = random.below(4);
    format!("{}{}", filter(random, depth), pipes(random))
}

fn filter(random: &mut Random, depth: usize) -> String {
    format!("{} where {}", random.pick(CATEGORIES), condition(random, depth))
}

fn pipes(random: &mut Random) -> String {
    match random.below(8) {
        0 => format!(" | head {}", random.below(4)),
        1 => format!(" | tail {}", random.below(4)),
        2 => format!(" | head {} | tail {}", random.below(5), random.below(4)),
        _ => String::new(),
    }
}

/// A random sequence.
pub fn sequence(random: &mut Random) -> String {
    let spanned = !random.once_in(4);
    let shared = if random.once_in(3) { None } else { Some(random.pick(KEYS)) };
    let own = random.once_in(4).then(|| random.pick(&["k", "kk"]));
    let optional = if random.once_in(4) { "?" } else { "" };
    let by = shared.map_or_else(String::new, |key| format!(" by {optional}{key}"));
    let span = if spanned { format!(" with maxspan={}s", 1 + random.below(8)) } else { String::new() };
    let terms = 2 + random.below(3);
    let there = random.below(terms);
    let mut text = format!("sequence{by}{span}");
    for at in 0..terms {
        let absent = spanned && at != there && random.once_in(4);
        let depth = random.below(2);
        let (mark, filter) = (if absent { "!" } else { "" }, simple(random, depth));
        let by = own.map_or_else(String::new, |own| {
            format!(" by {optional}{}", if own == "k" { random.pick(&["k", "kk", "s"]) } else { own })
        });
        let runs = if random.once_in(8) { format!(" with runs={}", 1 + random.below(3)) } else { String::new() };
        text.push_str(&format!(" {mark}[{filter}]{by}{runs}"));
    }
    if random.once_in(4) {
        let by = own.map_or_else(String::new, |own| format!(" by {optional}{own}"));
        text.push_str(&format!(" until [{}]{by}", simple(random, 0)));
    }
    text + &pipes(random)
}

/// A random sample.
pub fn sample(random: &mut Random) -> String {
    let terms: Vec<String> = (0..2 + random.below(3)).map(|_| format!("[{}]", simple(random, 0))).collect();
    let optional = if random.once_in(4) { "?" } else { "" };
    format!("sample by {optional}{} {}", random.pick(KEYS), terms.join(" "))
}

/// A filter that a good part of the events satisfy.
fn simple(random: &mut Random, depth: usize) -> String {
    match random.below(4) {
        0 => format!("any where n == {}", random.below(3)),
        1 => filter(random, depth),
        _ => format!("{} where true", random.pick(&["a", "b", "c"])),
    }
}

fn condition(random: &mut Random, depth: usize) -> String {
    match if depth == 0 { 9 } else { random.below(10) } {
        0 | 1 => format!("({} and {})", condition(random, depth - 1), condition(random, depth - 1)),
        2 | 3 => format!("({} or {})", condition(random, depth - 1), condition(random, depth - 1)),
        4 | 5 => format!("not ({})", condition(random, depth - 1)),
        _ => test(random),
    }
}

fn quoted(random: &mut Random, from: &[&str]) -> String {
    format!("\"{}\"", random.pick(from))
}

fn test(random: &mut Random) -> String {
    const COMPARE: &[&str] = &["==", "!=", "<", "<=", ">", ">="];
    const PATTERNS: &[&str] = &["foo", "f*", "*o", "*o*", "*", "FOO", "f?o", "É", "*.b", ""];
    const EXPRESSIONS: &[&str] = &["foo", "fo+", ".*", "[a-f]oo", "(foo|bar)+", "", "~(foo)", "FO."];
    match random.below(16) {
        0 => format!("{} {} {}", numeric(random, 1), random.pick(COMPARE), numeric(random, 1)),
        1 => format!("{} {} {}", random.pick(&["n", "d", "i", "sf"]), random.pick(COMPARE), random.pick(NUMBERS)),
        2 => format!("{} {} {}", string(random, 1), random.pick(COMPARE), string(random, 1)),
        3 => format!("{} {} {}", random.pick(&["s", "k", "w"]), random.pick(&["==", "!="]), quoted(random, TEXTS)),
        4 => format!("{} {} {}", string(random, 1), random.pick(&[":", "like", "like~"]), quoted(random, PATTERNS)),
        5 => format!(
            "{} {} ({}, {})",
            random.pick(&["s", "k", "w"]),
            random.pick(&[":", "like", "like~"]),
            quoted(random, PATTERNS),
            quoted(random, PATTERNS)
        ),
        6 => format!(
            "{} {} {}",
            random.pick(&["s", "k", "w"]),
            random.pick(&["regex", "regex~"]),
            quoted(random, EXPRESSIONS)
        ),
        7 => format!(
            "{} {} ({}, {})",
            string(random, 1),
            random.pick(&["in", "not in", "in~"]),
            quoted(random, TEXTS),
            quoted(random, TEXTS)
        ),
        8 => format!("n {} ({}, {})", random.pick(&["in", "not in"]), random.below(3), random.below(11)),
        9 => format!("{} {} null", random.pick(&["s", "n", "ip", "ok", "d", "?zz", "v"]), random.pick(&["==", "!="])),
        10 => format!(
            "{}{}({}, {})",
            random.pick(&["startsWith", "endsWith", "stringContains"]),
            random.pick(&["", "~"]),
            string(random, 0),
            string(random, 1)
        ),
        11 => {
            format!("cidrMatch(ip, {})", quoted(random, &["10.0.0.0/8", "::/0", "fe80::/10", "0.0.0.0/0", "::1/128"]))
        }
        12 => format!("ok {} {}", random.pick(&["==", "!="]), random.pick(&["true", "false"])),
        13 => format!("v {} {}", random.pick(COMPARE), quoted(random, &["1.0.0", "1.10.0", "1.2.0-a"])),
        14 => format!("?zz {} {}", random.pick(COMPARE), random.below(3)),
        _ => random.pick(&["true", "false", "ok", "not ok"]).to_owned(),
    }
}

fn numeric(random: &mut Random, depth: usize) -> String {
    match if depth == 0 { random.below(4) } else { random.below(8) } {
        0 | 1 => random.pick(&["n", "i", "d"]).to_owned(),
        2 => random.pick(NUMBERS).to_owned(),
        3 => random.pick(&["n", "d", "sf"]).to_owned(),
        4 => format!("length({})", string(random, depth - 1)),
        5 => format!("indexOf({}, {})", string(random, depth - 1), string(random, depth - 1)),
        6 => format!("number({})", string(random, depth - 1)),
        _ => format!(
            "({} {} {})",
            numeric(random, depth - 1),
            random.pick(&["+", "-", "*", "/", "%"]),
            numeric(random, depth - 1)
        ),
    }
}

fn string(random: &mut Random, depth: usize) -> String {
    match if depth == 0 { random.below(4) } else { random.below(8) } {
        0..=2 => random.pick(&["s", "k", "w"]).to_owned(),
        3 => quoted(random, TEXTS),
        4 => format!("concat({}, {})", string(random, depth - 1), numeric(random, depth - 1)),
        5 => format!("substring({}, {})", string(random, depth - 1), random.below(4)),
        6 => format!("between({}, \"f\", \"o\")", string(random, depth - 1)),
        _ => format!("string({})", numeric(random, depth - 1)),
    }
}

/// A stream in the order of time; `distinct` gives each event its own instant.
pub fn stream(random: &mut Random, distinct: bool) -> Vec<Value> {
    let mut millis = 0;
    let count = 3 + random.below(25);
    let mut out = Vec::new();
    for _ in 0..count {
        millis += if distinct { 1 + random.below(1500) } else { [0, 0, 1, 500, 1000, 1000, 2000][random.below(7)] };
        out.push(event(random, millis));
    }
    out
}

fn event(random: &mut Random, millis: usize) -> Value {
    let mut out = Map::new();
    if !random.once_in(30) {
        let text = format!("2024-01-01T00:{:02}:{:02}.{:03}Z", millis / 60_000, millis / 1000 % 60, millis % 1000);
        out.insert("@timestamp".into(), text.into());
    }
    if !random.once_in(15) {
        out.insert("event".into(), json!({"category": random.pick(&["a", "b", "c"])}));
    }
    for field in ["k", "kk", "i", "n", "d", "s", "w", "ip", "ok", "v", "sf"] {
        if random.once_in(6) {
            continue;
        }
        let value = match random.below(14) {
            0 => Value::Null,
            1 => (0..random.below(4)).map(|_| one(random, field)).collect::<Vec<_>>().into(),
            _ => one(random, field),
        };
        out.insert(field.into(), value);
    }
    Value::Object(out)
}

fn one(random: &mut Random, field: &str) -> Value {
    match field {
        "k" | "kk" => random.pick(&["x", "y"]).into(),
        "i" | "n" => json!(random.below(3)),
        "d" | "sf" => json!([0.0, 1.0, 1.5, -1.0][random.below(4)]),
        "ip" => random.pick(&["10.0.0.1", "::1", "fe80::1", "8.8.8.8"]).into(),
        "ok" => json!(random.once_in(2)),
        "v" => random.pick(&["1.0.0", "1.2.0", "1.10.0"]).into(),
        _ => random.pick(TEXTS).into(),
    }
}
