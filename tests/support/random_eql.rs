//! Seeded random EQL queries of every kind, and streams of events that they are about.
#![allow(dead_code, reason = "each test uses its own part")]

use serde_json::{Map, Value, json};

use crate::random::Random;

/// The types of the fields that the queries name, `u` and `uu` aside; timestamps are of type `date` or `date_nanos`.
pub fn mapping(date: &str) -> Value {
    json!({
        "@timestamp": date, "tb": "long", "event.category": "keyword", "k": "keyword", "kk": "keyword", "i": "long", "n": "long", "d": "double",
        "s": "keyword", "w": "wildcard", "ip": "ip", "ok": "boolean", "v": "version", "sf": {"type": "scaled_float", "scaling_factor": 10}
    })
}

const CATEGORIES: &[&str] = &["a", "b", "c", "any", "any"];
const TEXTS: &[&str] = &["foo", "Foo", "bar", "foobar", "", "é", "É", "10", "a.b"];
const NUMBERS: &[&str] = &["0", "1", "2", "-1", "10", "1.5", "9223372036854775807"];
/// Keys that can stand for one another.
const KEYS: &[&[&str]] =
    &[&["k", "kk", "s", "o.k"], &["k", "kk"], &["i", "n", "d", "sf"], &["ip"], &["v"], &["ok"], &["u", "uu"]];

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

/// ` by` some keys, `?` before some.
fn by(random: &mut Random, groups: &[&[&str]], optional: bool) -> String {
    let names: Vec<String> = groups
        .iter()
        .map(|group| format!("{}{}", if optional && random.once_in(2) { "?" } else { "" }, random.pick(group)))
        .collect();
    if names.is_empty() { String::new() } else { format!(" by {}", names.join(", ")) }
}

fn groups(random: &mut Random, most: usize) -> Vec<&'static [&'static str]> {
    (0..random.below(most + 1)).map(|_| KEYS[random.below(KEYS.len())]).collect()
}

/// A random sequence.
pub fn sequence(random: &mut Random) -> String {
    let spanned = !random.once_in(4);
    let (shared, own) = (groups(random, 2), if random.once_in(3) { groups(random, 2) } else { Vec::new() });
    let optional = random.once_in(4);
    let span = match random.below(3) {
        _ if !spanned => String::new(),
        0 => format!(" with maxspan={}ms", [1, 500, 1000, 1500, 2001][random.below(5)]),
        _ => format!(" with maxspan={}s", 1 + random.below(8)),
    };
    let terms = 2 + random.below(3);
    let there = random.below(terms);
    let mut text = format!("sequence{}{span}", by(random, &shared, optional));
    for at in 0..terms {
        let absent = spanned && at != there && random.once_in(4);
        let depth = random.below(2);
        let (mark, filter) = (if absent { "!" } else { "" }, simple(random, depth));
        let by = by(random, &own, optional);
        let runs = if random.once_in(8) { format!(" with runs={}", 1 + random.below(3)) } else { String::new() };
        text.push_str(&format!(" {mark}[{filter}]{by}{runs}"));
    }
    if random.once_in(4) {
        let depth = random.below(2);
        let until = if random.once_in(2) { filter(random, depth) } else { simple(random, 0) };
        text.push_str(&format!(" until [{until}]{}", by(random, &own, optional)));
    }
    text + &pipes(random)
}

/// A random sample.
pub fn sample(random: &mut Random) -> String {
    let optional = random.once_in(4);
    let first = KEYS[random.below(KEYS.len())];
    let (shared, own) =
        if random.once_in(2) { (vec![first], groups(random, 1)) } else { (groups(random, 1), vec![first]) };
    let shared = by(random, &shared, optional);
    let terms = (0..2 + random.below(3)).map(|_| {
        let filter = simple(random, 0);
        format!("[{filter}]{}", by(random, &own, optional))
    });
    let terms: Vec<String> = terms.collect();
    format!("sample{shared} {}", terms.join(" "))
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
        9 => format!(
            "{} {} null",
            random.pick(&["s", "n", "ip", "ok", "d", "?zz", "v", "o.k"]),
            random.pick(&["==", "!="])
        ),
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
    let mut micros = 0;
    let count = 3 + random.below(25);
    let mut out = Vec::new();
    for _ in 0..count {
        micros += match random.below(8) {
            _ if distinct => 1000 + 1000 * random.below(1500),
            0 | 1 => 0,
            2 => 1000,
            3 => 100 * random.below(20),
            4 => 500_000,
            5 | 6 => 1_000_000,
            _ => 2_000_000,
        };
        out.push(event(random, micros));
    }
    out
}

fn event(random: &mut Random, micros: usize) -> Value {
    let mut out = Map::new();
    let minutes = micros / 60_000_000;
    let text = format!("2024-01-01T00:{minutes:02}:{:02}.{:06}Z", micros / 1_000_000 % 60, micros % 1_000_000);
    match random.below(60) {
        0 => {}
        1 => drop(out.insert("@timestamp".into(), json!([text, "2024-01-01T00:00:00Z"]))),
        _ => drop(out.insert("@timestamp".into(), text.into())),
    }
    if !random.once_in(15) {
        let category = random.pick(&["a", "b", "c"]);
        if random.once_in(8) {
            out.insert("event.category".into(), json!([category, random.pick(&["a", "B", "c"])]));
        } else {
            out.insert("event".into(), json!({"category": category}));
        }
    }
    if random.once_in(2) {
        let inner: Vec<Value> = (0..1 + random.below(2)).map(|_| json!({"k": one(random, "k")})).collect();
        out.insert("o".into(), inner.into());
    }
    for field in ["tb", "k", "kk", "i", "n", "d", "s", "w", "ip", "ok", "v", "sf", "u", "uu"] {
        if random.once_in(6) {
            continue;
        }
        if field == "tb" {
            out.insert("tb".into(), json!(random.below(4)));
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
        "u" | "uu" => [json!(1), json!("1"), json!(1.0), json!(true), json!("x")][random.below(5)].clone(),
        "k" | "kk" => random.pick(&["x", "y"]).into(),
        "i" | "n" => json!(random.below(3)),
        "d" | "sf" => json!([0.0, 1.0, 1.5, -1.0][random.below(4)]),
        "ip" => random.pick(&["10.0.0.1", "::1", "fe80::1", "8.8.8.8"]).into(),
        "ok" => json!(random.once_in(2)),
        "v" => random.pick(&["1.0.0", "1.2.0", "1.10.0"]).into(),
        _ => random.pick(TEXTS).into(),
    }
}
