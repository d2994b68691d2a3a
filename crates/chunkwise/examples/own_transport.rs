//! A transport of your own: segments go into a directory, one file each, and Finalize joins them. The engine's
//! retries, the driver's byte budget and checkpoints come with it.
//!
//! `cargo run --example own_transport`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise::Driver;
use chunkwise::core::{
    Abort, Action, Cut, Detail, Empty, Failure, Final, Finalize, Length, Listing, Open, Operation, Outcome,
    Parts, ProblemKind, Processed, Profile, Receipts, Reply, Resend, ServerError, Session, Sizing, Transfer,
    Uniformity, Verify,
};
use chunkwise::driver::{FileSource, UploadRequest};
use chunkwise::transport::{Payload, Transport};
use tokio::io::AsyncWriteExt as _;

#[path = "support/clip.rs"]
mod support;

/// Puts an object together in a directory.
struct Directory(PathBuf);

impl Directory {
    async fn try_perform(&self, operation: &Operation, payload: Payload) -> std::io::Result<Reply> {
        match &operation.action {
            Action::Init { .. } => {
                tokio::fs::create_dir_all(&self.0).await?;
                Ok(Reply::Opened { session: Session::new("parts"), expires: None })
            }
            Action::Append { segment, .. } => {
                let mut file = tokio::fs::File::create(self.0.join(segment.index.to_string())).await?;
                let mut payload = payload;
                while let Some(frame) = std::future::poll_fn(|cx| payload.poll_frame(cx)).await {
                    file.write_all(&frame.map_err(std::io::Error::other)?).await?;
                }
                file.flush().await?;
                Ok(Reply::Stored { receipt: None, expires: None })
            }
            Action::Finalize { total, .. } => {
                let path = self.0.join("object");
                let mut object = tokio::fs::File::create(&path).await?;
                let (mut size, mut index) = (0, 0);
                while size < *total {
                    let mut part = tokio::fs::File::open(self.0.join(index.to_string())).await?;
                    size += tokio::io::copy(&mut part, &mut object).await?;
                    index += 1;
                }
                object.flush().await?;
                let id = path.display().to_string().into();
                Ok(Reply::Completed(Final { id, size: Some(size), expires_at: None, body: Bytes::new() }))
            }
            Action::Probe { .. } | Action::Status { .. } | Action::Verify { .. } | Action::Abort { .. } => {
                Err(std::io::Error::other("a directory knows no such operation"))
            }
        }
    }
}

#[async_trait]
impl Transport for Directory {
    fn profile(&self) -> Profile {
        Profile {
            name: Cow::Borrowed("directory"),
            open: Open::Request,
            transfer: Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::None }),
            length: Length::AtInit,
            sizing: Sizing {
                min: 1,
                max: 1 << 30,
                multiple_of: 1,
                max_count: 100_000,
                max_total: u64::MAX,
                uniformity: Uniformity::Free,
                empty: Empty::OneSegment,
            },
            finalize: Finalize::Call { receipts: Receipts::NotWanted },
            verify: Verify::Unsupported,
            processing: Processed::Never,
            abort: Abort::Expires,
        }
    }

    async fn perform(&self, operation: &Operation, payload: Payload) -> Outcome {
        match self.try_perform(operation, payload).await {
            Ok(reply) => reply.into(),
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                Failure::answered(ProblemKind::Busy, ServerError::message("the disk is full")).into()
            }
            // Something may have been written.
            Err(error) => Failure::Unknown {
                cut: Cut::Ambiguous { after: None },
                detail: Detail::new(error.to_string()),
            }
            .into(),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (clip, target) = (support::clip(20 << 20)?, tempfile::tempdir()?);
    let transport = Arc::new(Directory(target.path().join("upload")));

    let request = UploadRequest::new(FileSource::open(clip.path())?, transport);
    let completed = Driver::default().start(request).await?.wait().await?;

    let same = std::fs::read(&*completed.result.id)? == std::fs::read(clip.path())?;
    println!("{} is the same, byte for byte: {same}", completed.result.id);
    Ok(())
}
