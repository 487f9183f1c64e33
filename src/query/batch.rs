//! [`Batch`]: of many events as lines of text, those that queries have to see.

use std::io::Read;
use std::sync::Arc;

use super::{Kind, Query, QuerySet, Settings};
use crate::eval::CompileError;
use crate::eval::order::{Clock, Ordinal};
use crate::eval::set::SetScratch;
use crate::event::{Event, EventError, MAX_BYTES, Record, Scratch};

/// Bytes that are read at once for each thread: few enough to stay in its cache.
const BLOCK: usize = 512 << 10;

/// The questions that decide whether any of some queries has to see an event. Of an event that none has to see only the fields
/// that decide it are read.
///
/// An event is left out when it is no hit, and of no stage and no `until`, an absence included: a search over the others finds
/// what it would find over all.
///
/// ```
/// use elkhound::query::{Batch, Query};
/// let query = Query::kql("user.name: root")?;
/// let batch = Batch::new(std::slice::from_ref(&query))?;
/// let mut lines = &b"{\"user\": {\"name\": \"bob\"}}\n{\"user\": {\"name\": \"root\"}}\n"[..];
/// let events = batch.read(&mut lines, 1, &|event, _line| event)?;
/// assert_eq!(query.search(events).len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Batch {
    set: QuerySet,
    /// Whether some query has to see every event.
    all: bool,
    /// Whether some query reads a field that the name of an index may fill.
    filled: bool,
}

/// A line that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input fails.
    #[error("{0}")]
    Input(#[from] std::io::Error),
    /// The line, counted from 1, is no event.
    #[error("line {0}: {1}")]
    Line(u64, EventError),
}

/// Says of an event where it was read, given the number of its line. It must not change the event otherwise, but for
/// [`Batch::without_fill`].
pub type Prepare<'p> = &'p (dyn Fn(Event, u64) -> Event + Sync);

#[derive(Debug, Default)]
struct Memory {
    record: Scratch,
    set: SetScratch,
}

impl Batch {
    /// Compiles the questions of the queries together.
    ///
    /// # Errors
    /// As [`QuerySet::new`].
    pub fn new(queries: &[Query]) -> Result<Self, CompileError> {
        Ok(Self::of(QuerySet::new(queries)?, queries))
    }

    /// The same for queries that are compiled into a set already.
    pub(crate) fn of<'q>(set: QuerySet, queries: impl IntoIterator<Item = &'q Query>) -> Self {
        let has_endgame = queries.into_iter().any(|query| matches!(query.0.kind, Kind::Endgame(_)));
        // The name and the number of an event may come from where it was read, which is not in its text.
        let all = has_endgame || set.layout().reads_names();
        Self { filled: set.layout().is_filled(), set, all }
    }

    /// A batch of which every event is kept.
    pub fn of_all() -> Self {
        Self { set: QuerySet::empty(), all: true, filled: false }
    }

    /// The same for events that are made [without fill](Event::without_fill), which a text does not show: where a query reads a
    /// field that might be filled, every event is kept.
    #[must_use]
    pub fn without_fill(self) -> Self {
        Self { all: self.all || self.filled, ..self }
    }

    /// The events that the queries have to see, in the order of the lines; empty lines count as lines.
    ///
    /// With more than one of `jobs` and the feature `parallel`, as many threads read the lines; the result does not depend on it.
    ///
    /// # Errors
    /// An input that fails, and the first line that is no event.
    pub fn read(
        &self,
        input: &mut (dyn Read + Send),
        jobs: usize,
        prepare: Prepare<'_>,
    ) -> Result<Vec<Arc<Event>>, ReadError> {
        let size = BLOCK * jobs.clamp(1, 64);
        let mut blocks = Blocks { input, size, rest: Vec::new(), spare: Vec::new(), ended: false, lines: 0 };
        #[cfg(feature = "parallel")]
        if jobs > 1 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
            let pool = pool.map_err(|error| ReadError::Input(std::io::Error::other(error)))?;
            return pool.install(|| self.read_on_many(&mut blocks, jobs, prepare));
        }
        let _ = jobs;
        let (mut out, mut memory) = (Vec::new(), Memory::default());
        while let Some(block) = blocks.next()? {
            self.piece(&block.text, block.line, prepare, &mut memory, &mut out)?;
            blocks.spare = block.text;
        }
        Ok(out)
    }

    #[cfg(feature = "parallel")]
    fn read_on_many(
        &self,
        blocks: &mut Blocks<'_>,
        jobs: usize,
        prepare: Prepare<'_>,
    ) -> Result<Vec<Arc<Event>>, ReadError> {
        use rayon::iter::{
            IndexedParallelIterator, IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator,
        };
        let (mut out, mut memories) = (Vec::new(), Vec::new());
        let mut block = blocks.next()?;
        while let Some(now) = block {
            let pieces = now.pieces(jobs * 2);
            // What a set found of texts that come again is kept from block to block.
            memories.resize_with(memories.len().max(pieces.len()), Memory::default);
            let work = || {
                let each = pieces.into_par_iter().zip(memories.par_iter_mut()).map(|((text, line), memory)| {
                    let mut out = Vec::new();
                    self.piece(text, line, prepare, memory, &mut out).map(|()| out)
                });
                each.collect::<Vec<_>>()
            };
            let (next, done) = rayon::join(|| blocks.next(), work);
            for piece in done {
                out.extend(piece?);
            }
            blocks.spare = now.text;
            block = next?;
        }
        Ok(out)
    }

    /// The lines of `text`, the first of which is number `line`.
    fn piece(
        &self,
        text: &[u8],
        mut line: u64,
        prepare: Prepare<'_>,
        memory: &mut Memory,
        out: &mut Vec<Arc<Event>>,
    ) -> Result<(), ReadError> {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text).chain(std::iter::once(text.len())) {
            let event = self.line(text[start..end].trim_ascii(), line, prepare, memory);
            out.extend(event.map_err(|error| ReadError::Line(line, error))?.map(Arc::new));
            (start, line) = (end + 1, line + 1);
        }
        Ok(())
    }

    fn line(
        &self,
        text: &[u8],
        line: u64,
        prepare: Prepare<'_>,
        memory: &mut Memory,
    ) -> Result<Option<Event>, EventError> {
        if text.is_empty() {
            return Ok(None);
        }
        let Memory { record, set } = memory;
        match Record::read(text, self.set.layout(), record)? {
            Record::Whole(event) => {
                let event = prepare(*event, line);
                Ok((self.all || self.set.fits_any(&event, set)).then_some(event))
            }
            record if self.all || self.set.fits_any(&record, set) => {
                Event::from_json(text).map(|event| Some(prepare(event, line)))
            }
            _ => Ok(None),
        }
    }
}

