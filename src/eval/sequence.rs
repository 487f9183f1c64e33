//! Sequences over a stream: one slot per key and stage (Elasticsearch: EQL, SequenceMatcher and TumblingWindow).
//!
//! A partial sequence is one cell of 64 bytes and its place in an index, found by the hash of its key and its stage. The hash
//! only finds: two keys are one when their values are, which are read again from the partial's first event.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::absence::{Absences, Absent, Waiting, millis, staged};
use super::key::{Key, KeyReader};
use super::order::Ordinal;
use super::program::Verdicts;
use super::queue::{MOST, Queue, Slab};
use crate::event::time::Instant;
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
    pub fn concerns(&self, verdicts: Verdicts<'_>, document: &dyn Document) -> bool {
        let mut stages = self.stages.iter().chain(&self.until);
        self.has_missing() || stages.any(|stage| verdicts.holds(stage.predicate, document))
    }

    /// The keys under which the event fits a stage or `until`, without repetition.
    pub fn keys(&self, verdicts: Verdicts<'_>, document: &dyn Document) -> Vec<Key> {
        let mut out: Vec<Key> = Vec::new();
        for stage in self.stages.iter().chain(&self.until) {
            if verdicts.holds(stage.predicate, document) {
                stage.keys.collect(document, &mut out);
            }
        }
        out
    }

    /// Whether a stage stands for the absence of an event, so that time alone can complete the sequence.
    pub fn has_missing(&self) -> bool {
        self.stages.len() > self.positive.len()
    }

    pub(super) const fn maxspan(&self) -> Option<Instant> {
        self.maxspan
    }

    /// Whether the first stage is an absence.
    pub(super) fn leads(&self) -> bool {
        self.stages.first().is_some_and(|stage| stage.missing)
    }

    /// Whether the last stage is an absence.
    pub(super) fn trails(&self) -> bool {
        self.stages.last().is_some_and(|stage| stage.missing)
    }

    /// The missing stages between positive stage `step` and the one before it.
    fn missing_before(&self, step: usize) -> std::ops::Range<usize> {
        let first = step.checked_sub(1).and_then(|before| self.positive.get(before)).map_or(0, |before| before + 1);
        first..self.positive.get(step).copied().unwrap_or(self.stages.len())
    }

    /// How many stages there are.
    pub(super) const fn len(&self) -> usize {
        self.stages.len()
    }

    /// How many events a sequence has.
    pub(super) const fn events(&self) -> usize {
        self.positive.len()
    }

    /// The one key of the event as the first of a sequence; `None` where it has several or none.
    pub(super) fn only_key(&self, event: &Event) -> Option<Key> {
        let keys = self.positive.first().map(|&at| self.stages[at].keys.keys(event, &mut 0)).unwrap_or_default();
        <[Key; 1]>::try_from(keys).ok().map(|[key]| key)
    }

    /// Whether this is the one key of the event as the first of a sequence.
    pub(super) fn is_only_key(&self, event: &Event, key: &Key) -> bool {
        self.positive.first().is_some_and(|&at| self.stages[at].keys.is_only(event, key))
    }

    /// The events with a place for each stage.
    pub(super) fn places<T>(&self, events: impl IntoIterator<Item = T>) -> Vec<Option<T>> {
        let mut events = events.into_iter();
        self.stages.iter().map(|stage| if stage.missing { None } else { events.next() }).collect()
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

/// An instant in 96 bits, a trillion years either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment([u32; 3]);

impl Moment {
    /// The earliest one stands for none.
    pub const NONE: Self = Self::new(-(1 << 95));

    pub const fn new(instant: Instant) -> Self {
        Self([instant as u32, (instant >> 32) as u32, (instant >> 64) as u32])
    }

    pub const fn instant(self) -> Instant {
        let [low, middle, high] = self.0;
        ((high as i32 as Instant) << 64) | ((middle as Instant) << 32) | low as Instant
    }

    pub fn or_none(instant: Option<Instant>) -> Self {
        instant.map_or(Self::NONE, Self::new)
    }

    pub fn some(self) -> Option<Instant> {
        (self != Self::NONE).then(|| self.instant())
    }
}

/// The instant, where [`Moment`] can hold it, else the nearest that it can.
fn bounded(instant: Instant) -> Instant {
    instant.clamp(1 - (1 << 95), (1 << 95) - 1)
}

/// A sequence under way. Its time is that of its first event.
#[derive(Debug)]
pub(super) struct Partial {
    pub first: Arc<Event>,
    /// The key, where the first event alone does not tell it because it has several.
    pub key: Option<Box<Key>>,
    pub start: Moment,
    /// The latest event of a leading missing stage.
    pub lead: Moment,
    /// The events after the first, from the last one back.
    pub links: u32,
    /// The number of its last positive stage.
    pub step: u8,
    /// Whether an event stood where none should.
    pub broken: bool,
}

/// A later event of a partial sequence.
#[derive(Debug)]
struct Link {
    event: Arc<Event>,
    time: Moment,
    before: u32,
}

/// No link.
pub(super) const FIRST: u32 = u32::MAX;

/// Counters of a run over sequences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SequenceStats {
    /// Sequences under way.
    pub live: usize,
    /// Sequences given up, absences forgotten, and keys of an event left out, because there were too many.
    pub evicted: u64,
}

