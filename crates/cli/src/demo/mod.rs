//! `chunkwise demo`: shows that it works, on this machine, with nothing prepared.

mod child;
mod mp4;
mod run;
mod video;

pub(crate) use run::run;
