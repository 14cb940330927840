//! The server's log: `tracing`, one line a fact, on stderr. What is logged is chosen where it happens; tokens and event
//! data never are.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts the log. `ACTIVITY_FEED_LOG`, else `RUST_LOG`, says how much, as `tracing-subscriber` reads it.
pub(super) fn start(format: LogFormat) {
    let said = std::env::var("ACTIVITY_FEED_LOG").or_else(|_| std::env::var("RUST_LOG"));
    let filter = said.ok().and_then(|said| EnvFilter::try_new(said).ok()).unwrap_or_else(|| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, as in tests, keeps the first.
    let _ = match format {
        LogFormat::Text => {
            let colour = console::colors_enabled_stderr();
            builder.with_target(false).with_ansi(colour).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
