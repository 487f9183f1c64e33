//! Seeded random KQL queries, a mapping with a field of every type, and events that fit it.
#![allow(dead_code, reason = "each test uses its own part")]

use serde_json::{Map, Value, json};

/// A small generator: the same seed gives the same sequence everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % limit.max(1) as u64) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// A mapping with a field of every kind that KQL treats in its own way.
pub fn mapping() -> Value {
    json!({
        "k": "keyword", "kl": {"type": "keyword", "normalizer": "lowercase"}, "ki": {"type": "keyword", "ignore_above": 3},
        "kn": {"type": "keyword", "null_value": "none"}, "w": "wildcard",
        "c": {"type": "constant_keyword", "value": "endpoint"}, "v": "version", "t": "text", "m": "match_only_text",
        "n": "long", "i": "integer", "s": "short", "b": "byte", "u": "unsigned_long", "d": "double", "f": "float",
        "sf": {"type": "scaled_float", "scaling_factor": 100}, "ok": "boolean", "ip": "ip", "@timestamp": "date",
        "fl": "flattened", "o": "object", "o.a": "keyword", "o.n": "long", "ne": "nested", "ne.x": "keyword", "ne.y": "long",
        "ne.t": "text", "ne.in": "nested", "ne.in.z": "keyword", "al": {"type": "alias", "path": "k"},
        "an": {"type": "alias", "path": "n"}, "at": {"type": "alias", "path": "t"},
        "mf": {"type": "keyword", "fields": {"text": "text", "caseless": {"type": "keyword", "normalizer": "lowercase"}}}
    })
}

