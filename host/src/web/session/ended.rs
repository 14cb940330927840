//! The sessions that were ended before their cookies were: a sign-out holds at once, for every copy of the cookie, and
//! also over a restart when there is a file to keep it in. Bounded: an entry is kept only while a cookie of its session
//! could still hold. What else is known of sessions is in the cookies themselves.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::web::auth::unix_seconds;

/// Ended sessions that are remembered at most.
const MAX_ENDED: usize = 10_000;
/// Bytes of the file that are read at most: more than [`MAX_ENDED`] lines have.
const MAX_BYTES: u64 = 1 << 20;
/// How often, and how long apart, a file that another server writes is tried again: whoever signs out waits for it.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Ended {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Session to the second after which no cookie of it can hold.
    until: HashMap<String, u64>,
    file: Option<PathBuf>,
}

impl Ended {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keep them in this file as well, and take up what an earlier process has left there.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub(super) fn keep_in(&self, path: &Path) -> io::Result<()> {
        let mut kept = self.lock();
        match File::open(path) {
            Ok(file) => kept.read(&file, unix_seconds())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        kept.file = Some(path.to_owned());
        Ok(())
    }

    pub(super) fn holds(&self, sid: &str) -> bool {
        self.lock().until.contains_key(sid)
    }

    /// Remember a session till `until`, after which none of its cookies holds.
    pub(super) fn add(&self, sid: String, until: u64, now: u64) {
        let mut kept = self.lock();
        // What another server on the same log has left there since must be there afterwards, too.
        let file = kept.file.as_deref().map(open_alone).transpose().and_then(|file| {
            file.as_ref().map_or(Ok(()), |file| kept.read(file, now))?;
            Ok(file)
        });
        if kept.until.len() >= MAX_ENDED {
            kept.until.retain(|_, until| *until > now);
        }
        while kept.until.len() >= MAX_ENDED {
            let soonest = kept.until.iter().min_by_key(|(_, until)| **until).map(|(sid, _)| sid.clone());
            soonest.and_then(|sid| kept.until.remove(&sid));
        }
        kept.until.insert(sid, until);
        // Written whole: it is a handful of lines, of the last quarter of an hour.
        if let Err(error) = file.and_then(|file| file.map_or(Ok(()), |file| kept.write(file, now))) {
            tracing::warn!(%error, "a sign-out is not kept over a restart");
        }
    }
}

impl Kept {
    /// Take up what stands in the file and can still hold.
    fn read(&mut self, file: &File, now: u64) -> io::Result<()> {
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text)?;
        for line in text.lines() {
            // A line that was cut off by the end of its process is passed over.
            if let Some((sid, until)) = line.split_once(' ')
                && let Ok(until) = until.parse()
                && until > now
            {
                self.until.insert(sid.to_owned(), until);
            }
        }
        Ok(())
    }

    /// Put what can still hold in the place of what stands in the file.
    fn write(&self, mut file: File, now: u64) -> io::Result<()> {
        let mut text = String::new();
        for (sid, until) in self.until.iter().filter(|(_, until)| **until > now) {
            text.push_str(&format!("{sid} {until}\n"));
        }
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }
}

/// The file, for nobody else until it is closed. Other servers hold it as long as their few lines take.
fn open_alone(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "another process holds the list of ended sessions"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Barrier;

    use super::*;

    #[test]
    fn the_list_is_bounded() {
        let ended = Ended::default();
        for n in 0..MAX_ENDED as u64 + 10 {
            ended.add(format!("s{n}"), 1_000 + n, 0);
        }
        assert_eq!(ended.lock().until.len(), MAX_ENDED);
        assert!(!ended.holds("s0") && ended.holds("s10009"));
    }

    #[test]
    fn what_was_ended_stays_so_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("feed.db.signed-out");
        let now = unix_seconds();
        let before = Ended::default();
        before.keep_in(&path).unwrap();
        assert!(!path.exists(), "no sign-out, no file");
        before.add("short".to_owned(), now, now);
        before.add("long".to_owned(), now + 900, now);
        let after = Ended::default();
        after.keep_in(&path).unwrap();
        assert!(after.holds("long") && !after.holds("short"));
        std::fs::write(&path, "cut").unwrap();
        Ended::default().keep_in(&path).unwrap();
    }

    #[test]
    fn two_servers_on_one_log_keep_each_others_sign_outs() {
        let dir = tempfile::tempdir().unwrap();
        let now = unix_seconds();
        for round in 0..100 {
            let path = dir.path().join(format!("{round}.signed-out"));
            let both = Barrier::new(2);
            thread::scope(|scope| {
                for sid in ["first", "second"] {
                    let (path, both, ended) = (&path, &both, Ended::default());
                    ended.keep_in(path).unwrap();
                    scope.spawn(move || {
                        both.wait();
                        ended.add(sid.to_owned(), now + 900, now);
                    });
                }
            });
            let after = Ended::default();
            after.keep_in(&path).unwrap();
            assert!(after.holds("first") && after.holds("second"), "{round}");
        }
    }
}
