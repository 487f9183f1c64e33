//! Runs: a query over a stream, and over a batch as a stream that ends.

use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::hit::Shape;
use super::{Hit, Kind, Position, Query};
use crate::endgame;
use crate::eval::Verdicts;
use crate::eval::order::Ordinal;
use crate::eval::sample::SampleRun;
use crate::eval::sequence::{Found, SequenceRun};
use crate::event::Event;
use crate::event::time::Instant;
use crate::plan::Pipe;

/// The state of a query over a stream of events.
///
/// Events come in the order of their time, give or take the `lateness` of the settings. Hits come as soon as they are
/// certain: a missing event at the end of a sequence is certain when `maxspan` has passed, or at [`Run::finish`].
#[derive(Debug)]
pub struct Run {
    pub(super) query: Query,
    pub(super) state: State,
    pub(super) waiting: BinaryHeap<Early>,
    pub(super) newest: Option<Instant>,
    /// The time of the event processed last.
    pub(super) last: Option<Instant>,
    pub(super) pipes: Pipes,
    pub(super) stats: RunStats,
}

/// What a caller knows of an event, so that it need not be found out again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// Its time by the timestamp field of the query, if it has one.
    pub time: Option<Option<Instant>>,
    /// Which filters of the query it fits, as a set tells: bit `n` is that of filter `n`.
    pub fits: Option<u64>,
}

#[derive(Debug)]
pub(super) enum State {
    Event,
    Sequence(Box<SequenceRun>),
    Sample(SampleRun),
    Endgame(endgame::Run),
}

/// Counters of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RunStats {
    /// Events pushed.
    pub events: u64,
    /// Hits given.
    pub hits: u64,
    /// Events that came too late for their place, and were left out of sequences.
    pub late: u64,
    /// Events without a single timestamp, which cannot be part of a sequence.
    pub untimed: u64,
    /// Sequences under way, or events held for samples.
    pub live: usize,
    /// Sequences given up, or events or keys of an event dropped, because there were too many.
    pub dropped: u64,
}

/// An event that waits for earlier ones; the earliest is the greatest.
#[derive(Debug)]
pub(super) struct Early(pub Ordinal, pub Arc<Event>);

impl PartialEq for Early {
    fn eq(&self, other: &Self) -> bool {
        self.0.compare(&other.0).is_eq()
    }
}

impl Eq for Early {}

impl PartialOrd for Early {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Early {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.compare(&self.0)
    }
}

impl Run {
    pub(super) fn new(query: Query) -> Self {
        let state = match &query.0.kind {
            Kind::Event => State::Event,
            Kind::Sequence(sequence) => {
                State::Sequence(Box::new(SequenceRun::new(sequence, query.0.settings.partials)))
            }
            Kind::Sample(_) => State::Sample(SampleRun::default()),
            Kind::Endgame(program) => State::Endgame(program.start(query.0.settings.partials)),
        };
        let pipes = Pipes::new(&query.0.plan.pipes);
        Self { query, state, waiting: BinaryHeap::new(), newest: None, last: None, pipes, stats: RunStats::default() }
    }

    /// Takes the next event; gives the hits that are certain now.
    pub fn push(&mut self, event: impl Into<Arc<Event>>) -> Vec<Hit> {
        self.push_known(event.into(), Known::default())
    }

    /// The same for an event of which something is known.
    pub(crate) fn push_known(&mut self, event: Arc<Event>, known: Known) -> Vec<Hit> {
        let position = self.stats.events;
        let ordinal = match known.time {
            Some(timestamp) if self.query.0.settings.tiebreaker_field.is_none() => {
                Ordinal { timestamp, tiebreaker: None, position }
            }
            _ => self.query.0.clock.ordinal(event.as_ref(), position),
        };
        self.stats.events += 1;
        let lateness = self.query.0.settings.lateness;
        if lateness == 0 || ordinal.timestamp.is_none() || matches!(self.state, State::Sample(_)) {
            let hits = self.take(&event, &ordinal, known.fits);
            return self.give(hits);
        }
        self.newest = self.newest.max(ordinal.timestamp);
        self.waiting.push(Early(ordinal, event));
        let until = self.newest.map(|newest| newest.saturating_sub(lateness));
        let limit = self.query.0.settings.partials.max(1);
        let hits = self.release(|timestamp, waiting| timestamp < until || waiting > limit);
        self.give(hits)
    }

