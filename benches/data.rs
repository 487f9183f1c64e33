//! What the benches share: generated ECS events of 0.6 to 3 KB, and rules of two kinds.
#![allow(dead_code, clippy::unwrap_used, reason = "each bench uses its own part, and stops by panicking")]

use std::path::PathBuf;

use elkhound::query::Query;
use serde_json::{Value, json};

pub const KQL: &str = include_str!("queries/proxy.kql");
pub const EQL: &str = include_str!("queries/socks.eql");

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

/// `count` events as JSON lines.
pub fn lines(count: usize) -> Vec<String> {
    (0..count).map(|number| event(number).to_string()).collect()
}

/// Simple rules: points, equalities, wildcards, conjunctions.
pub fn synthetic(count: usize) -> Vec<Query> {
    let mut random = Random(42);
    let text = |number: usize, random: &mut Random| match number % 4 {
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

/// The public rules, where they are at hand: below `$ELKHOUND_SHARED`, else `../shared`.
pub fn corpus() -> Vec<(String, String)> {
    let root = std::env::var_os("ELKHOUND_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let mut out = Vec::new();
    for (file, language) in [("kql_rules", "kql"), ("eql_rules", "eql")] {
        let text = std::fs::read_to_string(root.join(format!("corpus/{file}.jsonl"))).unwrap_or_default();
        let rules = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        out.extend(rules.filter_map(|rule| Some((language.to_owned(), rule["query"].as_str()?.to_owned()))));
    }
    out
}

/// Compiles rules as `(language, text)`.
pub fn compile(rules: &[(String, String)]) -> Vec<Query> {
    let query =
        |(language, text): &(String, String)| if language == "kql" { Query::kql(text) } else { Query::eql(text) };
    rules.iter().filter_map(|rule| query(rule).ok()).collect()
}
