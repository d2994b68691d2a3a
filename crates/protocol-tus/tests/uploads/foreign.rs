//! Servers that others wrote, unmodified: see `tests/servers/README.md`.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chunkwise_core::{
    Action, ByteRange, Discard, Disposition, ErrorKind, Event, Last, OpId, Operation, Reply, Segment,
    SegmentIndex, Verdict,
};
use chunkwise_transport::http::HttpTransport;
use chunkwise_transport::{Payload, Transport as _};
use chunkwise_tus::{Capabilities, Endpoint, Extension, TusProtocol, Way};
use futures::StreamExt as _;
use tempfile::TempDir;

use crate::world::{CHUNK, World, all, content, ended, metadata, sha256, transport};

/// A server as a process of its own.
struct Foreign {
    name: &'static str,
    process: Child,
    endpoint: String,
    folder: TempDir,
    can: Capabilities,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Both servers, or those that `CHUNKWISE_TUS_SERVERS` names; none, in words, unless they are wanted.
async fn servers() -> Vec<Foreign> {
    if std::env::var_os("CHUNKWISE_FOREIGN").is_none_or(|value| value != "1") {
        eprintln!(
            "skipped: set CHUNKWISE_FOREIGN=1 to run servers that others wrote (tests/servers/README.md)"
        );
        return Vec::new();
    }
    let python = std::env::var_os("CHUNKWISE_PYTHON").unwrap_or_else(|| "python3".into());
    let all = [
        ("@tus/server", "node".into(), "tus_node_server.cjs"),
        ("tuspyserver", python, "tuspyserver_app.py"),
    ];
    let named = std::env::var("CHUNKWISE_TUS_SERVERS").ok();
    let mut servers = Vec::new();
    for (name, program, script) in all {
        if named.as_ref().is_none_or(|named| named.split(' ').any(|one| one == name)) {
            servers.push(Foreign::start(name, program, script).await);
        }
    }
    assert!(!servers.is_empty(), "no server is named like this: {named:?}");
    servers
}

impl Foreign {
    async fn start(name: &'static str, program: OsString, script: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut process = Command::new(program)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(script))
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let endpoint = lines.next().unwrap_or_else(|| panic!("{name} did not start")).unwrap();
        let mut server = Self { name, process, endpoint, folder, can: all() };
        let request = Capabilities::request(&Endpoint::new(&server.endpoint).unwrap()).unwrap();
        let transport = transport(server.protocol(Way::Whole));
        let response = loop {
            // It says where it listens just before it does.
            match transport.send(request.clone()).await {
                Ok(response) => break response,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        server.can = Capabilities::decode(&response, chunkwise_core::Timestamp::EPOCH).unwrap();
        assert!(server.can.has(Extension::Termination) && server.can.has(Extension::CreationDeferLength));
        server
    }

    fn protocol(&self, way: Way) -> TusProtocol {
        let endpoint = Endpoint::new(&self.endpoint).unwrap();
        TusProtocol::new(endpoint, self.can.clone(), way).unwrap().with_metadata(metadata())
    }

    fn bytes(&self, url: &str) -> Vec<u8> {
        let name = url.rsplit('/').next().unwrap();
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    fn has(&self, url: &str) -> bool {
        let name = url.rsplit('/').next().unwrap().split('#').next().unwrap();
        self.folder.path().join(name).exists()
    }
}

#[tokio::test]
async fn foreign_servers_get_what_was_sent() {
    for server in servers().await {
        let world = World::new();
        for len in [0, 1, 7 * CHUNK as usize + 123] {
            let bytes = content(len);
            let end = world.upload(server.protocol(Way::Whole), &bytes).await;
            assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes), "{}: {len}", server.name);
        }
    }
}

#[tokio::test]
async fn with_foreign_servers_an_upload_goes_on_where_it_was_cut_off() {
    for server in servers().await {
        let world = World::new();
        let bytes = content(60 * CHUNK as usize);
        let handle = world.start(server.protocol(Way::Whole), &bytes).await;
        let (id, mut events) = (handle.id().clone(), handle.events());
        while !matches!(events.next().await, Some(Event::Stored(_))) {}
        handle.cancel(Disposition::Keep);
        assert_eq!(*ended(handle).await.error(), ErrorKind::Cancelled);
        let end = world.resume(id, server.protocol(Way::Whole), &bytes).await;
        assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes), "{}", server.name);
        assert_eq!(end.restarts(), [], "{}", server.name);
    }
}

