//! What the tests share: files, backends and credentials, and a world of one sandbox and one file.

mod carriers;
mod ends;
mod files;
mod world;

pub(crate) use carriers::{Carrier, trusting, trusting_through};
pub(crate) use ends::{Ended, Failed, Kind};
pub(crate) use files::{CHUNK, File, SEGMENTS, picture, video, video_of};
pub(crate) use world::{Credentials, PATIENCE, Renewal, World, checkpoints, stored_in};
