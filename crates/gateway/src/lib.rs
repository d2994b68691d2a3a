//! `POST /twitter/media/upload`, self-hosted: a media URL or base64 in, a `media_id` out.

mod answer;
pub mod credentials;
pub mod ingest;
mod server;
pub mod settings;
pub mod spool;
pub mod store;

pub use server::{Gateway, StartError};
