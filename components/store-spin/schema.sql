-- The log of activity-feed, version 1. Repeatable; documented in schema.rs.
CREATE TABLE IF NOT EXISTS activity_log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    trimmed INTEGER NOT NULL,
    head INTEGER NOT NULL,
    logged_at INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO activity_log (one, version, epoch, trimmed, head, logged_at)
    VALUES (1, 1, lower(hex(randomblob(6))), 0, 0, 0);
CREATE TABLE IF NOT EXISTS activity_events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    source TEXT NOT NULL,
    task_id TEXT,
    agent_id TEXT,
    timestamp TEXT NOT NULL,
    stamped INTEGER NOT NULL,
    logged_at INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS activity_events_id ON activity_events (id);
CREATE INDEX IF NOT EXISTS activity_events_type ON activity_events (event_type);
CREATE INDEX IF NOT EXISTS activity_events_source ON activity_events (source);
CREATE INDEX IF NOT EXISTS activity_events_task ON activity_events (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS activity_events_agent ON activity_events (agent_id) WHERE agent_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS activity_minutes (
    minute INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (minute, event_type)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS activity_snapshot (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    state BLOB NOT NULL
) STRICT;
