//! `chunkwise bench`: which chunk size and how many segments at once are fastest, on this machine and this link.
//!
//! One sweep, whatever it runs against: every setting once, then all of them again ([`sweep`]). What it runs against is
//! one variant of [`target::Target`].

mod cell;
mod cost;
mod elsewhere;
mod finish;
mod link;
mod options;
mod owed;
mod plot;
mod prepare;
mod recommend;
mod report;
mod run;
mod setting;
mod sockets;
mod speaks;
mod sweep;
mod table;
mod target;
mod telling;
mod upload;
mod wish;
mod x_itself;

pub(crate) use options::BenchArgs;
pub(crate) use run::run;
