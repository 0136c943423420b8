-- Addresses and hashes are blobs, amounts text (attoFIL): SQLite's integers end at 2^63. Times are Unix seconds.

CREATE TABLE IF NOT EXISTS payout_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    owner TEXT NOT NULL,                        -- contract and chain
    last_pass_at INTEGER,
    last_settlement INTEGER,
    again INTEGER NOT NULL DEFAULT 0            -- 1: the last pass was cut short, another one should follow at once
) STRICT;

-- Who is owed something, and since when.
CREATE TABLE IF NOT EXISTS payout_waiting (
    operator BLOB PRIMARY KEY,
    since INTEGER NOT NULL,
    refusals INTEGER NOT NULL DEFAULT 0,        -- in a row
    refused_at INTEGER NOT NULL DEFAULT 0,      -- last
    refused_by TEXT,                            -- the payout address that did
    failures INTEGER NOT NULL DEFAULT 0         -- of its batches: after 1 it is in one with more gas, after 2 alone
) STRICT;

CREATE TABLE IF NOT EXISTS payout_batch (
    key TEXT PRIMARY KEY,                       -- the queue's
    settlement INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    amount TEXT NOT NULL,                       -- planned while it is open, then paid
    operators BLOB NOT NULL,                    -- addresses, one after the other
    ample INTEGER NOT NULL,                     -- 1: it had more gas, after a failure
    ended_at INTEGER,
    hash BLOB                                   -- of its transaction, if it took effect
) STRICT;
CREATE INDEX IF NOT EXISTS payout_batch_made ON payout_batch (made_at);
CREATE INDEX IF NOT EXISTS payout_batch_open ON payout_batch (key) WHERE ended_at IS NULL;

CREATE TABLE IF NOT EXISTS payout_payment (
    batch TEXT NOT NULL REFERENCES payout_batch (key),
    operator BLOB NOT NULL,
    amount TEXT NOT NULL,
    paid INTEGER NOT NULL                       -- 0: the address refused it
) STRICT;
