//! What the tests share: files, backends and credentials, and a world of one sandbox and one file.

mod carriers;
mod ends;
mod files;
mod world;

pub(crate) use carriers::Carrier;
pub(crate) use ends::{Ended, Failed, Kind};
pub(crate) use files::{CHUNK, File, SEGMENTS, picture, video};
pub(crate) use world::{Credentials, Renewal, World, checkpoints};
