//! `bench`: how fast rules are on events, beside what building a JSON value of each event costs.

use std::hint::black_box;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use comfy_table::Table;
use elkhound::engine::{Engine, LoadedRules, RuleSet};
use elkhound::event::Event;
use elkhound::query::{Matches, in_time_order};
use serde_json::{Value, json};

use crate::args::{BenchArgs, Format};
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{self, Data};
use crate::{input, rules, settings};

/// Passes go on until so much time has passed, or there were [`MOST`].
const ENOUGH: Duration = Duration::from_secs(2);
const LEAST: u32 = 3;
const MOST: u32 = 1_000;

pub fn run(args: &BenchArgs) -> Outcome {
    let lines = lines(&args.events)?;
    let mut events = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let event = Event::from_json(line).map_err(|error| Failure::Usage(format!("event {}: {error}", at + 1)))?;
        events.push(Arc::new(event));
    }
    let query = settings::of(&args.eval, &args.dialect, &events)?;
    let events = in_time_order(events, &query);
    let loaded = rules::load(&args.rules)?;
    let rule_settings = rules::settings(query, &args.beside)?;
    let before = resident();
    let start = Instant::now();
    let LoadedRules { rules, problems } = RuleSet::compile(loaded, &rule_settings);
    let compiled = start.elapsed();
    let memory = resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    problems.iter().for_each(|problem| output::note(&problem.to_string()));
    let report = json!({
        "rules": rules.len(),
        "not_run": problems.len(),
        "compile_ms": milliseconds(compiled),
        "compiled_bytes": memory,
        "peak_bytes": status("VmHWM:"),
        "events": lines.len(),
        "bytes": lines.iter().map(Vec::len).sum::<usize>(),
        "set": set(&rules, &lines)?,
        "engine": engine(&rules, &events),
        "value": value(&lines),
    });
    print(&report, args.format)?;
    Ok(if rules.is_empty() && !problems.is_empty() { Exit::Broken } else { Exit::Clean })
}

fn lines(paths: &[PathBuf]) -> Outcome<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    for path in paths {
        for line in input::open(path)?.split(b'\n') {
            let line = line.map_err(|error| Failure::file(path, error))?.trim_ascii().to_vec();
            out.extend((!line.is_empty()).then_some(line));
        }
    }
    if out.is_empty() { Err(Failure::Usage("there are no events".into())) } else { Ok(out) }
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

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn speed(time: Duration, lines: &[Vec<u8>]) -> Value {
    let bytes: usize = lines.iter().map(Vec::len).sum();
    let seconds = time.as_secs_f64().max(f64::MIN_POSITIVE);
    json!({
        "seconds": seconds,
        "events_per_second": (lines.len() as f64 / seconds).round(),
        "mb_per_second": (bytes as f64 / seconds / 1e4).round() / 100.0,
    })
}

/// Which rules each event concerns, from its text.
fn set(rules: &RuleSet, lines: &[Vec<u8>]) -> Outcome<Value> {
    let Some(set) = rules.queries() else { return Ok(Value::Null) };
    let mut matches = Matches::default();
    let mut found = 0_usize;
    for line in lines {
        found += set.matches_json(line, &mut matches).map_err(|error| Failure::Usage(error.to_string()))?.len();
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

/// The whole engine over events in memory.
fn engine(rules: &Arc<RuleSet>, events: &[Arc<Event>]) -> Value {
    let mut alerts = 0;
    let time = best(|| {
        let mut engine = Engine::new(Arc::clone(rules));
        alerts = events.iter().map(|event| engine.push(Arc::clone(event)).len()).sum::<usize>();
        alerts += engine.finish().len();
    });
    let seconds = time.as_secs_f64().max(f64::MIN_POSITIVE);
    json!({"seconds": seconds, "events_per_second": (events.len() as f64 / seconds).round(), "alerts": alerts})
}

/// What building a JSON value of each event costs.
fn value(lines: &[Vec<u8>]) -> Value {
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
    for (name, value) in entries {
        match value {
            Value::Object(inner) => inner.iter().for_each(|(key, value)| {
                table.add_row([format!("{name}.{key}"), value.to_string()]);
            }),
            value => drop(table.add_row([name.clone(), value.to_string()])),
        }
    }
    let ratio = report["set"]["seconds"].as_f64().zip(report["value"]["seconds"].as_f64());
    if let Some((set, value)) = ratio {
        table.add_row(["set : value".to_owned(), format!("{:.3}", set / value)]);
    }
    data.line(&table.to_string())?;
    data.finish()
}
