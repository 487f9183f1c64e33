//! `bench`: how fast rules are on events, beside what building a JSON value of each event costs.

use std::hint::black_box;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use comfy_table::Table;
use elkhound::engine::{EngineSettings, LoadedRules, Readable, RuleSet, judge_recording};
use elkhound::query::{Matches, ReadError, Take};
use serde_json::{Value, json};

use crate::args::{BenchArgs, Format};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{self, Data};
use crate::{events, input, rules, settings};

/// Passes go on until so much time has passed, or there were [`MOST`].
const ENOUGH: Duration = Duration::from_secs(2);
const LEAST: u32 = 3;
const MOST: u32 = 1_000;

pub fn run(args: &BenchArgs) -> Outcome {
    let fill = !args.eval.no_fill;
    let all = settings::need_events(&args.eval).then(|| events::read(&args.events, fill)).transpose()?;
    let query = settings::of(&args.eval, &args.dialect, &all.unwrap_or_default())?;
    let loaded = rules::load(&args.rules)?;
    let rule_settings = rules::settings(query, &args.beside)?;
    let before = resident();
    let start = Instant::now();
    let LoadedRules { rules, problems } = RuleSet::compile(loaded, &rule_settings);
    let compiled = start.elapsed();
    let memory = resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    problems.iter().for_each(|problem| output::note(&problem.to_string()));
    // Read last: in memory that reading gives back, rules would seem to take none.
    let text = text(&args.events)?;
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err(Failure::Usage("there are no events".into()));
    }
    let report = json!({
        "rules": rules.len(),
        "not_run": problems.len(),
        "compile_ms": (compiled.as_secs_f64() * 1e6).round() / 1e3,
        "compiled_bytes": memory,
        "events": lines.len(),
        "bytes": bytes(&lines),
        "set": set(&rules, &lines)?,
        "engine": engine(&rules, &text, &lines, args)?,
        "value": value(&lines),
        "peak_bytes": status("VmHWM:"),
    });
    print(&report, args.format)?;
    Ok(if rules.is_empty() && !problems.is_empty() { Exit::Broken } else { Exit::Clean })
}

/// The lines of all files that are not empty.
fn text(paths: &[PathBuf]) -> Outcome<Vec<u8>> {
    let mut out = Vec::new();
    for path in paths {
        for line in input::open(path)?.split(b'\n') {
            let line = line.map_err(|error| Failure::file(path, error))?;
            if let line @ [_, ..] = line.trim_ascii() {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
    }
    Ok(out)
}

fn no_event(at: usize, error: impl std::fmt::Display) -> Failure {
    Failure::Usage(format!("event {}: {error}", at + 1))
}

fn bytes(lines: &[&[u8]]) -> usize {
    lines.iter().map(|line| line.len()).sum()
}

/// The best time of many passes.
fn best(mut pass: impl FnMut()) -> Duration {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    for count in 0..MOST {
        if count >= LEAST && begin.elapsed() > ENOUGH {
            break;
        }
        let start = Instant::now();
        pass();
        best = best.min(start.elapsed());
    }
    best
}

fn speed(time: Duration, lines: &[&[u8]]) -> Value {
    let seconds = time.as_secs_f64().max(f64::MIN_POSITIVE);
    json!({
        "seconds": seconds,
        "events_per_second": (lines.len() as f64 / seconds).round(),
        "mb_per_second": (bytes(lines) as f64 / seconds / 1e4).round() / 100.0,
    })
}

/// Which rules each event concerns, from its text.
fn set(rules: &RuleSet, lines: &[&[u8]]) -> Outcome<Value> {
    let Some(set) = rules.queries() else { return Ok(Value::Null) };
    let mut matches = Matches::default();
    let mut found = 0_usize;
    for (at, line) in lines.iter().enumerate() {
        found += set.matches_json(line, &mut matches).map_err(|error| no_event(at, error))?.len();
    }
    let each = |count: u64| (count as f64 / lines.len() as f64 * 1e3).round() / 1e3;
    let (candidates, asked) = (each(matches.candidates()), each(matches.asked()));
    let time = best(|| {
        for line in lines {
            // The lines were read above.
            let _ = black_box(set.matches_json(line, &mut matches));
        }
    });
    let mut out = speed(time, lines);
    let stats = set.stats();
    out["filters"] = json!(stats.filters);
    out["questions"] = json!(stats.questions);
    out["unindexed"] = json!(stats.unindexed);
    out["crowd"] = json!(stats.crowd);
    out["every"] = json!(stats.every);
    out["candidates_per_event"] = json!(candidates);
    out["questions_per_event"] = json!(asked);
    out["rules_per_event"] = json!(each(found as u64));
    Ok(out)
}

/// What `run` does with events, from their text and with as many threads, but for writing alerts.
fn engine(rules: &Arc<RuleSet>, text: &[u8], lines: &[&[u8]], args: &BenchArgs) -> Outcome<Value> {
    let (fill, jobs, name) = (!args.eval.no_fill, args.eval.jobs, "events".into());
    let batch = if fill { rules.batch() } else { rules.batch().without_fill() };
    let prepare = |event, number| events::origin(event, &name, number, fill);
    let pass = || {
        let (read, mut alerts) = (|take: Take<'_>| batch.read_each(&mut &*text, jobs, &prepare, take), 0);
        let settings = EngineSettings::default();
        judge_recording(rules, &settings, Readable::Again, read, &mut |found| {
            alerts += found.len();
            Ok(())
        })?;
        Ok::<usize, ReadError>(alerts)
    };
    let alerts = pass().map_err(|error| Failure::Usage(error.to_string()))?;
    // What went well once does so again.
    let mut out = speed(best(|| drop(black_box(pass()))), lines);
    out["threads"] = json!(jobs);
    out["alerts"] = json!(alerts);
    Ok(out)
}

/// What building a JSON value of each event costs.
fn value(lines: &[&[u8]]) -> Value {
    let time = best(|| {
        for line in lines {
            let _ = black_box(serde_json::from_slice::<Value>(line));
        }
    });
    speed(time, lines)
}

/// Bytes of the process in memory, where the system tells.
fn resident() -> Option<u64> {
    status("VmRSS:")
}

fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

fn print(report: &Value, format: Format) -> Outcome<()> {
    let mut data = Data::stdout();
    if format == Format::Json {
        data.line(&report.to_string())?;
        return data.finish();
    }
    let mut table = Table::new();
    table.set_header(["", "value"]);
    let Value::Object(entries) = report else { return data.finish() };
    // Without an exponent.
    let shown = |value: &Value| value.as_f64().map_or_else(|| value.to_string(), |number| number.to_string());
    for (name, value) in entries {
        match value {
            Value::Object(inner) => inner.iter().for_each(|(key, value)| {
                table.add_row([format!("{name}.{key}"), shown(value)]);
            }),
            value => drop(table.add_row([name.clone(), shown(value)])),
        }
    }
    for part in ["set", "engine"] {
        let seconds = |part: &str| report[part]["seconds"].as_f64();
        if let Some((own, value)) = seconds(part).zip(seconds("value")) {
            table.add_row([format!("{part} : value"), format!("{:.3}", own / value)]);
        }
    }
    data.line(&table.to_string())?;
    data.finish()
}
