//! `opendal_put FILE ENDPOINT BUCKET KEY`: one multipart upload by `opendal`, parts of 8 MiB, four at once. Credentials
//! come from the environment, as AWS's do.

use opendal::{Operator, services::S3};
use tokio::io::AsyncReadExt as _;

const PART: usize = 8 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [file, endpoint, bucket, key] = arguments()?;
    // Without its default features opendal has no HTTP until it is told.
    opendal::install_default();
    let store = Operator::new(S3::default().endpoint(&endpoint).bucket(&bucket).region("us-east-1"))?;
    let mut file = tokio::fs::File::open(file).await?;
    let mut writer = store.writer_with(&key).chunk(PART).concurrent(4).await?;
    loop {
        let mut part = bytes::BytesMut::with_capacity(PART);
        while part.len() < PART && file.read_buf(&mut part).await? > 0 {}
        if part.is_empty() {
            break;
        }
        writer.write(part.freeze()).await?;
    }
    writer.close().await?;
    Ok(())
}

fn arguments() -> Result<[String; 4], &'static str> {
    std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "FILE ENDPOINT BUCKET KEY")
}
