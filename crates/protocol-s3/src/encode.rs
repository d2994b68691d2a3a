//! Operation → HTTP request. Source of the shapes: S3 API Reference, the actions of the same names.

use bytes::Bytes;
use chunkwise_core::{Action, Operation, PageToken, Receipt, Segment, Session, Taken};
use chunkwise_transport::http::{EncodeError, Request, RequestBody, Tail, percent};
use http::{HeaderValue, Method, header};

use crate::checksum::Trailer;
use crate::receipt::PartReceipt;
use crate::{AddressStyle, MAX_PARTS, Metadata, S3Protocol, session};

/// The metadata that has the mark.
pub(crate) const MARK: &str = "x-amz-meta-chunkwise-nonce";

/// How many parts are listed at once: as many as Amazon gives at most. Other stores give all 10,000 where they are not asked
/// for fewer, which is more than an answer may hold.
const PAGE: &str = "1000";

/// The request that performs the operation.
pub(crate) fn encode(s3: &S3Protocol, operation: &Operation) -> Result<Request, EncodeError> {
    match &operation.action {
        Action::Init { total: _ } => create(s3),
        Action::Append { session, segment, last: _ } => upload_part(s3, &upload_id(s3, session)?, segment),
        Action::Probe { session, page } => list_parts(s3, &upload_id(s3, session)?, page.as_ref()),
        Action::Finalize { session, total: _, receipts } => {
            let receipts = receipts.as_deref().ok_or_else(|| {
                EncodeError::new(
                    "S3 wants the receipt of every part to complete an upload, and there are none",
                )
            })?;
            complete(s3, &upload_id(s3, session)?, receipts)
        }
        // Whose session it is shows in the object alone; but one of another upload is an error here too.
        Action::Verify { session, total: _ } => {
            upload_id(s3, session).and_then(|_| request(s3, Method::HEAD, &[]))
        }
        Action::Abort { session, taken } => {
            let id = upload_id(s3, session)?;
            match taken {
                Taken::No => request(s3, Method::DELETE, &[("uploadId", &id)]),
                Taken::Yes => list_parts(s3, &id, None),
            }
        }
        Action::Status { .. } => Err(EncodeError::new("S3 does not process what was uploaded")),
    }
}

fn upload_id(s3: &S3Protocol, session: &Session) -> Result<String, EncodeError> {
    session::upload_id(s3, session).ok_or_else(|| {
        EncodeError::new(
            "the session is not one of this upload to S3; is its checkpoint another's, or damaged?",
        )
    })
}

fn create(s3: &S3Protocol) -> Result<Request, EncodeError> {
    let mut request = request(s3, Method::POST, &[("uploads", "")])?;
    if let Some(content_type) = &s3.content_type {
        request.headers.insert(header::CONTENT_TYPE, content_type.clone());
    }
    if let Some(checksum) = s3.store.checksum {
        request.headers.insert("x-amz-checksum-algorithm", HeaderValue::from_static(checksum.name()));
    }
    match s3.store.metadata {
        Metadata::Kept => {
            let mark = HeaderValue::try_from(s3.mark.to_string()).map_err(|error| unsayable(&error))?;
            request.headers.insert(MARK, mark);
        }
        Metadata::Unsupported => {}
    }
    Ok(request)
}

fn upload_part(s3: &S3Protocol, id: &str, segment: &Segment) -> Result<Request, EncodeError> {
    let index = segment.index.get();
    if index >= MAX_PARTS {
        return Err(EncodeError::new(format!("segment {index}, and S3's last one is {}", MAX_PARTS - 1)));
    }
    let number = (index + 1).to_string();
    let mut request = request(s3, Method::PUT, &[("partNumber", &number), ("uploadId", id)])?;
    let len = segment.range.len();
    let (head, tail) = match s3.store.checksum {
        None => (Bytes::new(), Tail::Fixed(Bytes::new())),
        Some(checksum) => {
            let headers = &mut request.headers;
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("aws-chunked"));
            headers.insert("x-amz-trailer", HeaderValue::from_static(checksum.header()));
            headers.insert("x-amz-decoded-content-length", HeaderValue::from(len));
            let head = if len == 0 { String::new() } else { format!("{len:x}\r\n") };
            (head.into(), Tail::Computed(Box::new(Trailer::new(checksum, len))))
        }
    };
    request.body = RequestBody::Payload { head, tail };
    Ok(request)
}

fn list_parts(s3: &S3Protocol, id: &str, page: Option<&PageToken>) -> Result<Request, EncodeError> {
    let marker = page.map(|page| page.as_str().parse::<u32>()).transpose();
    let marker =
        marker.map_err(|_| EncodeError::new("the page of the list of parts is not a part's number"))?;
    let (page, marker) = (("max-parts", PAGE), marker.map(|marker| marker.to_string()));
    match &marker {
        None => request(s3, Method::GET, &[("uploadId", id), page]),
        Some(marker) => request(s3, Method::GET, &[("part-number-marker", marker), ("uploadId", id), page]),
    }
}

fn complete(s3: &S3Protocol, id: &str, receipts: &[Receipt]) -> Result<Request, EncodeError> {
    let mut xml = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (number, receipt) in (1..).zip(receipts) {
        let of = s3.store.checksum;
        let receipt = PartReceipt::kept(receipt, of)
            .ok_or_else(|| EncodeError::new("a receipt is not one of S3's; is the checkpoint damaged?"))?;
        receipt.write(number, of, &mut xml);
    }
    xml.push_str("</CompleteMultipartUpload>");
    let mut request = request(s3, Method::POST, &[("uploadId", id)])?;
    request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    request.body = RequestBody::Bytes(xml.into());
    Ok(request)
}

/// A request to the object without a body.
pub(crate) fn request(
    s3: &S3Protocol,
    method: Method,
    query: &[(&str, &str)],
) -> Result<Request, EncodeError> {
    let (bucket, key) = (s3.object.bucket(), s3.object.key_path());
    let address = match s3.style {
        AddressStyle::Path => format!("{}/{bucket}/{key}", s3.endpoint),
        AddressStyle::VirtualHost if bucket.contains(|c: char| c.is_ascii_uppercase()) => {
            return Err(EncodeError::new(
                "a bucket with an upper-case letter in its name can't go before the host: address it by path",
            ));
        }
        AddressStyle::VirtualHost => {
            let endpoint = s3.endpoint.as_str();
            let host = endpoint.find("://").map_or(0, |at| at + 3);
            format!("{}{bucket}.{}/{key}", &endpoint[..host], &endpoint[host..])
        }
    };
    let query = percent::form(query);
    let separator = if query.is_empty() { "" } else { "?" };
    let uri = format!("{address}{separator}{query}").try_into().map_err(|error| unsayable(&error))?;
    Ok(Request::new(method, uri))
}

fn unsayable(error: &dyn std::error::Error) -> EncodeError {
    EncodeError::new(format!("the request can't be put together: {error}"))
}