const STRINGS: &[&str] = &[
    "foo",
    "Foo",
    "FOO",
    "foo bar",
    "bar foo",
    "a-b",
    "cmd.exe",
    "C:\\Windows\\cmd.exe",
    "é",
    "É",
    "",
    "endpoint",
    "x",
    "abc",
    "abcd",
    "none",
    "user@example.com",
    "foo_bar",
    "1",
    "true",
    "10.0.0.1",
    "a*b",
    "a?b",
    "it's",
    "日本",
    "the Disk is full",
    "OR",
    "NOT foo",
    "foo AND bar",
    "ÉCOLE",
    "straße",
    "\u{212a}elvin",
    " foo",
    "foo  bar",
    "foo\tbar",
    "foo\nbar",
    "foo\u{3000}bar",
    "foo\u{a0}bar",
    "C:\\new\\temp",
    "\"quoted\"",
    "(a)",
    "a:b",
    "{x}",
    "<b>",
    "😀",
    "foo 😀 bar",
    "null",
    "AND",
    "not",
    "*",
    "**",
    "?",
    "foo-bar_baz.qux",
    "1.5",
    "443",
    "/etc/passwd",
    "https://example.com/a?b=c&d=e",
    "foo/bar",
    "+foo",
    "foo~2",
    "[1 TO 5]",
    "cafe\u{301}",
    "한국어 텍스트",
    "カタカナ",
    "a1b2",
    "1,000",
    "\u{200b}",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "443",
    "443.0",
    "443.5",
    "-443.5",
    "1e2",
    "100",
    "0443",
    "127",
    "128",
    "32767",
    "32768",
    "2147483647",
    "2147483648",
    "9223372036854775807",
    "18446744073709551615",
    "0.1",
    "0.125",
    "-0.5",
    "9007199254740993",
    "1.005",
    "+1",
    "1.",
    ".5",
    "-0",
    "1e-3",
    "-1e2",
    "1e19",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "-128",
    "-129",
    "65504",
    "3.4028235e38",
    "1e39",
    "abc",
    "1a",
    "0x10",
    "1_000",
    "443.00000000000001",
    "4.43e2",
    "1.01",
    "1.005e0",
];
const DATES: &[&str] = &[
    "2021",
    "2021-05",
    "2021-05-06",
    "2021-05-06T07",
    "2021-05-06T07:08",
    "2021-05-06T07:08:09",
    "2021-05-06T07:08:09.123Z",
    "2021-05-06T07:08:09+02:00",
    "1620284889123",
    "now",
    "now-1d",
    "now/d",
    "now-1d/d",
    "2021-05-06||+1d",
    "2021-05-06||/M",
    "2021-05-06T07:08:09.123456789Z",
    "2021-05-06T07:08:09,5Z",
    "2021-05-06T07:08:09.123+0200",
    "2021-05-06T07:08:09+02",
    "2021-05-06T07:08:09-05:30",
    "2021-05-06T07:08Z",
    "2021-13-01",
    "2021-02-30",
    "2021-5-6",
    "20210506",
    "0",
    "-1",
    "now+1M/M",
    "now-1w/w",
    "now/y",
    "now/h",
    "now-90m",
    "now+1d-2h/h",
    "now/x",
    "nowx",
    "now+",
    "2021-05-06||-1y/d",
    "2021-05-31||+1M",
    "2021-05-06||",
    "2021-05-06T24:00",
    "2021-05-06 07:08",
    "2021-05-06T07:60",
    "tomorrow",
    "1620284889",
    "2021-05-06T07:08:09.1Z",
];
const ADDRESSES: &[&str] = &[
    "10.0.0.1",
    "10.0.0.0/8",
    "::1",
    "fe80::/10",
    "::ffff:10.0.0.1",
    "FE80::1",
    "0.0.0.0/0",
    "::/0",
    "192.168.1.1",
    "10.0.0.1/32",
    "10.0.0.0/33",
    "::ffff:10.0.0.0/104",
    "::ffff:0:0/96",
    "10.0.0",
    "010.0.0.1",
    "1::2::3",
    "2001:DB8::/32",
    "2001:db8:0:0:0:0:0:1",
    "10.0.0.1/0",
    "10.0.0.0/",
    "/8",
    "256.1.1.1",
    "fe80::1/64",
    "192.168.0.0/16",
    "localhost",
    "::ffff:a00:1",
];
const VERSIONS: &[&str] = &["1.0.0", "1.2.3", "1.10.0", "1.2.3-alpha"];
const PATTERNS: &[&str] = &[
    "*",
    "f*",
    "*o",
    "*oo*",
    "**",
    "*foo bar*",
    "foo bar*",
    "foo *",
    "* foo",
    "c*d*",
    "F*",
    "a\\*b*",
    "a?b*",
    "*\\\\*",
    "cmd*",
    "*.exe",
    "f*r",
    "foo* bar",
    "foo bar baz*",
    "foo \\AND b*",
    "\\OR f*",
    "\\NOT f*",
    "f* \\NOT foo",
    "x \\OR f*",
    "日*",
    "É*",
    "*a*b*c*",
    "*ö*",
    "?o*",
    "foo\\tb*",
    "foo\u{3000}b*",
    "foo\u{a0}b*",
    "* *",
    "* * *",
    "*\\\\",
    "*\\:*",
    "\\(*",
    "*-*",
    "foo-*",
    "*foo-bar*",
    "*/*",
    "4*",
    "*3",
    "tru*",
    "10.*",
    "*.0.0.1",
    "2021*",
    "foo b?r*",
    "* \\AND foo",
    "foo \\OR *",
    "foo \\OR bar*",
    "\\NOT *",
    "f* \\AND \\NOT b*",
    "foo bar \\AND b*",
    "a b c*",
    "*\\u0041*",
    "Foo*",
    "*BAR*",
    "*\\n*",
    "日*本",
    "*😀*",
    "*.*",
    "it'*",
    "c:\\\\*",
    "C\\:\\\\*",
    "*\\**",
    "*\\?*",
];
const FIELDS: &[&str] = &[
    "k",
    "kl",
    "ki",
    "kn",
    "w",
    "c",
    "v",
    "t",
    "m",
    "n",
    "i",
    "s",
    "b",
    "u",
    "d",
    "f",
    "sf",
    "ok",
    "ip",
    "@timestamp",
    "fl",
    "fl.a",
    "fl.b.c",
    "o",
    "o.a",
    "o.n",
    "al",
    "mf",
    "mf.text",
    "mf.caseless",
    "missing",
    "missing.x",
    "_index",
    "an",
    "at",
    "fl.b",
    "fl.zz",
    "o.zz",
    "K",
    "t.zz",
];
const NAME_PATTERNS: &[&str] =
    &["k*", "o.*", "mf*", "*", "zz*", "*k", "ne.*", "t*", "f*", "*.*", "fl.*", "a*", "m*t", "_*", "*p", "d*"];

