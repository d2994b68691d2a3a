//! The bare core, driven by hand: no async, no clock, no sockets. The "server" here is a few lines that lose the
//! first answer to every third segment.
//!
//! `cargo run --example bare_core`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chunkwise::core::{
    Action, Cut, Detail, Failure, Final, Input, Operation, Outcome, Output, Policy, Reply, Session,
    Timestamp, Upload, UploadSpec,
};
use chunkwise::transport::http::Protocol as _;
use chunkwise::x::{Api, Category, Media, MediaType, XProtocol};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let source: Vec<u8> = (0..30_000_000_u32).map(|i| (i ^ (i >> 9)) as u8).collect();
    let profile = XProtocol::new(Api::V2, Media::new(MediaType::MP4, Category::TweetVideo)).profile();
    let mut now = Timestamp::from_secs(1_700_000_000);
    let mut server = Server::default();

    let spec = UploadSpec::whole(source.len() as u64);
    let mut upload = Upload::new(now, spec, profile, Policy::default(), 1)?;
    let completed = loop {
        match upload.poll(now) {
            Output::Perform(operation) => {
                upload.handle(now, Input::Started(operation.id));
                let outcome = server.perform(&operation, &source);
                upload.handle(now, Input::Outcome { op: operation.id, outcome });
            }
            Output::Persist { seq } => upload.handle(now, Input::Persisted(seq)),
            Output::Idle { wake_at } => now = wake_at.unwrap_or(now.after(Duration::from_secs(1))),
            Output::Notify(event) => println!("{event:?}"),
            Output::Closed(result) => break result?,
            Output::Cancel(_) | Output::Release(_) | Output::Refresh { .. } => {}
        }
    };
    let stored: Vec<u8> = server.segments.into_values().flatten().collect();
    println!("media {}, the same byte for byte: {}", completed.result.id, stored == source);
    Ok(())
}

#[derive(Default)]
struct Server {
    segments: BTreeMap<u32, Vec<u8>>,
}

impl Server {
    fn perform(&mut self, operation: &Operation, source: &[u8]) -> Outcome {
        match &operation.action {
            Action::Init { .. } => Reply::Opened { session: Session::new("1"), expires: None }.into(),
            Action::Append { segment, .. } => {
                let (index, range) = (segment.index.get(), segment.range);
                let bytes = &source[range.start() as usize..range.end() as usize];
                self.segments.insert(index, bytes.to_vec());
                if index % 3 == 0 && operation.attempt == 1 {
                    return Failure::Unknown { cut: Cut::Reset, detail: Detail::new("lost") }.into();
                }
                Reply::Stored { receipt: None, expires: None }.into()
            }
            _ => Reply::Completed(Final { id: "1".into(), size: None, expires_at: None, body: Bytes::new() })
                .into(),
        }
    }
}
