//! What the gateway remembers: keys, the ledger, idempotent answers, uploads.
