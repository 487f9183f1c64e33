//! Sequences over a stream: one slot per key and stage (Elasticsearch: EQL, SequenceMatcher and TumblingWindow).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;

use super::key::{Key, KeyReader};
use super::order::Ordinal;
use super::program::Program;
use crate::event::time::{Instant, MILLISECOND};
use crate::event::{Document, Event};
use crate::plan;

/// A sequence, compiled: which predicate of the program each stage is, and how its keys are read.
#[derive(Debug)]
pub struct Sequence {
    stages: Vec<Stage>,
    until: Option<Stage>,
    maxspan: Option<Instant>,
    /// Indices of the stages whose events are there.
    positive: Vec<usize>,
}

#[derive(Debug)]
struct Stage {
    predicate: usize,
    keys: KeyReader,
    missing: bool,
}

impl Sequence {
    /// Compiles a sequence whose stage filters are predicates `first…` of a program, `until` last.
    pub fn new(plan: &plan::Sequence, first: usize) -> Self {
        let stage = |(at, stage): (usize, &plan::Stage)| Stage {
            predicate: first + at,
            keys: KeyReader::new(&stage.keys),
            missing: stage.missing,
        };
        let stages: Vec<Stage> = plan.stages.iter().enumerate().map(stage).collect();
        let until = plan.until.as_ref().map(|until| stage((stages.len(), until)));
        let positive = stages.iter().enumerate().filter(|(_, stage)| !stage.missing).map(|(at, _)| at).collect();
        Self { stages, until, maxspan: plan.maxspan, positive }
    }

    /// Whether the event is one of a stage, or the passing of its time means something.
    pub fn concerns(&self, program: &Program, document: &dyn Document) -> bool {
        let mut stages = self.stages.iter().chain(&self.until);
        self.has_missing() || stages.any(|stage| program.matches(stage.predicate, document))
    }

    /// The keys under which the event fits a stage or `until`, without repetition.
    pub fn keys(&self, program: &Program, document: &dyn Document) -> Vec<Key> {
        let mut out: Vec<Key> = Vec::new();
        for stage in self.stages.iter().chain(&self.until) {
            if program.matches(stage.predicate, document) {
                stage.keys.collect(document, &mut out);
            }
        }
        out
    }

    /// Whether a stage stands for the absence of an event, so that time alone can complete the sequence.
    pub fn has_missing(&self) -> bool {
        self.stages.len() > self.positive.len()
    }
}

/// A completed sequence.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its key values.
    pub key: Key,
    /// Its events, `None` for missing ones.
    pub events: Vec<Option<Arc<Event>>>,
    /// Where its last event stands.
    pub end: Ordinal,
}

/// A sequence under way: the events so far.
#[derive(Debug, Clone)]
struct Partial {
    start: Instant,
    events: Vec<Link>,
    /// Its number among all that began, for the queue of deadlines.
    serial: u64,
}

#[derive(Debug, Clone)]
struct Link {
    event: Arc<Event>,
    timestamp: Instant,
}

/// A complete sequence that still waits for the absence of an event after it.
#[derive(Debug)]
struct Waiting {
    found: Found,
    start: Instant,
    last_leading: Option<Instant>,
    first_trailing: Option<Instant>,
}

/// Counters of a run over sequences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SequenceStats {
    /// Sequences under way.
    pub live: usize,
    /// Sequences given up because there were too many.
    pub evicted: u64,
}

/// The state of one sequence over a stream.
#[derive(Debug)]
pub struct SequenceRun {
    pending: HashMap<Key, Vec<Option<Partial>>>,
    /// Every partial by start and number, so that the oldest are found without a scan.
    starts: BTreeMap<(Instant, u64), Arc<Key>>,
    /// Timestamps of the events of each missing stage, by key.
    absent: Vec<HashMap<Key, VecDeque<Instant>>>,
    waiting: Vec<Waiting>,
    limit: usize,
    serial: u64,
    evicted: u64,
    swept: Instant,
    took: bool,
}

impl SequenceRun {
    /// An empty state that holds at most `limit` sequences under way.
    pub fn new(sequence: &Sequence, limit: usize) -> Self {
        Self {
            pending: HashMap::new(),
            starts: BTreeMap::new(),
            absent: sequence.stages.iter().map(|_| HashMap::new()).collect(),
            waiting: Vec::new(),
            limit: limit.max(1),
            serial: 0,
            evicted: 0,
            swept: Instant::MIN,
            took: false,
        }
    }

    /// The counters.
    pub fn stats(&self) -> SequenceStats {
        SequenceStats { live: self.starts.len() + self.waiting.len(), evicted: self.evicted }
    }

