//! [`QuerySet`]: many queries over one event at once.

use std::sync::Arc;

use super::{Kind, Query};
use crate::eval::set::{Set, SetScratch};
use crate::eval::{CompileError, Limits, Program};
use crate::event::{BlockLayout, Document, Event, EventError, Layout, Listed, Record, Scratch};
use crate::plan::{Predicate, QueryKind};

/// Queries of either language, compiled together: equal questions are asked once, and an event meets only the queries that it
/// could satisfy. Cheap to clone.
///
/// A query on single events is in the answer when the event satisfies it; a sequence or sample, when the event is one of a
/// stage or of `until`, so that its [`super::Run`] has to see it.
///
/// ```
/// use elkhound::event::Event;
/// use elkhound::query::{Matches, Query, QuerySet};
/// let set = QuerySet::new(&[Query::kql("user.name: root")?, Query::eql("any where user.name : \"r*\"")?])?;
/// let mut matches = Matches::default();
/// assert_eq!(set.matches_json(br#"{"user": {"name": "root"}}"#, &mut matches)?, [0, 1]);
/// assert_eq!(set.matches(&Event::from_json(r#"{"user": {"name": "rob"}}"#)?, &mut matches), [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct QuerySet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    set: Set,
    /// The query of each predicate of the set.
    owners: Vec<u32>,
    /// The first predicate of each query, and at last how many there are.
    #[cfg(feature = "rules")]
    starts: Vec<u32>,
    /// For each query, the fields that are read once it is known to be concerned.
    reads: Vec<Box<[u32]>>,
    /// Queries that have to see every event.
    every: Vec<u32>,
    /// Whether each query has one filter, and so the number of its filter.
    is_plain: bool,
}

/// Memory for asking a [`QuerySet`], used again for each event.
#[derive(Debug, Clone, Default)]
pub struct Matches {
    set: SetScratch,
    record: Scratch,
    found: Vec<u32>,
}

impl Matches {
    /// How many filters were evaluated since the beginning: the candidates that the index could not rule out.
    pub const fn candidates(&self) -> u64 {
        self.set.candidates()
    }

    /// How many questions were asked since the beginning.
    pub const fn asked(&self) -> u64 {
        self.set.asked()
    }
}

/// What a set is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetStats {
    /// Filters: one for each event query, one for each stage of the others.
    pub filters: usize,
    /// Different questions that they ask.
    pub questions: usize,
    /// Filters that no index finds, so that every event meets them.
    pub unindexed: usize,
    /// Filters that are found by the question that finds most of them: an event that answers it meets them all.
    pub crowd: usize,
    /// Queries that have to see every event: those in which absence counts, and those in the Endgame dialect.
    pub every: usize,
}

/// Most filters that are noted with an event.
const NOTED: usize = 64;

impl QuerySet {
    /// Compiles queries together; [`QuerySet::matches`] counts them from 0.
    ///
    /// # Errors
    /// Never for queries that were compiled with the limits of their settings or lower ones than these: the widest apply.
    pub fn new(queries: &[Query]) -> Result<Self, CompileError> {
        Self::with_fields(queries, &[])
    }

    /// The same, which reads for each query some fields besides those that decide, and keeps them with the events that concern it.
    pub(crate) fn with_fields(queries: &[Query], also: &[Vec<&str>]) -> Result<Self, CompileError> {
        let mut filters: Vec<&Predicate> = Vec::new();
        let mut owners = Vec::new();
        let mut every = Vec::new();
        let mut limits = Limits::default();
        for (at, query) in queries.iter().enumerate() {
            let own = query.0.settings.limits;
            limits = Limits { terms: limits.terms.max(own.terms), regex: limits.regex.max(own.regex) };
            let start = filters.len();
            match (&query.0.kind, &query.0.plan.kind) {
                (Kind::Endgame(_), _) => every.push(at as u32),
                (_, kind) => {
                    if matches!(kind, QueryKind::Sequence(sequence) if sequence.stages.iter().any(|stage| stage.missing))
                    {
                        every.push(at as u32);
                    }
                    filters.extend(kind.filters());
                }
            }
            owners.resize(owners.len() + filters.len() - start, at as u32);
        }
        let mut program = Program::compile(&filters, limits)?;
        let reads = program.read_also(also);
        let set = Set::new(program);
        let is_plain = every.is_empty() && owners.iter().copied().eq(0..queries.len() as u32);
        #[cfg(feature = "rules")]
        let starts = (0..=queries.len() as u32).map(|at| owners.partition_point(|&owner| owner < at) as u32).collect();
        Ok(Self(Arc::new(Inner {
            set,
            owners,
            #[cfg(feature = "rules")]
            starts,
            reads,
            every,
            is_plain,
        })))
    }

