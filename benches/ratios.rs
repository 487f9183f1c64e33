//! The table of `docs/performance.md` by one command: each row and its anchor take turns within one run, so that whatever else
//! the machine does meets both, and the middle one of the ratios counts.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench stops by panicking and prints what it measured"
)]

mod data;
mod work;

use std::hint::black_box;
use std::time::{Duration, Instant};

use work::{Row, Work};

/// How long one turn lasts at least.
const TURN: Duration = Duration::from_millis(20);
const TURNS: usize = 15;

/// Nanoseconds for one unit of work, over as many passes as fill a turn.
fn turn(work: &mut Work) -> f64 {
    let start = Instant::now();
    let mut passes = 0;
    while passes == 0 || start.elapsed() < TURN {
        black_box((work.pass)());
        passes += 1;
    }
    start.elapsed().as_nanos() as f64 / (passes * work.units) as f64
}

fn middle(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn show(row: &mut Row) {
    // Once to warm up.
    (row.work.pass)();
    let Some(anchor) = &mut row.anchor else {
        let time = middle((0..TURNS).map(|_| turn(&mut row.work)).collect());
        return println!("| {} | – | {:.1} ms | {} | |", row.name, time / 1e6, row.goal);
    };
    (anchor.pass)();
    let pairs: Vec<(f64, f64)> = (0..TURNS).map(|_| (turn(anchor), turn(&mut row.work))).collect();
    let of = |pick: fn(&(f64, f64)) -> f64| middle(pairs.iter().map(pick).collect());
    let (ratio, base, time) = (of(|(anchor, work)| work / anchor), of(|pair| pair.0), of(|pair| pair.1));
    println!("| {} | {} | {ratio:.3} | {} | {time:.0} ns of {base:.0} ns |", row.name, anchor.name, row.goal);
}

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!("| work | anchor | ratio | goal | time |\n|---|---|---|---|---|");
    for make in work::ROWS {
        for mut row in make(&|name| only.is_empty() || only.iter().any(|part| name.contains(part.as_str()))) {
            show(&mut row);
        }
    }
}
