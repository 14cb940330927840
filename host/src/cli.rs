//! The command line: reads what was asked for, runs it, and says in plain words what went wrong and what to do next.
//! Options are also read from the environment (`ACTIVITY_FEED_…`), here and nowhere else. Exit codes: 0 done, 1 failed,
//! 2 wrong usage. Results go to stdout, everything else to stderr.

pub mod bench;
mod client;
pub mod component;
mod delivery;
mod demo;
mod export;
mod fields;
mod help;
mod import;
mod input;
mod log;
mod logging;
mod man;
mod serve;
mod tail;
mod token;
mod upkeep;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};

use crate::config::ConfigError;

/// A real-time activity feed: programs log events, dashboards see them at once.
#[derive(Parser)]
#[command(
    name = "activity-feed",
    version,
    after_help = "Without a command, `demo` runs: a feed with a simulated swarm, and one URL to open.\n\
                  Every option can also be set as ACTIVITY_FEED_<NAME>, like ACTIVITY_FEED_LISTEN."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server on a store.
    Serve(serve::Args),
    /// Run a server with a simulated swarm, and print one URL to open.
    Demo(demo::Args),
    /// Append events to a running server.
    Log(log::Args),
    /// Follow a feed in the terminal.
    Tail(tail::Args),
    /// Print the log as NDJSON, one event a line, oldest first.
    Export(export::Args),
    /// Append what `export` printed, or what another program writes into an SQLite table.
    Import(import::Args),
    /// Mint a signed token and print it.
    Token(token::Args),
    /// Remove old events from a log now, whether a server runs on it or not.
    Prune(upkeep::PruneArgs),
    /// Write a consistent copy of a log, whether a server runs on it or not.
    Backup(upkeep::BackupArgs),
    /// Look into components.
    #[command(subcommand)]
    Component(component::Command),
    /// Measure this machine: appends, the policy, fan-out, idle clients, replay.
    Bench(bench::Args),
    /// Print the completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man(man::Args),
}

/// What was asked for cannot be, however often it is tried.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Reads the arguments of this process and runs what they ask for.
#[must_use]
pub fn main() -> ExitCode {
    let matches = help::with_examples(Cli::command()).try_get_matches();
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors: 0 and stdout; the rest is 2 and stderr.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // Which of rustls's providers the client's TLS uses; a second call would only say that it is set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(cli.command.unwrap_or_else(|| Command::Demo(demo::Args::default()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::from(if error.is::<Usage>() || error.is::<ConfigError>() { 2 } else { 1 })
        }
    }
}

/// The error and what caused it, each said once: some errors of libraries and of ours name their cause themselves.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match &*told {
        "" => cause,
        _ if told.contains(&cause) => told,
        _ => format!("{told}: {cause}"),
    })
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(&args),
        Command::Log(args) => log::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Prune(args) => upkeep::prune(&args),
        Command::Backup(args) => upkeep::backup(&args),
        Command::Component(command) => component::run(command),
        Command::Bench(args) => bench::run(&args),
        Command::Man(args) => man::run(&args, help::with_examples(Cli::command())),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "activity-feed", &mut io::stdout().lock());
            Ok(())
        }
    }
}

/// Whoever read our output has read enough, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_is_also_a_variable() {
        let cli = Cli::command();
        let (mut left, mut seen) = (vec![&cli], 0);
        while let Some(command) = left.pop() {
            left.extend(command.get_subcommands());
            let named =
                |option: &&clap::Arg| option.get_long().is_some_and(|name| !["help", "version"].contains(&name));
            for option in command.get_arguments().filter(named).filter(|option| !option.is_hide_set()) {
                let variable =
                    option.get_long().map(|name| format!("ACTIVITY_FEED_{}", name.to_uppercase().replace('-', "_")));
                let given = option.get_env().map(|name| name.to_string_lossy().into_owned());
                assert_eq!(given, variable, "{} of {}", option.get_id(), command.get_name());
                seen += 1;
            }
        }
        assert!(seen > 60, "{seen} options");
    }

    #[test]
    fn a_cause_is_said_once() {
        let cause = || io::Error::other("no such file");
        assert_eq!(told(&anyhow::Error::new(cause()).context("cannot read it")), "cannot read it: no such file");
        assert_eq!(
            told(&anyhow::Error::new(cause()).context("cannot read it: no such file")),
            "cannot read it: no such file"
        );
    }
}
