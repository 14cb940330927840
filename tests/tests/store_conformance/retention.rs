//! What retention removes is gone for every call, and nothing that is gone can come back under its seq.

use super::*;

#[test]
fn trim_removes_the_oldest_and_says_where_the_rest_begins() {
    every_store(|store| {
        fill(store, "", 10, &["t"]);
        let trimmed = || store.bounds().unwrap().trimmed;
        assert_eq!(store.trim(0, 1_000).unwrap(), 0);
        assert_eq!(store.trim(5, 0).unwrap(), 0);
        assert_eq!(trimmed(), 0);
        assert_eq!(store.trim(6, 4).unwrap(), 4);
        assert_eq!(trimmed(), 4);
        assert_eq!(store.trim(6, 4).unwrap(), 2);
        assert_eq!(store.trim(6, 4).unwrap(), 0);
        assert_eq!(store.trim(3, 4).unwrap(), 0);
        assert_eq!(trimmed(), 6);
        assert_eq!(ids(&store.read(&everything()).unwrap().events), ["6", "7", "8", "9"]);
        let down = Query { order: Order::Descending, ..everything() };
        let page = store.read(&down).unwrap();
        assert_eq!((ids(&page.events), page.reached, page.more), (vec!["9", "8", "7", "6"], 6, false));
        assert_eq!(store.get("3").unwrap(), None);
        assert_eq!(store.count(&Filter::default(), 0, Seq::MAX, 4).unwrap().total, Some(4));
    });
}

#[test]
fn no_seq_comes_twice_even_when_all_is_gone() {
    every_store(|store| {
        fill(store, "", 10, &["t"]);
        assert_eq!(store.trim(Seq::MAX, 1_000).unwrap(), 10);
        let bounds = store.bounds().unwrap();
        assert_eq!((bounds.trimmed, bounds.head), (10, 10));
        assert_eq!(store.read(&everything()).unwrap(), Page { events: vec![], reached: 10, more: false });
        // The id is free again; its place is not.
        let again = log(store, new("3", "other"));
        assert_eq!(again, 11);
        assert_eq!(store.bounds().unwrap().epoch, bounds.epoch);
        assert_eq!(store.get("3").unwrap().unwrap().seq, again);
    });
}

#[test]
fn a_snapshot_never_goes_back() {
    every_store(|store| {
        assert_eq!(store.load_snapshot().unwrap(), None);
        store.save_snapshot(5, b"five").unwrap();
        store.save_snapshot(4, b"four").unwrap();
        assert_eq!(store.load_snapshot().unwrap(), Some((5, b"five".to_vec())));
        store.save_snapshot(5, b"five again").unwrap();
        store.save_snapshot(9, b"").unwrap();
        assert_eq!(store.load_snapshot().unwrap(), Some((9, Vec::new())));
        assert!(store.save_snapshot(10, &vec![0; 8 * 1024 * 1024 + 1]).is_err());
        assert_eq!(store.load_snapshot().unwrap().unwrap().0, 9);
    });
}
