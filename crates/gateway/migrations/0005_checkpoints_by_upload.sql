-- A checkpoint has the name of its upload: there is no second one to keep.

ALTER TABLE uploads DROP COLUMN driver_upload_id;

-- By which an upload that is gone on with finds its idempotency key.
CREATE INDEX idempotency_of_upload ON idempotency (upload_id) WHERE upload_id IS NOT NULL;
