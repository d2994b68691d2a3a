//! The smallest upload: credentials, a file, a media id. Here it goes to a sandbox of its own, so that it runs with
//! nothing at hand; for X itself leave the base URL out and use a token of yours.
//!
//! `cargo run --example smallest`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use chunkwise::hyper::HyperBackend;
use chunkwise::{Bearer, x::BaseUrl, x::XUploader};

mod support;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sandbox, clip) = (support::sandbox().await?, support::clip(20 << 20)?);

    let uploader = XUploader::builder(Bearer::new(support::TOKEN.to_owned()), HyperBackend::new())
        .base_url(BaseUrl::new(&sandbox.base_url())?)
        .build()?;
    let uploaded = uploader.upload(clip.path()).await?;
    println!("{}", uploaded.media.media_id);
    Ok(())
}
