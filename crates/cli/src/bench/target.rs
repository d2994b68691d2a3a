//! What is measured. A further destination is a variant more here, and its `measure`.

use std::path::PathBuf;
use std::sync::Arc;

use chunkwise::WindowPolicy;
use chunkwise::transport::http::Authorizer;
use chunkwise_testkit::link::{self, Link, Load};
use tokio_util::sync::CancellationToken;

use super::cell::Sample;
use super::elsewhere::There;
use super::owed::Left;
use super::setting::Setting;
use super::upload::{Troubles, interrupted, upload};
use crate::args::{ConnectionOptions, DestinationOptions, TransferOptions};
use crate::demo::child::ChildSandbox;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::values::Window;

/// Where the uploads of a sweep go.
pub(super) enum Target {
    /// A sandbox that this process has started.
    Sandbox { sandbox: Box<ChildSandbox>, way: Way },
    /// An endpoint that speaks X's protocol.
    Endpoint(Way),
    /// A store that speaks S3, or a tus server.
    Elsewhere(Box<There>),
    /// An emulated link in virtual time.
    Link(Box<Link>),
}

/// How an endpoint is reached, as whom, and with what.
pub(super) struct Way {
    pub(super) destination: DestinationOptions,
    pub(super) connection: ConnectionOptions,
    /// What the environment and the settings file say; chunk size and window are the sweep's.
    pub(super) transfer: TransferOptions,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) file: PathBuf,
}

impl Target {
    /// One upload of so many bytes. What chance there is follows from the round.
    ///
    /// # Errors
    ///
    /// Why the upload failed; [`Exit::Interrupted`] if it was stopped.
    pub(super) async fn measure(
        &self,
        setting: Setting,
        size: u64,
        round: u32,
        stop: &CancellationToken,
        troubles: &Troubles<'_>,
    ) -> Result<Sample, Failed> {
        match self {
            Self::Sandbox { sandbox, way } => {
                let sample = upload(way, setting, stop, troubles).await;
                // What it holds takes room: as much as the file has.
                sandbox.forget().await?;
                sample
            }
            Self::Endpoint(way) => upload(way, setting, stop, troubles).await,
            Self::Elsewhere(there) => there.upload(setting, stop, troubles).await,
            Self::Link(link) => over(link, setting, size, round, stop).await,
        }
    }

    /// Whether there is something to warm up: connections, page cache, the other end.
    pub(super) const fn is_real(&self) -> bool {
        match self {
            Self::Sandbox { .. } | Self::Endpoint(_) | Self::Elsewhere(_) => true,
            Self::Link(_) => false,
        }
    }

    /// Ends what was started for it, removes what is to be removed, and tells what is left.
    pub(super) async fn end(self) -> Result<Vec<Left>, Failed> {
        match self {
            Self::Sandbox { sandbox, .. } => sandbox.stop().await.map(|()| Vec::new()),
            Self::Elsewhere(there) => Ok(there.end().await),
            Self::Endpoint(_) | Self::Link(_) => Ok(Vec::new()),
        }
    }
}

/// The upload over an emulated link: the round is the seed.
async fn over(
    link: &Link,
    setting: Setting,
    size: u64,
    round: u32,
    stop: &CancellationToken,
) -> Result<Sample, Failed> {
    if stop.is_cancelled() {
        return Err(interrupted());
    }
    let window = match setting.window {
        Window::Fixed(lanes) => WindowPolicy::Fixed(lanes),
        Window::Adaptive(max) => WindowPolicy::Adaptive { max },
    };
    let load = Load { total: size, chunk: setting.chunk.bytes(), window };
    let (link, seed) = (link.clone(), u64::from(round));
    // It computes and waits for nothing.
    let run = tokio::task::spawn_blocking(move || link::run(&link, &load, seed)).await;
    let run =
        run.map_err(|error| Failed::new(Exit::Bug, format!("the emulated link broke down: {error}")))?;
    let run = run.map_err(|error| {
        use crate::exit::Exits as _;
        Failed::new(error.kind.exit(), error.to_string())
    })?;
    Ok(Sample { transfer: run.took, whole: None, retries: run.failed + run.throttled })
}
