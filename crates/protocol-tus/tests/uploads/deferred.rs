//! Uploads whose length may be said at the end.

use std::sync::Arc;

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, Last, OpId, Operation, Outcome, Reply, Segment, SegmentIndex, Session, Verdict,
};
use chunkwise_transport::http::HttpTransport;
use chunkwise_transport::{Payload, Transport as _};
use chunkwise_tus::Way;

use crate::server::{Fault, Server};
use crate::world::{CHUNK, World, content, protocol, sha256, transport};

async fn perform(transport: &Arc<HttpTransport>, action: Action, payload: &'static [u8]) -> Outcome {
    let operation = Operation { id: OpId::from_raw(1), attempt: 1, epoch: Default::default(), action };
    let payload = match payload {
        [] => Payload::empty(),
        bytes => Payload::from_bytes(Bytes::from_static(bytes)),
    };
    transport.perform(&operation, payload).await
}

async fn opened(transport: &Arc<HttpTransport>) -> Session {
    match perform(transport, Action::Init { total: None }, b"").await.result {
        Ok(Reply::Opened { session, .. }) => session,
        other => panic!("{other:?}"),
    }
}

fn append(session: &Session, start: u64, len: u64, last: Last) -> Action {
    let segment = Segment { index: SegmentIndex::ZERO, range: ByteRange::at(start, len) };
    Action::Append { session: session.clone(), segment, last }
}

#[tokio::test]
async fn a_length_that_nobody_knew_is_said_when_the_source_has_ended() {
    let server = Server::start().await;
    let transport = transport(protocol(&server, Way::Deferred));
    let session = opened(&transport).await;
    let verify = || Action::Verify { session: session.clone(), total: 8 };
    let at = |cursor| Ok(Reply::Advanced { cursor, expires: None });
    assert_eq!(perform(&transport, append(&session, 0, 4, Last::More), b"abcd").await.result, at(4));
    assert_eq!(perform(&transport, append(&session, 4, 4, Last::End), b"efgh").await.result, at(8));
    let probed = perform(&transport, Action::Probe { session: session.clone(), page: None }, b"").await;
    assert_eq!(probed.result, at(8));
    let verified = perform(&transport, verify(), b"").await;
    assert_eq!(verified.result, Ok(Reply::Verified(Verdict::NotCommitted)));

    // The answer is lost; it is found out, and not said twice, which the server would refuse.
    server.next("PATCH", Fault::Lose);
    let finalize = Action::Finalize { session: session.clone(), total: 8, receipts: None };
    assert!(perform(&transport, finalize.clone(), b"").await.result.is_err());
    match perform(&transport, verify(), b"").await.result {
        Ok(Reply::Verified(Verdict::Committed(_))) => {}
        other => panic!("{other:?}"),
    }
    assert!(perform(&transport, finalize, b"").await.result.is_err());
    assert_eq!(server.state().uploads["/files/1"].bytes, b"abcdefgh");
    assert_eq!(server.state().uploads["/files/1"].length, Some(8));
}

#[tokio::test]
async fn a_length_that_is_known_is_said_at_once_even_so() {
    let (server, world) = (Server::start().await, World::new());
    for (nth, bytes) in [content(3 * CHUNK as usize), Vec::new()].iter().enumerate() {
        let end = world.upload(protocol(&server, Way::Deferred), bytes).await;
        assert_eq!(sha256(&server.bytes(&end.url())), sha256(bytes));
        assert_eq!(server.count("HEAD 200"), nth + 1, "that it is complete is asked, and nothing declared");
    }
}
