-- Times are Unix seconds.

CREATE TABLE IF NOT EXISTS station (
    station BLOB PRIMARY KEY,
    operator BLOB NOT NULL,
    subnet BLOB NOT NULL,
    version TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL               -- by the station's clock: only grows
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS station_seen ON station (seen_at);
CREATE INDEX IF NOT EXISTS station_subnet ON station (subnet, seen_at);

-- What evaluation made of each line of a batch: a byte a line, label in the low half, verdict in the high one.
CREATE TABLE IF NOT EXISTS evaluated_batch (
    round INTEGER NOT NULL,
    root BLOB NOT NULL,                         -- of the lines, 32 bytes
    labels BLOB NOT NULL,
    PRIMARY KEY (round, root)
) STRICT, WITHOUT ROWID;
