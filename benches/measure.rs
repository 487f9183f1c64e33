//! Ratios from one run: both sides take turns, and the best turn of each counts, so that a busy machine spoils neither.
#![allow(dead_code, clippy::print_stdout, reason = "each bench uses its own part, and prints what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long a piece of work takes.
pub fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

/// The best times of two pieces of work that take turns.
pub fn turns(count: usize, mut ours: impl FnMut() -> Duration, mut anchor: impl FnMut() -> Duration) -> [Duration; 2] {
    let mut best = [Duration::MAX; 2];
    for _ in 0..count {
        best = [best[0].min(ours()), best[1].min(anchor())];
    }
    best
}

/// A row of the table: what, its measure, the goal.
pub fn row(name: &str, measured: &str, goal: &str) {
    println!("| {name} | {measured} | {goal} |");
}

/// A row that is a ratio of two times, each for `count` events.
pub fn ratio(name: &str, [ours, anchor]: [Duration; 2], count: usize, goal: &str) {
    let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    let text =
        format!("{:.2} ({:.2} µs : {:.2} µs)", ours.as_secs_f64() / anchor.as_secs_f64(), each(ours), each(anchor));
    row(name, &text, goal);
}