    /// Takes the next event in order; gives what is complete now.
    pub fn push(
        &mut self,
        sequence: &Sequence,
        program: &Program,
        event: &Arc<Event>,
        ordinal: &Ordinal,
    ) -> Vec<Found> {
        let Some(now) = ordinal.timestamp else { return Vec::new() };
        let document: &dyn Document = event.as_ref();
        let mut out = self.settle(sequence, now);
        self.expire(sequence, now);
        self.note_missing(sequence, program, document, now);
        self.took = sequence.has_missing();
        let mut completed = Vec::new();
        for (step, &stage) in sequence.positive.iter().enumerate().rev() {
            let stage = &sequence.stages[stage];
            if !program.matches(stage.predicate, document) {
                continue;
            }
            self.took = true;
            let link = Link { event: Arc::clone(event), timestamp: now };
            for key in stage.keys.keys(document) {
                if let Some(partial) = self.step(sequence, step, &key, link.clone()) {
                    completed.push((key, partial));
                }
            }
        }
        self.until(sequence, program, document);
        completed.sort_by(|(a, _), (b, _)| a.compare(b));
        for (key, partial) in completed {
            out.extend(self.complete(sequence, key, partial, ordinal));
        }
        self.evict();
        out
    }

    /// Takes the time of a clock; gives what has waited long enough for an absence.
    pub fn advance(&mut self, sequence: &Sequence, now: Instant) -> Vec<Found> {
        let out = self.settle(sequence, now);
        self.expire(sequence, now);
        out
    }

    /// Whether the last event pushed [concerned](Sequence::concerns) the sequence.
    pub const fn took(&self) -> bool {
        self.took
    }

    /// Ends the stream: what waited for an absence has seen it, unless what should be absent came last.
    pub fn finish(&mut self, sequence: &Sequence) -> Vec<Found> {
        self.waiting.drain(..).filter(|waiting| waiting.accepted(sequence)).map(|waiting| waiting.found).collect()
    }

    /// Takes one event into the slot of `step`; gives the sequence if it is complete.
    fn step(&mut self, sequence: &Sequence, step: usize, key: &Key, link: Link) -> Option<Partial> {
        let last = sequence.positive.len() - 1;
        let partial = if step == 0 {
            self.serial += 1;
            Partial { start: link.timestamp, events: vec![link], serial: self.serial }
        } else {
            let slots = self.pending.get_mut(key)?;
            let mut partial = slots[step - 1].take()?;
            self.starts.remove(&(partial.start, partial.serial));
            self.drop_empty(key);
            if sequence.maxspan.is_some_and(|span| link.timestamp - partial.start > span) {
                return None;
            }
            partial.events.push(link);
            partial
        };
        if step == last {
            return Some(partial);
        }
        self.put(key, step, partial, last);
        None
    }

    fn put(&mut self, key: &Key, step: usize, partial: Partial, slots: usize) {
        self.starts.insert((partial.start, partial.serial), Arc::new(key.clone()));
        let row = self.pending.entry(key.clone()).or_insert_with(|| vec![None; slots]);
        if let Some(replaced) = row[step].replace(partial) {
            self.starts.remove(&(replaced.start, replaced.serial));
        }
    }

    fn drop_empty(&mut self, key: &Key) {
        if self.pending.get(key).is_some_and(|slots| slots.iter().all(Option::is_none)) {
            self.pending.remove(key);
        }
    }

    fn remove(&mut self, key: &Key, serial: u64) {
        if let Some(slots) = self.pending.get_mut(key) {
            for slot in slots.iter_mut() {
                if slot.as_ref().is_some_and(|partial| partial.serial == serial) {
                    *slot = None;
                }
            }
        }
        self.drop_empty(key);
    }

    /// Drops what can no longer complete in time. It would be lost at its next step anyway.
    fn expire(&mut self, sequence: &Sequence, now: Instant) {
        let Some(span) = sequence.maxspan else { return };
        while let Some(oldest) = self.starts.first_entry().filter(|oldest| now - oldest.key().0 > span) {
            let ((_, serial), key) = oldest.remove_entry();
            self.remove(&key, serial);
        }
        if sequence.has_missing() && now.saturating_sub(self.swept) > span {
            self.swept = now;
            for stage in &mut self.absent {
                stage.retain(|_, times| times.back().is_some_and(|&last| now - last <= span));
            }
        }
    }

    fn evict(&mut self) {
        while self.starts.len() > self.limit {
            let Some(((_, serial), key)) = self.starts.pop_first() else { return };
            self.remove(&key, serial);
            self.evicted += 1;
        }
        if self.waiting.len() > self.limit {
            let surplus = self.waiting.len() - self.limit;
            self.waiting.drain(..surplus);
            self.evicted += surplus as u64;
        }
    }

    fn until(&mut self, sequence: &Sequence, program: &Program, document: &dyn Document) {
        let Some(until) = sequence.until.as_ref().filter(|until| program.matches(until.predicate, document)) else {
            return;
        };
        self.took = true;
        for key in until.keys.keys(document) {
            for partial in self.pending.remove(&key).into_iter().flatten().flatten() {
                self.starts.remove(&(partial.start, partial.serial));
            }
        }
    }

