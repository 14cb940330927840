//! A reader of `text/event-stream` that waits with deadlines.

use std::io;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::Wire;
use crate::{Client, Response, SOON};

/// One block of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The `event:` field; empty for an unnamed message.
    pub event: String,
    /// The `id:` field.
    pub id: Option<String>,
    /// The `data:` lines, joined; none where there is no such line.
    pub data: Option<String>,
    /// Whether it held a comment.
    pub comment: bool,
}

impl Block {
    /// The data as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let data = self.data.as_deref().unwrap_or_else(|| panic!("no data in {self:?}"));
        serde_json::from_str(data).unwrap_or_else(|_| panic!("not JSON: {data}"))
    }
}

/// An open stream.
#[derive(Debug)]
pub struct Sse {
    wire: Wire,
    /// The answer's status and headers.
    pub head: Response,
    text: Vec<u8>,
}

impl Sse {
    /// Opens a stream.
    ///
    /// # Errors
    /// The answer of a server that refuses it.
    #[track_caller]
    pub fn open(client: &Client, path: &str, headers: &[(&str, &str)]) -> Result<Self, Response> {
        let mut wire = Wire::connect(client.addr).expect("the server listens");
        let mut all = vec![("Accept", "text/event-stream")];
        all.extend_from_slice(headers);
        wire.write(&client.head("GET", path, &all, None)).expect("the server listens");
        let deadline = Instant::now() + SOON;
        let head = wire.read_head(deadline).expect("an answer");
        if head.status == 200 {
            Ok(Self { wire, head, text: Vec::new() })
        } else {
            Err(wire.read_body(head, false, deadline).expect("an answer"))
        }
    }

    /// The next block. None: the stream has ended.
    ///
    /// # Errors
    /// `TimedOut` after the deadline.
    pub fn next(&mut self, deadline: Instant) -> io::Result<Option<Block>> {
        loop {
            if let Some(at) = self.text.windows(2).position(|window| window == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..at + 2).collect();
                return Ok(Some(parse(&String::from_utf8(block).map_err(io::Error::other)?)));
            }
            match self.wire.read_chunk(deadline) {
                Ok(Some(chunk)) => self.text.extend(chunk),
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
                Err(_) => return Ok(None),
            }
        }
    }

    /// The next block that holds data, which must come in time.
    #[track_caller]
    pub fn message_within(&mut self, limit: Duration) -> Block {
        let deadline = Instant::now() + limit;
        loop {
            match self.next(deadline) {
                Ok(Some(block)) if block.data.is_some() => return block,
                Ok(Some(_)) => {}
                other => panic!("a message was due within {limit:?}, but: {other:?}"),
            }
        }
    }

    /// The next block that holds data, which must come soon.
    #[track_caller]
    pub fn message(&mut self) -> Block {
        self.message_within(SOON)
    }

    /// Messages up to the first with this `event:`, which is the last of them.
    #[track_caller]
    pub fn until(&mut self, event: &str) -> Vec<Block> {
        let mut blocks = Vec::new();
        loop {
            let block = self.message();
            let found = block.event == event;
            blocks.push(block);
            if found {
                return blocks;
            }
        }
    }

    /// Waits for the server to end the stream.
    #[track_caller]
    pub fn expect_end(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            match self.next(deadline) {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => panic!("the stream did not end within {limit:?}: {error}"),
            }
        }
    }
}

fn parse(text: &str) -> Block {
    let mut block = Block::default();
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => block.comment = true,
            "event" => value.clone_into(&mut block.event),
            "id" => block.id = Some(value.to_owned()),
            "data" => {
                let data = block.data.get_or_insert_default();
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(value);
            }
            _ => {}
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_as_browsers_do() {
        let block = parse("event: skipped\nid:e:7\ndata: one\ndata:two\n: a comment\nretry: 5\n");
        assert_eq!((block.event.as_str(), block.id.as_deref()), ("skipped", Some("e:7")));
        assert_eq!((block.data.as_deref(), block.comment), (Some("one\ntwo"), true));
        assert_eq!(parse(":\n"), Block { comment: true, ..Block::default() });
    }
}
