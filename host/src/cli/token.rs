//! `token`: mints a signed token and prints it alone, or as a sign-in link.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

use super::Usage;
use super::serve::say;
use crate::clock;
use crate::config::{Span, StoreUrl};
use crate::web::auth::{Scope, Scopes, Secret, TokenSpec};

#[derive(Clone, Copy, ValueEnum)]
enum ScopeName {
    /// Append events
    Publish,
    /// Read events
    Subscribe,
    /// Everything
    Admin,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Publish => Self::Publish,
            ScopeName::Subscribe => Self::Subscribe,
            ScopeName::Admin => Self::Admin,
        }
    }
}

#[derive(clap::Args)]
pub(super) struct Args {
    /// What the token is for; repeatable
    #[arg(long, env = "ACTIVITY_FEED_SCOPE", default_value = "subscribe", value_delimiter = ',')]
    scope: Vec<ScopeName>,
    /// Only events of these types, like task.*; repeatable
    #[arg(long, env = "ACTIVITY_FEED_TYPES", value_name = "PATTERN", value_delimiter = ',', value_parser = pattern)]
    types: Vec<String>,
    /// How long it holds
    #[arg(long, env = "ACTIVITY_FEED_TTL", default_value = "12h", value_name = "TIME")]
    ttl: Span,
    /// For whom it is
    #[arg(long, env = "ACTIVITY_FEED_SUBJECT", value_name = "NAME")]
    subject: Option<String>,
    /// Print a link that signs its bearer in
    #[arg(long, env = "ACTIVITY_FEED_LINK", value_parser = FalseyValueParser::new())]
    link: bool,
    /// The server's URL, for --link
    #[arg(long, env = "ACTIVITY_FEED_URL", default_value = super::client::DEFAULT_URL, value_name = "URL")]
    url: String,
    /// The file with the server's secret
    #[arg(long, env = "ACTIVITY_FEED_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The server's store, beside which its secret is, when no secret file is named
    #[arg(long, env = "ACTIVITY_FEED_STORE", default_value = "sqlite:activity-feed.db", value_name = "STORE")]
    store: StoreUrl,
}

/// `*`, `prefix.*` or a type.
pub(super) fn pattern(text: &str) -> Result<String, String> {
    let stem = if text == "*" { "x" } else { text.strip_suffix(".*").unwrap_or(text) };
    let fine = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
    };
    if text.len() <= 64 && stem.split('.').all(fine) {
        Ok(text.to_owned())
    } else {
        Err("a pattern is `*`, like `task.*`, or a type like `task.created`".to_owned())
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let ttl_seconds = args.ttl.0.as_secs();
    if ttl_seconds == 0 {
        return Err(Usage("--ttl must be at least one second".to_owned()).into());
    }
    let path = args.secret_file.clone().unwrap_or_else(|| args.store.secret_path());
    if args.secret_file.is_none() && !path.exists() {
        anyhow::bail!(
            "there is no secret at {}: run this where `activity-feed serve` was started, or name its file with \
             --secret-file",
            path.display()
        );
    }
    let scopes = args.scope.iter().copied().map(Scope::from).collect::<Vec<_>>();
    let spec = TokenSpec {
        subject: args.subject.clone(),
        scopes: Scopes::of(&scopes),
        types: (!args.types.is_empty()).then(|| args.types.clone()),
        ttl_seconds,
    };
    let token = Secret::read(&path)?.mint(&spec, clock::unix_ms() / 1_000)?;
    if args.link {
        say(&format!("{}/swarm/live#token={token}", args.url.trim_end_matches('/')));
    } else {
        say(&token);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_the_protocols() {
        for text in ["*", "task.*", "task.created", "a_b-c.d9", "a.b.*"] {
            assert!(pattern(text).is_ok(), "{text}");
        }
        for text in ["", "Task", "task.", ".a", "*.a", "a*", "a.*.b", "a b", "**"] {
            assert!(pattern(text).is_err(), "{text}");
        }
    }
}
