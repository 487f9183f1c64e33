//! Reading events: a JSON object a line, or a list of them.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use elkhound::event::Event;
use elkhound::query::{Query, Settings};

use crate::failure::{Failure, Outcome};
use crate::{input, output};

/// The events of all paths, in order; stdin where there are none.
pub fn read(paths: &[PathBuf], fill: bool) -> Outcome<Vec<Arc<Event>>> {
    let stdin = [PathBuf::from("-")];
    let paths = if paths.is_empty() { &stdin } else { paths };
    let mut out = Vec::new();
    let length = paths.iter().map(|path| std::fs::metadata(path).ok().map(|metadata| metadata.len())).sum();
    let bar = output::progress(length);
    for path in paths {
        file(path, fill, &bar, &mut out)?;
    }
    bar.finish_and_clear();
    Ok(out)
}

/// The events by timestamp, tiebreaker and place in the input.
pub fn in_time_order(events: Vec<Arc<Event>>, settings: &Settings) -> Outcome<Vec<Arc<Event>>> {
    let all = Settings { size: None, ..settings.clone() };
    let query = Query::builder().settings(all).kql("*:*")?;
    Ok(query.search(events).into_iter().filter_map(|hit| hit.events().first().cloned().flatten()).collect())
}

fn file(path: &Path, fill: bool, bar: &indicatif::ProgressBar, out: &mut Vec<Arc<Event>>) -> Outcome<()> {
    let name: Arc<str> = input::name(path).into();
    let mut reader = input::open(path)?;
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(|error| Failure::file(path, error))?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        bar.inc(read as u64);
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if number == 1 && text.starts_with(b"[") {
            return list(path, &name, &line, reader, fill, out);
        }
        let event = Event::from_json(text).map_err(|error| Failure::file(path, format!("line {number}: {error}")))?;
        out.push(Arc::new(origin(event, &name, number, fill)));
    }
}

/// A file that is one JSON list.
fn list(
    path: &Path,
    name: &Arc<str>,
    first: &[u8],
    mut rest: Box<dyn BufRead>,
    fill: bool,
    out: &mut Vec<Arc<Event>>,
) -> Outcome<()> {
    let mut text = first.to_vec();
    rest.read_to_end(&mut text).map_err(|error| Failure::file(path, error))?;
    let events: Vec<serde_json::Value> = serde_json::from_slice(&text).map_err(|error| Failure::file(path, error))?;
    for (at, event) in events.into_iter().enumerate() {
        if !event.is_object() {
            return Err(Failure::file(path, format!("element {at}: an event is a JSON object")));
        }
        out.push(Arc::new(origin(Event::from_value(event), name, at + 1, fill)));
    }
    Ok(())
}

/// An event without an index or an id of its own has those of its place.
fn origin(event: Event, name: &Arc<str>, number: usize, fill: bool) -> Event {
    let event = event.with_origin(name, || number.to_string().into());
    if fill { event } else { event.without_fill() }
}
