//! The seeds that are kept in the repository.

use std::path::Path;
use std::{fs, io};

/// The seeds of a target, and what its working corpus holds, by name; `fuzz` is the folder of the fuzz crate.
///
/// # Errors
///
/// A folder or a file that can't be read. That there is no working corpus is none.
pub fn seeds(fuzz: &Path, target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for (folder, wanted) in [("seeds", true), ("corpus", false)] {
        let entries = match fs::read_dir(fuzz.join(folder).join(target)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !wanted => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push((format!("{folder}/{target}/{name}"), fs::read(&path)?));
        }
    }
    found.sort();
    Ok(found)
}
