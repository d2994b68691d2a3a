//! Where uploads go that do not go to X: stores that speak S3, and tus servers.

mod destination;
mod options;
mod upload;
mod uploader;

pub(crate) use self::destination::{Place, To};
pub(crate) use self::options::StoreAddress;
pub(crate) use self::upload::{engine, resume, run};
pub(crate) use self::uploader::{Bytes, Elsewhere, Forgets, authorizer, place};
