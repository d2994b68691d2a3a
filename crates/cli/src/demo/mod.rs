//! `chunkwise demo`: shows that it works, on this machine, with nothing prepared.

pub(crate) mod child;
mod mp4;
mod run;
pub(crate) mod video;

pub(crate) use run::run;