/// The values that suit a field.
fn pool(field: &str) -> &'static [&'static str] {
    match field {
        "n" | "i" | "s" | "b" | "u" | "d" | "f" | "sf" | "o.n" | "ne.y" | "an" => NUMBERS,
        "@timestamp" => DATES,
        "ip" => ADDRESSES,
        "ok" => &["true", "false", "true", "false", "True", "1", ""],
        "v" => VERSIONS,
        _ => STRINGS,
    }
}

fn is_texty(field: &str) -> bool {
    std::ptr::eq(pool(field), STRINGS)
}

/// A random query of nesting at most `depth`.
pub fn query(random: &mut Random, depth: usize) -> String {
    node(random, depth, false)
}

fn node(random: &mut Random, depth: usize, inside: bool) -> String {
    match if depth == 0 { 9 } else { random.below(10) } {
        0 | 1 => format!("({} and {})", node(random, depth - 1, inside), node(random, depth - 1, inside)),
        2 | 3 => format!("({} or {})", node(random, depth - 1, inside), node(random, depth - 1, inside)),
        4 => format!("not ({})", node(random, depth - 1, inside)),
        5 if !inside && random.once_in(12) => format!("zz:{{ {} }}", node(random, depth - 1, true)),
        5 if !inside && random.once_in(5) => format!("ne.in:{{ z: {} }}", value(random, "k")),
        5 if !inside => format!("ne:{{ {} }}", node(random, depth - 1, true)),
        6 if inside => format!("in:{{ z: {} }}", value(random, "k")),
        _ => test(random, inside),
    }
}

fn test(random: &mut Random, inside: bool) -> String {
    if random.once_in(12) {
        return value(random, "k");
    }
    let field = if inside {
        random.pick(&["x", "y", "t", "x", "y", "t", "*", "in.z", "zz"])
    } else if random.once_in(10) {
        random.pick(NAME_PATTERNS)
    } else {
        random.pick(FIELDS)
    };
    let known = if inside { format!("ne.{field}") } else { field.to_owned() };
    if !is_texty(&known) && random.once_in(3) || random.once_in(12) {
        let operator = random.pick(&["<", "<=", ">", ">="]);
        return format!("{} {operator} {}", quote_name(field), plain(random, &known));
    }
    if random.once_in(5) {
        let parts = [value(random, &known), value(random, &known)];
        return format!("{}: ({} {} {})", quote_name(field), parts[0], random.pick(&["or", "and"]), parts[1]);
    }
    format!("{}: {}", quote_name(field), value(random, &known))
}

fn quote_name(name: &str) -> String {
    name.to_owned()
}

/// A value that suits the field, most of the time.
fn value(random: &mut Random, field: &str) -> String {
    if random.once_in(40) {
        return random.pick(&["null", "true", "false"]).to_owned();
    }
    if random.once_in(if is_texty(field) { 3 } else { 20 }) {
        return random.pick(PATTERNS).to_owned();
    }
    if random.once_in(8) {
        return "*".to_owned();
    }
    plain(random, field)
}

