//! The nearest names for a name that is not known.

use crate::schema::Schema;

/// The declared fields whose names are most like `name`, best first, at most three.
pub fn nearest_fields<'a>(name: &'a str, schema: &'a Schema) -> Vec<&'a str> {
    nearest(name, schema.names_like(name, limit(name)))
}

/// The names of `known` that are most like `name`, best first, at most three.
///
/// ```
/// use elkhound::analysis::suggest::nearest;
/// assert_eq!(nearest("proces.name", ["process.name", "host.name"].into_iter()), ["process.name"]);
/// ```
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = limit(name);
    let mut found: Vec<(usize, &str)> = known
        .filter(|other| other.len().abs_diff(name.len()) <= limit)
        .filter_map(|other| distance(name, other, limit).map(|distance| (distance, other)))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How many letters of a name may differ; another letter is not like a name of one.
fn limit(name: &str) -> usize {
    let length = name.chars().count();
    (length / 3).clamp(usize::from(length > 1), 4)
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

/// The names that Elasticsearch offers for an unknown one: at least half of the letters in place, best first.
pub fn similar<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let length = name.chars().count();
    let mut found: Vec<(usize, usize, &str)> = known
        .filter_map(|other| {
            let longest = length.max(other.chars().count());
            let distance = exact_distance(name, other, longest / 2)?;
            // Compared as fractions, in parts of a thousand.
            (2 * distance <= longest && distance < longest).then_some((distance * 1000 / longest, other.len(), other))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, _, name)| name).collect()
}

/// Elasticsearch's way to offer names: `, did you mean [x]?`, `, did you mean any of [x, y]?`.
pub fn did_you_mean(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => format!(", did you mean [{only}]?"),
        several => format!(", did you mean any of [{}]?", several.join(", ")),
    }
}

fn exact_distance(left: &str, right: &str, limit: usize) -> Option<usize> {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, a) in left.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, &b) in right.iter().enumerate() {
            let replaced = corner + usize::from(a != b);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row.last().copied().filter(|&cost| cost <= limit)
}
