//! Uploads to S3, and to stores that speak its API.

#[cfg(feature = "s3-credentials")]
mod credentials;
mod delete;
mod destination;
mod error;
mod handle;
mod upload;
mod uploader;

pub use chunkwise_s3::{
    AddressStyle, BaseUrl, BaseUrlError, Checksum, Credentials, Deleted, InvalidObject, Mark, Metadata,
    MintUrl, Object, Presigned, ProvideCredentials, S3Protocol, SigV4, Store, aws_endpoint, aws_region,
    is_amazon,
};

#[cfg(feature = "s3-credentials")]
pub use credentials::UsualPlaces;
pub use destination::{Destination, NotToS3};
pub use error::S3Error;
pub use handle::{S3Handle, Uploaded};
pub use upload::S3Upload;
pub use uploader::{S3Uploader, S3UploaderBuilder};
