//! X media upload, v2 and v1.1, as a pure codec.

mod alt_text;
mod answer;
mod base_url;
mod category;
mod decode;
mod encode;
mod ids;
mod lenient;
mod limits;
mod media;
mod multipart;
mod oauth1;
mod percent;
mod problems;
mod profile;
mod protocol;
mod redact;
mod said;
#[cfg(test)]
mod vectors;
mod x_media;

pub use alt_text::{AltText, InvalidAltText, MAX_ALT_TEXT};
pub use base_url::{BaseUrl, BaseUrlError};
pub use category::{Category, UnknownCategory};
pub use ids::{InvalidId, MediaId, UserId};
pub use media::{InvalidMediaType, MAX_ADDITIONAL_OWNERS, Media, MediaType, Sharing, TooManyOwners};
pub use oauth1::{OAuth1, OAuth1Credentials};
pub use problems::{ErrorRow, error_table};
pub use profile::{MAX_SEGMENT, MAX_SEGMENTS};
pub use protocol::{Api, XProtocol};
pub use x_media::{Image, NotAMedia, Video, XMedia};
