//! The gateway as a destination of uploads: `chunkwise-oneshot` knows how it wants to be asked.

use std::sync::Arc;

use chunkwise::driver::{BytesSource, UploadRequest};
use chunkwise::hyper::HyperBackend;
use chunkwise::transport::http::HttpTransport;
use chunkwise::{Bearer, Driver, ErrorKind, Secret};
use chunkwise_oneshot::OneShot;

use crate::world::{World, png};

async fn upload(world: &World, key: &str, content: Vec<u8>) -> Result<String, String> {
    let base = format!("http://{}", world.gateway.address());
    let to = OneShot::gateway(&base, &Secret::new(world.token.clone()), "image/png").unwrap();
    let to = to.with_idempotency_key("once").unwrap();
    let bearer = Bearer::new(key.to_owned());
    let transport = HttpTransport::new(Arc::new(to), Arc::new(HyperBackend::new()), Arc::new(bearer));
    let request = UploadRequest::new(BytesSource::new(content), Arc::new(transport));
    match Driver::default().start(request).await.unwrap().wait().await {
        Ok(completed) => Ok(completed.result.id.to_string()),
        Err(chunkwise::driver::DriverError::Upload { error, .. }) => match *error.kind {
            ErrorKind::Credentials { .. } => Err("credentials".to_owned()),
            ErrorKind::Refused { .. } => Err("refused".to_owned()),
            other => Err(other.to_string()),
        },
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn an_upload_of_a_single_request_becomes_a_media_and_its_repetition_the_same() {
    let world = World::new().await;
    let photo = png(300_000);
    let first = upload(&world, &world.key, photo.clone()).await.unwrap();
    assert!(world.content(&first).await == photo);
    assert_eq!(upload(&world, &world.key, photo).await, Ok(first));
    assert_eq!(world.get("/usage").await.json()["calls"], 1);
    assert_eq!(upload(&world, &world.key, png(300_001)).await, Err("refused".to_owned()));
    assert_eq!(upload(&world, "nobody", png(10)).await, Err("credentials".to_owned()));
}
