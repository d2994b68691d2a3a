-- What was answered to a request that its client may send again.

CREATE TABLE idempotency (
    key_id      TEXT   NOT NULL REFERENCES keys (key_id),
    -- SHA-256 of the client's Idempotency-Key, in hex: whatever a client puts there, it is not kept.
    idem        TEXT   NOT NULL,
    request_id  TEXT   NOT NULL,
    epoch       BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    fingerprint TEXT,
    upload_id   TEXT,
    -- Both, once it is done.
    status      BIGINT,
    body        TEXT,
    PRIMARY KEY (key_id, idem),
    CHECK ((status IS NULL) = (body IS NULL))
);

CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
