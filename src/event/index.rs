//! Index patterns: which events a rule reads, by the name of their index (Elasticsearch: multi-target syntax).
//!
//! Takes a rule's list of patterns and an index name; says whether the name is selected. Never touches an event's fields.

use jiff::Timestamp;

use super::time::{DateFormat, Instant, Rounding, date_math};

/// The parts of a data stream's name, `type-dataset-namespace` (Elasticsearch: data stream naming scheme).
#[derive(Debug, Clone, Copy)]
pub(super) struct DataStream<'i> {
    kind: &'i str,
    dataset: &'i str,
    namespace: &'i str,
}

/// What an index name says of a data stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Kind,
    Dataset,
    Namespace,
    Module,
}

/// The fields that name the data stream of an event.
#[cfg(feature = "rules")]
pub(crate) const DATA_STREAM: &[&str] = &["data_stream.type", "data_stream.dataset", "data_stream.namespace"];

impl Part {
    /// The part that a field has where the event leaves it absent.
    pub fn of_field(path: &str) -> Option<Self> {
        Some(match path {
            "data_stream.type" => Self::Kind,
            "data_stream.dataset" | "event.dataset" => Self::Dataset,
            "data_stream.namespace" => Self::Namespace,
            "event.module" => Self::Module,
            _ => return None,
        })
    }
}

impl<'i> DataStream<'i> {
    /// The parts of an index name, if it is that of a data stream.
    pub fn of_index(index: &'i str) -> Option<Self> {
        let mut parts = concrete(split_cluster(index).1).splitn(3, '-');
        let (kind, dataset, namespace) = (parts.next()?, parts.next()?, parts.next()?);
        let known = matches!(kind, "logs" | "metrics" | "traces" | "synthetics" | "profiling");
        let whole = !dataset.is_empty() && !namespace.is_empty() && !namespace.contains('-');
        (known && whole).then_some(Self { kind, dataset, namespace })
    }

    /// The text of a part.
    pub fn part(self, part: Part) -> &'i str {
        match part {
            Part::Kind => self.kind,
            Part::Dataset => self.dataset,
            Part::Namespace => self.namespace,
            Part::Module => self.dataset.split('.').next().unwrap_or(self.dataset),
        }
    }
}

/// What patterns say about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Its index is selected.
    Match,
    /// Its index is not.
    NoMatch,
    /// The event has no index to judge by.
    Unknown,
}

/// A list of index patterns: names, wildcards, exclusions, remote clusters, names with date math.
///
/// ```
/// use elkhound::event::index::{IndexPatterns, Selection};
/// let patterns = IndexPatterns::new(&["logs-*", "-logs-test*"], 0);
/// assert_eq!(patterns.select(Some("logs-endpoint.events.process-default")), Selection::Match);
/// assert_eq!(patterns.select(Some("logs-test-1")), Selection::NoMatch);
/// assert_eq!(patterns.select(None), Selection::Unknown);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPatterns(Vec<Expression>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Expression {
    excludes: bool,
    cluster: Option<String>,
    name: String,
}

impl IndexPatterns {
    /// The patterns of a rule, each of which may itself be a list with commas. `now` is the clock of names with date math.
    pub fn new<S: AsRef<str>>(patterns: &[S], now: Instant) -> Self {
        let mut expressions: Vec<Expression> = Vec::new();
        for text in patterns.iter().flat_map(|pattern| pattern.as_ref().split(',')).map(str::trim) {
            // A leading hyphen excludes only after a wildcard; a name cannot begin with one.
            let after_wildcard = expressions.iter().any(|expression| expression.name.contains('*'));
            expressions.extend(Expression::parse(text, after_wildcard, now));
        }
        Self(expressions)
    }

    /// Whether an event of this index is selected. The patterns are taken from left to right; a later one may add what an
    /// earlier one removed.
    pub fn select(&self, index: Option<&str>) -> Selection {
        let Some(index) = index else { return Selection::Unknown };
        if self.0.is_empty() {
            return Selection::Match;
        }
        let (cluster, name) = split_cluster(index);
        let name = concrete(name);
        let mut selected = false;
        for expression in &self.0 {
            if expression.fits(cluster, name) {
                selected = !expression.excludes;
            }
        }
        if selected { Selection::Match } else { Selection::NoMatch }
    }
}