    /// A set of no query.
    pub(super) fn empty() -> Self {
        Self(Arc::new(Inner {
            set: Set::new(Program::default()),
            owners: Vec::new(),
            #[cfg(feature = "rules")]
            starts: Vec::new(),
            reads: Vec::new(),
            every: Vec::new(),
            is_plain: true,
        }))
    }

    /// The event behind a record that was read along the layout of the set, with what the queries need that it concerns; `None`
    /// where it fits no filter. Of one that fits very many nothing is noted: it takes no more memory than any other.
    pub(super) fn keep(&self, record: Record<'_>, layout: &BlockLayout, scratch: &mut SetScratch) -> Option<Event> {
        let Inner { set, owners, reads, .. } = &*self.0;
        let filters = set.matches(&record, scratch);
        if filters.is_empty() {
            return None;
        }
        if filters.len() > NOTED {
            return Some(record.keep(layout, None, &[]));
        }
        let read = |filter: &u32| reads.get(owners[*filter as usize] as usize).map_or(&[][..], |fields| fields);
        Some(record.keep(layout, Some(filters), filters.iter().flat_map(read)))
    }

    /// The queries that the event concerns, in ascending order, and for each which of its filters the event fits, where the bits
    /// of a number can tell. An event that a batch of this set has read knows that.
    #[cfg(feature = "rules")]
    pub(crate) fn concerned(&self, event: &Event, matches: &mut Matches) -> Vec<(usize, Option<u64>)> {
        let Inner { set, owners, starts, every, .. } = &*self.0;
        let mut out: Vec<(u32, u64)> = every.iter().map(|&query| (query, 0)).collect();
        let of = |filter: u32| {
            let query = owners[filter as usize];
            (query, 1 << (filter - starts[query as usize]).min(63))
        };
        match event.answer(set.layout()) {
            Some(filters) => out.extend(filters.map(of)),
            None => {
                let filters = self.filters(event, &mut matches.set, &mut matches.record);
                out.extend(filters.iter().copied().map(of));
            }
        }
        out.sort_unstable_by_key(|(query, _)| *query);
        out.dedup_by(|(query, bits), (before, all)| {
            *all |= if query == before { *bits } else { 0 };
            query == before
        });
        let filters = |query: u32| starts[query as usize + 1] - starts[query as usize];
        let known = |(query, bits): (u32, u64)| (query as usize, (1..=64).contains(&filters(query)).then_some(bits));
        out.into_iter().map(known).collect()
    }

    /// The queries that the event concerns, in ascending order.
    pub fn matches<'s>(&self, event: &dyn Document, matches: &'s mut Matches) -> &'s [u32] {
        let filters = self.filters(event, &mut matches.set, &mut matches.record);
        self.find(filters, &mut matches.found);
        &matches.found
    }

    /// The filters that a document fits.
    fn filters<'s>(&self, event: &dyn Document, scratch: &'s mut SetScratch, record: &mut Scratch) -> &'s [u32] {
        match Listed::of(event, self.layout(), record) {
            Some(listed) => self.0.set.matches(&listed, scratch),
            None => self.0.set.matches(&event, scratch),
        }
    }

    /// The queries of filters, and those that have to see every event.
    fn find(&self, filters: &[u32], found: &mut Vec<u32>) {
        let Inner { owners, every, is_plain, .. } = &*self.0;
        found.clear();
        if *is_plain {
            found.extend_from_slice(filters);
            return;
        }
        found.extend(every);
        found.extend(filters.iter().map(|&filter| owners[filter as usize]));
        found.sort_unstable();
        found.dedup();
    }

    /// As [`QuerySet::matches`], from an event's JSON text, of which only the fields that matter are read.
    ///
    /// # Errors
    /// As [`crate::event::Event::from_json`].
    pub fn matches_json<'s>(&self, text: &[u8], matches: &'s mut Matches) -> Result<&'s [u32], EventError> {
        let record = Record::read(text, self.layout(), &mut matches.record)?;
        self.find(self.0.set.matches(&record, &mut matches.set), &mut matches.found);
        Ok(&matches.found)
    }

    /// The fields that are read, for [`Record::read`].
    pub fn layout(&self) -> &Arc<Layout> {
        self.0.set.layout()
    }

    /// For each query, how often one of its filters was evaluated by this set: the index could not rule it out.
    pub fn candidates(&self, matches: &Matches) -> Vec<u64> {
        let mut out = Vec::new();
        for (&owner, &count) in self.0.owners.iter().zip(matches.set.evaluated()) {
            out.resize(out.len().max(owner as usize + 1), 0);
            out[owner as usize] += count;
        }
        out
    }

    /// What the set is made of.
    pub fn stats(&self) -> SetStats {
        let Inner { set, owners, every, .. } = &*self.0;
        SetStats {
            filters: owners.len(),
            questions: set.questions(),
            unindexed: set.unindexed(),
            crowd: set.crowd(),
            every: every.len(),
        }
    }
}
