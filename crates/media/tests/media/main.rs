//! What the crate promises, tried from outside.

#[cfg(test)]
mod broken_videos;
#[cfg(test)]
mod checking;
#[cfg(test)]
mod files;
#[cfg(test)]
mod fuzz_bodies;
#[cfg(test)]
mod gif;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod inspecting;
#[cfg(test)]
mod mp4;
#[cfg(test)]
mod random;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod sniffing;
#[cfg(test)]
mod structure;
#[cfg(test)]
mod words;
