//! Work that threads share.

/// What becomes of each item, in their order.
///
/// With the feature `parallel`, on a thread of a pool of rayon's, the threads of the pool share the work.
pub(crate) fn each<T: Send, R: Send>(items: Vec<T>, work: &(dyn Fn(T) -> R + Sync)) -> Vec<R> {
    #[cfg(feature = "parallel")]
    if items.len() > 1 && rayon::current_thread_index().is_some() {
        use rayon::iter::{IntoParallelIterator, ParallelIterator};
        return items.into_par_iter().map(work).collect();
    }
    items.into_iter().map(work).collect()
}

/// Gives something up; where threads share work, on one of them, while this one goes on.
#[cfg(feature = "rules")]
pub(crate) fn give_up<T: Send + 'static>(what: T) {
    #[cfg(feature = "parallel")]
    if rayon::current_thread_index().is_some() {
        return rayon::spawn(|| drop(what));
    }
    drop(what);
}
