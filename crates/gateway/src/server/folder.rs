//! The folder of a gateway: whose it is, who may look into it, and the secret that accounts are named by.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use chunkwise_transport::Secret;

use super::StartError;

/// A folder that only its owner can look into (threat T21).
pub(super) fn private_dir(path: &Path) -> Result<(), StartError> {
    let failed = |source| StartError::File { path: path.to_owned(), source };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed)
}

/// Takes the folder for this process: two would take each other's media for leftovers. The system gives it back, however
/// the process ends.
pub(super) fn take_folder(path: &Path) -> Result<fs::File, StartError> {
    let lock = path.join("gateway.lock");
    let failed = |source| StartError::File { path: lock.clone(), source };
    let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StartError::Taken { path: path.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// By what tokens are turned into names of accounts: made once, kept beside the store and never in it.
pub(super) fn pepper(path: &Path) -> Result<Secret<[u8; 32]>, StartError> {
    let failed = |source| StartError::File { path: path.to_owned(), source };
    match fs::read(path) {
        Ok(bytes) => {
            let pepper = bytes.try_into().map_err(|_| {
                failed(io::Error::other("it has not 32 bytes; restore it, or remove it to begin anew"))
            })?;
            Ok(Secret::new(pepper))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut pepper = [0; 32];
            getrandom::fill(&mut pepper).map_err(|error| failed(io::Error::other(error.to_string())))?;
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path).map_err(failed)?;
            file.write_all(&pepper).and_then(|()| file.sync_all()).map_err(failed)?;
            Ok(Secret::new(pepper))
        }
        Err(error) => Err(failed(error)),
    }
}
