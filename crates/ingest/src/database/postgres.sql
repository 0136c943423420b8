-- The same tables as sqlite.sql. Times are Unix seconds.

CREATE TABLE IF NOT EXISTS station (
    station BYTEA PRIMARY KEY,
    operator BYTEA NOT NULL,
    subnet BYTEA NOT NULL,
    version TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL
);

CREATE INDEX IF NOT EXISTS station_seen ON station (seen_at);
CREATE INDEX IF NOT EXISTS station_subnet ON station (subnet, seen_at);

CREATE TABLE IF NOT EXISTS evaluated_batch (
    round BIGINT NOT NULL,
    root BYTEA NOT NULL,
    labels BYTEA NOT NULL,
    PRIMARY KEY (round, root)
);
