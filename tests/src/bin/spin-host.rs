//! The Spin application under the command line of `activity-feed serve`, as far as it has a meaning there, so that the
//! outside tests can be run against it (`ACTIVITY_FEED_BIN`). Which of them it cannot pass is in `tests/spin-cannot`.

#![expect(clippy::print_stdout, reason = "the ready line is what it is for")]

use std::path::PathBuf;

use activity_feed_tests::spin::application::{Application, Options};
use anyhow::{Context as _, bail};

/// Options that are variables of `spin.toml`.
const VARIABLES: [(&str, &str); 7] = [
    ("--rate", "rate"),
    ("--buffer", "buffer"),
    ("--retain", "retain"),
    ("--retain-events", "retain_events"),
    ("--max-event-bytes", "max_event_bytes"),
    ("--max-body-bytes", "max_body_bytes"),
    ("--allowed-origin", "allowed_origins"),
];

fn main() -> anyhow::Result<()> {
    let mut options = Options::on(&PathBuf::from("activity-feed.db"));
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some("serve") {
        bail!("this host can only serve");
    }
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} has no value, or no meaning on Spin"))?;
        match name.as_str() {
            "--listen" => options.listen = value.parse()?,
            "--store" => options.file = value.strip_prefix("sqlite:").map(PathBuf::from),
            "--secret-file" => options.variables.push(("secret", std::fs::read_to_string(value)?)),
            "--rules" => options.rules = Some(std::fs::read(value)?),
            // Spin's own, or its proxy's.
            "--max-connections" | "--max-connections-per-ip" | "--connect-rate-per-ip" => {}
            _ => {
                let known = VARIABLES.iter().find(|(option, _)| *option == name);
                let (_, variable) = known.with_context(|| format!("{name} has no meaning on Spin"))?;
                options.variables.push((variable, value));
            }
        }
    }
    let application = Application::start(options)?;
    println!("activity-feed listening on http://{}", application.address());
    // Till it is killed: an application on Spin has no end of its own.
    loop {
        std::thread::park();
    }
}
