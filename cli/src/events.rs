//! Reading events: a JSON object a line, or a list of them.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use elkhound::engine::Readable;
use elkhound::event::Event;
use elkhound::query::{Batch, Prepare, Take};

use crate::failure::{Failure, Outcome};
use crate::{input, output};

/// What is read of the events.
pub struct Reading<'r> {
    /// Says which events matter; made without fill where there is none.
    pub batch: &'r Batch,
    /// Whether what an index name tells stands in for absent fields.
    pub fill: bool,
    /// Threads.
    pub jobs: usize,
}

/// All events of all paths, in order; stdin where there are none.
pub fn read(paths: &[PathBuf], fill: bool) -> Outcome<Vec<Arc<Event>>> {
    read_some(paths, &Reading { batch: &Batch::of_all(), fill, jobs: 1 })
}

/// The events of all paths that matter, in order; stdin where there are none.
pub fn read_some(paths: &[PathBuf], reading: &Reading<'_>) -> Outcome<Vec<Arc<Event>>> {
    let mut out = Vec::new();
    read_each(paths, reading, &mut |events| {
        out.extend_from_slice(events);
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

/// Whether events of these paths can be read once more.
pub fn readable(paths: &[PathBuf]) -> Readable {
    let is_file = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !paths.is_empty() && paths.iter().all(is_file) { Readable::Again } else { Readable::Once }
}

/// The same for events that are taken while others are still read, as long as more are wanted.
pub fn read_each(paths: &[PathBuf], reading: &Reading<'_>, take: Take<'_>) -> Outcome<()> {
    let stdin = [PathBuf::from("-")];
    let paths = if paths.is_empty() { &stdin } else { paths };
    let length = paths.iter().map(|path| std::fs::metadata(path).ok().map(|metadata| metadata.len())).sum();
    let bar = output::progress(length);
    let mut going_on = true;
    for path in paths {
        let mut until_enough = |events: &[Arc<Event>]| {
            let next = take(events);
            going_on = next.is_continue();
            next
        };
        file(path, reading, &bar, &mut until_enough)?;
        if !going_on {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// So many copies of the name of a file take turns, each for so many lines.
const NAMES: usize = 64;
const LINES: u64 = 256;

fn file(path: &Path, reading: &Reading<'_>, bar: &indicatif::ProgressBar, take: Take<'_>) -> Outcome<()> {
    let name = input::name(path);
    let mut reader = BufReader::new(bar.wrap_read(input::open(path)?));
    let start = reader.fill_buf().map_err(|error| Failure::file(path, error))?;
    // As the batch does for what it shares: threads that count the same references wait for each other.
    let names: Vec<Arc<str>> = (0..NAMES).map(|_| Arc::from(&*name)).collect();
    let named = |line: u64| &names[(line / LINES) as usize % NAMES];
    let prepare = |event, line| origin(event, named(line), line, reading.fill);
    if start.trim_ascii_start().starts_with(b"[") {
        let _ = take(&list(path, reader, &prepare)?);
        return Ok(());
    }
    reading.batch.read_each(&mut reader, reading.jobs, &prepare, take).map_err(|error| Failure::file(path, error))
}

/// A file that is one JSON list.
fn list(path: &Path, mut reader: impl BufRead, prepare: Prepare<'_>) -> Outcome<Vec<Arc<Event>>> {
    let mut text = Vec::new();
    reader.read_to_end(&mut text).map_err(|error| Failure::file(path, error))?;
    let events: Vec<serde_json::Value> = serde_json::from_slice(&text).map_err(|error| Failure::file(path, error))?;
    let event = |(at, event): (usize, serde_json::Value)| {
        if !event.is_object() {
            return Err(Failure::file(path, format!("element {at}: an event is a JSON object")));
        }
        Ok(Arc::new(prepare(Event::from_value(event), at as u64 + 1)))
    };
    events.into_iter().enumerate().map(event).collect()
}

/// An event without an index or an id of its own has those of its place.
pub fn origin(event: Event, name: &Arc<str>, number: u64, fill: bool) -> Event {
    let event = event.with_origin(name, number);
    if fill { event } else { event.without_fill() }
}
