-- Which network and station these measurements are of, and whose receipts are believed.
CREATE TABLE IF NOT EXISTS identity (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- A row is a task that is done. It stays when its measurement is handed in, so that the task is not done again.
CREATE TABLE IF NOT EXISTS measurement (
    round INTEGER NOT NULL,
    task  INTEGER NOT NULL,
    -- 0 waiting, 1 receipted, 2 refused, 3 not handed in in time.
    state INTEGER NOT NULL DEFAULT 0,
    -- Last second in which the ingest takes it.
    until INTEGER NOT NULL,
    -- NULL once its round is not looked after any more.
    line  TEXT,
    PRIMARY KEY (round, task)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS waiting ON measurement (round, task) WHERE state = 0;

-- A round that is looked after: until its measurements are shown to be in batches, the station has committed its own report, or
-- nothing can be committed any more.
CREATE TABLE IF NOT EXISTS round (
    number INTEGER PRIMARY KEY,
    -- JSON: the station's place in it.
    place  TEXT NOT NULL,
    -- JSON: the tasks whose measurements go into the station's own report, once that is decided.
    report TEXT
) STRICT;
