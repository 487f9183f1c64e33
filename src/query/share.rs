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
