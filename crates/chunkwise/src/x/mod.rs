//! Uploads to X.

mod alt_text;
mod destination;
mod error;
mod handle;
mod upload;
mod uploader;

pub use chunkwise_x::{
    AltText, Api, BaseUrl, BaseUrlError, Category, InvalidPost, Media, MediaId, MediaType, OAuth1,
    OAuth1Credentials, Post, PostId, Sharing, UserId, XMedia, XProtocol, is_x,
};

pub use destination::{Destination, NotToX};
pub use error::XError;
pub use handle::{Uploaded, XHandle};
pub use upload::{Planned, XUpload};
pub use uploader::{XUploader, XUploaderBuilder};
