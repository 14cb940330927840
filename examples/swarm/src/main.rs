//! `activity-swarm --url http://127.0.0.1:8080 --token TOKEN --rate 3`: keeps a feed busy till it is interrupted.

use std::sync::atomic::AtomicBool;

use activity_swarm::{Options, Swarm, run};
use clap::Parser;

/// Simulate a swarm at work and post what happens to an activity feed.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The feed.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "ACTIVITY_FEED_URL")]
    url: String,
    /// A token with the scope `publish`.
    #[arg(long, env = "ACTIVITY_FEED_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Events a second, on average.
    #[arg(long, default_value_t = 3.0)]
    rate: f64,
    /// Events posted at once in the beginning.
    #[arg(long, default_value_t = 60)]
    history: usize,
    /// The same seed tells the same stories.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut swarm = Swarm::new(args.seed.unwrap_or_else(|| fastrand::u64(..)));
    let options = Options { url: args.url, token: args.token, rate: args.rate, history: args.history };
    // Ends with the process.
    run(&mut swarm, &options, &AtomicBool::new(false))?;
    Ok(())
}
