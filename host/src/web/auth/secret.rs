//! The HS256 secret and its file: read, made when there is none, and used to mint tokens. A secret is never shorter than
//! 32 bytes, is readable by its owner alone when made here, and never shows in a debug print.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::claims::Scopes;

/// Bytes that a secret holds at least: HS256 is no stronger than its key (RFC 7518, section 3.2).
pub const MIN_BYTES: usize = 32;
/// Bytes of a secret file that are read at most.
const MAX_BYTES: u64 = 65_536;

/// Why a key file is of no use. Each says which file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be made.
    #[error("cannot make the secret file {path}: {source}")]
    Make {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The secret is too short to be one.
    #[error(
        "the secret in {path} has {bytes} bytes, at least {MIN_BYTES} are needed; \
         make one with `openssl rand -hex 32 > {path}`"
    )]
    Short {
        /// Which file.
        path: PathBuf,
        /// How many it has.
        bytes: usize,
    },
    /// The file is too large to be one.
    #[error("the file {path} is larger than {max} bytes")]
    Large {
        /// Which file.
        path: PathBuf,
        /// What is read at most.
        max: u64,
    },
    /// It is no JWK set, or there is no usable key in it.
    #[error("the key set in {path} is of no use: {why}")]
    Set {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// At most [`MAX_BYTES`] of a key file.
pub(super) fn read_key_file(path: &Path) -> Result<Vec<u8>, KeyError> {
    let failed = |source| KeyError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // One byte more than allowed tells "too large" from "just right", whatever the file claims its length to be.
    fs::File::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(KeyError::Large { path: path.to_owned(), max: MAX_BYTES });
    }
    Ok(bytes)
}

/// An HS256 key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// From a file; one newline at its end is no part of it.
    ///
    /// # Errors
    /// The file cannot be read, or holds too little or too much.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let mut bytes = read_key_file(path)?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bytes.len() < MIN_BYTES {
            return Err(KeyError::Short { path: path.to_owned(), bytes: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// From a file, which is made (32 random bytes in hex, mode 0600) when it is not there.
    ///
    /// # Errors
    /// The file cannot be read or made.
    pub fn read_or_make(path: &Path) -> Result<Self, KeyError> {
        match Self::read(path) {
            Err(KeyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
        make(path).map_err(|source| KeyError::Make { path: path.to_owned(), source })?;
        Self::read(path)
    }

    /// A random one that is written nowhere.
    ///
    /// # Errors
    /// The system has no random numbers to give.
    pub fn random() -> io::Result<Self> {
        Ok(Self(random_hex()?.into_bytes()))
    }

    /// Another key, for another purpose, from which this one cannot be told: a session cookie is no token, and the
    /// other way round.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(purpose.as_bytes());
        hash.update([0]);
        hash.update(&self.0);
        Self(hash.finalize().to_vec())
    }

    /// The key itself, for whoever makes something else of it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn decoding_key(&self) -> DecodingKey {
        DecodingKey::from_secret(&self.0)
    }

    /// Sign a payload.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(in crate::web) fn sign(&self, payload: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), payload, &EncodingKey::from_secret(&self.0))
    }

    /// Mint a token that holds for `spec.ttl_seconds` from `now` (Unix seconds).
    ///
    /// # Errors
    /// It cannot be written as JSON, which no spec brings about.
    pub fn mint(&self, spec: &TokenSpec, now: u64) -> Result<String, jsonwebtoken::errors::Error> {
        #[derive(Serialize)]
        struct Payload<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            sub: Option<&'a str>,
            scope: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            types: Option<&'a [String]>,
            /// So that it can be taken back by its name.
            #[serde(skip_serializing_if = "Option::is_none")]
            jti: Option<String>,
            iat: u64,
            exp: u64,
        }
        self.sign(&Payload {
            sub: spec.subject.as_deref(),
            scope: spec.scopes.to_claim(),
            types: spec.types.as_deref(),
            jti: random_hex().ok(),
            iat: now,
            exp: now.saturating_add(spec.ttl_seconds),
        })
    }
}

/// A token to be minted.
#[derive(Clone, Debug)]
pub struct TokenSpec {
    /// For whom.
    pub subject: Option<String>,
    /// What for.
    pub scopes: Scopes,
    /// Which event types, as patterns; None is all.
    pub types: Option<Vec<String>>,
    /// How long it holds.
    pub ttl_seconds: u64,
}

fn random_hex() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Make a secret file that is there whole or not at all: two servers that start at once agree on whichever came first.
fn make(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let secret = random_hex()?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        writeln!(file, "{secret}")?;
        file.sync_all()?;
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    let removed = fs::remove_file(&draft);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_made_secret_is_its_owners_alone_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("feed.db.secret");
        let first = Secret::read_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Secret::read_or_make(&path).unwrap(), first);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left behind");
        assert_eq!(fs::read_to_string(&path).unwrap().trim_end().len(), 64);
    }

    #[test]
    fn a_trailing_newline_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let read = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            Secret::read(&path)
        };
        let key = [b'k'; 32];
        let plain = read(&key).unwrap();
        assert_eq!(read(&[&key[..], b"\n"].concat()).unwrap(), plain);
        assert_eq!(read(&[&key[..], b"\r\n"].concat()).unwrap(), plain);
        assert_ne!(read(&[&key[..], b"\n\n"].concat()).unwrap(), plain);
        assert!(matches!(read(&[&[b'k'; 31][..], b"\n"].concat()), Err(KeyError::Short { bytes: 31, .. })));
        assert!(matches!(read(&vec![b'k'; 70_000]), Err(KeyError::Large { .. })));
        let text = read(b"short").unwrap_err().to_string();
        assert!(text.contains("5 bytes") && text.contains("openssl rand"), "{text}");
    }

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::random().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_ne!(secret.derive("a"), secret.derive("b"));
    }
}
