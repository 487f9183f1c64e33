//! Reading only what is asked for, and asking many queries at once, change no answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "support/random.rs"]
mod random;
#[path = "support/sets.rs"]
mod sets;
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use elkhound::event::{Document, Event, FieldKey, Layout, Listed, Record, Scratch, Value};
use elkhound::query::{Batch, Matches, Query, QuerySet, Settings};
use elkhound::schema::Schema;
use random::Random;
use serde_json::{Value as Json, json};

/// Every name by which something in the document can be asked for.
fn paths(json: &Json, above: &str, out: &mut BTreeSet<String>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| paths(item, above, out)),
        Json::Object(object) => {
            for (key, below) in object {
                let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
                paths(below, &path, out);
                out.insert(path);
            }
        }
        _ => {}
    }
}

fn values(document: &dyn Document, field: &FieldKey) -> Vec<String> {
    let mut out = Vec::new();
    document.any(field, &mut |value: Value<'_>| {
        out.push(format!("{value:?}"));
        false
    });
    out.sort();
    out
}

fn same_record(text: &str, fields: &[FieldKey], layout: &Layout, scratch: &mut Scratch) {
    let whole = Event::from_json(text).unwrap();
    let record = Record::read(text.as_bytes(), layout, scratch).unwrap();
    for field in fields {
        assert_eq!(values(&record, field), values(&whole, field), "{} of {text}", field.path());
    }
}

/// What is listed of a document in one walk is what it says when it is asked.
fn same_listing(text: &str, fields: &[FieldKey], layout: &Layout, scratch: &mut Scratch) {
    let (event, json) = (Event::from_json(text).unwrap(), serde_json::from_str::<Json>(text).unwrap());
    for document in [&event as &dyn Document, &json] {
        let listed = Listed::of(document, layout, scratch).expect("more than a few fields");
        for field in fields {
            assert_eq!(values(&listed, field), values(document, field), "{} listed of {text}", field.path());
        }
    }
}

fn keys(names: &BTreeSet<String>) -> Vec<FieldKey> {
    names.iter().enumerate().map(|(id, name)| FieldKey::new(id as u32, name.as_str())).collect()
}

#[test]
fn records_of_real_events() {
    let events = support::shared_lines("events/real.ndjson");
    let mut names = BTreeSet::new();
    events.iter().for_each(|event| paths(event, "", &mut names));
    let fields = keys(&names);
    let (layout, mut scratch) = (Layout::new(&fields), Scratch::default());
    for event in &events {
        same_record(&event.to_string(), &fields, &layout, &mut scratch);
        same_listing(&event.to_string(), &fields, &layout, &mut scratch);
        same_record(&serde_json::to_string_pretty(event).unwrap(), &fields, &layout, &mut scratch);
    }
    println!("records {} events, {} fields", events.len(), fields.len());
}

/// A random JSON text over few keys, with dots, escapes, repetitions and numbers of every size.
fn json(random: &mut Random, depth: usize) -> String {
    const LEAVES: &[&str] = &[
        "1",
        "-1",
        "0",
        "-0",
        "1.5",
        "1e3",
        "1E-2",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1e308",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        "\"\"",
        "\"x\"",
        "\"a\\nb\\\"\\\\\\/\"",
        "\"\\u00e9\\ud83d\\ude00\"",
        "\"日本\"",
        "\"0123456789abcdef\"",
        "{}",
        "[]",
        "\"logs-a.b-default\"",
    ];
    match random.below(if depth == 0 { 1 } else { 3 }) {
        0 => (*random.pick(LEAVES)).to_owned(),
        1 => {
            let items: Vec<String> = (0..random.below(4)).map(|_| json(random, depth - 1)).collect();
            format!("[{}]", items.join(random.pick(&[",", " , ", ",\r\n"])))
        }
        _ => object(random, depth),
    }
}

fn object(random: &mut Random, depth: usize) -> String {
    const KEYS: &[&str] = &[
        "a",
        "b",
        "a.b",
        "b.a.c",
        "c",
        "\\u0061",
        "a\\u0000",
        "",
        "a.",
        "é",
        "_index",
        "_id",
        "_source",
        "event",
        "dataset",
        "a key of twenty bytes",
        "a key of 16 byte",
        "event.module",
    ];
    let item = |random: &mut Random| {
        let (key, colon) = (random.pick(KEYS), random.pick(&[":", " :", ": ", "\t:\n"]));
        format!("\"{key}\"{colon}{}", json(random, depth.saturating_sub(1)))
    };
    let items: Vec<String> = (0..random.below(5)).map(|_| item(random)).collect();
    let (open, close) = (random.pick(&["{", "{ "]), random.pick(&["}", "\n}"]));
    format!("{open}{}{close}", items.join(random.pick(&[",", ", "])))
}

