//! The connections that read, so that no read waits for a write. There are at most [`MOST`]; who comes when all are out
//! waits for one.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::connection::Connection;
use super::{StoreError, open};

/// Connections at most. More threads than this read in turn: SQLite keeps a processor busy anyway.
const MOST: usize = 8;

pub(super) struct Readers {
    path: Arc<Path>,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    out: usize,
}

impl Readers {
    pub(super) fn new(path: &Arc<Path>) -> Self {
        Self { path: Arc::clone(path), pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Run `work` on a connection of its own.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let lent = self.lend()?;
        lent.connection.as_ref().map_or_else(|| Err(StoreError::Busy("no reader is free".into())), work)
    }

    fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let mut pool = self.lock();
        loop {
            if let Some(connection) = pool.idle.pop() {
                pool.out += 1;
                return Ok(Lent { readers: self, connection: Some(connection) });
            }
            if pool.out < MOST {
                pool.out += 1;
                drop(pool);
                // The place is taken before the file is opened, and given back where that fails.
                let mut lent = Lent { readers: self, connection: None };
                lent.connection = Some(open::reader(&self.path)?);
                return Ok(lent);
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that goes back by itself, also when its user panics.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        pool.out = pool.out.saturating_sub(1);
        pool.idle.extend(self.connection.take());
        drop(pool);
        self.readers.returned.notify_one();
    }
}
