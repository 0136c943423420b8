-- The same table as sqlite.sql. Times are Unix seconds.

CREATE TABLE IF NOT EXISTS ingest_file (
    digest BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    added BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS ingest_measurement (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    round BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    line TEXT NOT NULL,
    digest BYTEA,
    station BYTEA,
    task BIGINT
);

-- Tables from before the columns. Only then, since it locks everybody out.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'ingest_measurement'::regclass AND attname = 'digest') THEN
        ALTER TABLE ingest_measurement ADD COLUMN digest BYTEA;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'ingest_measurement'::regclass AND attname = 'task') THEN
        ALTER TABLE ingest_measurement ADD COLUMN station BYTEA, ADD COLUMN task BIGINT;
    END IF;
END $$;

CREATE UNIQUE INDEX IF NOT EXISTS ingest_measurement_digest ON ingest_measurement (digest) WHERE digest IS NOT NULL;

-- Of what was taken by itself, the first of a station and a task stands. What files brought has no station here.
CREATE UNIQUE INDEX IF NOT EXISTS ingest_measurement_place ON ingest_measurement (round, station, task)
    WHERE station IS NOT NULL;

CREATE INDEX IF NOT EXISTS ingest_measurement_of ON ingest_measurement (round, id);

CREATE TABLE IF NOT EXISTS ingest_batch (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    round BIGINT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    count BIGINT NOT NULL,
    oldest BIGINT NOT NULL,
    state TEXT NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'stored', 'committed', 'final', 'late')),
    state_at BIGINT NOT NULL DEFAULT extract(epoch FROM now())::bigint,
    cid TEXT,
    root BYTEA,
    bytes BIGINT NOT NULL DEFAULT 0,
    seen_at_block BIGINT,
    pruned BOOLEAN NOT NULL DEFAULT false
);

CREATE INDEX IF NOT EXISTS ingest_batch_of ON ingest_batch (round, last);
CREATE INDEX IF NOT EXISTS ingest_batch_open ON ingest_batch (id) WHERE state IN ('closed', 'stored', 'committed');
CREATE INDEX IF NOT EXISTS ingest_batch_kept ON ingest_batch (state_at) WHERE state = 'final' AND NOT pruned;

-- Each process has its own rows: they would wait for each other's commits.
CREATE TABLE IF NOT EXISTS ingest_day (
    day BIGINT NOT NULL,
    instance BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (day, instance)
);
