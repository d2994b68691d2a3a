//! The directory that media live in while a sandbox runs, and the sweeping of those that were left behind.
//!
//! A sandbox that is killed can't remove its directory, which may hold gigabytes. So each holds a lock in its own, and
//! each that starts removes the neighbours whose lock nobody holds.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

const PREFIX: &str = "chunkwise-sandbox-";
const LOCK: &str = "lock";

/// Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct MediaDirectory {
    directory: TempDir,
    /// Held as long as the directory is in use.
    _lock: File,
}

impl MediaDirectory {
    /// A new one in `parent`.
    pub(crate) fn make_in(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        // It gets its name only once it is locked: whoever sees a lock that is free sees one that was left behind.
        let unnamed = directory.path().join("lock.new");
        let lock = File::create_new(&unnamed)?;
        lock.lock()?;
        fs::rename(&unnamed, directory.path().join(LOCK))?;
        Ok(Self { directory, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes what killed sandboxes have left. What can't be looked at or removed stays.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let Ok(lock) = File::open(path.join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            tracing::info!(path = %path.display(), "removing what a killed sandbox has left");
            if let Err(error) = fs::remove_dir_all(&path) {
                tracing::warn!(path = %path.display(), %error, "can't remove what a killed sandbox has left");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_swept_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        for name in ["chunkwise-sandbox-left", "chunkwise-sandbox-unlocked", "another"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("segment-0"), "x").unwrap();
        }
        fs::write(at("chunkwise-sandbox-left").join(LOCK), "").unwrap();
        fs::write(at("another").join(LOCK), "").unwrap();

        let first = MediaDirectory::make_in(parent.path()).unwrap();
        let second = MediaDirectory::make_in(parent.path()).unwrap();
        assert!(!at("chunkwise-sandbox-left").exists());
        assert!(at("chunkwise-sandbox-unlocked").exists() && at("another").exists());
        assert!(first.path().exists() && second.path().exists());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
    }
}
