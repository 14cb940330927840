//! How much one publisher may send (`--publish-rate`): events a second a subject (the token's `sub`), as a bucket that
//! holds one second's worth. A batch that is larger than the bucket is let in when the bucket is full, and is paid off
//! before the next: the mean is kept, and no batch is too large for ever. All events of a request count, duplicates
//! and those of a request that is then refused too, since each costs the same work.
//!
//! The table is bounded whatever the subjects are: a subject is a 64-bit hash under a random key.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use super::error::Problem;
use crate::clock;
use crate::engine::words::BodyFormat;

/// Subjects that are kept track of at once. Each is forgotten once its bucket is full again.
const MAX_SUBJECTS: usize = 65_536;

struct Account {
    /// Events that may be sent now, as of `at_ms`; below zero while a large batch is paid off.
    balance: f64,
    at_ms: u64,
}

struct Table {
    accounts: HashMap<u64, Account>,
    /// The size at which full buckets are looked for.
    sweep_at: usize,
}

/// The buckets.
pub struct PublishRate {
    /// Events a second, and in a full bucket.
    rate: f64,
    hasher: RandomState,
    table: Mutex<Table>,
}

impl PublishRate {
    /// `rate` events a second a subject.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let table = Mutex::new(Table { accounts: HashMap::new(), sweep_at: 1_024 });
        Self { rate: f64::from(rate.max(1)), hasher: RandomState::new(), table }
    }

    /// Take `events` out of the subject's bucket. Tokens without a `sub` share one.
    ///
    /// # Errors
    /// 429, with the seconds after which the same is let in.
    pub fn take(&self, subject: Option<&str>, events: usize) -> Result<(), Problem> {
        self.take_at(subject, events, clock::monotonic_ms())
    }

    fn take_at(&self, subject: Option<&str>, events: usize, now_ms: u64) -> Result<(), Problem> {
        // More than a request may hold is refused later, and is no reason to count beyond what is exact in a float.
        let events = f64::from(u32::try_from(events).unwrap_or(u32::MAX));
        let name = self.hasher.hash_one(subject);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let table = &mut *table;
        if table.accounts.len() >= table.sweep_at {
            table.accounts.retain(|_, account| self.balance(account, now_ms) < self.rate);
            table.sweep_at = (table.accounts.len() * 2).max(1_024);
        }
        if table.accounts.len() >= MAX_SUBJECTS && !table.accounts.contains_key(&name) {
            return Err(Problem::too_many("too many publishers are at work now", 3).counted_as("publish_rate"));
        }
        let account = table.accounts.entry(name).or_insert(Account { balance: self.rate, at_ms: now_ms });
        let balance = self.balance(account, now_ms);
        *account = Account { balance, at_ms: now_ms };
        let needed = events.min(self.rate);
        if balance < needed {
            let detail = format!("this token's subject may publish {} events a second", self.rate);
            let seconds = whole_seconds((needed - balance) / self.rate);
            return Err(Problem::too_many(detail, seconds).counted_as("publish_rate"));
        }
        account.balance -= events;
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds since the last request need no 53 bits")]
    fn balance(&self, account: &Account, now_ms: u64) -> f64 {
        let seconds = now_ms.saturating_sub(account.at_ms) as f64 / 1_000.0;
        (account.balance + seconds * self.rate).min(self.rate)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=3600 first")]
fn whole_seconds(seconds: f64) -> u32 {
    seconds.ceil().clamp(1.0, 3_600.0) as u32
}

/// How many events a body seems to hold. It is not judged here: of one that is no JSON, this is any number.
#[must_use]
pub fn count_events(format: BodyFormat, bytes: &[u8]) -> usize {
    match format {
        BodyFormat::Ndjson => bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count(),
        BodyFormat::Json | BodyFormat::CloudEventBatch => match bytes.trim_ascii_start().strip_prefix(b"[") {
            Some(elements) => count_elements(elements),
            None => 1,
        },
        BodyFormat::CloudEvent => 1,
    }
}

/// The elements of a JSON array whose `[` has been taken off: the commas on its level, and one.
fn count_elements(text: &[u8]) -> usize {
    let (mut commas, mut depth, mut empty) = (0, 0_usize, true);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 0 => break,
            b']' | b'}' => depth -= 1,
            b',' if depth == 0 => commas += 1,
            _ => {}
        }
        empty = empty && byte.is_ascii_whitespace();
    }
    if empty { 0 } else { commas + 1 }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn one_seconds_worth_at_once_and_then_the_rate() {
        let rate = PublishRate::new(10);
        let take = |n, at| rate.take_at(Some("a"), n, at).is_ok();
        assert!((0..10).all(|_| take(1, 0)));
        assert!(!take(1, 50));
        assert!(take(1, 100) && !take(1, 100));
        assert!(rate.take_at(Some("b"), 1, 100).is_ok(), "another subject has its own");
        assert!(rate.take_at(None, 10, 100).is_ok(), "and so have those without");
        assert_eq!((0..60).filter(|_| take(1, 60_000)).count(), 10);
    }

    #[test]
    fn a_large_batch_is_let_in_and_paid_off() {
        let rate = PublishRate::new(10);
        assert!(rate.take_at(None, 100, 0).is_ok());
        let refused = rate.take_at(None, 1, 1_000).unwrap_err();
        assert_eq!(refused.status(), 429);
        assert!(rate.take_at(None, 1, 9_000).is_err());
        assert!(rate.take_at(None, 1, 9_100).is_ok());
        assert!(rate.take_at(None, 100, 9_200).is_err(), "only by a full bucket");
        assert!(rate.take_at(None, 100, 11_000).is_ok());
    }

    #[test]
    fn the_table_is_bounded() {
        let rate = PublishRate::new(1);
        for n in 0..MAX_SUBJECTS {
            rate.take_at(Some(&n.to_string()), 1, 0).unwrap();
        }
        assert!(rate.take_at(Some("one more"), 1, 0).is_err());
        assert!(rate.take_at(Some("one more"), 1, 2_000).is_ok(), "those that are full again were forgotten");
        assert!(rate.table.lock().unwrap().accounts.len() < 10);
    }

    #[test]
    fn events_are_counted_as_they_stand() {
        let json = |text: &str| count_events(BodyFormat::Json, text.as_bytes());
        for (text, want) in [
            ("{}", 1),
            ("", 1),
            ("[]", 0),
            (" [ \n ] ", 0),
            ("[{}]", 1),
            (r#"[{"a":[1,2,{"b":3}]},{"c":"],\"],"}, {}]"#, 3),
            ("[1,2", 2),
            ("[", 0),
            ("]]]", 1),
        ] {
            assert_eq!(json(text), want, "{text}");
        }
        assert_eq!(count_events(BodyFormat::Ndjson, b"{}\n\n {} \r\n\t\n"), 2);
        assert_eq!(count_events(BodyFormat::CloudEvent, b"[1,2]"), 1);
    }
}
