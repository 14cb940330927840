//! `activity:store/event-store` for the event-log component: the host's store, on the host's account of time.

use super::bindings::event_log::activity::store::event_store as wit;
use super::bindings::shared;
use super::limits::Meter;
use crate::store::{EventStore, StoreError};

/// What the import sees of an instance's state.
pub struct StoreView<'a> {
    pub log: Option<&'a dyn EventStore>,
    pub meter: &'a mut Meter,
    /// Set once something was appended.
    pub appended: &'a mut bool,
}

impl StoreView<'_> {
    fn ask<T>(&mut self, call: impl FnOnce(&dyn EventStore) -> Result<T, StoreError>) -> Result<T, wit::StoreError> {
        let Some(log) = self.log else {
            return Err(wit::StoreError::Unavailable("this component has no store".to_owned()));
        };
        self.meter.outside(|| call(log)).map_err(wit::StoreError::from)
    }
}

impl wit::Host for StoreView<'_> {
    fn append(
        &mut self,
        groups: Vec<Vec<wit::NewEvent>>,
    ) -> Result<Vec<Result<Vec<wit::Appended>, wit::Conflict>>, wit::StoreError> {
        let groups: Vec<Vec<_>> = groups.into_iter().map(|g| g.into_iter().map(Into::into).collect()).collect();
        let results = self.ask(|log| log.append(&groups))?;
        *self.appended |= results.iter().any(Result::is_ok);
        Ok(results
            .into_iter()
            .map(|group| group.map(|g| g.into_iter().map(Into::into).collect()).map_err(Into::into))
            .collect())
    }

    fn bounds(&mut self) -> Result<wit::LogBounds, wit::StoreError> {
        self.ask(|log| log.bounds()).map(Into::into)
    }

    fn read(&mut self, query: wit::Query) -> Result<wit::Page, wit::StoreError> {
        self.ask(|log| log.read(&query.into())).map(Into::into)
    }

    fn get(&mut self, id: String) -> Result<Option<shared::Event>, wit::StoreError> {
        Ok(self.ask(|log| log.get(&id))?.map(|event| shared::Event::from(&event)))
    }

    fn count(
        &mut self,
        filter: shared::Filter,
        after: u64,
        until: u64,
        max_rows: u32,
    ) -> Result<wit::Counts, wit::StoreError> {
        self.ask(|log| log.count(&filter.into(), after, until, max_rows)).map(Into::into)
    }

    fn seq_at(&mut self, time: u64, inclusive: bool) -> Result<u64, wit::StoreError> {
        self.ask(|log| log.seq_at(time, inclusive))
    }

    fn summary(&mut self, minutes: u32) -> Result<Vec<(u32, String, u64)>, wit::StoreError> {
        self.ask(|log| log.summary(minutes))
    }

    fn trim(&mut self, until: u64, max_rows: u32) -> Result<u64, wit::StoreError> {
        self.ask(|log| log.trim(until, max_rows))
    }

    fn load_snapshot(&mut self) -> Result<Option<(u64, Vec<u8>)>, wit::StoreError> {
        self.ask(|log| log.load_snapshot())
    }

    fn save_snapshot(&mut self, seq: u64, state: Vec<u8>) -> Result<(), wit::StoreError> {
        self.ask(|log| log.save_snapshot(seq, &state))
    }
}
