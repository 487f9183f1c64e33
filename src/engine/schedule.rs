//! The schedule of a rule: which windows a run searches (Kibana: rule range tuples). No clock: the start of the run is given.

use crate::event::time::{DateError, DateFormat, Instant, Rounding, SECOND, date_math, parse_duration};
use crate::rule::Rule;

/// No window and no interval reaches farther than 10,000 years, in nanoseconds.
const MAX_REACH: Instant = 10_000 * 366 * 86_400 * SECOND;
/// Most windows that a run searches besides its own after a gap.
pub(super) const MAX_CATCH_UP: Instant = 4;

/// `from`, `to` and `interval` of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schedule {
    from: String,
    to: String,
    interval: Instant,
}

/// A span of time, closed at both ends, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first instant.
    pub from: Instant,
    /// The last.
    pub to: Instant,
}

/// What a run searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    /// The windows, oldest first; the last is the run's own.
    pub windows: Vec<Window>,
    /// What lies between this run and the one before and is in none of the windows, in nanoseconds.
    pub remaining_gap: Instant,
}

impl Schedule {
    pub fn of(rule: &Rule) -> Result<Self, String> {
        let text = |key: &str, default: &str| rule.text(key).unwrap_or(default).to_owned();
        let interval = text("interval", "5m");
        let length = parse_duration(&interval).filter(|interval| (1..=MAX_REACH).contains(interval));
        let schedule = Self {
            from: text("from", "now-6m"),
            to: text("to", "now"),
            interval: length.ok_or_else(|| format!("`interval`: `{interval}` is no length of time"))?,
        };
        for (key, text) in [("from", &schedule.from), ("to", &schedule.to)] {
            let reach = parse(text, 0).map_err(|error| format!("`{key}`: {error}"))?;
            if reach.abs() > MAX_REACH {
                return Err(format!("`{key}`: `{text}` is more than 10,000 years away"));
            }
        }
        Ok(schedule)
    }

    /// The time between two runs, in nanoseconds.
    pub const fn interval(&self) -> Instant {
        self.interval
    }

    /// The window of a run that starts at `now`.
    pub fn window(&self, now: Instant) -> Window {
        // INVARIANT: both texts were read once, and reading them does not depend on the time.
        Window { from: parse(&self.from, now).unwrap_or(now), to: parse(&self.to, now).unwrap_or(now) }
    }

    /// The most by which a window ends after the start of its run, in nanoseconds, or more; `None` where its end is a fixed date.
    pub fn lead(&self) -> Option<Instant> {
        let fixed = self.to.bytes().all(|byte| byte.is_ascii_digit() || b"now+-hmsd".contains(&byte));
        // Rounding and months differ from one time to another.
        let margin = if fixed { 0 } else { 400 * 86_400 * SECOND };
        self.to.starts_with("now").then(|| parse(&self.to, 0).unwrap_or(0).max(0) + margin)
    }

    /// What a run at `now` searches when the one before started at `previous`.
    pub fn search(&self, now: Instant, previous: Option<Instant>) -> Search {
        let own = self.window(now);
        let gap = previous.map_or(0, |previous| (now - previous) - (own.to - own.from)).max(0);
        let catch_up = gap.div_ceil_by(self.interval).min(MAX_CATCH_UP);
        let back =
            |steps: Instant| Window { from: own.from - steps * self.interval, to: own.to - steps * self.interval };
        let windows = (0..=catch_up).rev().map(back).collect();
        Search { windows, remaining_gap: (gap - catch_up * self.interval).max(0) }
    }
}

/// Neither end is rounded up, so `now/d` is the start of the day at both.
fn parse(text: &str, now: Instant) -> Result<Instant, DateError> {
    date_math(text, &DateFormat::default(), Rounding::Down, now, None)
}

trait DivCeil {
    fn div_ceil_by(self, by: Self) -> Self;
}

impl DivCeil for Instant {
    fn div_ceil_by(self, by: Self) -> Self {
        (self + by - 1).div_euclid(by)
    }
}

impl Window {
    /// Whether the instant lies in the window.
    pub const fn contains(&self, time: Instant) -> bool {
        self.from <= time && time <= self.to
    }
}
