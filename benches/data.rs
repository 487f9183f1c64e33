//! What the benches share: generated ECS events of 0.6 to 3 KB, and rules of two kinds.
#![allow(dead_code, clippy::unwrap_used, reason = "each bench uses its own part, and stops by panicking")]

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use elkhound::query::{Query, Settings};
use elkhound::schema::Schema;
use serde_json::{Value, json};

pub const KQL: &str = include_str!("queries/proxy.kql");
pub const EQL: &str = include_str!("queries/socks.eql");
pub const SOCKS_SQL: &str = include_str!("queries/socks.sql");
pub const PROXY_SQL: &str = include_str!("queries/proxy.sql");

/// A small generator: the same seed gives the same sequence everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % limit.max(1) as u64) as usize
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn ip(&mut self) -> String {
        let private = ["10.1.2.", "192.168.7.", "172.20.4.", "203.0.113.", "198.51.100.", "8.8.4."];
        format!("{}{}", self.pick(&private), self.below(256))
    }

    fn word(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }
}

const PROCESSES: &[&str] = &[
    "svchost.exe",
    "cmd.exe",
    "powershell.exe",
    "chrome.exe",
    "explorer.exe",
    "bash",
    "sshd",
    "python3",
    "curl",
    "rundll32.exe",
    "wmic.exe",
    "msiexec.exe",
    "nginx",
    "java",
    "node",
    "conhost.exe",
];

/// Event number `number`: a process, a network connection, a file, a registry value or a log line.
pub fn event(number: usize) -> Value {
    let mut random = Random((number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let kind = random.below(5);
    let second = number / 20;
    let windows = random.below(2) == 0;
    let name = random.pick(PROCESSES);
    let directory = if windows { "C:\\Windows\\System32\\" } else { "/usr/bin/" };
    let arguments: Vec<String> = (0..random.below(6)).map(|_| random.word(9)).collect();
    let time = format!(
        "2024-05-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        1 + second / 86_400 % 28,
        second / 3600 % 24,
        second / 60 % 60,
        second % 60,
        number % 1000
    );
    let mut event = json!({
        "@timestamp": time,
        "ecs": {"version": "8.11.0"},
        "agent": {"id": random.word(20), "type": "endpoint", "version": "8.14.1", "name": "host"},
        "data_stream": {"type": "logs", "dataset": "endpoint.events.process", "namespace": "default"},
        "event": {"id": random.word(16), "kind": "event", "module": "endpoint", "created": time, "sequence": number},
        "host": {
            "id": format!("host-{}", random.below(200)), "name": random.word(8), "architecture": "x86_64",
            "os": {"type": if windows { "windows" } else { "linux" }, "name": "system", "version": "10.0.19045"},
            "ip": [random.ip(), "fe80::1"], "mac": ["00-11-22-33-44-55"]
        },
        "user": {"name": random.pick(&["root", "SYSTEM", "alice", "bob", "svc"]), "domain": random.word(6), "id": "S-1-5-18"},
        "process": {
            "pid": random.below(65_536), "name": name, "executable": format!("{directory}{name}"), "args": arguments,
            "args_count": arguments.len(), "command_line": format!("{name} {}", arguments.join(" ")),
            "entity_id": random.word(24), "hash": {"sha256": random.word(64)},
            "parent": {"name": random.pick(PROCESSES), "pid": random.below(65_536), "entity_id": random.word(24)},
            "code_signature": {"subject_name": "Example", "trusted": true, "status": "trusted", "exists": true}
        }
    });
    let (category, action): (&str, &str) = match kind {
        0 => ("process", "start"),
        1 => ("network", "connection_attempted"),
        2 => ("file", "creation"),
        3 => ("registry", "modification"),
        _ => ("authentication", "logged-in"),
    };
    event["event"]["category"] = json!([category]);
    event["event"]["type"] = json!([if kind == 0 { "start" } else { "change" }]);
    event["event"]["action"] = json!(action);
    match kind {
        1 => {
            event["network"] = json!({"transport": "tcp", "direction": "egress", "protocol": "tls", "type": "ipv4"});
            event["source"] =
                json!({"ip": random.ip(), "port": 1024 + random.below(60_000), "bytes": random.below(100_000)});
            let ports = [443, 80, 8080, 3128, 1080, 22, 53, 445];
            event["destination"] =
                json!({"ip": random.ip(), "port": ports[random.below(8)], "address": random.word(12)});
        }
        2 => {
            event["file"] = json!({"path": format!("{directory}{}.tmp", random.word(8)), "name": "x.tmp", "extension": "tmp", "size": random.below(9999)})
        }
        3 => {
            event["registry"] = json!({"path": format!("HKLM\\Software\\{}", random.word(10)), "value": random.word(5)})
        }
        _ => {}
    }
    event["message"] = json!(random.word(random_length(number)));
    event
}

const fn random_length(number: usize) -> usize {
    number * 7919 % 1400
}

/// `count` events as JSON lines, one after another in memory, as a file that was read has them.
pub fn lines(count: usize) -> Vec<&'static str> {
    let lines: Vec<String> = (0..count).map(|number| event(number).to_string()).collect();
    in_one_piece(lines.join("\n"))
}

/// The same, each line wherever memory was free when it was made.
pub fn strewn(count: usize) -> Vec<&'static str> {
    (0..count).map(|number| &*String::leak(event(number).to_string())).collect()
}

