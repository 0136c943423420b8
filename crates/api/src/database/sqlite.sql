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
