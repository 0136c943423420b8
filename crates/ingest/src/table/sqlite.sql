-- Times are Unix seconds.

CREATE TABLE IF NOT EXISTS ingest_file (
    digest BLOB PRIMARY KEY,                    -- SHA-256: the same file adds nothing
    name TEXT NOT NULL,
    added INTEGER NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS ingest_measurement (
    id INTEGER PRIMARY KEY AUTOINCREMENT,       -- never used again
    round INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    line TEXT NOT NULL,
    digest BLOB,                                -- of what was taken by itself; files from before the column have none
    station BLOB,                               -- with the task: likewise
    task INTEGER
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS ingest_measurement_digest ON ingest_measurement (digest) WHERE digest IS NOT NULL;

-- Of what was taken by itself, the first of a station and a task stands.
CREATE UNIQUE INDEX IF NOT EXISTS ingest_measurement_place ON ingest_measurement (round, station, task)
    WHERE station IS NOT NULL;

CREATE INDEX IF NOT EXISTS ingest_measurement_of ON ingest_measurement (round, id);

CREATE TABLE IF NOT EXISTS ingest_batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    round INTEGER NOT NULL,
    first INTEGER NOT NULL,                     -- measurements of the round from first to last
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'stored', 'committed', 'final', 'late')),
    state_at INTEGER NOT NULL DEFAULT (unixepoch()),
    cid TEXT,
    root BLOB,                                  -- of the lines, 32 bytes; set with cid
    bytes INTEGER NOT NULL DEFAULT 0,
    seen_at_block INTEGER,
    pruned INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX IF NOT EXISTS ingest_batch_of ON ingest_batch (round, last);
CREATE INDEX IF NOT EXISTS ingest_batch_open ON ingest_batch (id) WHERE state IN ('closed', 'stored', 'committed');
CREATE INDEX IF NOT EXISTS ingest_batch_kept ON ingest_batch (state_at) WHERE state = 'final' AND pruned = 0;

CREATE TABLE IF NOT EXISTS ingest_day (
    day INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL                      -- of lines appended by digest on that day
) STRICT;