fn plain(random: &mut Random, field: &str) -> String {
    let from = if random.once_in(25) { random.pick(&[STRINGS, NUMBERS, DATES, ADDRESSES]) } else { pool(field) };
    let text = random.pick(from);
    let bare = !text.is_empty()
        && !text.contains(['\\', '(', ')', ':', '<', '>', '"', '*', '{', '}'])
        && !text.to_lowercase().contains("not ")
        && !text.to_lowercase().contains(" and ");
    if bare && !random.once_in(3) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A random event that fits [`mapping`]: no value that a field cannot hold.
pub fn event(random: &mut Random) -> Value {
    let mut out = Map::new();
    for field in [
        "k",
        "kl",
        "ki",
        "kn",
        "w",
        "v",
        "t",
        "m",
        "n",
        "i",
        "s",
        "b",
        "u",
        "d",
        "f",
        "sf",
        "ok",
        "ip",
        "@timestamp",
        "mf",
    ] {
        if random.once_in(2) {
            let value = values(random, field);
            out.insert(field.to_owned(), value);
        }
    }
    if random.once_in(2) {
        out.insert(
            "fl".into(),
            json!({"a": values(random, "k"), "b": {"c": values(random, "k"), "d": [{"e": values(random, "n")}, true]}}),
        );
    }
    if random.once_in(2) {
        let (a, n) = (values(random, "k"), values(random, "n"));
        out.insert("o".into(), json!([{"a": a}, {"n": n}]));
    }
    if random.once_in(2) {
        let objects = (0..1 + random.below(2))
            .map(|_| json!({"x": values(random, "k"), "y": values(random, "n"), "t": values(random, "t"), "in": inner(random)}));
        let objects: Vec<Value> = objects.collect();
        out.insert("ne".into(), objects.into());
    }
    if random.once_in(3) {
        out.insert("o.a".into(), values(random, "k"));
    }
    Value::Object(out)
}

/// Nested objects below nested objects.
fn inner(random: &mut Random) -> Value {
    (0..random.below(3)).map(|_| json!({"z": values(random, "k")})).collect::<Vec<_>>().into()
}

fn values(random: &mut Random, field: &str) -> Value {
    match random.below(8) {
        0 => (0..random.below(3)).map(|_| one(random, field)).collect::<Vec<_>>().into(),
        1 if field != "u" => Value::Null,
        _ => one(random, field),
    }
}

fn one(random: &mut Random, field: &str) -> Value {
    let text = |random: &mut Random, from: &[&str]| Value::from(random.pick(from));
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    match field {
        "n" | "u" => number(random.pick(&["0", "1", "443", "100", "9007199254740992"])),
        "i" => number(random.pick(&["0", "-1", "443", "2147483647"])),
        "s" => number(random.pick(&["0", "-1", "443", "32767"])),
        "b" => number(random.pick(&["0", "-1", "127"])),
        "d" | "f" | "sf" => number(random.pick(&["0.1", "0.125", "-0.5", "443.5", "100", "1.01"])),
        "ok" => Value::Bool(random.once_in(2)),
        "ip" => {
            text(random, &["10.0.0.1", "::1", "fe80::1", "::ffff:10.0.0.1", "192.168.1.1", "8.8.8.8", "2001:db8::1"])
        }
        "@timestamp" => text(
            random,
            &[
                "2021-05-06T07:08:09.123Z",
                "2021-01-01",
                "2021-05-06",
                "2021-05-01T12:00:00Z",
                "2021-05-05T22:30:00Z",
                "2021-05-07T00:30:00+02:00",
                "1620284889123",
                "2021-06-30T23:59:59.999Z",
                "1970-01-01T00:00:00Z",
            ],
        ),
        "v" => text(random, VERSIONS),
        "k" | "w" | "mf" if random.once_in(8) => number(random.pick(&["1", "443", "true"])),
        _ => text(random, STRINGS),
    }
}