impl Expression {
    fn parse(text: &str, after_wildcard: bool, now: Instant) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let (excludes, text) = match text.strip_prefix('-') {
            Some(rest) if after_wildcard => (true, rest),
            _ => (false, text),
        };
        let (cluster, name) = split_cluster(text);
        let name = if name == "_all" { "*".to_owned() } else { resolve_dates(name, now) };
        Some(Self { excludes, cluster: cluster.map(str::to_owned), name })
    }

    fn fits(&self, cluster: Option<&str>, name: &str) -> bool {
        let here = match (&self.cluster, cluster) {
            (None, None) => true,
            (Some(pattern), Some(cluster)) => glob(pattern, cluster),
            _ => false,
        };
        // Wildcards pass over names that begin with a dot unless the pattern does too.
        let hidden = name.starts_with('.') && self.name.contains('*') && !self.name.starts_with('.');
        here && !hidden && glob(&self.name, name)
    }
}

/// The cluster before the first colon; `::` is a selector and `<` opens date math, neither names a cluster.
fn split_cluster(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((cluster, name)) if !text.starts_with('<') && !name.starts_with(':') => (Some(cluster), name),
        _ => (None, text),
    }
}

/// The name that patterns see: a data stream for its backing index, an index for its mounted or shrunk copy.
fn concrete(name: &str) -> &str {
    let name = ["partial-", "restored-"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let name = unshrunk(name).unwrap_or(name);
    let backing = name.strip_prefix(".ds-").or_else(|| name.strip_prefix(".fs-"));
    backing.and_then(stream).unwrap_or(name)
}

/// `shrink-xxxx-name`, where the middle is letters and digits.
fn unshrunk(name: &str) -> Option<&str> {
    let (tag, rest) = name.strip_prefix("shrink-")?.split_once('-')?;
    (tag.len() == 4 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(rest)
}

/// The stream of `<stream>-<yyyy.MM.dd>-<six or more digits>`.
fn stream(backing: &str) -> Option<&str> {
    let (rest, generation) = backing.rsplit_once('-')?;
    let (stream, date) = rest.rsplit_once('-')?;
    let digits = |text: &str, count: usize| text.len() >= count && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = date.split('.');
    let dated =
        [4, 2, 2].iter().all(|count| parts.next().is_some_and(|part| part.len() == *count && digits(part, *count)));
    (digits(generation, 6) && dated && parts.next().is_none()).then_some(stream)
}

/// Whether `name` fits `pattern`, in which `*` is any run of characters.
fn glob(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// A name with its date math worked out: `<logs-{now/d}>`. What cannot be worked out stays as it is and fits nothing.
fn resolve_dates(name: &str, now: Instant) -> String {
    let Some(inner) = name.strip_prefix('<').and_then(|name| name.strip_suffix('>')) else { return name.to_owned() };
    let mut out = String::new();
    let mut chars = inner.char_indices();
    let mut taken = 0;
    while let Some((at, c)) = chars.next() {
        if at < taken {
            continue;
        }
        match c {
            '\\' => out.extend(chars.next().map(|(_, escaped)| escaped)),
            '{' => {
                let Some((math, length)) = braced(&inner[at..]) else { return name.to_owned() };
                let Some(date) = date_name(math, now) else { return name.to_owned() };
                out.push_str(&date);
                taken = at + length;
            }
            c => out.push(c),
        }
    }
    out
}

/// The text of the outer braces that `text` begins with, and the length with them.
fn braced(text: &str) -> Option<(&str, usize)> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some((&text[1..at], at + 1)),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// `now/d`, `now/M{yyyy.MM}`, `now/d{yyyy.MM.dd|+12:00}` as a date.
fn date_name(text: &str, now: Instant) -> Option<String> {
    let (math, format) = match text.split_once('{') {
        Some((math, format)) => (math, format.strip_suffix('}')?),
        None => (text, "uuuu.MM.dd"),
    };
    let (format, zone) = match format.split_once('|') {
        Some((format, zone)) => (format, Some(zone)),
        None => (format, None),
    };
    let instant = date_math(math, &DateFormat::default(), Rounding::Down, now, zone).ok()?;
    let timestamp = Timestamp::from_nanosecond(instant).ok()?;
    let zone = zone.map_or(Some(jiff::tz::TimeZone::UTC), super::time::zone)?;
    jiff::fmt::strtime::format(strftime(format), &timestamp.to_zoned_datetime(zone)).ok()
}

/// A Java date pattern as a `strftime` pattern, for the letters that index names use.
fn strftime(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(c).len();
        let directive = match (c, run) {
            ('u' | 'y', 2) => "%y",
            ('u' | 'y', _) => "%Y",
            ('M', 1) => "%-m",
            ('M', 2) => "%m",
            ('M', 3) => "%b",
            ('d', 1) => "%-d",
            ('d', _) => "%d",
            ('D', _) => "%j",
            ('H', _) => "%H",
            ('m', _) => "%M",
            ('s', _) => "%S",
            ('w', _) => "%V",
            ('x' | 'Y', _) => "%G",
            ('%', _) => "%%",
            _ => "",
        };
        match directive {
            "" => out.push_str(&rest[..run]),
            directive => out.push_str(directive),
        }
        rest = &rest[run..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{IndexPatterns, Selection, resolve_dates};

    fn selects(patterns: &[&str], index: &str) -> bool {
        IndexPatterns::new(patterns, 0).select(Some(index)) == Selection::Match
    }

    #[test]
    fn names_and_wildcards() {
        assert!(selects(&["filebeat-*"], "filebeat-7.12.0-2021.04.01-000001"));
        assert!(!selects(&["filebeat-*"], "Filebeat-7"));
        assert!(selects(&["a*b*c"], "abbc") && !selects(&["a*b*c"], "acb"));
        assert!(selects(&["a,b"], "b") && selects(&["_all"], "x") && selects(&[], "x"));
        assert!(selects(&["*a"], "ba") && !selects(&["ab*ba"], "aba"));
    }

    #[test]
    fn exclusions_after_a_wildcard_and_in_order() {
        assert!(!selects(&["logs-*", "-logs-a"], "logs-a"));
        assert!(selects(&["logs-*", "-logs-*", "logs-a"], "logs-a"));
        assert!(selects(&["-logs-a", "logs-*"], "logs-a"));
    }

    #[test]
    fn hidden_names_and_backing_indices() {
        assert!(!selects(&["*"], ".kibana"));
        assert!(selects(&[".k*"], ".kibana"));
        assert!(selects(&["logs-x.*"], ".ds-logs-x.y-default-2024.01.01-000001"));
        assert!(selects(&["logs-x"], "partial-.ds-logs-x-2024.01.01-000001"));
        assert!(selects(&["logs-x"], "shrink-a1b2-logs-x"));
    }

    #[test]
    fn remote_clusters() {
        assert!(selects(&["*:logs-*"], "eu:logs-a") && !selects(&["*:logs-*"], "logs-a"));
        assert!(!selects(&["logs-*"], "eu:logs-a"));
        assert!(!selects(&["*:logs-*", "-eu:*"], "eu:logs-a"));
    }

    #[test]
    fn date_math_names() {
        let now = 1_715_774_400_000_000_000; // 2024-05-15T12:00:00Z
        assert_eq!(resolve_dates("<logs-{now/d}>", now), "logs-2024.05.15");
        assert_eq!(resolve_dates("<logs-{now/M-1M{yyyy.MM}}-x>", now), "logs-2024.04-x");
        assert_eq!(resolve_dates("<logs-{now/d{yyyy.MM.dd|+14:00}}>", now), "logs-2024.05.16");
        assert_eq!(resolve_dates(r"<a\{b\}-{now/y{uuuu}}>", now), "a{b}-2024");
        assert_eq!(resolve_dates("<logs-{now/d>", now), "<logs-{now/d>");
    }
}
