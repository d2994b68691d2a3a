//! What ends an upload, each with an error of its own.

use chunkwise_core::{ErrorKind, Kept, OperationKind, Violation};
use chunkwise_driver::DriverError;
use chunkwise_tus::{Endpoint, TusProtocol, Way};

use crate::server::{Fault, Server, Settings};
use crate::world::{CHUNK, End, TOKEN, World, all, content, protocol};

async fn failing(server: &Server) -> End {
    World::new().upload(protocol(server, Way::Whole), &content(3 * CHUNK as usize)).await
}

#[tokio::test]
async fn wrong_credentials_are_told_from_everything_else() {
    let server = Server::with(Settings { token: Some("another"), ..Settings::default() }).await;
    let end = failing(&server).await;
    assert!(matches!(end.error(), ErrorKind::Credentials { .. }), "{:?}", end.error());
    assert!(server.state().uploads.is_empty());
    let text = end.result.unwrap_err().to_string();
    assert!(!text.contains(TOKEN), "{text}");
}

#[tokio::test]
async fn a_wrong_endpoint_is_refused_at_once() {
    let server = Server::start().await;
    let endpoint = Endpoint::new(&format!("http://{}/nothing/", server.address)).unwrap();
    let tus = TusProtocol::new(endpoint, all(), Way::Whole).unwrap();
    let end = World::new().upload(tus, &content(10)).await;
    match end.error() {
        ErrorKind::Refused { operation: OperationKind::Init, failure } => {
            assert!(failure.to_string().contains("404"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.log(), ["POST 404"]);
}

#[tokio::test]
async fn a_cursor_behind_everything_that_was_sent_is_a_lie_and_nothing_is_left() {
    let server = Server::start().await;
    server.next("PATCH", Fault::Offset(2 * CHUNK));
    let end = failing(&server).await;
    let violation = Violation::CursorBeyondSent;
    assert_eq!(*end.error(), ErrorKind::Protocol { operation: OperationKind::Append, violation });
    assert!(server.state().uploads.is_empty());
}

#[tokio::test]
async fn a_cursor_behind_the_end_is_a_lie_and_what_is_kept_is_told() {
    let server = Server::start().await;
    server.next("PATCH", Fault::Offset(1 << 40));
    let end = failing(&server).await;
    let violation = Violation::CursorBeyondEnd;
    assert_eq!(*end.error(), ErrorKind::Protocol { operation: OperationKind::Append, violation });
    let kept = match end.result {
        Err(DriverError::Upload { error, .. }) => error.kept,
        other => panic!("{other:?}"),
    };
    assert_eq!(kept, Kept::Checkpoint);
}

#[tokio::test]
async fn a_cursor_that_goes_back_again_and_again_is_not_believed_for_ever() {
    let server = Server::start().await;
    for _ in 0..20 {
        server.next("PATCH", Fault::Offset(0)).next("HEAD", Fault::Offset(0));
    }
    // The first segment is stored by what it says, and lost by every answer after that.
    let end = World::new().upload(protocol(&server, Way::Whole), &content(3 * CHUNK as usize)).await;
    assert!(
        matches!(
            end.error(),
            ErrorKind::Protocol { .. } | ErrorKind::Exhausted { .. } | ErrorKind::SessionLost { .. }
        ),
        "{:?}",
        end.error()
    );
    assert!(server.log().len() < 60);
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_given_up() {
    let server = Server::start().await;
    for _ in 0..20 {
        server.next("PATCH", Fault::Nothing);
    }
    let end = failing(&server).await;
    assert!(
        matches!(end.error(), ErrorKind::Exhausted { operation: OperationKind::Append, .. }),
        "{:?}",
        end.error()
    );
    assert_eq!(server.count("PATCH 204"), 4);
}

#[tokio::test]
async fn an_upload_at_another_place_is_not_sent_to() {
    let (server, other) = (Server::start().await, Server::start().await);
    server.set(|settings| settings.located_at = format!("http://{}", other.address));
    let end = failing(&server).await;
    match end.error() {
        ErrorKind::Refused { operation: OperationKind::Init, failure } => {
            assert!(failure.to_string().contains("another place"), "{failure}");
        }
        error => panic!("{error:?}"),
    }
    assert_eq!(other.log(), [""; 0]);
    assert_eq!(server.log(), ["POST 201"], "asked again it would only make more of them");
}

#[tokio::test]
async fn where_the_other_place_is_allowed_it_goes_there() {
    let (server, other) = (Server::start().await, Server::start().await);
    server.set(|settings| settings.located_at = format!("http://{}", other.address));
    let length = 10;
    other
        .state()
        .uploads
        .insert("/files/1".to_owned(), crate::server::Stored { length: Some(length), ..Default::default() });
    let elsewhere = Endpoint::new(&other.endpoint()).unwrap();
    let tus = protocol(&server, Way::Whole).with_uploads_at(&elsewhere);
    let end = World::new().upload(tus, &content(10)).await;
    assert_eq!(other.bytes(&end.url()), content(10));
}

#[tokio::test]
async fn the_url_of_an_upload_of_another_length_is_not_written_into() {
    let server = Server::start().await;
    // Somebody else's upload, with bytes in it.
    let theirs = crate::server::Stored {
        bytes: vec![7; 100],
        length: Some(1_000_000),
        ..crate::server::Stored::default()
    };
    server.state().uploads.insert("/files/theirs".to_owned(), theirs);
    for _ in 0..2 {
        server.next("POST", Fault::Answer("201 Created\r\nLocation: /files/theirs"));
    }
    let end = failing(&server).await;
    assert!(matches!(end.error(), ErrorKind::SessionLost { .. }), "{:?}", end.error());
    let untouched =
        server.state().uploads.get("/files/theirs").is_some_and(|theirs| theirs.bytes == [7; 100]);
    assert!(untouched, "nothing was written into it, and it is still there");
}

#[tokio::test]
async fn a_server_without_a_location_breaks_the_protocol() {
    let server = Server::start().await;
    for _ in 0..8 {
        server.next("POST", Fault::Answer("201 Created"));
    }
    let end = failing(&server).await;
    assert!(
        matches!(end.error(), ErrorKind::Protocol { operation: OperationKind::Init, .. }),
        "{:?}",
        end.error()
    );
}

#[tokio::test]
async fn another_version_and_another_type_are_refused_by_name() {
    for (status, step) in [
        ("412 Precondition Failed", OperationKind::Append),
        ("415 Unsupported Media Type", OperationKind::Append),
    ] {
        let server = Server::start().await;
        server.next("PATCH", Fault::Answer(status));
        let end = failing(&server).await;
        match end.error() {
            ErrorKind::Refused { operation, .. } => assert_eq!(*operation, step),
            other => panic!("{status}: {other:?}"),
        }
    }
}
