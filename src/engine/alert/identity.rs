//! Ids that are the same on every machine.

use std::hash::{BuildHasher, Hasher};

use super::Alert;

impl Alert {
    /// A number that is the same for the same rule and events on every machine.
    pub fn id(&self) -> String {
        let mut halves = [0_u64; 2];
        for (seed, half) in halves.iter_mut().enumerate() {
            let mut hasher = foldhash::quality::FixedState::with_seed(seed as u64).build_hasher();
            hasher.write(self.rule().id().unwrap_or(self.rule().name()).as_bytes());
            for event in self.events().iter().flatten() {
                hasher.write(event.index().unwrap_or_default().as_bytes());
                match event.id() {
                    Some(id) => hasher.write(id.as_bytes()),
                    None => hasher.write(event.source().to_string().as_bytes()),
                }
            }
            hasher.write(self.details().to_string().as_bytes());
            *half = hasher.finish();
        }
        format!("{:016x}{:016x}", halves[0], halves[1])
    }
}
