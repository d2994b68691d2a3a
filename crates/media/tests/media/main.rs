//! What the crate promises, tried from outside.

#[cfg(test)]
mod files;
#[cfg(test)]
mod gif;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod inspecting;
#[cfg(test)]
mod random;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod sniffing;
#[cfg(test)]
mod words;
