//! `bench`: the measures of the contract's section 10 on the user's own machine, as a table and as one JSON object.
//!
//! What is measured runs in a child process, so that its CPU time and memory are its own and not the load's. Costs are
//! CPU time, and ratios are taken within one run, beside the least that the same work can cost (a bare write loop, a
//! bare sync, the same code native): wall time on a busy machine says little. Every run ends by itself.
//!
//! What is public here is what `benches/peers` measures other servers with: the same load, the same bare loop.

mod append;
pub mod child;
pub mod fanout;
mod floor;
pub mod http;
mod idle;
pub mod load;
mod policy;
pub mod publishers;
mod replay;
mod table;

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use clap::builder::{FalseyValueParser, RangedU64ValueParser};
use serde::Serialize;

/// One of the measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// Durable appends, single and batched, by concurrency
    Append,
    /// Time an event, by component, and the same code native
    Policy,
    /// CPU a delivery and latency, beside a bare write loop
    Fanout,
    /// Memory of an idle subscribed connection
    Idle,
    /// Events replayed a second
    Replay,
}

/// What to measure, and for how long.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Measure only this; repeatable
    #[arg(long, env = "ACTIVITY_FEED_ONLY", value_name = "MEASURE", value_delimiter = ',')]
    only: Vec<Measure>,
    /// WebSocket clients: of fanout in place of its own steps, of idle and replay in place of their numbers
    #[arg(long, env = "ACTIVITY_FEED_CONNECTIONS", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=50_000))]
    connections: Option<usize>,
    /// Events a second of fanout
    #[arg(long, env = "ACTIVITY_FEED_RATE", default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Events a request of fanout; they are due together
    #[arg(long, env = "ACTIVITY_FEED_BATCH", default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    batch: u32,
    /// Seconds of each timed step
    #[arg(long, env = "ACTIVITY_FEED_SECONDS", default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Print one JSON object in place of the table
    #[arg(long, env = "ACTIVITY_FEED_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    /// Be the measured process: `bench` starts itself with this
    #[arg(long, hide = true)]
    child: bool,
}

/// What was measured; what was not asked for is left out.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// `--only append`
    #[serde(skip_serializing_if = "Option::is_none")]
    append: Option<append::Report>,
    /// `--only policy`
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<policy::Report>,
    /// `--only fanout`
    #[serde(skip_serializing_if = "Option::is_none")]
    fanout: Option<Vec<fanout::Report>>,
    /// `--only idle`
    #[serde(skip_serializing_if = "Option::is_none")]
    idle: Option<idle::Report>,
    /// `--only replay`
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<replay::Report>,
}

/// Measure and print.
///
/// # Errors
/// The measured process could not be started, or a client of the load was sent away.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.child {
        return child::run();
    }
    crate::server::raise_descriptor_limit();
    let report = measure(args)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", table::of(&report))?;
    }
    out.flush()?;
    Ok(())
}

fn measure(args: &Args) -> anyhow::Result<Report> {
    let wanted = |measure| args.only.is_empty() || args.only.contains(&measure);
    let time = Duration::from_secs(args.seconds);
    let mut report = Report::default();
    if wanted(Measure::Policy) {
        eprintln!("policy …");
        report.policy = Some(policy::measure().context("policy")?);
    }
    if wanted(Measure::Append) {
        eprintln!("append …");
        report.append = Some(append::measure(time).context("append")?);
    }
    if wanted(Measure::Fanout) {
        let steps = match args.connections {
            Some(connections) => fanout::Step::both_filters(connections, args.rate),
            None => fanout::Step::usual(),
        };
        let mut reports = Vec::new();
        for step in steps {
            eprintln!("fanout: {step} …");
            let measured = fanout::measure(step, args.batch, time);
            reports.push(measured.with_context(|| format!("fanout: {step}"))?);
        }
        report.fanout = Some(reports);
    }
    if wanted(Measure::Idle) {
        eprintln!("idle …");
        report.idle = Some(idle::measure(args.connections.unwrap_or(2_000)).context("idle")?);
    }
    if wanted(Measure::Replay) {
        eprintln!("replay …");
        report.replay = Some(replay::measure(args.connections.unwrap_or(1_000)).context("replay")?);
    }
    Ok(report)
}

/// The value below which the share `p` (0 to 1) of the samples lies; 0 without samples. Sorts them.
pub fn percentile(samples: &mut [f64], p: f64) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of the slice"
    )]
    let at = ((samples.len() as f64 - 1.0) * p).round().max(0.0) as usize;
    samples.get(at).copied().unwrap_or(0.0)
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
pub fn number(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

/// Rounded for people and for JSON: what is measured has no more digits than this.
pub fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_of_sorted_samples() {
        let mut samples = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(percentile(&mut samples, 0.5), 3.0);
        assert_eq!(percentile(&mut samples, 1.0), 5.0);
        assert_eq!(percentile(&mut samples, 0.0), 1.0);
        assert_eq!(percentile(&mut [], 0.5), 0.0);
    }
}
