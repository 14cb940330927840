//! Events from a stream of lines, in batches that the server takes. A line without an id is given one that is the same
//! whenever the same lines come again, so that a repeated run logs nothing twice. Such an id says nothing of the line
//! to anybody else: it is keyed with a random key of this user, since an event may hold what is redacted before it is
//! stored, and a plain hash of it could be guessed from.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use crate::web::auth::{KeyError, Secret};

/// Events of one request.
const MAX_EVENTS: usize = 500;
/// Bytes of one request: well below what a server takes by default.
const MAX_BYTES: usize = 262_144;
/// Bytes of a line: an event of the largest kind that a server may be told to take, and a little.
const MAX_LINE_BYTES: u64 = 1_100_000;

/// Why the lines are of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("cannot read: {0}")]
    Read(#[from] io::Error),
    #[error("line {0} is not a JSON object")]
    NotAnObject(u64),
    #[error("line {0} is longer than {MAX_LINE_BYTES} bytes")]
    TooLong(u64),
}

/// Why there is no key for ids.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdKeyError {
    #[error("cannot keep a key for event ids, which makes the command safe to repeat; give every line an `id`")]
    Make(#[from] KeyError),
    #[error("the system has no random numbers to give: {0}")]
    Random(#[from] io::Error),
}

/// Makes ids of lines.
pub(super) struct IdKey(Secret);

impl IdKey {
    /// One that is used once.
    pub(super) fn random() -> Result<Self, IdKeyError> {
        Ok(Self(Secret::random()?))
    }

    /// The one that this user's runs share, kept in the user's state folder with mode 0600.
    pub(super) fn of_this_user() -> Result<Self, IdKeyError> {
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
        let folder = state.filter(|path| path.is_absolute()).or_else(home).unwrap_or_default().join("activity-feed");
        Self::in_folder(&folder)
    }

    fn in_folder(folder: &Path) -> Result<Self, IdKeyError> {
        let path = folder.join("ids.key");
        fs::create_dir_all(folder).map_err(|source| KeyError::Make { path: path.clone(), source })?;
        Ok(Self(Secret::read_or_make(&path)?))
    }

    /// The id of a line that is the `nth` of its kind, from 0.
    pub(super) fn id_of(&self, line: &[u8], nth: u64) -> String {
        let keyed = self.0.derive("activity-feed event id v1");
        let mut hash = Sha256::new();
        hash.update(keyed.as_bytes());
        hash.update(nth.to_be_bytes());
        hash.update(line);
        let digest = hash.finalize();
        digest.iter().take(16).fold("cli-".to_owned(), |id, byte| format!("{id}{byte:02x}"))
    }
}

/// A request's worth of lines.
#[derive(Debug)]
pub(super) struct Batch {
    /// NDJSON.
    pub(super) body: String,
    /// Each event's line, from 1.
    pub(super) lines: Vec<u64>,
}

/// All that has to be known of a line.
#[derive(Deserialize)]
struct Head {
    /// Also one that is null, which the server refuses: with another one beside it the line would have two.
    #[serde(default, deserialize_with = "any")]
    id: Option<IgnoredAny>,
}

fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(Some)
}

