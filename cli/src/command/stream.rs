//! `run --stream`: events as they come, alerts as soon as they are certain, in bounded memory.

use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use elkhound::engine::{Engine, EngineSettings, EngineStats};
use elkhound::event::{Event, MAX_BYTES};

use super::run_rules::{Writer, write_metrics};
use crate::args::{RunArgs, StreamArgs};
use crate::failure::{Exit, Failure, Outcome};
use crate::{events, input, output, settings};

/// What the events take together that rules and the buffer hold; beyond it the oldest are given up, and counted.
const HELD_BYTES: usize = 1 << 30;
/// How often the counters are written.
const METRICS: Duration = Duration::from_secs(10);

/// The settings of the engine over those of a run.
pub fn engine_settings(args: &StreamArgs, settings: EngineSettings) -> Outcome<EngineSettings> {
    let lateness = args.lateness.as_deref().map(|text| settings::duration("--lateness", text)).transpose()?;
    Ok(EngineSettings { lateness: lateness.unwrap_or(0), held_bytes: Some(HELD_BYTES), ..settings })
}

/// Reads all paths, one after the other, to the end. A line that is no event is named and passed over.
pub fn run(args: &RunArgs, engine: &mut Engine, writer: &mut Writer) -> Outcome {
    let mut broken = 0;
    for path in &args.events {
        broken += file(path, args, engine, writer)?;
    }
    writer.write(engine.finish())?;
    if broken > 0 {
        output::note(&format!("{broken} lines were no events"));
    }
    Ok(if broken > 0 { Exit::Usage } else { Exit::Clean })
}

/// Gives the number of lines that are no events.
fn file(path: &Path, args: &RunArgs, engine: &mut Engine, writer: &mut Writer) -> Outcome<u64> {
    let name: Arc<str> = input::name(path).into();
    let mut reader = input::open(path)?;
    let (mut line, mut number, mut broken) = (Vec::new(), 0, 0);
    let mut written = Instant::now();
    while next_line(&mut reader, &mut line).map_err(|error| Failure::file(path, error))? {
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match Event::from_json(line.trim_ascii()) {
            Ok(event) => {
                let alerts = engine.push(events::origin(event, &name, number, !args.eval.no_fill));
                if !alerts.is_empty() {
                    writer.write(alerts)?;
                    writer.flush()?;
                }
            }
            Err(error) => {
                broken += 1;
                output::note(&format!("{name}: line {number}: {error}"));
            }
        }
        if args.metrics.is_some() && written.elapsed() >= METRICS {
            write_metrics(args, engine)?;
            written = Instant::now();
        }
    }
    Ok(broken)
}

/// Reads a line without its end; of one that is longer than any event, as much as shows that. `false` at the end.
fn next_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let mut rest = reader.take(MAX_BYTES as u64 + 2);
    rest.read_until(b'\n', line)?;
    if line.ends_with(b"\n") {
        line.pop();
    } else if rest.limit() == 0 {
        reader.skip_until(b'\n')?;
    } else {
        return Ok(!line.is_empty());
    }
    Ok(true)
}

/// What was not judged as it should have been.
pub(super) fn tell(stats: &EngineStats) {
    let dropped: u64 = stats.rules.iter().map(|rule| rule.dropped).sum();
    let counts = [
        (stats.late, "came later than allowed"),
        (stats.forced, "were judged early, because too many waited"),
        (dropped, "events, sequences, groups or values were given up for the limits"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        output::note(&format!("{count} {what}"));
    }
}