/// The state of one sequence over a stream.
#[derive(Debug)]
pub struct SequenceRun {
    /// The sequences under way by key and stage; their age is that of their first events.
    partials: Queue<Partial>,
    links: Slab<Link>,
    /// How many partials each step has.
    steps: Vec<u32>,
    absences: Absences,
    /// Secret, so that nobody can choose keys that meet.
    hasher: RandomState,
    limit: usize,
    evicted: u64,
    took: bool,
}

/// An event on its way through the stages.
#[derive(Clone, Copy)]
struct Step<'a> {
    sequence: &'a Sequence,
    event: &'a Arc<Event>,
    now: Instant,
    step: usize,
    /// Whether the event has several keys.
    several: bool,
}

impl SequenceRun {
    /// An empty state that holds at most `limit` sequences under way.
    pub fn new(sequence: &Sequence, limit: usize) -> Self {
        Self {
            partials: Queue::default(),
            links: Slab::default(),
            steps: vec![0; sequence.positive.len()],
            absences: Absences::default(),
            hasher: RandomState::new(),
            limit: limit.clamp(1, MOST),
            evicted: 0,
            took: false,
        }
    }

    /// The counters.
    pub fn stats(&self) -> SequenceStats {
        SequenceStats { live: self.partials.len() + self.absences.waiting_len(), evicted: self.evicted }
    }

    /// Takes the next event in order; gives what is complete now.
    pub fn push(
        &mut self,
        sequence: &Sequence,
        verdicts: Verdicts<'_>,
        event: &Arc<Event>,
        ordinal: &Ordinal,
    ) -> Vec<Found> {
        let Some(now) = ordinal.timestamp else { return Vec::new() };
        let now = bounded(now);
        self.expire(sequence, now);
        let mut out = Vec::new();
        self.took = sequence.has_missing();
        if self.took {
            out = self.absences.settle(sequence, now);
            self.note_missing(sequence, verdicts, event.as_ref(), now, &mut out);
        }
        let mut completed = Vec::new();
        for (step, &stage) in sequence.positive.iter().enumerate().rev() {
            let stage = &sequence.stages[stage];
            if !verdicts.holds(stage.predicate, event.as_ref()) {
                continue;
            }
            self.took = true;
            if step > 0 && self.steps[step - 1] == 0 {
                continue;
            }
            let keys = stage.keys.keys(event.as_ref(), &mut self.evicted);
            let step = Step { sequence, event, now, step, several: keys.len() > 1 };
            for key in keys {
                let hash = self.hasher.hash_one(&key);
                completed.extend(self.step(step, hash, &key).map(|partial| (key, hash, partial)));
            }
        }
        self.until(sequence, verdicts, event.as_ref());
        completed.sort_by(|(a, ..), (b, ..)| a.compare(b));
        for (key, hash, partial) in completed {
            out.extend(self.complete(sequence, hash, partial, (key, ordinal, event)));
        }
        self.evict();
        out
    }

    /// Takes the time of a clock; gives what has waited long enough for an absence.
    pub fn advance(&mut self, sequence: &Sequence, now: Instant) -> Vec<Found> {
        let now = bounded(now);
        let out = self.absences.settle(sequence, now);
        self.expire(sequence, now);
        out
    }

    /// Whether the last event pushed [concerned](Sequence::concerns) the sequence.
    pub const fn took(&self) -> bool {
        self.took
    }

