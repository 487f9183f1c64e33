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
    if left.is_ascii() && right.is_ascii() && right.len() < ROW {
        return bounded(left.as_bytes(), right.as_bytes(), limit);
    }
    let lower = |name: &str| name.chars().flat_map(char::to_lowercase).collect::<String>();
    exact_distance(&lower(left), &lower(right), limit)
}

/// Longest name, less one, that is compared without allocating.
const ROW: usize = 80;

/// The distance of two ASCII names, of whose table only the cells within `limit` of its diagonal matter.
fn bounded(left: &[u8], right: &[u8], limit: usize) -> Option<usize> {
    let far = limit + 1;
    let mut row: [usize; ROW] = std::array::from_fn(|at| at.min(far));
    for (at, a) in left.iter().enumerate() {
        let (from, to) = (at.saturating_sub(limit), right.len().min(at + far));
        let mut corner = *row.get(from)?;
        *row.get_mut(from)? = if from == 0 { (at + 1).min(far) } else { far };
        let mut least = far;
        for column in from..to {
            let replaced = corner + usize::from(!a.eq_ignore_ascii_case(right.get(column)?));
            corner = *row.get(column + 1)?;
            let above = if column + 1 == at + far { far } else { corner };
            let cell = replaced.min(above + 1).min(*row.get(column)? + 1).min(far);
            *row.get_mut(column + 1)? = cell;
            least = least.min(cell);
        }
        if least == far && *row.get(from)? == far {
            return None;
        }
    }
    row.get(right.len()).copied().filter(|&cost| cost <= limit)
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

#[cfg(test)]
mod tests {
    use super::{bounded, exact_distance};

    #[test]
    fn the_band_holds_every_distance_within_the_limit() {
        let names = [
            "",
            "a",
            "host.name",
            "host.nmae",
            "hostname",
            "host.names",
            "process.name",
            "proces.nam",
            "name.host",
            "user.id",
        ];
        for left in names {
            for right in names {
                for limit in 1..=4 {
                    let found = bounded(left.as_bytes(), right.as_bytes(), limit);
                    assert_eq!(found, exact_distance(left, right, limit), "{left} {right} {limit}");
                }
            }
        }
    }
}
