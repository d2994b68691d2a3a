//! `object_store_put FILE ENDPOINT BUCKET KEY`: one multipart upload by `object_store`, parts of 8 MiB, four at once.
//! Credentials come from the environment, as AWS's do.

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use tokio::io::AsyncReadExt as _;

const PART: usize = 8 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [file, endpoint, bucket, key] = arguments()?;
    let store = AmazonS3Builder::from_env()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_allow_http(true)
        .build()?;
    let mut file = tokio::fs::File::open(file).await?;
    let mut write = WriteMultipart::new_with_chunk_size(store.put_multipart(&Path::from(key)).await?, PART);
    loop {
        let mut part = bytes::BytesMut::with_capacity(PART);
        while part.len() < PART && file.read_buf(&mut part).await? > 0 {}
        if part.is_empty() {
            break;
        }
        write.wait_for_capacity(3).await?;
        write.put(part.freeze());
    }
    write.finish().await?;
    Ok(())
}

fn arguments() -> Result<[String; 4], &'static str> {
    std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "FILE ENDPOINT BUCKET KEY")
}
