//! The nearest names for a name that is not known.

/// The names of `known` that are most like `name`, best first, at most three.
///
/// ```
/// use elkhound::analysis::suggest::nearest;
/// assert_eq!(nearest("proces.name", ["process.name", "host.name"].into_iter()), ["process.name"]);
/// ```
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 4);
    let mut found: Vec<(usize, &str)> = known
        .filter(|other| other.len().abs_diff(name.len()) <= limit)
        .filter_map(|other| distance(name, other, limit).map(|distance| (distance, other)))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Insertions, deletions and replacements between two names, case aside; `None` beyond `limit`.
fn distance(left: &str, right: &str, limit: usize) -> Option<usize> {
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, a) in left.chars().flat_map(char::to_lowercase).enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, &b) in right.iter().enumerate() {
            let replaced = corner + usize::from(a != b);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
        if row.iter().all(|&cost| cost > limit) {
            return None;
        }
    }
    row.last().copied().filter(|&cost| cost <= limit)
}
