//! Which questions a predicate is filed under.

use hashbrown::HashMap;

use super::flat::{Flat, Op};
use super::index::Entry;
use super::matcher::{Ask, Asker, Leaf};

/// Fields of which every event has one of a few values.
const COMMON: &[&str] = &[
    "event.category",
    "event.kind",
    "event.type",
    "event.outcome",
    "event.action",
    "event.module",
    "event.dataset",
    "data_stream.dataset",
    "host.os.type",
    "host.os.family",
    "host.os.platform",
    "agent.type",
    "network.transport",
    "network.direction",
];

/// How often a question is likely answered yes, and what it costs to be found; less is better. `None` where the index does not
/// reach it.
pub(super) type Weights = Vec<Option<f64>>;

/// A text that many questions ask for is one that many events have.
type Popular<'a> = HashMap<(u32, &'a str), f64>;

/// The weights of all questions.
pub(super) fn weights(leaves: &[Leaf], entries: &[Option<Vec<Entry>>], uses: &[u32]) -> Weights {
    let mut popular = Popular::new();
    for (leaf, entries) in leaves.iter().zip(entries) {
        for entry in entries.iter().flatten() {
            if let Entry::Term(text) | Entry::Literal(text) = entry {
                *popular.entry((leaf.field.id(), text.as_str())).or_default() += 1.0;
            }
        }
    }
    let each = leaves.iter().zip(entries).zip(uses);
    each.map(|((leaf, entries), &uses)| weight(leaf, entries.as_deref(), f64::from(uses), &popular)).collect()
}

fn weight(leaf: &Leaf, entries: Option<&[Entry]>, uses: f64, popular: &Popular<'_>) -> Option<f64> {
    let Asker::Values { ask, .. } = &leaf.asker else { return None };
    let common = if COMMON.contains(&leaf.field.path()) { 40.0 } else { 1.0 };
    let known = |text: &String| popular.get(&(leaf.field.id(), text.as_str())).copied().unwrap_or(1.0);
    let of = |entry: &Entry| match entry {
        Entry::Integer(_) => common + 0.01,
        Entry::Term(text) => common + 0.01 + 0.05 * known(text),
        Entry::Literal(text) => common * (1.0 + 8.0 / text.len() as f64) * (1.0 + 0.2 * known(text)),
        Entry::Addresses(first, last) => common + 0.6 * bits(last - first),
        Entry::Span(low, high) => common + 0.6 * bits(high.abs_diff(*low).into()),
    };
    let most = if matches!(ask, Ask::Ips(_) | Ask::NumberRange(..)) { 60.0 + common } else { 200.0 };
    let found = match entries {
        Some(entries) => entries.iter().map(of).sum::<f64>().min(most),
        None => match ask {
            Ask::Exists => 150.0,
            Ask::Bools(..) => 120.0,
            _ => 60.0 + common,
        },
    };
    Some(found * (1.0 + uses.min(40.0) / 40.0))
}

/// How many bits tell the numbers of a range apart.
fn bits(width: u128) -> f64 {
    f64::from(u128::BITS - width.leading_zeros())
}

/// The lightest set of questions of which one is answered yes whenever the op holds, or does not hold where `negated`.
pub(super) fn witness(flat: &Flat, op: u32, negated: bool, weights: &Weights) -> Option<(f64, Vec<u32>)> {
    let of = |item: &u32, negated| witness(flat, *item, negated, weights);
    match (flat.ops.get(op as usize)?, negated) {
        (Op::Const(value), _) if *value == negated => Some((0.0, Vec::new())),
        (Op::Const(_) | Op::List(_) | Op::Nested(_), _) | (Op::Leaf(_), true) => None,
        (Op::Leaf(leaf), false) => Some((weights.get(*leaf as usize).copied().flatten()?, vec![*leaf])),
        (Op::Not(inner), _) => of(inner, !negated),
        (Op::And(items), false) | (Op::Or(items), true) => {
            let each = items.of(&flat.items).iter().filter_map(|item| of(item, negated));
            each.min_by(|left, right| left.0.total_cmp(&right.0))
        }
        (Op::Or(items), false) | (Op::And(items), true) => {
            let mut all = (0.0, Vec::new());
            for item in items.of(&flat.items) {
                let (weight, leaves) = of(item, negated)?;
                all.0 += weight;
                all.1.extend(leaves);
            }
            Some(all)
        }
    }
}
