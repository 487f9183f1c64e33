//! [`Batch`]: of many events as lines of text, those that queries have to see.

#[cfg(feature = "parallel")]
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
#[cfg(feature = "parallel")]
use std::sync::{Mutex, MutexGuard, PoisonError};
#[cfg(feature = "parallel")]
use std::time::Duration;

use super::{Kind, Query, QuerySet, Settings};
use crate::eval::CompileError;
use crate::eval::order::Clock;
use crate::eval::set::SetScratch;
use crate::event::{BlockLayout, Event, EventError, MAX_BYTES, Record, Scratch};
use crate::share::each;

/// Bytes that are read at once: few enough to stay in a thread's cache.
const BLOCK: usize = 512 << 10;

/// Blocks for each thread that are read and not yet handed on, beyond which no more are read.
#[cfg(feature = "parallel")]
const WAITING: usize = 8;

/// How long a thread waits for some to be handed on.
#[cfg(feature = "parallel")]
const PAUSE: Duration = Duration::from_millis(1);

/// How often a thread asks for the input before it sleeps.
#[cfg(feature = "parallel")]
const TRIES: usize = 1_000;

/// More threads than this would wait for the input.
#[cfg(feature = "parallel")]
const MOST_THREADS: usize = 256;

/// The questions that decide whether any of some queries has to see an event. Of an event that none has to see only the fields
/// that decide it are read; the others are kept as text, with what the queries read of them, and parsed when something else is
/// asked.
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

/// What becomes of the next events; whether more are wanted.
pub type Take<'t> = &'t mut dyn FnMut(&[Arc<Event>]) -> ControlFlow<()>;

/// What a thread needs for reading.
#[derive(Debug, Default)]
struct Memory {
    /// One that was read.
    block: Block,
    record: Scratch,
    set: SetScratch,
}

