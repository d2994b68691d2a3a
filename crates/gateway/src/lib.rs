//! `POST /twitter/media/upload`, self-hosted: a media URL or base64 in, a `media_id` out.

pub mod ingest;
pub mod spool;
pub mod store;