    /// Keeps the times of events that are to be absent, and tells them to what waits.
    fn note_missing(&mut self, sequence: &Sequence, program: &Program, document: &dyn Document, now: Instant) {
        if !sequence.has_missing() {
            return;
        }
        let last = sequence.positive.last().copied().unwrap_or(0);
        for (at, stage) in sequence.stages.iter().enumerate().filter(|(_, stage)| stage.missing) {
            if !program.matches(stage.predicate, document) {
                continue;
            }
            let keys = stage.keys.keys(document);
            if at > last {
                for waiting in self.waiting.iter_mut().filter(|waiting| keys.contains(&waiting.found.key)) {
                    if millis(now) > millis(waiting.found.end.timestamp.unwrap_or(now)) {
                        waiting.first_trailing.get_or_insert(now);
                    }
                }
            }
            for key in keys {
                let times = self.absent[at].entry(key).or_default();
                times.push_back(now);
                if let Some(span) = sequence.maxspan {
                    while times.len() > 1 && times.front().is_some_and(|&first| now - first > 2 * span) {
                        times.pop_front();
                    }
                }
            }
        }
    }

    /// A sequence whose positive events are all there.
    fn complete(&mut self, sequence: &Sequence, key: Key, partial: Partial, end: &Ordinal) -> Option<Found> {
        let mut links = partial.events.iter();
        let events = sequence
            .stages
            .iter()
            .map(|stage| if stage.missing { None } else { links.next().map(|link| Arc::clone(&link.event)) })
            .collect();
        let found = Found { key, events, end: end.clone() };
        if !sequence.has_missing() {
            return Some(found);
        }
        let last_leading = self.check_before(sequence, &found.key, &partial.events)?;
        let waiting = Waiting { found, start: partial.start, last_leading, first_trailing: None };
        let trailing = sequence.stages.last().is_some_and(|stage| stage.missing);
        let leading = sequence.stages.first().is_some_and(|stage| stage.missing);
        if trailing && !(leading && last_leading.is_none()) {
            self.waiting.push(waiting);
            return None;
        }
        waiting.accepted(sequence).then_some(waiting.found)
    }

    /// The last leading event, if any; `None` where an event stands between two that should have none between them.
    fn check_before(&self, sequence: &Sequence, key: &Key, links: &[Link]) -> Option<Option<Instant>> {
        let mut last_leading = None;
        let mut before = 0;
        for (at, stage) in sequence.stages.iter().enumerate() {
            if !stage.missing {
                before += 1;
                continue;
            }
            let Some(times) = self.absent[at].get(key) else { continue };
            let time = |index: usize| links.get(index).map(|link| millis(link.timestamp));
            if before == 0 {
                let first = time(0)?;
                last_leading = last_leading.max(times.iter().rev().copied().find(|&t| millis(t) < first));
                continue;
            }
            if let (Some(low), Some(high)) = (time(before - 1), time(before))
                && times.iter().any(|&t| low < millis(t) && millis(t) < high)
            {
                return None;
            }
        }
        Some(last_leading)
    }

    /// Decides what has waited long enough by `now`.
    fn settle(&mut self, sequence: &Sequence, now: Instant) -> Vec<Found> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let span = sequence.maxspan.unwrap_or(Instant::MAX);
        let (ready, waiting) =
            self.waiting.drain(..).partition(|waiting| waiting.first_trailing.is_some() || now - waiting.start > span);
        self.waiting = waiting;
        let ready: Vec<Waiting> = ready;
        ready.into_iter().filter(|waiting| waiting.accepted(sequence)).map(|waiting| waiting.found).collect()
    }
}

impl Waiting {
    /// Whether some window of `maxspan` holds the events and none of those that should be absent
    /// (Elasticsearch: EQL, `doCheckMissingEvents`).
    fn accepted(&self, sequence: &Sequence) -> bool {
        let span = sequence.maxspan.unwrap_or(Instant::MAX);
        let first = sequence.stages.first().is_some_and(|stage| stage.missing);
        let last = sequence.stages.last().is_some_and(|stage| stage.missing);
        let end = self.found.end.timestamp.unwrap_or(self.start);
        let longer = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
            (Some(from), Some(to)) => millis(to) - millis(from) > span / MILLISECOND,
            _ => false,
        };
        match (self.last_leading, self.first_trailing) {
            (None, None) => true,
            (None, _) if first => true,
            (_, None) if last => true,
            (leading, trailing) => match (first, last) {
                (true, true) => longer(leading, trailing),
                (true, false) => longer(leading, Some(end)),
                (false, true) => longer(Some(self.start), trailing),
                (false, false) => false,
            },
        }
    }
}

const fn millis(instant: Instant) -> Instant {
    instant.div_euclid(MILLISECOND)
}
