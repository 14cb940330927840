//! Posting what happens to a feed, at a rate, for as long as it is wanted. Every event has an id of its own, so that
//! a request whose answer was lost is repeated without telling anything twice. What is worth another try is tried
//! again, with growing pauses; what is not ends the run with what the server said.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::Swarm;

/// Events of one request at most.
const MAX_BATCH: usize = 500;
/// How often the stop flag is looked at.
const NAP: Duration = Duration::from_millis(50);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Seconds between two events of the history.
const HISTORY_STEP: i64 = 4;

/// How long an auction is said to stay open.
const AUCTION_SECONDS: i64 = 60;

/// Where, and how much.
#[derive(Clone, Debug)]
pub struct Options {
    /// The feed, like `http://127.0.0.1:8080`.
    pub url: String,
    /// A token with the scope `publish`; None where none is needed.
    pub token: Option<String>,
    /// Events a second, on average.
    pub rate: f64,
    /// Events posted at once in the beginning, as if they had happened in the last minutes.
    pub history: usize,
}

/// Why the swarm cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub enum PostError {
    /// The server refuses, and would again: its status and what it said.
    Refused(u16, String),
}

impl std::fmt::Display for PostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(status, detail) => write!(f, "the feed refuses the swarm's events ({status}): {detail}"),
        }
    }
}

impl std::error::Error for PostError {}

/// One run's way of posting.
struct Poster<'a> {
    agent: ureq::Agent,
    options: &'a Options,
    stop: &'a AtomicBool,
    /// Names the run, so that its ids are never those of another.
    run: u128,
    posted: u64,
}

/// Posts what happens to the swarm till `stop` is set. Returns how many events were posted.
///
/// # Errors
/// The server refuses for good: the token, the URL or the events are wrong.
pub fn run(swarm: &mut Swarm, options: &Options, stop: &AtomicBool) -> Result<u64, PostError> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(20)))
        .http_status_as_error(false)
        .user_agent("activity-swarm")
        .build()
        .new_agent();
    let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros());
    let mut poster = Poster { agent, options, stop, run, posted: 0 };
    poster.history(swarm)?;
    let rate = if options.rate.is_finite() { options.rate.clamp(0.01, 100_000.0) } else { 1.0 };
    let mut rng = fastrand::Rng::new();
    let mut last = Instant::now();
    // Events that are due; below zero after a burst that ran ahead.
    let mut due = 0.0;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(NAP.min(Duration::from_secs_f64(1.0 / rate)));
        // The swarm is no metronome: now it does more, now less.
        due += last.elapsed().as_secs_f64() * rate * (0.4 + 1.2 * rng.f64());
        last = Instant::now();
        let mut batch = Vec::new();
        while (due >= 1.0 || (!batch.is_empty() && swarm.has_untold())) && batch.len() < MAX_BATCH {
            let mut event = swarm.next_event();
            close_later(&mut event, AUCTION_SECONDS);
            batch.push(event);
            due -= 1.0;
        }
        // What could not be kept up with is let go, not heaped up.
        due = due.min(rate);
        poster.post(batch)?;
    }
    Ok(poster.posted)
}

/// The time so many seconds from now.
fn from_now(seconds: i64) -> String {
    let now = jiff::Timestamp::now();
    let then = now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now);
    format!("{then:.3}")
}

/// Says when an auction closes. The stories know no clock, so that they can be told again.
fn close_later(event: &mut Value, seconds: i64) {
    if event.get("event_type").and_then(Value::as_str) == Some("task.bidding")
        && let Some(data) = event.get_mut("data").and_then(Value::as_object_mut)
    {
        data.insert("closes_at".to_owned(), from_now(seconds).into());
    }
}

