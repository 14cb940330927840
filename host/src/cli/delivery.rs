//! Brings a body of events to the server: sent again for as long as that may help, under the same ids, so that a lost
//! answer costs a duplicate and never a second event.

use std::time::Duration;

use serde_json::Value;

use super::client::{Backoff, Client, ClientError};

/// How often a request is sent before it is given up.
const TRIES: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a server that does not answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// As long as a restart takes; nobody there at the first try is a wrong URL rather than a restart.
    IfThere,
    /// As long as a restart takes.
    Restart,
    /// Till it is there.
    Forever,
}

/// Sends till the server has it, or it is clear that it will not. `waiting` is told before each pause.
pub(super) fn post(
    client: &Client,
    media_type: &str,
    body: &[u8],
    patience: Patience,
    mut waiting: impl FnMut(&ClientError),
) -> Result<Value, ClientError> {
    let mut backoff = Backoff::new(LONGEST_PAUSE);
    let mut tries = 1;
    loop {
        let error = match client.post("/api/events", media_type, body) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let in_vain = match patience {
            Patience::IfThere => tries >= TRIES || (tries == 1 && matches!(error, ClientError::NobodyThere(_))),
            Patience::Restart => tries >= TRIES,
            Patience::Forever => false,
        };
        if in_vain || !error.is_passing() {
            return Err(error);
        }
        waiting(&error);
        std::thread::sleep(backoff.pause(error.retry_after()));
        tries = tries.saturating_add(1);
    }
}