    /// Ends the stream: what waited for an absence has seen it.
    pub fn finish(&mut self, sequence: &Sequence) -> Vec<Found> {
        self.absences.finish(sequence)
    }

    /// Takes one event into the slot of its step; gives the sequence that it completes.
    fn step(&mut self, at: Step<'_>, hash: u64, key: &Key) -> Option<Partial> {
        let last = at.sequence.positive.len() - 1;
        if at.step == 0 {
            let leading = at.sequence.missing_before(0);
            let lead = leading.filter_map(|stage| self.absences.before(hash, stage, key, at.now)).max();
            let partial = Partial {
                first: Arc::clone(at.event),
                key: at.several.then(|| Box::new(key.clone())),
                start: Moment::new(at.now),
                lead: Moment::or_none(lead),
                links: FIRST,
                step: 0,
                broken: false,
            };
            if last == 0 {
                return Some(partial);
            }
            self.drop_slot(at.sequence, hash, key, 0);
            self.restore(hash, partial);
            return None;
        }
        let id = self.find(at.sequence, hash, key, at.step - 1)?;
        let partial = self.partials.get(id)?;
        let late = at.sequence.maxspan.is_some_and(|span| at.now - partial.start.instant() > span);
        if late {
            self.remove(id);
            return None;
        }
        let before = self.last_time(partial);
        let mut between = at.sequence.missing_before(at.step);
        let broken = between
            .any(|stage| self.absences.before(hash, stage, key, at.now).is_some_and(|t| millis(t) > millis(before)));
        if at.step == last {
            let mut partial = self.take(id)?;
            partial.broken |= broken;
            return Some(partial);
        }
        self.drop_slot(at.sequence, hash, key, at.step);
        self.promote(id, hash, at, broken);
        None
    }

    /// Moves a partial to its next step.
    fn promote(&mut self, id: u32, hash: u64, at: Step<'_>, broken: bool) {
        let Some(partial) = self.partials.get_mut(id) else { return };
        let link = Link { event: Arc::clone(at.event), time: Moment::new(at.now), before: partial.links };
        partial.links = self.links.insert(link);
        partial.step = at.step as u8;
        partial.broken |= broken;
        self.partials.refile(id, staged(hash, at.step));
        self.steps[at.step - 1] -= 1;
        self.steps[at.step] += 1;
    }

    fn find(&self, sequence: &Sequence, hash: u64, key: &Key, step: usize) -> Option<u32> {
        if self.steps[step] == 0 {
            return None;
        }
        self.partials.find(staged(hash, step), |partial| {
            usize::from(partial.step) == step
                && match &partial.key {
                    Some(known) => **known == *key,
                    None => sequence.is_only_key(&partial.first, key),
                }
        })
    }

    fn drop_slot(&mut self, sequence: &Sequence, hash: u64, key: &Key, step: usize) {
        if let Some(id) = self.find(sequence, hash, key, step) {
            self.remove(id);
        }
    }

    /// Takes a partial out; its links stay.
    fn take(&mut self, id: u32) -> Option<Partial> {
        let partial = self.partials.remove(id)?;
        self.steps[usize::from(partial.step)] -= 1;
        Some(partial)
    }

    fn remove(&mut self, id: u32) {
        if let Some(partial) = self.take(id) {
            self.unlink(partial.links);
        }
    }

    /// Takes links out; gives their events and times, the last first.
    fn unlink(&mut self, mut at: u32) -> Vec<(Arc<Event>, Instant)> {
        let mut out = Vec::new();
        while let Some(link) = self.links.remove(at) {
            out.push((link.event, link.time.instant()));
            at = link.before;
        }
        out
    }

    fn last_time(&self, partial: &Partial) -> Instant {
        self.links.get(partial.links).map_or(partial.start, |link| link.time).instant()
    }

    /// Drops what can no longer complete in time. It would be lost at its next step anyway.
    fn expire(&mut self, sequence: &Sequence, now: Instant) {
        let Some(span) = sequence.maxspan else { return };
        while let Some((id, _)) = self.partials.oldest().filter(|(_, oldest)| now - oldest.start.instant() > span) {
            self.remove(id);
        }
    }

    fn evict(&mut self) {
        self.evict_to(self.limit);
        self.evicted += self.absences.evict(self.limit);
    }

