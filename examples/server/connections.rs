//! How many connections are open, in all and of one source: nobody holds all of them, busy or idle.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Open connections; one more is closed at once.
const IN_ALL: usize = 512;
/// Those of one source, where sources are told apart.
const OF_ONE: u32 = 64;
/// With more than this, each is closed after one answer: an idle one is in somebody's way.
const CROWDED: usize = IN_ALL / 2;

/// Counts them.
pub(crate) struct Connections {
    free: Arc<Semaphore>,
    sources: Mutex<HashMap<u64, u32>>,
}

/// The place of an open connection. Dropped, it is free again.
pub(crate) struct Connected {
    connections: Arc<Connections>,
    source: Option<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(IN_ALL)), sources: Mutex::default() })
    }

    /// A place for a connection of this source, or of one that is not told apart; the error is for the log.
    pub(crate) fn enter(self: &Arc<Self>, source: Option<u64>) -> Result<Connected, &'static str> {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            return Err("512 connections are open; closing new ones");
        };
        if let Some(source) = source {
            let mut sources = self.sources();
            let count = sources.entry(source).or_default();
            if *count >= OF_ONE {
                return Err("64 connections of one source are open; closing its new ones");
            }
            *count += 1;
        }
        Ok(Connected { connections: Arc::clone(self), source, _permit: permit })
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected {
    /// Whether this one should be closed after its answer.
    pub(crate) fn is_crowded(&self) -> bool {
        self.connections.free.available_permits() < IN_ALL - CROWDED
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let Some(source) = self.source else { return };
        let mut sources = self.connections.sources();
        if let Some(count) = sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                sources.remove(&source);
            }
        }
    }
}
