//! The order of versions (Elasticsearch: version field).

use std::cmp::Ordering;

/// The order of two versions: by precedence; a pre-release before its release; texts that are no versions after all that are,
/// in the order of their bytes.
///
/// ```
/// use elkhound::text::compare_versions;
/// assert!(compare_versions("1.11.3", "1.5.0").is_gt());
/// assert!(compare_versions("1.2.4-SNAPSHOT", "1.2.4").is_lt());
/// assert!(compare_versions("bad", "1.5.0").is_gt());
/// ```
pub fn compare_versions(left: &str, right: &str) -> Ordering {
    match (Version::of(left), Version::of(right)) {
        (Some(a), Some(b)) => a.compare(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

struct Version<'a> {
    main: Vec<&'a str>,
    pre: Option<Vec<&'a str>>,
    build: Option<&'a str>,
}

impl<'a> Version<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (rest, build) = match text.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (text, None),
        };
        let (main, pre) = match rest.split_once('-') {
            Some((main, pre)) => (main, Some(pre)),
            None => (rest, None),
        };
        let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let word =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let main: Vec<_> = main.split('.').collect();
        let pre: Option<Vec<_>> = pre.map(|pre| pre.split('.').collect());
        let fits = main.iter().all(number)
            && pre.iter().flatten().all(word)
            && build.is_none_or(|build| build.split('.').all(|part| word(&part)));
        fits.then_some(Self { main, pre, build })
    }

    fn compare(&self, other: &Self) -> Ordering {
        by_parts(&self.main, &other.main)
            .then_with(|| match (&self.pre, &other.pre) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => by_parts(a, b),
            })
            .then_with(|| self.build.cmp(&other.build))
    }
}

fn by_parts(left: &[&str], right: &[&str]) -> Ordering {
    let parts = left.iter().zip(right).map(|(a, b)| by_part(a, b));
    parts.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
}

/// Numbers by value and before words.
fn by_part(left: &str, right: &str) -> Ordering {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match (number(left), number(right)) {
        (true, true) => {
            let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
            left.len().cmp(&right.len()).then_with(|| left.cmp(right))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => left.cmp(right),
    }
}