impl Poster<'_> {
    fn history(&mut self, swarm: &mut Swarm) -> Result<(), PostError> {
        let mut left = self.options.history;
        let mut ago = HISTORY_STEP.saturating_mul(i64::try_from(left).unwrap_or(0));
        while left > 0 {
            let batch = (0..left.min(MAX_BATCH)).map(|_| {
                let mut event = swarm.next_event();
                if let Some(fields) = event.as_object_mut() {
                    fields.insert("timestamp".to_owned(), from_now(-ago).into());
                }
                close_later(&mut event, AUCTION_SECONDS - ago);
                ago -= HISTORY_STEP;
                event
            });
            let batch = batch.collect::<Vec<_>>();
            left -= batch.len();
            self.post(batch)?;
        }
        Ok(())
    }

    /// Posts a batch till the server has it, or the run is over.
    fn post(&mut self, mut batch: Vec<Value>) -> Result<(), PostError> {
        if batch.is_empty() {
            return Ok(());
        }
        for event in &mut batch {
            if let Some(fields) = event.as_object_mut() {
                fields.insert("id".to_owned(), format!("swarm-{:x}-{}", self.run, self.posted).into());
            }
            self.posted += 1;
        }
        let body = Value::Array(batch).to_string();
        let url = format!("{}/api/events", self.options.url.trim_end_matches('/'));
        let mut pause = FIRST_PAUSE;
        loop {
            let mut request = self.agent.post(&url).header("content-type", "application/json");
            if let Some(token) = &self.options.token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            if let Ok(mut response) = request.send(body.as_bytes()) {
                let status = response.status().as_u16();
                match status {
                    200..300 => return Ok(()),
                    408 | 429 | 500.. => {}
                    _ => {
                        let text = response.body_mut().read_to_string().unwrap_or_default();
                        let problem = serde_json::from_str::<Value>(&text).unwrap_or_default();
                        let detail = problem.get("detail").and_then(Value::as_str).unwrap_or("no reason given");
                        return Err(PostError::Refused(status, detail.to_owned()));
                    }
                }
            }
            if !self.wait(pause) {
                return Ok(());
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// False when the run is over.
    fn wait(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        while Instant::now() < end {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            std::thread::sleep(NAP.min(pause));
        }
        !self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashSet;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;

    use super::*;

    /// Answers requests with these statuses in turn, then stops the run. Gives the bodies it got.
    fn serve(statuses: &'static [u16], stop: Arc<AtomicBool>) -> (String, std::thread::JoinHandle<Vec<Value>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let mut bodies = Vec::new();
            for status in statuses {
                let mut stream = listener.accept().unwrap().0;
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                bodies.push(serde_json::from_slice(&body).unwrap());
                let answer = r#"{"detail":"because"}"#;
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}",
                    answer.len()
                )
                .unwrap();
            }
            stop.store(true, Ordering::Relaxed);
            bodies
        });
        (url, serving)
    }

    fn options(url: String) -> Options {
        Options { url, token: Some("t".to_owned()), rate: 200.0, history: 60 }
    }

    #[test]
    fn a_request_that_failed_is_repeated_with_the_same_ids() {
        let stop = Arc::new(AtomicBool::new(false));
        let (url, serving) = serve(&[503, 201, 201], Arc::clone(&stop));
        assert!(run(&mut Swarm::new(1), &options(url), &stop).unwrap() >= 60);
        let bodies = serving.join().unwrap();
        let [first, again, live] = bodies.as_slice() else { unreachable!() };
        assert_eq!(first, again);
        let history = first.as_array().unwrap();
        assert_eq!(history.len(), 60);
        assert!(history.iter().all(|event| event.get("timestamp").is_some()));
        let all = history.iter().chain(live.as_array().unwrap());
        let ids = all.map(|event| event.get("id").unwrap().as_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }

    #[test]
    fn a_refusal_ends_the_run_and_says_why() {
        let stop = Arc::new(AtomicBool::new(false));
        let (url, serving) = serve(&[401], Arc::clone(&stop));
        let error = run(&mut Swarm::new(1), &options(url), &stop).unwrap_err();
        assert_eq!(error, PostError::Refused(401, "because".to_owned()));
        serving.join().unwrap();
    }

    #[test]
    fn a_run_stops_while_nobody_answers() {
        let stop = Arc::new(AtomicBool::new(false));
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let stopper = Arc::clone(&stop);
        let running =
            std::thread::spawn(move || run(&mut Swarm::new(1), &options(format!("http://{closed}")), &stopper));
        stop.store(true, Ordering::Relaxed);
        assert!(running.join().unwrap().is_ok());
    }
}
