//! Server-sent events, as the HTML standard reads them, from any reader. A line or a message that is larger than an
//! event can be ends the stream.

use std::io::{BufRead, Read};

use crate::cli::client::ClientError;

/// Bytes of one message: an event of the largest kind, escaped, and a little.
const MAX_BYTES: u64 = 8 * 1_048_576;

/// One message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// Its `event`; empty for an unnamed one.
    pub(super) name: String,
    /// Its lines of `data`.
    pub(super) data: String,
    /// Its `id`, when it has one.
    pub(super) id: Option<String>,
}

/// The messages of a stream.
pub(super) struct Messages<R> {
    input: R,
}

impl<R: BufRead> Messages<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input }
    }

    /// The next message; None at the end of the stream. A message that the end cut short is dropped.
    pub(super) fn next_message(&mut self) -> Result<Option<Message>, ClientError> {
        let mut message = Message::default();
        let mut any = false;
        let mut left = MAX_BYTES;
        loop {
            let mut line = String::new();
            let read = self.input.by_ref().take(left).read_line(&mut line);
            let read = read.map_err(|error| ClientError::Unreachable("the stream".to_owned(), error.to_string()))?;
            left -= u64::try_from(read).unwrap_or(left);
            if read > 0 && left == 0 {
                return Err(ClientError::Nonsense("the stream".to_owned()));
            }
            if !line.ends_with('\n') {
                return Ok(None);
            }
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                if any {
                    return Ok(Some(message));
                }
                left = MAX_BYTES;
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut message.name),
                "id" if !value.contains('\0') => message.id = Some(value.to_owned()),
                "data" => {
                    if !message.data.is_empty() {
                        message.data.push('\n');
                    }
                    message.data.push_str(value);
                }
                // A comment, or a field of another day.
                _ => continue,
            }
            any = true;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn all(text: &str) -> Vec<(String, String, Option<String>)> {
        let mut messages = Messages::new(text.as_bytes());
        let all = std::iter::from_fn(|| messages.next_message().unwrap());
        all.map(|message| (message.name, message.data, message.id)).collect()
    }

    #[test]
    fn messages_are_read_as_the_standard_says() {
        let text = ": hello\n\nid: e:1\ndata: {\"a\":1}\n\nevent: skipped\ndata:x\ndata: y\nretry: 5\n\ndata: cut";
        assert_eq!(
            all(text),
            [
                (String::new(), "{\"a\":1}".to_owned(), Some("e:1".to_owned())),
                ("skipped".to_owned(), "x\ny".to_owned(), None),
            ]
        );
        assert_eq!(all("id: 1\r\ndata: a\r\n\r\n").len(), 1);
        assert!(all("").is_empty());
    }

    #[test]
    fn a_message_without_end_is_refused() {
        let endless = "data: x\n".repeat(2_000_000);
        assert!(Messages::new(endless.as_bytes()).next_message().is_err());
    }
}