    /// Takes the time of a clock, in nanoseconds since 1970: no event from before is to come. Settles what waits for an absence.
    pub fn advance(&mut self, time: Instant) -> Vec<Hit> {
        let (State::Sequence(run), Kind::Sequence(sequence)) = (&mut self.state, &self.query.0.kind) else {
            return Vec::new();
        };
        let found = run.advance(sequence, time);
        if sequence.has_missing() {
            self.last = self.last.max(Some(time));
        }
        let hits = found.into_iter().map(sequence_hit).collect();
        self.give(hits)
    }

    /// Gives up a good part of the events that it holds, the oldest where it can; counted as dropped.
    pub fn shed(&mut self) {
        match &mut self.state {
            State::Sequence(run) => run.shed(),
            State::Sample(run) => run.shed(),
            State::Event | State::Endgame(_) => {}
        }
    }

    /// Ends the stream: gives what was held back.
    pub fn finish(&mut self) -> Vec<Hit> {
        let mut hits = self.release(|_, _| true);
        let query = self.query.clone();
        match &mut self.state {
            State::Event => {}
            State::Endgame(run) => {
                let found = run.finish();
                hits.extend(endgame_hits(&query, found));
            }
            State::Sequence(run) => {
                if let Kind::Sequence(sequence) = &query.0.kind {
                    hits.extend(run.finish(sequence).into_iter().map(sequence_hit));
                }
            }
            State::Sample(run) => {
                let size = query.0.settings.size.unwrap_or(usize::MAX);
                let samples = run.finish(query.0.settings.max_samples_per_key, size);
                hits.extend(samples.into_iter().map(|(key, events)| Hit {
                    shape: Shape::Sample,
                    join_keys: key.0,
                    events: events.into_iter().map(Some).collect(),
                }));
            }
        }
        let mut out = self.give(hits);
        out.extend(self.pipes.finish());
        self.stats.hits = self.stats.hits.max(out.len() as u64);
        out
    }

    /// The counters.
    pub fn stats(&self) -> RunStats {
        let (live, dropped) = match &self.state {
            State::Event => (0, 0),
            State::Endgame(run) => run.counts(),
            State::Sequence(run) => (run.stats().live, run.stats().evicted),
            State::Sample(run) => run.counts(),
        };
        RunStats { live, dropped, ..self.stats }
    }

    /// Takes the waiting events that are ready, given their times and how many wait.
    fn release(&mut self, ready: impl Fn(Option<Instant>, usize) -> bool) -> Vec<Hit> {
        let mut hits = Vec::new();
        while self.waiting.peek().is_some_and(|early| ready(early.0.timestamp, self.waiting.len())) {
            let Some(Early(ordinal, event)) = self.waiting.pop() else { break };
            hits.extend(self.take(&event, &ordinal, None));
        }
        hits
    }

    fn take(&mut self, event: &Arc<Event>, ordinal: &Ordinal, fits: Option<u64>) -> Vec<Hit> {
        let compiled = &self.query.0;
        let verdicts = || fits.map_or_else(|| Verdicts::Asked(compiled.program()), Verdicts::Known);
        match (&mut self.state, &compiled.kind) {
            (State::Sequence(run), Kind::Sequence(sequence)) => {
                if ordinal.timestamp.is_none() {
                    self.stats.untimed += 1;
                    return Vec::new();
                }
                // Events that are no part of the sequence do not make others late.
                if ordinal.timestamp < self.last {
                    self.stats.late += u64::from(sequence.concerns(verdicts(), event.as_ref()));
                    return Vec::new();
                }
                let found = run.push(sequence, verdicts(), event, ordinal);
                if run.took() {
                    self.last = ordinal.timestamp;
                }
                found.into_iter().map(sequence_hit).collect()
            }
            (State::Sample(run), Kind::Sample(sample)) => {
                run.push(sample, verdicts(), event, compiled.settings.partials);
                Vec::new()
            }
            (State::Endgame(run), _) => {
                let found = run.push(event);
                endgame_hits(&self.query, found)
            }
            _ if verdicts().holds(0, event.as_ref()) => vec![event_hit(event)],
            _ => Vec::new(),
        }
    }

    fn give(&mut self, hits: Vec<Hit>) -> Vec<Hit> {
        if hits.is_empty() {
            return hits;
        }
        let out = self.pipes.push(hits);
        self.stats.hits += out.len() as u64;
        out
    }
}

fn event_hit(event: &Arc<Event>) -> Hit {
    Hit { shape: Shape::Event, join_keys: Vec::new(), events: vec![Some(Arc::clone(event))] }
}

/// The results of the Endgame dialect, each a list of events.
fn endgame_hits(query: &Query, found: Vec<Vec<Arc<Event>>>) -> Vec<Hit> {
    let shape = if query.is_event_query() { Shape::Event } else { Shape::Sequence };
    let events = |events: Vec<Arc<Event>>| events.into_iter().map(Some).collect();
    found.into_iter().map(|each| Hit { shape, join_keys: Vec::new(), events: events(each) }).collect()
}

