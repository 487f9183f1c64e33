//! Many ranges, and those among them that hold a number.

/// Ranges of numbers, each with a leaf.
///
/// A segment tree over the ends of the ranges: a range lies at the few nodes that make it up together, so that it takes about a
/// logarithm of room however the ranges overlap, and a number meets no range but its own.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    /// Until they are settled.
    pending: Vec<(u128, u128, u32)>,
    /// Where a range begins, or has just ended, ascending.
    bounds: Vec<u128>,
    /// The nodes: the root is number 1, the children of `n` are `2n` and `2n + 1`, the last ones begin at the bounds.
    nodes: Vec<Vec<u32>>,
}

impl Ranges {
    /// Adds a range with both ends; an empty one holds nothing.
    pub fn add(&mut self, first: u128, last: u128, leaf: u32) {
        if first <= last {
            self.pending.push((first, last, leaf));
        }
    }

    /// Builds the tree of all that was added.
    pub fn settle(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.bounds =
            pending.iter().flat_map(|(first, last, _)| [Some(*first), last.checked_add(1)]).flatten().collect();
        self.bounds.sort_unstable();
        self.bounds.dedup();
        let count = self.bounds.len();
        self.nodes.resize(2 * count, Vec::new());
        let place = |number: u128| count + self.bounds.partition_point(|&bound| bound < number);
        for (first, last, leaf) in pending {
            let (mut from, mut until) = (place(first), last.checked_add(1).map_or(2 * count, place));
            while from < until {
                if from % 2 == 1 {
                    self.nodes[from].push(leaf);
                    from += 1;
                }
                if until % 2 == 1 {
                    until -= 1;
                    self.nodes[until].push(leaf);
                }
                (from, until) = (from / 2, until / 2);
            }
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    /// Shows the leaves whose ranges hold the number; one with several such ranges more than once.
    pub fn find(&self, number: u128, found: &mut dyn FnMut(u32)) {
        let Some(place) = self.bounds.partition_point(|&bound| bound <= number).checked_sub(1) else { return };
        let mut node = self.bounds.len() + place;
        while let Some(leaves) = self.nodes.get(node).filter(|_| node > 0) {
            leaves.iter().for_each(|&leaf| found(leaf));
            node /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Ranges;

    #[test]
    fn a_number_meets_its_own_ranges() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u128::from((state >> 33) % below)
        };
        for count in 0..60 {
            let mut all: Vec<(u128, u128)> = (0..count).map(|_| (random(40), random(40))).collect();
            if count % 3 == 0 {
                all.push((u128::MAX - random(3), u128::MAX));
                all.push((0, u128::MAX));
            }
            let mut ranges = Ranges::default();
            (0_u32..).zip(&all).for_each(|(leaf, (first, last))| ranges.add(*first, *last, leaf));
            ranges.settle();
            for number in (0..42).chain(u128::MAX - 4..=u128::MAX) {
                let mut found = BTreeSet::new();
                ranges.find(number, &mut |leaf| assert!(found.insert(leaf), "once"));
                let holds = |(_, (first, last)): &(u32, &(u128, u128))| *first <= number && number <= *last;
                let wanted = (0_u32..).zip(&all).filter(holds).map(|(leaf, _)| leaf).collect();
                assert_eq!(found, wanted, "{number} in {all:?}");
            }
        }
    }
}
