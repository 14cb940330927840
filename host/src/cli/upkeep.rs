//! `prune` and `backup`: a SQLite log looked after from beside it, whether a server runs on it or not.

use std::path::PathBuf;

use anyhow::Context;

use super::Usage;
use super::serve::say;
use crate::config::{Span, StoreUrl};
use crate::retention::{self, Retention};
use crate::store::Seq;
use crate::store::sqlite::{Durability, SqliteStore};

#[derive(clap::Args)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    store: StoreArg,
    /// Remove events that were logged longer ago than this
    #[arg(long, env = "ACTIVITY_FEED_OLDER_THAN", value_name = "TIME", required_unless_present = "keep")]
    older_than: Option<Span>,
    /// Remove all but the newest N events
    #[arg(long, env = "ACTIVITY_FEED_KEEP", value_name = "N")]
    keep: Option<u64>,
}

#[derive(clap::Args)]
pub(super) struct BackupArgs {
    /// The copy; it must not exist
    file: PathBuf,
    #[command(flatten)]
    store: StoreArg,
}

#[derive(clap::Args)]
struct StoreArg {
    /// The log
    #[arg(long, env = "ACTIVITY_FEED_STORE", default_value = "sqlite:activity-feed.db", value_name = "STORE")]
    store: StoreUrl,
}

impl StoreArg {
    /// Opens the log; unlike a server, it makes none.
    fn open(&self) -> anyhow::Result<SqliteStore> {
        let StoreUrl::Sqlite(path) = &self.store else {
            return Err(Usage("a log in memory cannot be reached from another process".to_owned()).into());
        };
        anyhow::ensure!(path.exists(), "there is no log {}; name it with --store sqlite:FILE", path.display());
        SqliteStore::open(path, Durability::Full).with_context(|| format!("cannot open the log {}", path.display()))
    }
}

pub(super) fn prune(args: &PruneArgs) -> anyhow::Result<()> {
    let retention = Retention { age: args.older_than.map(|Span(age)| age), events: args.keep };
    let store = args.store.open()?;
    let removed = retention::apply(&store, retention, Seq::MAX)?;
    store.shrink()?;
    say(&format!("{removed} events removed"));
    Ok(())
}

pub(super) fn backup(args: &BackupArgs) -> anyhow::Result<()> {
    args.store.open()?.backup(&args.file)?;
    say(&format!("{} is a copy of the log", args.file.display()));
    Ok(())
}