#[tokio::test]
async fn foreign_servers_forget_what_is_discarded() {
    for server in servers().await {
        let world = World::new();
        let handle = world.start(server.protocol(Way::Whole), &content(60 * CHUNK as usize)).await;
        let mut events = handle.events();
        let url = loop {
            if let Some(Event::Opened { session }) = events.next().await {
                break session.to_string();
            }
        };
        while !matches!(events.next().await, Some(Event::Stored(_))) {}
        assert!(server.has(&url), "{}", server.name);
        handle.cancel(Disposition::Discard);
        assert_eq!(*ended(handle).await.error(), ErrorKind::Discarded(Discard::Confirmed), "{}", server.name);
        assert!(!server.has(&url), "{}", server.name);
    }
}

#[tokio::test]
async fn foreign_servers_are_told_the_length_at_the_end() {
    for server in servers().await {
        let transport = transport(server.protocol(Way::Deferred));
        let session = match perform(&transport, Action::Init { total: None }, &[]).await {
            Ok(Reply::Opened { session, .. }) => session,
            other => panic!("{}: {other:?}", server.name),
        };
        for (start, last) in [(0, Last::More), (4, Last::End)] {
            let segment = Segment { index: SegmentIndex::ZERO, range: ByteRange::at(start, 4) };
            let append = Action::Append { session: session.clone(), segment, last };
            match perform(&transport, append, b"abcd").await {
                Ok(Reply::Advanced { cursor, .. }) => assert_eq!(cursor, start + 4, "{}", server.name),
                other => panic!("{}: {other:?}", server.name),
            }
        }
        let verify = Action::Verify { session: session.clone(), total: 8 };
        let before = perform(&transport, verify.clone(), &[]).await;
        assert_eq!(before, Ok(Reply::Verified(Verdict::NotCommitted)), "{}", server.name);
        let url = match perform(&transport, Action::Finalize { session, total: 8, receipts: None }, &[]).await
        {
            Ok(Reply::Completed(result)) => result.id,
            other => panic!("{}: {other:?}", server.name),
        };
        match perform(&transport, verify, &[]).await {
            Ok(Reply::Verified(Verdict::Committed(_))) => {}
            other => panic!("{}: {other:?}", server.name),
        }
        assert_eq!(server.bytes(&url), b"abcdabcd", "{}", server.name);
    }
}

async fn perform(
    transport: &HttpTransport,
    action: Action,
    payload: &'static [u8],
) -> Result<Reply, chunkwise_core::Failure> {
    let operation = Operation { id: OpId::from_raw(1), attempt: 1, epoch: Default::default(), action };
    let payload = match payload {
        [] => Payload::empty(),
        bytes => Payload::from_bytes(bytes::Bytes::from_static(bytes)),
    };
    transport.perform(&operation, payload).await.result
}

#[tokio::test]
async fn a_foreign_server_joins_parts_that_went_in_parallel() {
    let mut joined = 0;
    let servers = servers().await;
    for server in servers.iter().filter(|server| server.can.has(Extension::Concatenation)) {
        let bytes = content(9 * CHUNK as usize + 5);
        let end = World::new().upload(server.protocol(Way::Parts), &bytes).await;
        assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes), "{}", server.name);
        joined += 1;
    }
    if !servers.iter().any(|server| server.name == "tuspyserver") {
        eprintln!("skipped: of these servers, tuspyserver alone joins parts");
        return;
    }
    assert!(joined > 0, "none of them can");
}
