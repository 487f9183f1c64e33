//! The threads that share the work of a command.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::failure::{Failure, Outcome};
use crate::output::Data;

/// Does the work on a thread of a pool of `jobs`, or here where that is one. What runs on a thread of the pool shares its own work
/// with the others.
pub fn on<T: Send>(jobs: usize, work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    if jobs <= 1 {
        return work();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    pool.map_err(|error| Failure::Usage(error.to_string()))?.install(work)
}

/// Texts that are made before they are written.
const WAITING: usize = 64;

/// Writes what is said of each item, in their order, and gives it up.
pub fn write<T: Send>(items: Vec<T>, text: impl Fn(T) -> String + Sync, data: &mut Data) -> Outcome<()> {
    let mut items = items.into_iter();
    if rayon::current_thread_index().is_none() {
        return items.try_for_each(|item| data.text(&text(item)));
    }
    let mut made: Vec<String> = Vec::new();
    loop {
        let some: Vec<T> = items.by_ref().take(WAITING).collect();
        if some.is_empty() && made.is_empty() {
            return Ok(());
        }
        // Those that are made are written while the next ones are made.
        let make = || some.into_par_iter().map(&text).collect();
        let (next, written) = rayon::join(make, || made.iter().try_for_each(|text| data.text(text)));
        written?;
        made = next;
    }
}
