//! What a server can do, as it says itself.

use chunkwise_core::{Failure, ProblemKind, Timestamp};
use chunkwise_tus::{Capabilities, Endpoint, Extension, Way};

use crate::server::{Fault, Server, Settings};
use crate::world::{protocol, transport};

async fn asked(server: &Server) -> Result<Capabilities, Failure> {
    let endpoint = Endpoint::new(&server.endpoint()).unwrap();
    let request = Capabilities::request(&endpoint).unwrap();
    let response = transport(protocol(server, Way::Whole)).send(request).await.unwrap();
    Capabilities::decode(&response, Timestamp::EPOCH)
}

#[tokio::test]
async fn a_server_says_what_it_can_do() {
    let extensions = "creation, expiration ,checksum,from-the-future";
    let server = Server::with(Settings { extensions, max_size: Some(77), ..Settings::default() }).await;
    let can = asked(&server).await.unwrap();
    let expected = Capabilities::new([Extension::Creation, Extension::Checksum, Extension::Expiration])
        .with_max_size(77);
    assert_eq!(can, expected);
}

#[tokio::test]
async fn one_that_does_not_speak_tus_is_told_from_one_that_refuses() {
    let server = Server::start().await;
    server.next("OPTIONS", Fault::Answer("200 OK")).next("OPTIONS", Fault::Answer("401 Unauthorized"));
    for kind in [ProblemKind::Broken, ProblemKind::CredentialsExpired] {
        match asked(&server).await {
            Err(Failure::Answered(problem)) => assert_eq!(problem.kind, kind),
            other => panic!("{other:?}"),
        }
    }
}
