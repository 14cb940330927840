//! What `--help` and the manual page say beside the options: each command that people type has examples that work as they
//! stand. That the environment can set every option is said once a page, not at each option. The options are described
//! where they are declared.

/// Commands and their examples, as they are shown; no wider than the narrowest usual terminal.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "serve",
        "  activity-feed serve                              log in ./activity-feed.db
  activity-feed serve --store sqlite:/var/lib/feed/log.db --retain 30d
  activity-feed serve --listen 0.0.0.0:8080 --secret-file secret",
    ),
    (
        "log",
        "  activity-feed log task.created --data '{\"description\":\"Hello\"}'
  activity-feed log --stdin < events.ndjson        safe to repeat",
    ),
    (
        "tail",
        "  activity-feed tail                               the last events, then live
  activity-feed tail --type 'task.*' --since 10m
  activity-feed tail --json --since earliest | jq .data",
    ),
    (
        "export",
        "  activity-feed export > log.ndjson
  activity-feed export --type 'task.*' --since 24h > tasks.ndjson",
    ),
    (
        "import",
        "  activity-feed import log.ndjson                  `export`s; safe to repeat
  activity-feed import --sqlite their.db --table activity_events --follow",
    ),
    (
        "token",
        "  activity-feed token --scope publish --ttl 12h    for a program
  activity-feed token --scope subscribe --types 'task.*'
  activity-feed token --scope subscribe --link     a URL that signs in",
    ),
    (
        "prune",
        "  activity-feed prune --store sqlite:activity-feed.db --older-than 30d
  activity-feed prune --store sqlite:activity-feed.db --keep 100000",
    ),
    ("completions", "  activity-feed completions zsh > ~/.zfunc/_activity-feed"),
    (
        "man",
        "  activity-feed man | man -l -
  activity-feed man --dir ~/.local/share/man/man1",
    ),
];

/// The command with its examples.
pub(super) fn with_examples(command: clap::Command) -> clap::Command {
    let command = command.mut_subcommands(|one| {
        let environment = "Every option can also be set as ACTIVITY_FEED_<NAME>.";
        let after = match EXAMPLES.iter().find(|(name, _)| *name == one.get_name()) {
            Some((_, examples)) => format!("Examples:\n{examples}\n\n{environment}"),
            None => environment.to_owned(),
        };
        one.mut_args(|argument| argument.hide_env(true)).after_help(after)
    });
    command.max_term_width(100)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_example_is_taken_as_it_stands() {
        let mut checked = 0;
        for line in EXAMPLES.iter().flat_map(|(_, examples)| examples.lines()) {
            // Up to what a shell does with it, or the remark beside it.
            let typed = line.trim().split("   ").next().unwrap();
            let typed = typed.split(['|', '<', '>']).next().unwrap().replace('\'', "");
            let matches = with_examples(Cli::command()).try_get_matches_from(typed.split_whitespace());
            assert!(matches.is_ok(), "{line}: {}", matches.unwrap_err());
            assert!(line.len() <= 80, "{line}");
            checked += 1;
        }
        assert!(checked >= EXAMPLES.len());
    }

    #[test]
    fn help_has_examples_and_names_no_variable_at_each_option() {
        let mut command = with_examples(Cli::command());
        for (name, examples) in EXAMPLES {
            let page = command.find_subcommand_mut(name).unwrap().render_help().to_string();
            assert!(page.contains(examples) && !page.contains("[env:"), "{page}");
        }
    }
}
