//! The test kit: model servers, a simulator on virtual time, and the invariants of an upload as small checkers.
//!
//! It is what chunkwise's own engine is proved with, and it is public so that others can use the same means: for an
//! engine of their own, for an adapter, or to see what an upload does when things go wrong.
//!
//! - [`server`]: model servers, one for each kind of protocol ([`Model`]), written apart from the engine.
//! - [`simulation`]: an upload, its process, disk, network and server on one virtual clock, from one seed.
//! - [`explore`]: every state of a small upload, whatever happens and in whatever order.
//! - [`invariants`]: what must always hold, each as a checker with a name of its own.
//! - [`judge`]: whether the end of an upload is a right one, and whether what it says to be left is there.
//! - [`scenario`], [`fault`]: what happens to a simulated upload, as data.
//! - [`link`]: an emulated link, to see how fast an upload goes over it.
//! - [`failure_table`]: what every fault at every place comes to, as a page.
//! - [`smooth`]: an upload of which nothing goes wrong, to measure what the engine itself costs.
//! - [`fuzz`]: the bodies of the fuzz targets, as plain functions.
//! - `conformance` (with the feature `transport`): one suite for every transport, its cases chosen by the profile.
//! - `transport` (a feature, on by default): a model server behind a `Transport`, to test a driver or an app with.
//!
//! ```
//! use chunkwise_testkit::{Model, Scenario, simulation};
//!
//! // Nothing goes wrong:
//! let report = simulation::run(&Scenario::calm(Model::Parts))?;
//! assert_eq!(report.end, "completed");
//!
//! // Everything may go wrong, and all of it follows from one number:
//! let report = simulation::run(&Scenario::from_seed(7))?;
//! println!("{} after {} operations and {} faults", report.end, report.operations, report.faults);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chance;
#[cfg(feature = "transport")]
pub mod conformance;
pub mod explore;
pub mod failure_table;
pub mod fault;
pub mod fuzz;
pub mod invariants;
mod journey;
pub mod judge;
pub mod link;
mod model;
pub mod record;
pub mod scenario;
pub mod server;
pub mod simulation;
pub mod smooth;
#[cfg(feature = "transport")]
pub mod transport;

pub use chance::Chance;
pub use model::Model;
pub use scenario::Scenario;
#[cfg(feature = "transport")]
pub use transport::ModelTransport;
