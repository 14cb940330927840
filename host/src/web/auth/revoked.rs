//! Tokens that were taken back before their time (`--revoked-file`): a list of `jti`, read whole and swapped whole. A
//! token without a `jti` cannot be taken back; whoever minted it has to let it run out, or change the key.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::KeyError;

/// Bytes of the list that are read at most: some 400,000 UUIDs.
const MAX_BYTES: u64 = 16 * 1_048_576;

/// The names of revoked tokens.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Revoked(HashSet<String>);

impl Revoked {
    /// From a file with one `jti` a line; blank lines, and blanks around a name, do not count.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 16 MiB, or is not UTF-8. Nothing of it holds then: half a list would
    /// let in whom the other half names.
    pub(super) fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        fs::File::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(KeyError::Large { path: path.to_owned(), max: MAX_BYTES });
        }
        let text = String::from_utf8(bytes).map_err(|error| failed(std::io::Error::other(error.utf8_error())))?;
        Ok(Self(text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()))
    }

    /// The list of an option that may not be given.
    pub(super) fn read_if_any(path: Option<&PathBuf>) -> Result<Self, KeyError> {
        path.map_or_else(|| Ok(Self::default()), |path| Self::read(path))
    }

    pub(super) fn holds(&self, jti: &str) -> bool {
        self.0.contains(jti)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn one_name_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("revoked");
        fs::write(&path, "one\r\n\n  two  \nthree").unwrap();
        let revoked = Revoked::read(&path).unwrap();
        assert_eq!(revoked.len(), 3);
        assert!(["one", "two", "three"].iter().all(|name| revoked.holds(name)));
        assert!(!revoked.holds("") && !revoked.holds("on"));
        assert_eq!(Revoked::read_if_any(None).unwrap(), Revoked::default());
    }

    #[test]
    fn half_a_list_is_no_list() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("revoked");
        assert!(Revoked::read(&path).is_err(), "one that is not there");
        fs::write(&path, b"one\n\xff\n").unwrap();
        assert!(Revoked::read(&path).is_err());
    }
}