fn sequence_hit(found: Found) -> Hit {
    Hit { shape: Shape::Sequence, join_keys: found.key.0, events: found.events }
}

/// The pipes of a stream. Everything up to the first `tail` can pass at once; the rest waits for the end.
#[derive(Debug)]
pub(super) struct Pipes {
    pub heads: usize,
    rest: Vec<Pipe>,
    pub held: VecDeque<Hit>,
}

impl Pipes {
    fn new(pipes: &[Pipe]) -> Self {
        let leading = pipes.iter().take_while(|pipe| matches!(pipe, Pipe::Head(_))).count();
        let heads = pipes[..leading].iter().map(|pipe| pipe.count()).min().unwrap_or(usize::MAX);
        Self { heads, rest: pipes[leading..].to_vec(), held: VecDeque::new() }
    }

    fn push(&mut self, mut hits: Vec<Hit>) -> Vec<Hit> {
        hits.truncate(self.heads);
        if self.heads != usize::MAX {
            self.heads -= hits.len();
        }
        let Some(Pipe::Tail(count)) = self.rest.first() else { return hits };
        self.held.extend(hits);
        while self.held.len() > *count {
            self.held.pop_front();
        }
        Vec::new()
    }

    fn finish(&mut self) -> Vec<Hit> {
        let mut hits: Vec<Hit> = self.held.drain(..).collect();
        for pipe in &self.rest {
            cut(&mut hits, *pipe);
        }
        hits
    }
}

impl Pipe {
    const fn count(&self) -> usize {
        match self {
            Self::Head(count) | Self::Tail(count) => *count,
        }
    }
}

fn cut(hits: &mut Vec<Hit>, pipe: Pipe) {
    match pipe {
        Pipe::Head(count) => hits.truncate(count),
        Pipe::Tail(count) => drop(hits.drain(..hits.len().saturating_sub(count))),
    }
}

/// The hits of a batch: sorted, pushed, finished, ordered, cut.
pub(super) fn search(query: &Query, events: Vec<Arc<Event>>) -> Vec<Hit> {
    let compiled = &query.0;
    let mut ordered: Vec<(Ordinal, Arc<Event>)> = events
        .into_iter()
        .enumerate()
        .map(|(position, event)| (compiled.clock.ordinal(event.as_ref(), position as u64), event))
        .collect();
    let mut hits: Vec<Hit> = match &compiled.kind {
        Kind::Event => {
            ordered.sort_by(|(a, _), (b, _)| a.compare_results(b));
            let matching = ordered.into_iter().filter(|(_, event)| compiled.program().matches(0, event.as_ref()));
            let hit = |(_, event)| Hit { shape: Shape::Event, join_keys: Vec::new(), events: vec![Some(event)] };
            matching.map(hit).collect()
        }
        Kind::Sequence(sequence) => {
            ordered.sort_by(|(a, _), (b, _)| a.compare(b));
            let mut run = SequenceRun::new(sequence, compiled.settings.partials);
            let mut found = Vec::new();
            let verdicts = Verdicts::Asked(compiled.program());
            for (ordinal, event) in &ordered {
                found.extend(run.push(sequence, verdicts, event, ordinal));
            }
            found.extend(run.finish(sequence));
            found.sort_by(|a, b| a.end.compare(&b.end).then_with(|| a.key.compare(&b.key)));
            found.into_iter().map(sequence_hit).collect()
        }
        // Both have an order of their own: samples by key, Endgame by input.
        Kind::Sample(_) | Kind::Endgame(_) => {
            let mut run = query.start();
            let mut hits: Vec<Hit> = ordered.into_iter().flat_map(|(_, event)| run.push(event)).collect();
            hits.extend(run.finish());
            return hits;
        }
    };
    limit(query, &mut hits);
    hits
}

/// `size` comes before the first pipe, from its side (Elasticsearch: EQL, pipes).
fn limit(query: &Query, hits: &mut Vec<Hit>) {
    let (settings, pipes) = (&query.0.settings, &query.0.plan.pipes);
    if let Some(size) = settings.size {
        let from_the_end = match pipes.first() {
            Some(pipe) => matches!(pipe, Pipe::Tail(_)),
            None => settings.result_position == Position::Tail,
        };
        cut(hits, if from_the_end { Pipe::Tail(size) } else { Pipe::Head(size) });
    }
    for pipe in pipes {
        cut(hits, *pipe);
    }
}
