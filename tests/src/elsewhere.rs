//! What another process does to the file of a log that a server has open.

use std::path::Path;

use crate::SOON;

/// To a log of one event, logs seqs 2 to 6 like it and removes 1 to 4, all at once: nobody can have seen 2 to 4.
#[track_caller]
pub fn logs_and_removes(file: &Path) {
    let columns = "event_type, source, task_id, agent_id, timestamp, stamped, logged_at, data";
    change(
        file,
        &format!(
        "INSERT INTO activity_events (seq, id, {columns}) SELECT seq + n, 'other-' || n, {columns} FROM activity_events,
            (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) WHERE seq = 1;
        DELETE FROM activity_events WHERE seq <= 4;
        UPDATE activity_log SET head = 6, trimmed = 4;"
    ),
    );
}

/// Removes the events up to this seq, as retention does.
#[track_caller]
pub fn removes(file: &Path, until: u64) {
    change(
        file,
        &format!("DELETE FROM activity_events WHERE seq <= {until}; UPDATE activity_log SET trimmed = {until};"),
    );
}

#[track_caller]
fn change(file: &Path, statements: &str) {
    let log = rusqlite::Connection::open(file).expect("the file can be opened");
    log.busy_timeout(SOON).expect("a limit can be set");
    log.execute_batch(&format!("BEGIN IMMEDIATE; {statements} COMMIT")).expect("the log takes it");
}
