//! Things found by a hash and kept in order of age: the state of sequences.
//!
//! A thing costs its own size, 16 bytes of links and hash, and 5 to 11 bytes of index, wherever it stands. Nothing here walks
//! over all things, so that an event costs the same however many there are.

use hashbrown::HashTable;

/// No place.
const NONE: u32 = u32::MAX;
/// Most things in one queue.
pub(super) const MOST: usize = u32::MAX as usize - 1;
/// Cells of one chunk. Full chunks never move, so that growth copies little and wastes at most one chunk.
const CHUNK: usize = 1024;

/// Numbered places in chunks.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    used: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), used: 0 }
    }
}

impl<T> Slab<T> {
    pub fn get(&self, id: u32) -> Option<&T> {
        self.chunks.get(id as usize / CHUNK)?.get(id as usize % CHUNK)?.as_ref()
    }

    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.chunks.get_mut(id as usize / CHUNK)?.get_mut(id as usize % CHUNK)?.as_mut()
    }

    pub fn insert(&mut self, value: T) -> u32 {
        self.used += 1;
        if let Some(id) = self.free.pop()
            && let Some(place) =
                self.chunks.get_mut(id as usize / CHUNK).and_then(|chunk| chunk.get_mut(id as usize % CHUNK))
        {
            *place = Some(value);
            return id;
        }
        let chunk = (self.used - 1) / CHUNK;
        if self.chunks.len() == chunk {
            self.chunks.push(Vec::new());
        }
        let places = &mut self.chunks[chunk];
        places.push(Some(value));
        (chunk * CHUNK + places.len() - 1) as u32
    }

    pub fn remove(&mut self, id: u32) -> Option<T> {
        let value = self.chunks.get_mut(id as usize / CHUNK)?.get_mut(id as usize % CHUNK)?.take()?;
        self.used -= 1;
        if self.used == 0 && self.chunks.len() > 1 {
            *self = Self::default();
        } else {
            self.free.push(id);
        }
        Some(value)
    }
}

/// Things by hash and by age.
#[derive(Debug)]
pub(super) struct Queue<T> {
    cells: Slab<Cell<T>>,
    index: HashTable<u32>,
    oldest: u32,
    newest: u32,
}

#[derive(Debug)]
struct Cell<T> {
    hash: u64,
    older: u32,
    newer: u32,
    value: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { cells: Slab::default(), index: HashTable::new(), oldest: NONE, newest: NONE }
    }
}

impl<T> Queue<T> {
    pub fn len(&self) -> usize {
        self.cells.used
    }

    /// The thing of this hash that `is` the one; equal hashes alone decide nothing.
    pub fn find(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<u32> {
        let same = |id: &u32| self.cells.get(*id).is_some_and(|cell| cell.hash == hash && is(&cell.value));
        self.index.find(hash, same).copied()
    }

    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.cells.get_mut(id).map(|cell| &mut cell.value)
    }

    pub fn get(&self, id: u32) -> Option<&T> {
        self.cells.get(id).map(|cell| &cell.value)
    }

    pub fn oldest(&self) -> Option<(u32, &T)> {
        self.cells.get(self.oldest).map(|cell| (self.oldest, &cell.value))
    }

    /// Adds a thing as the newest one.
    pub fn push(&mut self, hash: u64, value: T) -> u32 {
        let id = self.cells.insert(Cell { hash, older: self.newest, newer: NONE, value });
        self.join(self.newest, id);
        self.newest = id;
        self.index(id, hash);
        id
    }

    pub fn remove(&mut self, id: u32) -> Option<T> {
        self.unindex(id);
        let cell = self.cells.remove(id)?;
        self.join(cell.older, cell.newer);
        if self.newest == id {
            self.newest = cell.older;
        }
        Some(cell.value)
    }

    /// Files a thing under another hash; its age stays.
    pub fn refile(&mut self, id: u32, hash: u64) {
        self.unindex(id);
        if let Some(cell) = self.cells.get_mut(id) {
            cell.hash = hash;
            self.index(id, hash);
        }
    }

    /// The things, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let mut at = self.oldest;
        std::iter::from_fn(move || {
            let cell = self.cells.get(at)?;
            at = cell.newer;
            Some(&cell.value)
        })
    }

    fn index(&mut self, id: u32, hash: u64) {
        let cells = &self.cells;
        self.index.insert_unique(hash, id, |id| cells.get(*id).map_or(0, |cell| cell.hash));
    }

    fn unindex(&mut self, id: u32) {
        if let Some(cell) = self.cells.get(id)
            && let Ok(entry) = self.index.find_entry(cell.hash, |other| *other == id)
        {
            entry.remove();
        }
    }

    /// Makes two cells neighbours; either may be none.
    fn join(&mut self, older: u32, newer: u32) {
        match self.cells.get_mut(older) {
            Some(cell) => cell.newer = newer,
            None => self.oldest = newer,
        }
        if let Some(cell) = self.cells.get_mut(newer) {
            cell.older = older;
        }
    }
}