impl Batch {
    /// Compiles the questions of the queries together.
    ///
    /// # Errors
    /// As [`QuerySet::new`].
    pub fn new(queries: &[Query]) -> Result<Self, CompileError> {
        // A run evaluates the filters again.
        let also: Vec<Vec<&str>> =
            queries.iter().map(|query| query.read_after().into_iter().chain(query.fields()).collect()).collect();
        Ok(Self::of(QuerySet::with_fields(queries, &also)?, queries))
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
    /// With more than one of `jobs` and the feature `parallel`, as many threads, up to 256, read the lines; the result does not
    /// depend on it.
    ///
    /// # Errors
    /// An input that fails, and the first line that is no event.
    pub fn read(
        &self,
        input: &mut (dyn Read + Send),
        jobs: usize,
        prepare: Prepare<'_>,
    ) -> Result<Vec<Arc<Event>>, ReadError> {
        let mut out = Vec::new();
        self.read_each(input, jobs, prepare, &mut |events| {
            out.extend_from_slice(events);
            ControlFlow::Continue(())
        })?;
        Ok(out)
    }

    /// The same for events that are wanted while others are still being read: some at a time, in their order, on this thread.
    /// Where that takes longer than reading them, a few blocks of what is read already wait in memory. Once `take` breaks off, no more are
    /// read.
    ///
    /// # Errors
    /// As [`Batch::read`]; the events before have been handed on.
    pub fn read_each(
        &self,
        input: &mut (dyn Read + Send),
        jobs: usize,
        prepare: Prepare<'_>,
        take: Take<'_>,
    ) -> Result<(), ReadError> {
        let mut blocks = Blocks {
            input,
            rest: Vec::new(),
            ended: false,
            lines: 0,
            #[cfg(feature = "parallel")]
            blocks: 0,
        };
        #[cfg(feature = "parallel")]
        if jobs > 1 {
            return self.read_on_many(blocks, jobs, prepare, take);
        }
        let _ = jobs;
        let mut memory = Memory::default();
        let mut events = Vec::new();
        while let Some(block) = blocks.next(std::mem::take(&mut memory.block))? {
            events.clear();
            let read = self.piece(block, prepare, &mut memory, &mut events);
            if take(&events).is_break() {
                break;
            }
            read?;
        }
        Ok(())
    }

    /// Each thread takes the next block when it is done with one, so that none waits for another. This one hands on what is read,
    /// and reads itself where the next events are not there yet.
    #[cfg(feature = "parallel")]
    fn read_on_many(
        &self,
        blocks: Blocks<'_>,
        jobs: usize,
        prepare: Prepare<'_>,
        take: Take<'_>,
    ) -> Result<(), ReadError> {
        let jobs = jobs.min(MOST_THREADS);
        let done = Done { spent: vec![Vec::new(); jobs], ..Done::default() };
        let (blocks, done) = (Mutex::new(blocks), Mutex::new(done));
        // Never one lock within the other: that of the input is held as long as the input makes wait.
        let is_full = || lock(&done).blocks.len() > WAITING * jobs;
        let has_ended = || lock(&blocks).ended;
        let read_next = |reader: usize, memory: &mut Memory| {
            // Given up without the lock.
            let spent = std::mem::take(&mut lock(&done).spent[reader]);
            drop(spent);
            // The first reader takes what waits.
            while reader > 0 && is_full() && !has_ended() {
                std::thread::sleep(PAUSE);
            }
            let Some((number, block)) = self.next_block(&blocks, reader, prepare, memory) else { return false };
            lock(&done).blocks.insert(number, block);
            true
        };
        let mut hand_on = || {
            // The lock is not held while the events are taken.
            let next = || lock(&done).next();
            while let Some(DoneBlock { reader, mut events, read }) = next() {
                if show(&mut events, take).is_break() {
                    return Ok(false);
                }
                lock(&done).spent[reader].push(events);
                read?;
            }
            Ok(true)
        };
        std::thread::scope(|scope| {
            // The others stop even if this one panics.
            let _ends = Ends(&blocks);
            for reader in 1..jobs {
                // Where the system has no more threads to give, fewer do the work.
                let read_next = &read_next;
                let read = move || {
                    let mut memory = Memory::default();
                    while read_next(reader, &mut memory) {}
                };
                let _ = std::thread::Builder::new().spawn_scoped(scope, read);
            }
            let mut memory = Memory::default();
            while read_next(0, &mut memory) {
                if !hand_on()? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .and_then(|more| if more { hand_on().map(|_| ()) } else { Ok(()) })
    }

    /// What a thread reads next, and its number; `None` at the end of the input.
    #[cfg(feature = "parallel")]
    fn next_block(
        &self,
        blocks: &Mutex<Blocks<'_>>,
        reader: usize,
        prepare: Prepare<'_>,
        memory: &mut Memory,
    ) -> Option<(u64, DoneBlock)> {
        let (number, block) = lock_soon(blocks).numbered(std::mem::take(&mut memory.block));
        let block = block.map_err(ReadError::Input).transpose()?;
        let mut events = Vec::new();
        let read = block.and_then(|block| self.piece(block, prepare, memory, &mut events));
        if read.is_err() {
            // What comes before has been taken already; what comes after is of no interest.
            lock(blocks).end();
        }
        Some((number, DoneBlock { reader, events, read }))
    }

    /// The lines of a block, whose memory is kept for the next one.
    fn piece(
        &self,
        block: Block,
        prepare: Prepare<'_>,
        memory: &mut Memory,
        out: &mut Vec<Arc<Event>>,
    ) -> Result<(), ReadError> {
        let (layout, mut start) = (Arc::new(Arc::clone(self.set.layout())), 0);
        for (line, &end) in (block.line..).zip(&block.ends) {
            let event = self.line(block.text[start..end].trim_ascii(), line, (&layout, prepare), memory);
            out.extend(event.map_err(|error| ReadError::Line(line, error))?.map(Arc::new));
            start = end + 1;
        }
        memory.block = block;
        Ok(())
    }

    fn line(
        &self,
        text: &[u8],
        line: u64,
        (layout, prepare): (&BlockLayout, Prepare<'_>),
        memory: &mut Memory,
    ) -> Result<Option<Event>, EventError> {
        if text.is_empty() {
            return Ok(None);
        }
        if self.all {
            return Event::from_json(text).map(|event| Some(prepare(event, line)));
        }
        let Memory { record, set, .. } = memory;
        let record = Record::read(text, layout, record)?;
        Ok(self.set.keep(record, layout, set).map(|event| prepare(event, line)))
    }
}

/// A block that was read.
#[cfg(feature = "parallel")]
struct DoneBlock {
    /// The thread that read it.
    reader: usize,
    events: Vec<Arc<Event>>,
    /// The error that came after the events.
    read: Result<(), ReadError>,
}

/// Blocks that were read, by number; those from the first on are handed on as soon as there is no gap.
#[cfg(feature = "parallel")]
#[derive(Default)]
struct Done {
    blocks: BTreeMap<u64, DoneBlock>,
    /// How many were handed on.
    handed: u64,
    /// By thread, what it read and what was handed on. It gives that up itself, so that its memory is there for what it reads next.
    spent: Vec<Vec<Vec<Arc<Event>>>>,
}

#[cfg(feature = "parallel")]
impl Done {
    fn next(&mut self) -> Option<DoneBlock> {
        let next = self.blocks.remove(&(self.handed + 1))?;
        self.handed += 1;
        Some(next)
    }
}

/// Ends the reading of an input.
#[cfg(feature = "parallel")]
struct Ends<'b, 'i>(&'b Mutex<Blocks<'i>>);

#[cfg(feature = "parallel")]
impl Drop for Ends<'_, '_> {
    fn drop(&mut self) {
        lock(self.0).end();
    }
}

/// An input cut into blocks of whole lines.
struct Blocks<'i> {
    input: &'i mut (dyn Read + Send),
    /// What was read after the last whole line.
    rest: Vec<u8>,
    ended: bool,
    /// Lines so far.
    lines: u64,
    /// Blocks so far.
    #[cfg(feature = "parallel")]
    blocks: u64,
}

/// Whole lines.
#[derive(Debug, Default)]
struct Block {
    /// The lines, and after them what the memory held before.
    text: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// The number of the first, from 1.
    line: u64,
}

impl Blocks<'_> {
    /// The next block and its number.
    #[cfg(feature = "parallel")]
    fn numbered(&mut self, memory: Block) -> (u64, std::io::Result<Option<Block>>) {
        self.blocks += 1;
        (self.blocks, self.next(memory))
    }

    /// The next block, in the memory of one that is done.
    fn next(&mut self, memory: Block) -> std::io::Result<Option<Block>> {
        let (Block { mut text, mut ends, .. }, mut length) = (memory, self.rest.len());
        text.resize(text.len().max(length), 0);
        text[..length].copy_from_slice(&self.rest);
        self.rest.clear();
        let mut cut = None;
        while !self.ended && cut.is_none() {
            let before = length;
            length += self.fill(&mut text, before)?;
            cut = memchr::memrchr(b'\n', &text[before..length]).map(|at| before + at);
            // A line that is too long is an error, which need not be read to its end.
            self.ended |= cut.is_none() && length > MAX_BYTES;
        }
        if let Some(cut) = cut.filter(|_| !self.ended) {
            self.rest.extend_from_slice(&text[cut + 1..length]);
            length = cut;
        }
        if length == 0 && self.ended && self.rest.is_empty() {
            return Ok(None);
        }
        ends.clear();
        ends.extend(memchr::memchr_iter(b'\n', &text[..length]).chain(std::iter::once(length)));
        let line = self.lines + 1;
        self.lines += ends.len() as u64;
        Ok(Some(Block { text, ends, line }))
    }

    /// Nothing more of the input is wanted.
    #[cfg(feature = "parallel")]
    fn end(&mut self) {
        self.ended = true;
        self.rest.clear();
    }

    /// Reads into `text` from `start` on, a block at most, and notes the end of the input; gives how many bytes were read. What
    /// was memory before is not cleared again.
    fn fill(&mut self, text: &mut Vec<u8>, start: usize) -> std::io::Result<usize> {
        let (mut at, end) = (start, start + BLOCK);
        text.resize(text.len().max(end), 0);
        while at < end && !self.ended {
            match self.input.read(&mut text[at..end]) {
                Ok(0) => self.ended = true,
                Ok(read) => at += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(at - start)
    }
}

/// Shows events that another thread may have read; leaves those that nobody holds then.
#[cfg(feature = "parallel")]
fn show(events: &mut Vec<Arc<Event>>, take: Take<'_>) -> ControlFlow<()> {
    std::hint::black_box(events.iter().fold(0, |all, event| all ^ event.touch()));
    take(events)?;
    // Whoever holds an event on this thread will give it up here: its count stays with this one.
    events.retain(|event| Arc::strong_count(event) == 1);
    ControlFlow::Continue(())
}

/// What a mutex guards; a thread that panicked has left it whole.
#[cfg(feature = "parallel")]
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for what another thread is about to give back: a thread that slept would wake up much later than that.
#[cfg(feature = "parallel")]
fn lock_soon<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    for _ in 0..TRIES {
        if let Ok(guard) = mutex.try_lock() {
            return guard;
        }
        std::thread::yield_now();
    }
    lock(mutex)
}

/// Events in the order of results: by timestamp, tiebreaker, and place in the input (Elasticsearch: EQL search, event queries).
///
/// With the feature `parallel`, called on a thread of a pool of rayon's, the threads of the pool share the work.
pub fn in_time_order(events: Vec<Arc<Event>>, settings: &Settings) -> Vec<Arc<Event>> {
    let clock = Clock::new(&settings.schema, &settings.timestamp_field, settings.tiebreaker_field.as_deref());
    let place = |(position, event): (usize, Arc<Event>)| (clock.ordinal(event.as_ref(), position as u64), event);
    let mut ordered = each(events.into_iter().enumerate().collect(), &place);
    ordered.sort_by(|(a, _), (b, _)| a.compare_results(b));
    ordered.into_iter().map(|(_, event)| event).collect()
}
