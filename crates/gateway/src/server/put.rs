//! `PUT /uploads`: the bytes of the media as they are, for who won't pay a third more for base64.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use chunkwise::media::Inspection;
use chunkwise_transport::Secret;
use http::{HeaderMap, StatusCode, header};

use super::App;
use super::access::enter_to_begin;
use super::arriving::{Arrived, Arriving, From};
use super::body::Incoming;
use super::claim::Entry;
use super::conduct::Coming;
use super::upload::{Asked, Beginning, Wanted, begin_or_give_back, detached, way};
use crate::answer::Refusal;
use crate::ingest::IngestLimits;
use crate::store::{Key, RequestId};

/// The header with what is `auth_token` elsewhere.
const TOKEN: &str = "x-auth-token";
/// The header with what is `proxy` elsewhere.
const PROXY: &str = "x-proxy";

pub(super) async fn put(
    State(app): State<Arc<App>>,
    Extension(request): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let key = enter_to_begin(&app, &headers).await?;
    detached(&app, begun(app.clone(), key, request, headers.clone(), body)).await?.answer(&headers).await
}

/// Takes the body, and begins what is asked for.
async fn begun(
    app: Arc<App>,
    key: Key,
    request: RequestId,
    headers: HeaderMap,
    body: Body,
) -> Result<Beginning, Refusal> {
    let entry = Entry::of(&app, &key.id, request, &headers).await?;
    let asked = async {
        let place = Arc::new(app.places.take(&key)?);
        let token = secret(&headers, TOKEN)?
            .ok_or_else(|| Refusal::bad_request("Provide the auth_token in the header X-Auth-Token"))?;
        let (account, way) = way(&app, &token, secret(&headers, PROXY)?.as_ref())?;
        let coming = coming(&app, &key, &headers, body, &entry).await?;
        Ok(Asked { account, way, alt_text: None, coming, place })
    };
    let asked = asked.await;
    begin_or_give_back(&app, &key, request, entry, asked).await
}

/// The media: whole, or still on its way.
async fn coming(
    app: &Arc<App>,
    key: &Key,
    headers: &HeaderMap,
    body: Body,
    entry: &Entry,
) -> Result<Coming, Refusal> {
    let mut inspection = Inspection::new();
    if let Some(declared) = declared(headers)? {
        let declared = declared.parse().map_err(|_| {
            Refusal::bad_request(
                "Content-Type is none that X takes: it is the media's, as in image/png or video/mp4, or application/octet-stream",
            )
        })?;
        inspection = inspection.declared(declared);
    }
    let incoming = Incoming::new(app, &key.id, headers, body, IngestLimits::default().media)?;
    let len = incoming.announced();
    let arriving = Arriving { from: From::Body(incoming), len, inspection };
    // Who has a key, or does not wait, is answered by what came: it comes first.
    let flows = matches!(entry, Entry::Open(None)) && Wanted::of(headers) == Wanted::Result && len.is_some();
    if flows {
        return Ok(Coming::Arriving(Box::new(arriving)));
    }
    match (Arriving { len: None, ..arriving }).take_in(app).await? {
        Arrived::Whole(received) => Ok(Coming::Here(received)),
        Arrived::Growing(..) => Err(Refusal::internal()),
    }
}

/// The value of a header that is nobody else's business.
fn secret(headers: &HeaderMap, name: &str) -> Result<Option<Secret<String>>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| {
        Refusal::bad_request("X-Auth-Token and X-Proxy must be of printable ASCII characters")
    })?;
    Ok(Some(Secret::new(text.to_owned())))
}

/// What the client says that it is; that it is bytes says nothing.
fn declared(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    let bad = || Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be the media's");
    let essence = value.to_str().map_err(|_| bad())?.split(';').next().unwrap_or_default().trim();
    Ok(Some(essence.to_owned()).filter(|essence| !essence.eq_ignore_ascii_case("application/octet-stream")))
}