#[test]
fn records_of_random_events() {
    let names = [
        "a",
        "b",
        "c",
        "a.b",
        "a.a",
        "b.a",
        "b.a.c",
        "a.b.c",
        "c.a",
        "é",
        "a.",
        "a.é.b",
        "_index",
        "_id",
        "_source",
        "_source.a",
        "_index.a",
        "event.dataset",
        "event.module",
        "data_stream.type",
        "event",
        "a key of twenty bytes",
        "a key of 16 byte",
        "a key of twenty bytes.a",
        "a key of 16 byte.b",
    ]
    .map(str::to_owned)
    .into();
    let fields = keys(&names);
    let (layout, mut scratch) = (Layout::new(&fields), Scratch::default());
    for seed in 0..60_000 {
        let text = object(&mut Random::new(seed), 4);
        same_record(&text, &fields, &layout, &mut scratch);
        same_listing(&text, &fields, &layout, &mut scratch);
    }
}

/// What a batch keeps of an event says the same as the event parsed, of fields that were read and of others.
#[test]
fn kept_events_say_what_parsed_ones_say() {
    let read = ["a", "b", "a.b", "b.a.c", "é", "event.dataset", "event.module", "a key of twenty bytes", "_source"];
    let other = ["c", "c.a", "a.a", "b.a", "data_stream.type", "a.é.b", "_index", "_id", "a key of 16 byte.b"];
    let fields = keys(&read.into_iter().chain(other).map(str::to_owned).collect());
    let texts = read.map(|name| format!("\"{name}\": *")).into_iter().chain(["not zz: 1".to_owned()]);
    let queries: Vec<Query> = texts.map(|text| Query::kql(&text).unwrap()).collect();
    let (batch, as_read) = (Batch::new(&queries).unwrap(), |event: Event, _line| event);
    let mut unparsed = 0;
    for seed in 0..20_000 {
        let text = object(&mut Random::new(seed + 0x4E), 4).replace(['\n', '\r'], " ");
        let [kept] = <[_; 1]>::try_from(batch.read(&mut text.as_bytes(), 1, &as_read).unwrap()).unwrap();
        let whole = Event::from_json(&text).unwrap();
        unparsed += usize::from(format!("{kept:?}").contains("Kept"));
        let same = |kept: &Event, whole: &Event| {
            for field in &fields {
                assert_eq!(values(kept, field), values(whole, field), "{} of {text}", field.path());
            }
        };
        same(&kept, &whole);
        assert_eq!(
            (kept.index(), kept.id(), kept.own_index()),
            (whole.index(), whole.id(), whole.own_index()),
            "{text}"
        );
        let place: Arc<str> = "logs-here-default".into();
        let moved = |event: Event| event.with_origin(&place, 7);
        same(&moved((*kept).clone()), &moved(whole.clone()));
        same(&(*kept).clone().without_fill(), &whole.clone().without_fill());
        assert_eq!(*kept, whole, "{text}");
    }
    println!("kept {unparsed} of 20000 events unparsed");
    assert!(unparsed > 8_000, "the generator has become trivial");
}

