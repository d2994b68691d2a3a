//! Fetches what a stranger's URL names, and reaches nothing that it should not.
//!
//! A service that fetches URLs for others can be made to fetch what only it can reach: the metadata of its cloud, the
//! databases beside it, itself. The way of a URL here leaves no room for that:
//!
//! 1. It is read once, by the standard that also finds an address in `0x7f.1`, and checked: scheme, port, host.
//! 2. Its name is looked up once, and *every* address must be one of the public internet ([`AddressPolicy`]).
//! 3. Exactly those addresses are dialled. Nothing here can look a name up a second time, so an answer that changes gains nothing.
//! 4. A redirect is a new URL with the whole way before it; none leads from https to http.
//! 5. The answer is bounded in every direction ([`FetchLimits`]), never decoded, and whole or an error.
//!
//! Who asked for it learns little when it fails, neither from the words ([`FetchError::public`]) nor from how long it took
//! ([`FetchLimits::floor`]); the logs of whoever runs it, everything but path
//! and query.
//!
//! ```no_run
//! # async fn example(tls: rustls::ClientConfig) -> Result<(), chunkwise_fetch::FetchError> {
//! use std::sync::Arc;
//! use chunkwise_fetch::{AddressPolicy, FetchLimits, Fetcher, SystemResolver};
//!
//! let resolver = Arc::new(SystemResolver::default());
//! let fetcher = Fetcher::new(FetchLimits::default(), AddressPolicy::public(), resolver, tls);
//! let mut fetched = fetcher.get(&"https://media.example/clip.mp4?signature=s".to_owned().into()).await?;
//! while let Some(chunk) = fetched.body.next_chunk().await? {
//!     println!("{} bytes of {:?}", chunk.len(), fetched.len);
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod body;
mod connect;
mod error;
mod evened;
mod fetcher;
mod limits;
mod own;
mod pace;
mod resolve;
mod slots;
mod target;
#[cfg(test)]
mod tests;
mod wire;

pub use address::{AddressPolicy, Denied, Reason};
pub use body::{Fetched, FetchedBody};
pub use error::{FetchError, FetchProblem, PublicReason, Step};
pub use fetcher::{DEFAULT_USER_AGENT, Fetcher};
pub use limits::FetchLimits;
pub use own::OwnAddresses;
pub use resolve::{DEFAULT_LOOKUPS, Resolve, SystemResolver};
pub use target::TargetError;