/// The lines of a text that stays as long as the bench runs.
fn in_one_piece(text: String) -> Vec<&'static str> {
    String::leak(text).lines().collect()
}

/// Simple rules: points, equalities, wildcards, conjunctions in turn.
pub fn synthetic(count: usize) -> Vec<Query> {
    synthetic_of(count, None)
}

/// Simple rules of one kind, from 0 to 3, or of all of them.
pub fn synthetic_of(count: usize, kind: Option<usize>) -> Vec<Query> {
    let mut random = Random(42);
    let text = |number: usize, random: &mut Random| match kind.unwrap_or(number % 4) {
        0 => format!("destination.port: {} and network.transport: tcp", 1000 + number),
        1 => format!("process.name: {}.exe", random.word(7)),
        2 => format!("process.command_line: *{}* and event.category: process", random.word(8)),
        _ => format!(
            "event.action: {} and user.name: {} and not host.name: {}",
            random.word(9),
            random.word(5),
            random.word(4)
        ),
    };
    (0..count).map(|number| Query::kql(&text(number, &mut random)).unwrap()).collect()
}

/// Rules of an address block each.
pub fn blocks(count: usize) -> Vec<Query> {
    let block = |number: usize| format!("destination.ip: \"{}.{}.0.0/16\"", 1 + number / 256, number % 256);
    compile(&(0..count).map(|number| ("kql".to_owned(), block(number))).collect::<Vec<_>>())
}

/// So many rules of a kind that is hard to index.
pub type Pathological = fn(usize) -> Vec<Query>;

/// Sets in which no index helps.
pub const PATHOLOGICAL: &[(&str, Pathological)] = &[
    ("10,000 rules with the same witness", |count| {
        numbered(count, |number, random| format!("process.name: cmd.exe and not host.name: {}{number}", random.word(5)))
    }),
    ("10,000 leading wildcards on one field", |count| {
        numbered(count, |_, random| format!("process.command_line: *{}", random.word(6)))
    }),
    ("10,000 rules of only `not`", |count| {
        numbered(count, |number, random| format!("not process.name: {}{number}", random.word(5)))
    }),
];

fn numbered(count: usize, text: impl Fn(usize, &mut Random) -> String) -> Vec<Query> {
    let mut random = Random(43);
    (0..count).map(|number| Query::kql(&text(number, &mut random)).unwrap()).collect()
}

/// A file beside the project, below `$ELKHOUND_SHARED`, else `../shared`; empty where it is not at hand.
fn shared(file: &str) -> String {
    let root = std::env::var_os("ELKHOUND_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    std::fs::read_to_string(root.join(file)).unwrap_or_default()
}

/// Real events as JSON lines, where they are at hand.
pub fn real() -> Vec<&'static str> {
    in_one_piece(shared("events/real.ndjson"))
}

/// A rule: its language and its text.
pub type Text = (String, String);

fn rules(file: &str, language: Option<&str>) -> Vec<Text> {
    let text = shared(&format!("corpus/{file}.jsonl"));
    let rule = |line: &str| {
        let rule: Value = serde_json::from_str(line).ok()?;
        let language = language.or_else(|| rule["language"].as_str())?;
        let language = if language == "kuery" { "kql" } else { language };
        Some((language.to_owned(), rule["query"].as_str()?.to_owned()))
    };
    text.lines().filter_map(rule).collect()
}

/// The public rules as they are now, where they are at hand.
pub fn corpus() -> Vec<Text> {
    [rules("kql_rules", Some("kql")), rules("eql_rules", Some("eql"))].concat()
}

/// The public rules and every other version they had, each text once.
pub fn distinct() -> Vec<Text> {
    let mut known = HashSet::new();
    let mut out = corpus();
    out.extend(rules("history_queries", None));
    out.retain(|(_, text)| known.insert(text.split_whitespace().collect::<Vec<_>>().join(" ")));
    out
}

/// Whether the rule is about single events.
pub fn is_event(rule: &Text) -> bool {
    compile(std::slice::from_ref(rule)).first().is_some_and(Query::is_event_query)
}

/// So many rules about single events; once the texts are used up, they come again with other names of files.
pub fn events_of(texts: &[Text], count: usize) -> Vec<Query> {
    let mut out: Vec<Query> = compile(texts).into_iter().filter(Query::is_event_query).take(count).collect();
    for round in 1.. {
        if out.len() >= count || round > 9 {
            break;
        }
        let renamed = |(language, text): &Text| {
            let other = [".exe", ".dll", "/bin/"]
                .iter()
                .fold(text.clone(), |text, end| text.replace(end, &format!("{round}{end}")));
            (other != *text).then(|| (language.clone(), other))
        };
        let more: Vec<Text> = texts.iter().filter_map(renamed).collect();
        let missing = count - out.len();
        out.extend(compile(&more).into_iter().filter(Query::is_event_query).take(missing));
    }
    out
}

/// Compiles rules with the ECS types, as the command line does.
pub fn compile(rules: &[Text]) -> Vec<Query> {
    let settings = Settings { schema: Arc::new(Schema::ecs()), ..Settings::default() };
    let query = |(language, text): &Text| {
        let builder = Query::builder().settings(settings.clone());
        if language == "kql" { builder.kql(text) } else { builder.eql(text) }
    };
    rules.iter().filter_map(|rule| query(rule).ok()).collect()
}
