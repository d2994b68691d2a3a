//! The directory that media live in while a sandbox runs, and the sweeping of those that were left behind.
//!
//! A sandbox that is killed can't remove its directory, which may hold gigabytes. So each holds a lock in its own, and
//! each that starts removes the neighbours whose lock nobody holds.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

const PREFIX: &str = "chunkwise-sandbox-";
const LOCK: &str = "lock";
/// A folder that has had no lock for so long is not about to get one: its removal was cut short.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);

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

impl Drop for MediaDirectory {
    fn drop(&mut self) {
        // What is not removed now is swept by the next one.
        let _ = remove(self.path());
    }
}

/// Removes the lock last: as long as there is anything to sweep, it says whether anybody still uses it.
fn remove(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir_all(path)
}

/// Whether nobody uses a folder of this name any more.
fn is_left_behind(path: &Path) -> bool {
    match File::open(path.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
            modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > LEFT_BEHIND))
        }
        Err(_) => false,
    }
}

/// Removes what killed sandboxes have left. What can't be looked at or removed stays.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|file_type| file_type.is_dir());
        if is_folder && is_left_behind(&path) {
            tracing::info!(path = %path.display(), "removing what a killed sandbox has left");
            if let Err(error) = remove(&path) {
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
        for name in
            ["chunkwise-sandbox-left", "chunkwise-sandbox-unlocked", "chunkwise-sandbox-old", "another"]
        {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("segment-0"), "x").unwrap();
        }
        // Two whose removal was cut short: one just now, it seems, and one long ago.
        let long_ago = std::time::SystemTime::now() - 2 * LEFT_BEHIND;
        File::open(at("chunkwise-sandbox-old")).unwrap().set_modified(long_ago).unwrap();
        fs::write(at("chunkwise-sandbox-left").join(LOCK), "").unwrap();
        fs::write(at("another").join(LOCK), "").unwrap();

        let first = MediaDirectory::make_in(parent.path()).unwrap();
        let second = MediaDirectory::make_in(parent.path()).unwrap();
        assert!(!at("chunkwise-sandbox-left").exists() && !at("chunkwise-sandbox-old").exists());
        assert!(at("chunkwise-sandbox-unlocked").exists() && at("another").exists());
        assert!(first.path().exists() && second.path().exists());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
    }
}
