//! No core dumps: what is in the memory of a gateway (tokens, proxies' passwords, media) is nobody else's (threat T11).

use crate::exit::Exit;
use crate::failed::Failed;

/// From now on this process leaves no core dump. On Linux it can't be looked into by processes of the same user either, debuggers
/// included; root can. To be called before anything secret is read.
#[cfg(unix)]
pub(crate) fn forbid_core_dumps() -> Result<(), Failed> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let failed =
        |error| Failed::new(Exit::Io, format!("the system does not let core dumps be switched off: {error}"));
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(failed)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).map_err(failed)?;
    Ok(())
}

/// There are none here.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn forbid_core_dumps() -> Result<(), Failed> {
    Ok(())
}
