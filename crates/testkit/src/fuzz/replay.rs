//! What an ordinary test does with a fuzz body: the kept seeds, and noise.

use std::fmt::Display;
use std::path::Path;
use std::{fs, io};

use super::{Finding, noise};

/// How much noise an ordinary test makes.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    /// The folder of the fuzz crate.
    pub fuzz: &'a str,
    /// The target's name: that of the folder with its seeds.
    pub target: &'a str,
    /// How many byte strings of noise; `CHUNKWISE_RUNS` overrides it.
    pub runs: u64,
    /// The longest of them, in bytes.
    pub longest: usize,
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

impl Replay<'_> {
    /// Runs the body over every seed of the target, over its working corpus if there is one, and over noise:
    /// always the same, or another by `CHUNKWISE_SEED`.
    ///
    /// # Errors
    ///
    /// The first [`Finding`], with what replays it; that there is no seed is one too.
    pub fn run<E: Display>(&self, body: impl Fn(&[u8]) -> Result<(), E>) -> Result<(), Finding> {
        let target = self.target;
        let seeds =
            self.files("seeds").map_err(|error| Finding::new(format!("the seeds of {target}: {error}")))?;
        if seeds.is_empty() {
            return Err(Finding::new(format!("{target} has no seeds")));
        }
        // There is one only where somebody fuzzes.
        let corpus = self.files("corpus").unwrap_or_default();
        for (name, bytes) in seeds.into_iter().chain(corpus) {
            body(&bytes).map_err(|finding| Finding::new(format!("{target}, {name}: {finding}")))?;
        }
        let seed = setting("CHUNKWISE_SEED").unwrap_or(1);
        let runs = setting("CHUNKWISE_RUNS").unwrap_or(self.runs);
        for (nth, bytes) in (0..runs).zip(noise(seed, self.longest)) {
            body(&bytes).map_err(|finding| {
                Finding::new(format!("{target}, CHUNKWISE_SEED={seed}, string {nth}: {finding}\n{bytes:?}"))
            })?;
        }
        Ok(())
    }

    /// The files of the target below a folder of the fuzz crate, by name.
    fn files(&self, folder: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(Path::new(self.fuzz).join(folder).join(self.target))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push((format!("{folder}/{name}"), fs::read(&path)?));
        }
        found.sort();
        Ok(found)
    }
}
