-- Money, in millionths of a dollar. What happened is in `ledger`, and only ever added to; the other two tables are sums
-- of it, kept in the same transactions, so that nobody has to add up a year to know a balance.

CREATE TABLE ledger (
    entry_id   TEXT   PRIMARY KEY,
    at         BIGINT NOT NULL,
    key_id     TEXT   NOT NULL REFERENCES keys (key_id),
    request_id TEXT   NOT NULL,
    kind       TEXT   NOT NULL CHECK (kind IN ('credit', 'reserve', 'settle', 'refund')),
    amount     BIGINT NOT NULL CHECK (kind = 'credit' OR amount >= 0),
    bytes      BIGINT CHECK (bytes >= 0),
    outcome    TEXT,
    media_id   TEXT,
    UNIQUE (request_id, kind)
);

-- A request is settled or refunded, never both.
CREATE UNIQUE INDEX ledger_one_resolution ON ledger (request_id) WHERE kind IN ('settle', 'refund');

CREATE INDEX ledger_by_time ON ledger (key_id, at);

-- SQLite's way to refuse; in PostgreSQL a function that raises, called by a trigger of the same name, or simply
-- REVOKE UPDATE, DELETE ON ledger.
CREATE TRIGGER ledger_is_never_changed BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER ledger_is_never_shortened BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- What of a key is free: credited - settled - reserved.
CREATE TABLE balances (
    key_id   TEXT   PRIMARY KEY REFERENCES keys (key_id),
    credited BIGINT NOT NULL,
    settled  BIGINT NOT NULL,
    reserved BIGINT NOT NULL
);

-- What is reserved and neither settled nor refunded, and whose work it is.
CREATE TABLE reservations (
    request_id TEXT   PRIMARY KEY,
    key_id     TEXT   NOT NULL REFERENCES keys (key_id),
    amount     BIGINT NOT NULL CHECK (amount >= 0),
    at         BIGINT NOT NULL,
    epoch      BIGINT NOT NULL
);