    fn evict_to(&mut self, limit: usize) {
        while self.partials.len() > limit
            && let Some((id, _)) = self.partials.oldest()
        {
            self.remove(id);
            self.evicted += 1;
        }
    }

    /// Gives up the older half of the sequences under way, and of those that wait for an absence.
    pub fn shed(&mut self) {
        self.evict_to(self.partials.len() / 2);
        self.evicted += self.absences.shed(self.absences.waiting_len() / 2);
    }

    fn until(&mut self, sequence: &Sequence, verdicts: Verdicts<'_>, document: &dyn Document) {
        let Some(until) = sequence.until.as_ref().filter(|until| verdicts.holds(until.predicate, document)) else {
            return;
        };
        self.took = true;
        if self.partials.len() == 0 {
            return;
        }
        for key in until.keys.keys(document, &mut self.evicted) {
            let hash = self.hasher.hash_one(&key);
            (0..self.steps.len()).for_each(|step| self.drop_slot(sequence, hash, &key, step));
        }
    }

    /// Keeps what matters of events that are to be absent, and tells them to what waits.
    fn note_missing(
        &mut self,
        sequence: &Sequence,
        verdicts: Verdicts<'_>,
        document: &dyn Document,
        now: Instant,
        out: &mut Vec<Found>,
    ) {
        let last = sequence.positive.last().copied().unwrap_or(0);
        for (at, stage) in sequence.stages.iter().enumerate().filter(|(_, stage)| stage.missing) {
            if !verdicts.holds(stage.predicate, document) {
                continue;
            }
            for key in stage.keys.keys(document, &mut self.evicted) {
                let hash = self.hasher.hash_one(&key);
                if at > last {
                    out.extend(self.absences.disturb(sequence, hash, &key, now));
                } else {
                    self.absences.note(hash, at, key, now);
                }
            }
        }
    }

    /// A sequence whose positive events are all there.
    fn complete(
        &mut self,
        sequence: &Sequence,
        hash: u64,
        partial: Partial,
        (key, end, event): (Key, &Ordinal, &Arc<Event>),
    ) -> Option<Found> {
        let mut events: Vec<Arc<Event>> = self.unlink(partial.links).into_iter().map(|(event, _)| event).collect();
        if partial.broken {
            return None;
        }
        events.reverse();
        let last = (sequence.positive.len() > 1).then(|| Arc::clone(event));
        let events = sequence.places(std::iter::once(partial.first).chain(events).chain(last));
        let found = Found { key, events, end: end.clone() };
        if !sequence.has_missing() {
            return Some(found);
        }
        let waiting = Waiting { found, start: partial.start.instant(), last_leading: partial.lead.some() };
        if sequence.trails() && !(sequence.leads() && waiting.last_leading.is_none()) {
            self.absences.wait(hash, waiting);
            return None;
        }
        waiting.accepted(sequence, None)
    }

    /// Files a partial under its step.
    fn restore(&mut self, hash: u64, partial: Partial) {
        let step = usize::from(partial.step);
        self.steps[step] += 1;
        self.partials.push(staged(hash, step), partial);
    }

    pub(super) fn parts(&self) -> (impl Iterator<Item = &Partial>, &Absences, u64) {
        (self.partials.iter(), &self.absences, self.evicted)
    }

    /// The events after the first, and their times.
    pub(super) fn later(&self, partial: &Partial) -> Vec<(&Arc<Event>, Instant)> {
        let mut out = Vec::new();
        let mut at = partial.links;
        while let Some(link) = self.links.get(at) {
            out.push((&link.event, link.time.instant()));
            at = link.before;
        }
        out.reverse();
        out
    }

    pub(super) fn load_chain(&mut self, key: &Key, mut partial: Partial, later: Vec<(Arc<Event>, Instant)>) {
        for (event, time) in later {
            partial.links = self.links.insert(Link { event, time: Moment::new(time), before: partial.links });
        }
        self.restore(self.hasher.hash_one(key), partial);
    }

    pub(super) fn load_absent(&mut self, absent: Absent) {
        self.absences.restore(self.hasher.hash_one(&absent.key), absent);
    }

    pub(super) fn load_waiting(&mut self, waiting: Waiting) {
        self.absences.wait(self.hasher.hash_one(&waiting.found.key), waiting);
    }

    pub(super) const fn count_evicted(&mut self, evicted: u64) {
        self.evicted += evicted;
    }
}
