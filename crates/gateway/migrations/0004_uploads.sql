-- Uploads: how far they are, what came of them. Of an account's token there is an HMAC, of a URL or a proxy nothing.

CREATE TABLE uploads (
    upload_id        TEXT   PRIMARY KEY,
    key_id           TEXT   NOT NULL REFERENCES keys (key_id),
    request_id       TEXT   NOT NULL UNIQUE,
    -- As in `idempotency`.
    idem             TEXT,
    epoch            BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    phase            TEXT   NOT NULL CHECK (phase IN ('receiving', 'transferring', 'processing', 'succeeded', 'failed')),
    account_ref      TEXT   NOT NULL,
    media_type       TEXT,
    media_category   TEXT,
    size             BIGINT CHECK (size >= 0),
    digest           TEXT,
    spool_file       TEXT,
    driver_upload_id TEXT,
    sent             BIGINT NOT NULL DEFAULT 0 CHECK (sent >= 0),
    stored           BIGINT NOT NULL DEFAULT 0 CHECK (stored >= 0),
    committed        BIGINT NOT NULL DEFAULT 0 CHECK (committed >= 0),
    processed        BIGINT NOT NULL DEFAULT 0 CHECK (processed BETWEEN 0 AND 100),
    warnings         TEXT   NOT NULL DEFAULT '[]',
    result           TEXT,
    error            TEXT,
    CHECK ((phase = 'succeeded') = (result IS NOT NULL)),
    CHECK ((phase = 'failed') = (error IS NOT NULL))
);

CREATE INDEX uploads_of_key ON uploads (key_id, created_at);

CREATE INDEX uploads_unfinished ON uploads (created_at) WHERE phase NOT IN ('succeeded', 'failed');

CREATE INDEX uploads_by_update ON uploads (updated_at);