#[test]
fn strings_of_every_length() {
    let fields = keys(&["a", "b"].map(str::to_owned).into());
    let (layout, mut scratch) = (Layout::new(&fields), Scratch::default());
    for length in 0..140 {
        for piece in ["", "\\\"", "\\u0041", "\u{e9}", "\u{10348}", "\u{7f}", " !#[]"] {
            let at = if length == 0 { 0 } else { (length * 31 + piece.len()) % length };
            let text = format!("{}{piece}{}", "x".repeat(at), "y".repeat(length - at));
            same_record(&format!(r#"{{"c":"{text}","a":"{text}","b":["{text}",1]}}"#), &fields, &layout, &mut scratch);
        }
        for piece in ["\n", "\u{0}", "\u{1f}", "\\x", "\""] {
            for at in [0, length / 2, length] {
                let text = format!(r#"{{"a":"{}{piece}{}"}}"#, "x".repeat(at), "y".repeat(length - at));
                assert!(Record::read(text.as_bytes(), &layout, &mut scratch).is_err(), "{text}");
            }
        }
    }
}

#[test]
fn verdicts_on_broken_json_are_those_of_serde_json() {
    let fields = keys(&["a", "a.b", "c"].map(str::to_owned).into());
    let (layout, mut scratch) = (Layout::new(&fields), Scratch::default());
    let pieces: &[&[u8]] = &[
        b"\"", b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b".", b"e", b"\x01", b"\xff", b"u", b"\\ud800",
        b" ", b"1e999", b"nul", b"\xc3",
    ];
    let (mut good, mut bad) = (0, 0);
    for seed in 0..40_000 {
        let mut random = Random::new(seed + 7);
        let mut text = object(&mut random, 4).into_bytes();
        for _ in 0..1 + random.below(3) {
            let at = random.below(text.len() + 1);
            if random.once_in(2) {
                let piece = pieces[random.below(pieces.len())];
                text.splice(at..at, piece.iter().copied());
            } else {
                text.splice(at..(at + random.below(3)).min(text.len()), []);
            }
        }
        let expected = serde_json::from_slice::<Json>(&text).is_ok_and(|json| json.is_object());
        let found = Record::read(&text, &layout, &mut scratch);
        assert_eq!(found.is_ok(), expected, "{}", String::from_utf8_lossy(&text));
        *if expected { &mut good } else { &mut bad } += 1;
    }
    for depth in (1..70).chain(118..132).chain([200, 100_000]) {
        let (mut open, mut close) = (String::new(), String::new());
        for level in 0..depth {
            // A list now and then, closed by what closes it or not.
            let (opens, closes) = if level % 5 == 3 { ("[", "]") } else { (r#"{"x":"#, r#","a":"b"}"#) };
            open.push_str(opens);
            close.insert_str(0, closes);
        }
        for (opened, closed) in [(&*open, &*close), (&open, &close[1..]), (&open, &close[..close.len() - 1])] {
            let text = format!(r#"{{"x":{opened}"y"{closed}}}"#);
            let expected = serde_json::from_slice::<Json>(text.as_bytes()).is_ok();
            assert_eq!(Record::read(text.as_bytes(), &layout, &mut scratch).is_ok(), expected, "{depth} deep: {text}");
        }
    }
    println!("broken texts: {bad} refused, {good} read by both");
    assert!(bad > 1_000 && good > 1_000);
}

/// Queries by themselves and in a set.
fn same_verdicts(queries: &[Query], texts: &[String]) {
    let set = QuerySet::new(queries).unwrap();
    let mut matches = Matches::default();
    let mut hits = 0;
    for text in texts {
        let event = Event::from_json(text).unwrap();
        let expected: Vec<u32> =
            (0..queries.len() as u32).filter(|&at| queries[at as usize].concerns(&event)).collect();
        hits += expected.len();
        assert_eq!(set.matches(&event, &mut matches), expected, "{text}");
        assert_eq!(set.matches_json(text.as_bytes(), &mut matches).unwrap(), expected, "from text: {text}");
    }
    let candidates = matches.candidates() as f64 / (2 * texts.len()).max(1) as f64;
    println!(
        "{} queries, {} events, {hits} verdicts; {candidates:.1} candidates an event; {:?}",
        queries.len(),
        texts.len(),
        set.stats()
    );
}

#[test]
fn rules_of_the_corpus() {
    let mut queries = Vec::new();
    for rule in support::shared_lines("corpus/kql_rules.jsonl") {
        queries.extend(Query::kql(rule["query"].as_str().unwrap()));
    }
    for rule in support::shared_lines("corpus/eql_rules.jsonl") {
        queries.extend(Query::eql(rule["query"].as_str().unwrap()));
    }
    let mut texts: Vec<String> = support::shared_lines("events/real.ndjson").iter().map(Json::to_string).collect();
    for case in support::shared_lines("conformance/geneve.jsonl").iter().step_by(10) {
        let events =
            case["cases"].as_array().into_iter().flatten().flat_map(|case| case["events"].as_array()).flatten();
        texts.extend(events.take(3).map(Json::to_string));
    }
    texts.truncate(3_000);
    same_verdicts(&queries, &texts);
    let streams = streams();
    let hits: usize = streams.iter().map(|stream| sets::Together::new(&queries).same_streams(stream)).sum();
    println!("{} streams, {hits} hits of runs fed by the set", streams.len());
    assert!(streams.is_empty() || hits > 0);
}

/// Streams for which rules alert, some cases after the other in each.
fn streams() -> Vec<Vec<Json>> {
    let cases = support::shared_lines("conformance/geneve.jsonl");
    let sequences = cases.iter().filter(|case| case["query"].as_str().is_some_and(|text| text.contains("sequence")));
    let events = |case: &Json| -> Vec<Json> {
        let cases = case["cases"].as_array().into_iter().flatten();
        cases.flat_map(|case| case["events"].as_array()).flatten().cloned().collect()
    };
    let chosen: Vec<Vec<Json>> = sequences.step_by(20).map(events).collect();
    chosen.chunks(4).map(<[Vec<Json>]>::concat).collect()
}

/// Queries in a set that no index helps.
const COUNT: usize = 2_000;

/// Sets in which an index helps little say so, ask no more than each query alone would, and answer alike.
#[test]
fn sets_that_no_index_helps() {
    let names = ["cmd.exe", "a1", "xa7", "b"];
    let texts: Vec<String> = names
        .iter()
        .map(|name| {
            json!({"process": {"name": name, "command_line": format!("run {name}")}, "host": {"name": "h7"}})
                .to_string()
        })
        .collect();
    same_set(&texts, (0, COUNT), &|at| format!("process.name: cmd.exe and not host.name: h{at}"));
    same_set(&texts, (0, 1), &|at| format!("process.command_line: *a{at}"));
    // Filed under what makes them false.
    same_set(&texts, (0, 1), &|at| format!("not process.name: a{at}"));
}

/// Asks a set of numbered queries, of which so many have no witness, and so many the same.
fn same_set(texts: &[String], (unindexed, crowd): (usize, usize), query: &dyn Fn(usize) -> String) {
    let queries: Vec<Query> = (0..COUNT).map(|at| Query::kql(&query(at)).unwrap()).collect();
    same_verdicts(&queries, texts);
    let set = QuerySet::new(&queries).unwrap();
    let mut matches = Matches::default();
    texts.iter().for_each(|text| drop(set.matches_json(text.as_bytes(), &mut matches)));
    // Each query alone asks one question or two.
    let most = (COUNT * texts.len()) as u64;
    assert!(matches.candidates() <= most && matches.asked() <= 2 * most, "{}", query(0));
    assert_eq!((set.stats().unindexed, set.stats().crowd), (unindexed, crowd), "{}", query(0));
}

#[test]
fn negations_and_long_lists() {
    let queries: Vec<Query> = [
        "not a: x1",
        "a: *",
        "not a: *",
        "not (a: x1 and b: x2)",
        "not (a: x1 or b: x2)",
        "not a: x*2",
        "a: (x1 or x2 or x3 or x4 or x5)",
        "not a: (x1 or x2 or x3 or x4 or x5) and not b: (x2 or x4 or x6 or x8)",
        "a: (x1 or x2 or x3 or x4) or b: (x5 or x6 or x7 or x8) or c > 3",
        "b: x1 and not (a: x1 or a: x2 or b: x3 or b: x4 or c: 5 or a: y*)",
        "not c > 3",
        "not a: x3 or b: x3",
        "*",
    ]
    .iter()
    .map(|text| Query::kql(text).unwrap())
    .collect();
    let mut random = Random::new(5);
    let mut texts = vec!["{}".to_owned()];
    for _ in 0..400 {
        let mut value = || match random.below(12) {
            0 => "null".to_owned(),
            1 => random.below(9).to_string(),
            2 => format!(r#"["x{}","x{}"]"#, random.below(9), random.below(9)),
            3 => format!(r#""X{}""#, random.below(9)),
            _ => format!(r#""x{}""#, random.below(9)),
        };
        texts.push(format!(r#"{{"a":{},"b":{},"c":{}}}"#, value(), value(), value()));
        texts.push(format!(r#"{{"b":{}}}"#, value()));
    }
    same_verdicts(&queries, &texts);
    let set = QuerySet::new(&queries).unwrap();
    assert_eq!(set.stats().unindexed, 0);
}

#[test]
fn random_queries() {
    let schema = Arc::new(Schema::from_json(&random::mapping().to_string()).unwrap());
    for round in 0..20 {
        let mut random = Random::new(round * 1_000 + 17);
        let query = |random: &mut Random| {
            let depth = random.below(3);
            let text = random::query(random, depth);
            let settings = Settings { schema: Arc::clone(&schema), ..Settings::default() };
            Query::builder().settings(settings).kql(&text).ok()
        };
        let queries: Vec<Query> = (0..150).filter_map(|_| query(&mut random)).collect();
        let texts: Vec<String> = (0..50).map(|_| random::event(&mut random).to_string()).collect();
        same_verdicts(&queries, &texts);
    }
}

/// A text that came before is known, and one that only looks like it is not.
#[test]
fn what_is_known_of_a_text_is_of_that_text_and_that_field() {
    let queries = [
        "process.name: *shell* and not process.name: power*",
        "user.name: *shell*",
        "process.name: * and not process.name: (bash or *shell or p?wersh*)",
        "process.name >= q",
    ]
    .map(|text| Query::kql(text).unwrap());
    let set = QuerySet::new(&queries).unwrap();
    let mut matches = Matches::default();
    let documents = [
        json!({"process": {"name": "powershell"}}),
        json!({"process": {"name": "shell"}}),
        json!({"user": {"name": "shell"}}),
        json!({"process": {"name": ["powershell", "shell"]}}),
        json!({"process": {"name": ["bash", null]}, "user": {"name": ["powershell", 1]}}),
        json!({"process": {"name": "zsh"}}),
        json!({"process": {"name": "x".repeat(200)}}),
    ];
    for round in 0..5 {
        for document in &documents {
            let event = Event::from_value(document.clone());
            let alone: Vec<u32> =
                (0..).zip(&queries).filter(|(_, query)| query.concerns(&event)).map(|(at, _)| at).collect();
            assert_eq!(set.matches(&event, &mut matches), alone, "round {round}: {document}");
        }
    }
    // Pairs of every length that differ in their last letter.
    for length in 0..100 {
        for (end, expected) in [("shell", [0, 3]), ("shelf", [2, 3])] {
            let name = "x".repeat(length) + end;
            let event = Event::from_value(json!({"process": {"name": name}}));
            for _ in 0..3 {
                assert_eq!(set.matches(&event, &mut matches), expected, "{name}");
            }
        }
    }
    // Far more texts than are kept, each more than once and then again.
    for round in 0..3 {
        for number in 0..6_000 {
            let (start, expected): (_, &[u32]) =
                [("powershell", &[1, 2][..]), ("xshell", &[0, 1, 2, 3]), ("xshelf", &[2, 3])][number % 3];
            let name = format!("{start}{number:04}");
            let event = Event::from_value(json!({"process": {"name": name}, "user": {"name": name}}));
            for _ in 0..2 {
                assert_eq!(set.matches(&event, &mut matches), expected, "round {round}: {name}");
            }
        }
    }
}

/// A number is also the text of its digits; in a set each of these queries is found by one or the other.
#[test]
fn whole_numbers_are_found_by_themselves_and_by_their_digits() {
    let schema = Schema::from_json(r#"{"k": "keyword", "w": "wildcard", "t": "text", "n": "long"}"#).unwrap();
    let settings = Settings { schema: Arc::new(schema), ..Settings::default() };
    let kql = |text: String| Query::builder().settings(settings.clone()).kql(&text).unwrap();
    let eql = |text: String| Query::builder().settings(settings.clone()).eql(&text);
    let numbers = [0, 4, -4, 42, 420, 142, 7, i64::MIN, i64::MAX];
    for field in ["k", "w", "t", "n", "undeclared"] {
        let asks = ["4", "-4", "42", "4*", "*42*", "*-*", "04", "4.0", "9223372036854775807", "(4 or x)", "(x or 1?2)"];
        let asked = asks.iter().filter(|ask| field != "n" || !ask.contains(['*', '?', 'x', '.']));
        let mut queries: Vec<Query> = asked.map(|ask| kql(format!("{field}: {ask}"))).collect();
        let conditions = ["== 4", "in (4, 7)", "== \"4\"", ": \"4*\"", "> 4", "in (\"42\", \"-4\")"];
        queries.extend(conditions.iter().filter_map(|condition| eql(format!("any where {field} {condition}")).ok()));
        assert!(queries.len() > 7, "{field}: {}", queries.len());
        for query in &queries {
            let set = QuerySet::new(std::slice::from_ref(query)).unwrap();
            for number in numbers {
                let text = json!({field: number}).to_string();
                let found = !set.matches_json(text.as_bytes(), &mut Matches::default()).unwrap().is_empty();
                let event = Event::from_json(&text).unwrap();
                assert_eq!(found, query.concerns(&event), "{query:?} of {text}");
            }
        }
    }
}

/// Ranges of addresses and numbers are looked up once for all queries; whatever an event holds in their fields.
#[test]
fn many_ranges() {
    let schema = Schema::from_json(
        r#"{"ip": "ip", "n": "long", "b": "byte", "u": "unsigned_long", "f": "float", "s": "scaled_float", "k": "keyword"}"#,
    );
    let settings = Settings { schema: Arc::new(schema.unwrap()), ..Settings::default() };
    let mut random = Random::new(5);
    let numbers = ["-9223372036854775808", "-129", "-1", "0", "1", "1.5", "127", "128", "1024", "9223372036854775807"];
    let mut queries = Vec::new();
    for at in 0..400 {
        let block = format!("{}.{}.0.0/{}", random.below(4) * 64, random.below(3), random.below(33));
        let field = random.pick(&["n", "b", "u", "f", "s", "i"]);
        let (low, high) = (random.pick(&numbers), random.pick(&numbers));
        let operator = random.pick(&["<", "<=", ">", ">="]);
        let builder = Query::builder().settings(settings.clone());
        let query = match at % 6 {
            0 => builder.kql(&format!("ip: \"{block}\"")),
            1 => {
                builder.kql(&format!("ip: (\"{block}\" or \"2001:db8::/{}\") and not ip: 10.0.0.1", random.below(129)))
            }
            2 => builder.kql(&format!("{field} {operator} {low}")),
            3 => builder.eql(&format!("any where {field} {operator} {low} and {field} < {high}")),
            4 => builder.eql(&format!("any where cidrMatch(ip, \"{block}\", \"::/1\") or {field} >= {high}")),
            _ => builder.eql(&format!("any where not cidrMatch(ip, \"{block}\") and k : \"x*\"")),
        };
        queries.extend(query);
    }
    assert!(queries.len() > 300, "{}", queries.len());
    let values = json!([
        null, true, false, "", "x", "xy", "0", "1", " 7 ", "1e3", "-1.5", 0, 1, -1, 1.5, -0.4, 127, 128, 300, 1e30, -129,
        i64::MAX, i64::MIN, u64::MAX, "0.0.0.0", "10.0.0.1", "64.1.2.3", "255.255.255.255", "::ffff:64.1.0.1", "::1",
        "2001:db8::5", "64.1.2", {"x": 1}, [], ["10.0.0.1", 5], [127, "0.1.2.3", null]
    ]);
    let values: Vec<&Json> = values.as_array().unwrap().iter().collect();
    let mut events = Vec::new();
    for &value in &values {
        events.push(
            json!({"ip": value, "n": value, "b": value, "u": value, "f": value, "s": value, "i": value, "k": "xyz"}),
        );
        events.push(json!({"ip": [value, random.pick(&values)], "i": random.pick(&values), "n": random.pick(&values)}));
    }
    let stats = QuerySet::new(&queries).unwrap().stats();
    assert_eq!(stats.unindexed, 0, "{stats:?}");
    let yes = sets::Together::new(&queries).same_verdicts(&events);
    assert!(yes > 5_000, "{yes}");
}

#[test]
fn a_field_spelled_in_several_ways_is_found_in_objects_of_every_size() {
    let field = FieldKey::new(0, "a.b.c");
    for fillers in 0..70 {
        let mut object = serde_json::Map::new();
        object.insert("a.b.c".into(), serde_json::json!(1));
        for filler in 0..fillers {
            object.insert(format!("filler {filler}"), serde_json::json!(0));
        }
        object.insert("a.b".into(), serde_json::json!({"c": [2, 3]}));
        object.insert("a".into(), serde_json::json!([{"b": {"c": 4}}, {"b.c": 5}, {"b": 6}]));
        let mut found = Vec::new();
        Json::Object(object).any(&field, &mut |value| {
            found.push(value == Value::Int([4, 5, 2, 3, 1][found.len()]));
            false
        });
        assert_eq!(found, [true; 5], "{fillers} other keys");
    }
}
