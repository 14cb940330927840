//! What the swarm's stories are made of. Invented, and free of anything that looks like a secret.

pub(crate) const AGENTS: &[&str] =
    &["Echo", "Forge", "Iris", "Atlas", "Juno", "Pixel", "Nova", "Sable", "Quill", "Rook", "Vesper", "Onyx"];

pub(crate) const SKILLS: &[&str] = &["planning", "code", "review", "research", "testing", "writing", "data"];

pub(crate) const LEAVING: &[&str] = &["out of work", "restarting", "budget used up", "moved to another swarm"];

pub(crate) const TASKS: &[&str] = &[
    "Write release notes for version 2.4",
    "Fix the flaky login test",
    "Translate the onboarding mail into Portuguese",
    "Find out why search is slow on Mondays",
    "Add dark mode to the settings page",
    "Summarise this week's support tickets",
    "Draw a diagram of the payment flow",
    "Upgrade the image pipeline",
    "Review the pull request about retries",
    "Compare three vector databases",
    "Clean up unused feature flags",
    "Write a post about our outage last week",
    "Check all links in the handbook",
    "Teach the importer about CSV with semicolons",
    "Make the invoice fit on one page",
    "Label 200 screenshots",
    "Reproduce the crash on old phones",
    "Draft the agenda for the planning day",
    "Cache the exchange rates",
    "Count how often the export button is used",
    "Prepare the data for the quarterly report",
    "Explain the error budget to new colleagues",
];

/// Tools, and what they are used on.
pub(crate) const TOOLS: &[(&str, &str)] = &[
    ("read_file", "src/login.rs"),
    ("read_file", "docs/payments.md"),
    ("edit_file", "src/search/index.rs"),
    ("edit_file", "CHANGELOG.md"),
    ("run_tests", "login::retries"),
    ("run_tests", "whole workspace"),
    ("search_code", "fn retry"),
    ("search_web", "vector database benchmarks"),
    ("open_browser", "staging, settings page"),
    ("query_database", "tickets of this week"),
    ("draw_chart", "latency by weekday"),
    ("translate", "en to pt"),
    ("git_commit", "branch swarm/fix-login"),
];

pub(crate) const TOOL_FAILURES: &[&str] =
    &["timed out after 30 s", "exit code 1: 2 tests failed", "the page did not load", "no such file"];

pub(crate) const FAILURES: &[&str] = &[
    "the tests do not pass after three attempts",
    "the budget ran out",
    "the repository is locked by somebody else",
    "the requirements contradict each other",
];

pub(crate) const INFOS: &[&str] = &[
    "Checkpoint of all open tasks written",
    "Prices for tool calls updated",
    "The nightly clean-up is done",
    "A new version of the planner is live",
    "All agents answered the roll call",
];

pub(crate) const WARNINGS: &[&str] = &[
    "The bidding queue is longer than usual",
    "Disk space on the build host is below 20 percent",
    "Bids come in late: the clock of one host is off",
    "One region answers slowly",
];

pub(crate) const ERRORS: &[&str] = &[
    "The build host stopped answering",
    "Could not write the checkpoint, trying again",
    "Lost the connection to the model gateway for 4 s",
];

pub(crate) const CAPTURED: &[&str] = &[
    "TypeError: cannot read the price of undefined",
    "Timeout in the planner's second pass",
    "IndexError: list index out of range in merge_bids",
];

pub(crate) const BUGS: &[&str] = &[
    "The totals disagree after midnight",
    "Two agents won the same auction",
    "The summary repeats its last sentence",
    "The progress bar jumps backwards",
];
