//! The threads that share the work of a command.

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::failure::{Failure, Outcome};

/// How many events, alerts or hits are worked on together.
pub const TURN: usize = 1_024;

/// Does the work on a thread of a pool of `jobs`, or here where that is one. What runs on a thread of the pool shares its own work
/// with the others.
pub fn on<T: Send>(jobs: usize, work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    if jobs <= 1 {
        return work();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    pool.map_err(|error| Failure::Usage(error.to_string()))?.install(work)
}

/// What is written of each item while `next` goes on.
pub fn texts<T: Sync, R: Send>(
    items: &[T],
    text: impl Fn(&T) -> String + Sync + Send,
    next: impl FnOnce() -> R + Send,
) -> (Vec<String>, R) {
    if rayon::current_thread_index().is_none() {
        return (items.iter().map(text).collect(), next());
    }
    let texts = || items.par_iter().map(text).collect();
    let (next, texts) = rayon::join(next, texts);
    (texts, next)
}
