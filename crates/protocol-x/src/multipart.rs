//! A multipart/form-data body around a payload: a head with the text fields and the file part's header, and a tail.

use std::fmt::Write as _;

use bytes::Bytes;
use chunkwise_transport::http::RequestBody;
use http::HeaderValue;

/// A multipart body whose last part is the payload, and its Content-Type.
///
/// The text fields come first, so that a server knows what a segment is before its bytes arrive; X takes both orders
/// (X fact sheet §2.3). The file part has a file name and a type, without which some servers read it as text.
pub(crate) fn around_payload(
    nonce: u128,
    fields: &[(&str, &str)],
    file: &str,
) -> Result<(HeaderValue, RequestBody), http::Error> {
    // 128 unguessable bits: no source can hold the boundary by chance or by intent.
    let boundary = format!("chunkwise-{nonce:032x}");
    let mut head = String::new();
    for (name, value) in fields {
        // Writing to a String can't fail.
        let _ = write!(
            head,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    let _ = write!(
        head,
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{file}\"; filename=\"segment\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"))?;
    Ok((content_type, RequestBody::Payload { head: Bytes::from(head), tail: Bytes::from(tail).into() }))
}
