-- Who may use the gateway, and which processes do.
-- Times are milliseconds since the Unix epoch. Ids, digests and JSON are TEXT, so that PostgreSQL takes the same statements.

CREATE TABLE owners (
    epoch BIGINT PRIMARY KEY
);

CREATE TABLE keys (
    key_id              TEXT   PRIMARY KEY,
    environment         TEXT   NOT NULL,
    -- SHA-256 of the whole key, in hex. The key itself is nowhere.
    digest              TEXT   NOT NULL,
    label               TEXT   NOT NULL,
    requests_per_second BIGINT NOT NULL CHECK (requests_per_second >= 0),
    burst               BIGINT NOT NULL CHECK (burst >= 0),
    bytes_per_minute    BIGINT NOT NULL CHECK (bytes_per_minute >= 0),
    uploads_at_once     BIGINT NOT NULL CHECK (uploads_at_once >= 0),
    billing             TEXT   NOT NULL CHECK (billing IN ('metered', 'prepaid')),
    created_at          BIGINT NOT NULL,
    expires_at          BIGINT,
    revoked_at          BIGINT,
    last_used_at        BIGINT
);