/// Reads batches from lines.
pub(super) struct Lines<R> {
    input: R,
    key: IdKey,
    /// How often each line without an id came before. Grows with the lines that differ, 24 bytes each.
    seen: HashMap<[u8; 8], u64>,
    line: u64,
    bytes: u64,
    /// One that did not fit into the last batch.
    held: Option<(u64, String)>,
    /// What was wrong with the line after the last batch.
    fault: Option<InputError>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R, key: IdKey) -> Self {
        Self { input, key, seen: HashMap::new(), line: 0, bytes: 0, held: None, fault: None }
    }

    /// How much was read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// The next lines; None at the end. What stands before a faulty line is given before the fault.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, InputError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut batch = Batch { body: String::new(), lines: Vec::new() };
        while batch.lines.len() < MAX_EVENTS {
            let next = match self.held.take().map_or_else(|| self.next_event(), |held| Ok(Some(held))) {
                Ok(next) => next,
                Err(fault) if batch.lines.is_empty() => return Err(fault),
                Err(fault) => {
                    self.fault = Some(fault);
                    break;
                }
            };
            let Some((line, event)) = next else { break };
            if !batch.body.is_empty() && batch.body.len() + event.len() > MAX_BYTES {
                self.held = Some((line, event));
                break;
            }
            batch.lines.push(line);
            batch.body.push_str(&event);
            batch.body.push('\n');
        }
        Ok((!batch.lines.is_empty()).then_some(batch))
    }

    fn next_event(&mut self) -> Result<Option<(u64, String)>, InputError> {
        loop {
            let mut text = String::new();
            let read = self.input.by_ref().take(MAX_LINE_BYTES).read_line(&mut text)?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            self.bytes += u64::try_from(read).unwrap_or(0);
            if !text.ends_with('\n') && u64::try_from(read).is_ok_and(|read| read >= MAX_LINE_BYTES) {
                return Err(InputError::TooLong(self.line));
            }
            let text = text.trim();
            if !text.is_empty() {
                return Ok(Some((self.line, self.with_id(text)?)));
            }
        }
    }

    /// The line, with an id if it has none. Its text is otherwise left as it is: the server judges it.
    fn with_id(&mut self, text: &str) -> Result<String, InputError> {
        let rest = text.strip_prefix('{').ok_or(InputError::NotAnObject(self.line))?;
        let head = serde_json::from_str::<Head>(text).map_err(|_| InputError::NotAnObject(self.line))?;
        if head.id.is_some() {
            return Ok(text.to_owned());
        }
        let digest = Sha256::digest(text.as_bytes());
        let short = digest.first_chunk::<8>().copied().unwrap_or_default();
        let nth = self.seen.entry(short).or_default();
        let id = self.key.id_of(text.as_bytes(), *nth);
        *nth += 1;
        let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
        Ok(format!("{{\"id\":\"{id}\"{comma}{rest}"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use serde_json::Value;

    use super::*;

    fn lines<'a>(text: &'a str, folder: &Path) -> Lines<&'a [u8]> {
        Lines::new(text.as_bytes(), IdKey::in_folder(folder).unwrap())
    }

    fn ids(text: &str, folder: &Path) -> Vec<String> {
        let mut lines = lines(text, folder);
        let mut ids = Vec::new();
        while let Some(batch) = lines.next_batch().unwrap() {
            for line in batch.body.lines() {
                let event: Value = serde_json::from_str(line).unwrap();
                ids.push(event["id"].as_str().unwrap().to_owned());
            }
        }
        ids
    }

    #[test]
    fn the_same_lines_have_the_same_ids_whenever_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let text = "{\"a\":1}\n\n{\"a\":2}\n{\"a\":1}\n{}\n{\"id\":\"mine\"}\n";
        let first = ids(text, folder.path());
        assert_eq!(first, ids(text, folder.path()));
        assert_eq!(first.len(), 5);
        assert_ne!(first[0], first[2], "the same line twice is two events");
        assert_eq!(first[4], "mine");
        let stranger = tempfile::tempdir().unwrap();
        assert_ne!(first[0], ids(text, stranger.path())[0], "an id tells nobody else what it was made of");
    }

    #[test]
    fn batches_are_bounded_and_know_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{{\"a\":\"{}\"}}\n", "x".repeat(100_000)).repeat(5);
        let mut large = lines(&text, folder.path());
        let sizes = std::iter::from_fn(|| large.next_batch().unwrap()).map(|batch| batch.lines).collect::<Vec<_>>();
        assert_eq!(sizes, [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(usize::try_from(large.bytes_read()).unwrap(), text.len());
        let many = "{}\n".repeat(1_001);
        let mut small = lines(&many, folder.path());
        let sizes = std::iter::from_fn(|| small.next_batch().unwrap()).map(|batch| batch.lines.len());
        assert_eq!(sizes.collect::<Vec<_>>(), [500, 500, 1]);
    }

    #[test]
    fn a_faulty_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for bad in ["[]", "1", "{", "{\"a\":}", "nonsense"] {
            let text = format!("{{}}\n{bad}\n{{}}\n");
            let mut lines = lines(&text, folder.path());
            assert_eq!(lines.next_batch().unwrap().unwrap().lines, [1], "what stands before it is given");
            let error = lines.next_batch().unwrap_err();
            assert!(matches!(error, InputError::NotAnObject(2)), "{bad}: {error}");
            assert_eq!(lines.next_batch().unwrap().unwrap().lines, [3], "and what stands behind it");
        }
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1_200_000));
        assert!(matches!(lines(&long, folder.path()).next_batch(), Err(InputError::TooLong(1))));
    }
}