/// An input cut into blocks of whole lines.
struct Blocks<'i> {
    input: &'i mut (dyn Read + Send),
    /// Bytes that are read at once.
    size: usize,
    /// What was read after the last whole line.
    rest: Vec<u8>,
    /// Memory of a block that is done.
    spare: Vec<u8>,
    ended: bool,
    /// Lines so far.
    lines: u64,
}

/// Whole lines; the last one has no line end, so that their number is one more than that of the line ends.
struct Block {
    text: Vec<u8>,
    /// The number of the first, from 1.
    line: u64,
}

impl Blocks<'_> {
    fn next(&mut self) -> std::io::Result<Option<Block>> {
        let mut text = std::mem::take(&mut self.spare);
        text.clear();
        text.append(&mut self.rest);
        let mut cut = None;
        while !self.ended && cut.is_none() {
            let before = text.len();
            let read = (&mut *self.input).take(self.size as u64).read_to_end(&mut text)?;
            self.ended = read < self.size;
            cut = memchr::memrchr(b'\n', &text[before..]).map(|at| before + at);
            // A line that is too long is an error, which need not be read to its end.
            self.ended |= cut.is_none() && text.len() > MAX_BYTES;
        }
        if let Some(cut) = cut.filter(|_| !self.ended) {
            self.rest.extend_from_slice(&text[cut + 1..]);
            text.truncate(cut);
        }
        if text.is_empty() && self.ended && self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.lines + 1;
        self.lines += 1 + memchr::memchr_iter(b'\n', &text).count() as u64;
        Ok(Some(Block { text, line }))
    }
}

impl Block {
    /// About `count` pieces of whole lines, with the number of the first line of each.
    #[cfg(feature = "parallel")]
    fn pieces(&self, count: usize) -> Vec<(&[u8], u64)> {
        let size = self.text.len() / count + 1;
        let (mut out, mut rest, mut line) = (Vec::new(), self.text.as_slice(), self.line);
        while let Some(at) = rest.get(size..).and_then(|tail| memchr::memchr(b'\n', tail)) {
            let (piece, tail) = rest.split_at(size + at);
            out.push((piece, line));
            line += 1 + memchr::memchr_iter(b'\n', piece).count() as u64;
            rest = &tail[1..];
        }
        out.push((rest, line));
        out
    }
}

/// Events in the order of results: by timestamp, tiebreaker, and place in the input (Elasticsearch: EQL search, event queries).
pub fn in_time_order(events: Vec<Arc<Event>>, settings: &Settings) -> Vec<Arc<Event>> {
    let clock = Clock::new(&settings.schema, &settings.timestamp_field, settings.tiebreaker_field.as_deref());
    let place = |(position, event): (usize, Arc<Event>)| (clock.ordinal(event.as_ref(), position as u64), event);
    let mut ordered: Vec<(Ordinal, Arc<Event>)> = events.into_iter().enumerate().map(place).collect();
    ordered.sort_by(|(a, _), (b, _)| a.compare_results(b));
    ordered.into_iter().map(|(_, event)| event).collect()
}
