//! The alt text: a request of its own, after the upload.

use chunkwise_core::Failure;
use chunkwise_transport::http::HttpTransport;
use chunkwise_x::{AltText, MediaId};

use super::Destination;
use crate::beside::{Tries, repeated, unsayable};

/// Setting an alt text twice does no harm.
pub(super) async fn set(
    transport: &HttpTransport,
    destination: &Destination,
    media_id: &MediaId,
    text: &str,
) -> Result<(), Failure> {
    let protocol = destination.protocol().map_err(|error| unsayable(&error))?;
    let text = AltText::new(text).map_err(|error| unsayable(&error))?;
    let request = || protocol.alt_text_request(media_id, &text);
    repeated(Tries::USUAL, transport, request, |response, at| protocol.decode_alt_text(response, at)).await
}
