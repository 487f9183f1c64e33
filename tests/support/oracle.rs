//! Programs that give the true answer, where they can be run.
#![allow(dead_code, reason = "each test uses its own part")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs `command` on JSON lines; `None` where it cannot be run here.
pub fn answers(mut command: Command, questions: &[Value]) -> Option<Vec<Value>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let text: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let mut input = child.stdin.take()?;
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().ok()?;
    writer.join().ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(&whole(line)).unwrap()).collect();
    (lines.len() == questions.len()).then_some(lines)
}

/// The line with each half of a surrogate pair replaced: JavaScript's texts have them, Rust's do not.
fn whole(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut parts = line.split('\\');
    out.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        out.push('\\');
        if part.is_empty() {
            // An escaped backslash; what follows it is plain.
            out.push('\\');
            out.push_str(parts.next().unwrap_or_default());
        } else if part.starts_with("ud") && part[2..].starts_with(['8', '9', 'a', 'b', 'c', 'd', 'e', 'f']) {
            out.push_str("ufffd");
            out.push_str(&part[5..]);
        } else {
            out.push_str(part);
        }
    }
    out
}

/// How many cases to try: `$ELKHOUND_ORACLE_CASES`, else `normal`.
pub fn count(normal: usize) -> usize {
    std::env::var("ELKHOUND_ORACLE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(normal)
}

/// Runs a Node.js script on JSON lines.
pub fn node(script: &Path, cases: &[Value]) -> Option<Vec<Value>> {
    let mut command = Command::new("node");
    command.arg(script);
    answers(command, cases)
}
