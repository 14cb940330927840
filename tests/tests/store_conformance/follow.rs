//! Every committed event once, in seq order, whoever appended it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;

const LONG: Duration = Duration::from_secs(30);

fn follow_to(store: &dyn EventStore, after: Seq, count: usize) -> Vec<Seq> {
    follow_while(store, after, |seqs| seqs.len() < count)
}

fn follow_until(store: &dyn EventStore, after: Seq, last: Seq) -> Vec<Seq> {
    follow_while(store, after, |seqs| seqs.last() != Some(&last))
}

fn follow_while(store: &dyn EventStore, mut after: Seq, missing: impl Fn(&[Seq]) -> bool) -> Vec<Seq> {
    let mut seqs = Vec::new();
    let deadline = Instant::now() + LONG;
    while missing(&seqs) {
        assert!(Instant::now() < deadline, "only {} came", seqs.len());
        let events = store.follow(after, Duration::from_millis(200)).unwrap();
        assert!(events.len() <= 1_000);
        seqs.extend(events.iter().map(|event| event.seq));
        after = seqs.last().copied().unwrap_or(after);
    }
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]));
    seqs
}

#[test]
fn follows_from_anywhere() {
    every_store(|store| {
        fill(store, "", 2_500, &["t"]);
        assert_eq!(follow_to(store, 0, 2_500), (1..=2_500).collect::<Vec<_>>());
        assert_eq!(follow_to(store, 2_498, 2), [2_499, 2_500]);
        assert_eq!(store.follow(2_500, Duration::ZERO).unwrap(), []);
        store.trim(2_000, 10_000).unwrap();
        // What is removed need not be handed out any more; what is kept must be.
        assert!(follow_until(store, 10, 2_500).ends_with(&(2_001..=2_500).collect::<Vec<_>>()));
        store.trim(2_500, 10_000).unwrap();
        log(store, new("next", "t"));
        assert_eq!(follow_until(store, 10, 2_501).last(), Some(&2_501));
    });
}

#[test]
fn waits_for_the_next_and_is_told_at_once() {
    every_store(|store| {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let events = store.follow(0, LONG).unwrap();
                (events[0].id.clone(), Instant::now())
            });
            while !waiting.is_finished() && store.bounds().unwrap().head == 0 {
                log(store, new("a", "t"));
            }
            let appended = Instant::now();
            let (id, told) = waiting.join().unwrap();
            assert_eq!(id, "a");
            assert!(told.saturating_duration_since(appended) < Duration::from_secs(5));
        });
    });
}

#[test]
fn wake_ends_the_wait() {
    every_store(|store| {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(store.follow(0, LONG).unwrap(), []);
                ended.store(true, Ordering::SeqCst);
            });
            let started = Instant::now();
            while !ended.load(Ordering::SeqCst) {
                store.wake();
                std::thread::yield_now();
            }
            assert!(started.elapsed() < LONG / 2);
        });
    });
}

#[test]
fn loses_nothing_under_concurrent_writers() {
    every_store(|store| {
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || {
                    for n in 0..100 {
                        let group = (0..=n % 3).map(|e| new(&format!("{writer}-{n}-{e}"), "t")).collect();
                        log_group(store, group);
                    }
                });
            }
            let followers: Vec<_> = (0..2).map(|_| scope.spawn(|| follow_to(store, 0, 4 * 199))).collect();
            let seen: Vec<_> = followers.into_iter().map(|follower| follower.join().unwrap()).collect();
            assert_eq!(seen[0], seen[1]);
            assert_eq!(seen[0], (1..=4 * 199).collect::<Vec<_>>());
        });
    });
}
