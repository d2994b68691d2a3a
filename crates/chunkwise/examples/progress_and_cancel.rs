//! Progress, cancelling, and going on from the checkpoint: the upload is stopped in the middle and resumed.
//!
//! `cargo run --example progress_and_cancel`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU64;

use chunkwise::hyper::HyperBackend;
use chunkwise::x::{BaseUrl, XUploader};
use chunkwise::{Bearer, DirectoryStore, Disposition, Driver};

mod support;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sandbox, clip) = (support::sandbox().await?, support::clip(48 << 20)?);
    let state = tempfile::tempdir()?;

    // A bandwidth cap, so that there is something to see; checkpoints in files, so that another process could go on.
    let driver = Driver::builder()
        .limit_rate(NonZeroU64::new(16 << 20))
        .checkpoints(DirectoryStore::new(state.path()))
        .build()?;
    let uploader = XUploader::builder(Bearer::new(support::TOKEN.to_owned()), HyperBackend::new())
        .base_url(BaseUrl::new(&sandbox.base_url())?)
        .driver(driver)
        .build()?;

    let upload = uploader.upload(clip.path()).start().await?;
    let id = upload.id().clone();
    let mut progress = upload.progress();
    while progress.changed().await.is_ok() {
        let now = *progress.borrow_and_update();
        println!("{:>9} of {} bytes stored", now.stored, now.total.unwrap_or_default());
        if now.stored >= 16 << 20 {
            upload.cancel(Disposition::Keep);
            break;
        }
    }
    if let Err(stopped) = upload.wait().await {
        println!("stopped: {stopped}");
    }

    let uploaded = uploader.resume(&id).await?.wait().await?;
    println!("resumed; media id {}", uploaded.media.media_id);
    Ok(())
}
