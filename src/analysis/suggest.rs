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
    let (limit, letters) = (limit(name), Letters::of(name));
    let distance = |other| distance(letters.as_ref(), name, other, limit);
    let mut found: Vec<(usize, &str)> = known
        .filter(|other| other.len().abs_diff(name.len()) <= limit)
        .filter_map(|other| distance(other).map(|distance| (distance, other)))
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
fn distance(letters: Option<&Letters>, name: &str, other: &str, limit: usize) -> Option<usize> {
    if let Some(letters) = letters.filter(|_| other.is_ascii()) {
        return letters.distance(other.as_bytes(), limit);
    }
    let lower = |name: &str| name.chars().flat_map(char::to_lowercase).collect::<String>();
    exact_distance(&lower(name), &lower(other), limit)
}

/// A name of up to 64 ASCII characters: for each character the places where it stands, case aside.
struct Letters {
    places: [u64; 128],
    length: usize,
}

impl Letters {
    fn of(name: &str) -> Option<Self> {
        if !name.is_ascii() || !(1..=64).contains(&name.len()) {
            return None;
        }
        let mut places = [0; 128];
        for (at, byte) in name.bytes().enumerate() {
            places[usize::from(byte.to_ascii_lowercase() & 127)] |= 1 << at;
        }
        Some(Self { places, length: name.len() })
    }

    /// The distance to an ASCII name, by a column of the usual table at a time: one bit a row says whether the cell is one more
    /// than the cell above it, another whether it is one less (Myers 1999).
    fn distance(&self, other: &[u8], limit: usize) -> Option<usize> {
        let last = 1_u64 << (self.length - 1);
        let (mut more, mut less, mut cost) = (u64::MAX, 0, self.length);
        for (at, byte) in other.iter().enumerate() {
            let same = self.places[usize::from(byte.to_ascii_lowercase() & 127)];
            let free = same | less;
            let kept = ((same & more).wrapping_add(more) ^ more) | same;
            let (grows, shrinks) = (less | !(kept | more), more & kept);
            cost = cost + usize::from(grows & last != 0) - usize::from(shrinks & last != 0);
            // Each character that is left takes off one at most.
            if cost > limit + other.len() - at - 1 {
                return None;
            }
            let grows = grows << 1 | 1;
            more = shrinks << 1 | !(free | grows);
            less = grows & free;
        }
        (cost <= limit).then_some(cost)
    }
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
    use super::{Letters, distance, exact_distance};

    #[test]
    fn bits_give_every_distance_within_the_limit() {
        let long = "a.name.of.sixty.four.letters.which.is.as.many.as.a.word.has.bits";
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
            long,
            &long[1..],
            &format!("{long}x"),
        ];
        for left in names {
            for right in names {
                for limit in 1..=4 {
                    let found = distance(Letters::of(left).as_ref(), left, right, limit);
                    assert_eq!(found, exact_distance(left, right, limit), "{left} {right} {limit}");
                }
            }
        }
    }
}
