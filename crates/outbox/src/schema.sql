-- Money and hashes are text and blobs: SQLite's integers end at 2^63. Times are Unix seconds.

CREATE TABLE IF NOT EXISTS outbox_signer (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    owner TEXT NOT NULL,                        -- key and chain
    gap_since INTEGER,
    floor INTEGER NOT NULL DEFAULT 0,           -- one above the highest nonce of closed intents
    fence INTEGER NOT NULL DEFAULT 0,           -- grows by one with every holder of the lease
    holder TEXT,
    held_until INTEGER NOT NULL DEFAULT 0,
    reorganisations INTEGER NOT NULL DEFAULT 0,
    foreign_nonces INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE IF NOT EXISTS outbox_intent (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,                   -- idempotency key
    kind TEXT NOT NULL CHECK (kind IN ('commit', 'urgent', 'payout', 'fill')),
    contract TEXT NOT NULL,
    recipient BLOB NOT NULL,
    value TEXT NOT NULL,
    input BLOB NOT NULL,
    own_gas_limit INTEGER,                      -- if the call has one of its own
    created_at INTEGER NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'pending', 'confirmed', 'closed', 'void', 'refused')),
    gas_limit INTEGER,                          -- queued: what it will be signed with
    gas_at INTEGER,
    nonce INTEGER,                              -- pending
    since INTEGER,                              -- pending: nonce passed; confirmed: receipt missing
    mined_hash BLOB,                            -- confirmed, closed
    mined_block INTEGER,
    mined_block_hash BLOB,
    mined_at INTEGER,                           -- when this was seen first
    succeeded INTEGER,
    gas_used INTEGER,
    fee TEXT,
    reason TEXT                                 -- refused, or reverted
) STRICT;

CREATE INDEX IF NOT EXISTS outbox_intent_open ON outbox_intent (id) WHERE state IN ('queued', 'pending', 'confirmed');

CREATE TABLE IF NOT EXISTS outbox_attempt (
    hash BLOB PRIMARY KEY,
    intent INTEGER NOT NULL REFERENCES outbox_intent (id),
    nonce INTEGER NOT NULL,
    raw BLOB NOT NULL,
    max_fee TEXT NOT NULL,
    premium TEXT NOT NULL,
    gas_limit INTEGER NOT NULL,
    does_nothing INTEGER NOT NULL,              -- an empty transaction, to use the nonce up
    made_at INTEGER NOT NULL,
    sent_at INTEGER,
    sends INTEGER NOT NULL DEFAULT 0,
    last_answer TEXT
) STRICT;

CREATE INDEX IF NOT EXISTS outbox_attempt_at ON outbox_attempt (made_at);
CREATE INDEX IF NOT EXISTS outbox_attempt_of ON outbox_attempt (intent, nonce, made_at);
