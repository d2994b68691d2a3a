//! Which path is which operation.

use std::sync::Arc;

use http::{Method, Request, Response};
use hyper::body::Incoming;

use crate::answer::{Dialect, Refusal, Reply};
use crate::exchange::{AnswerBody, Arrival, Cut, Exchange, Step, response};
use crate::shared::Shared;
use crate::{commands, control, create_post, v2};

/// A longer request target is answered 431, as from X's edge when parameters are put into the URL (X fact sheet §7).
const URL_LIMIT: usize = 16 * 1024;

/// Answers one request, or cuts the connection.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    arrival: Arrival,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Cut> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    if let Some(path) = path.strip_prefix(control::PREFIX) {
        return Ok(response(control::answer(&shared, &arrival, path, &head, body).await));
    }
    let dialect = if path.starts_with("/1.1/") { Dialect::V1 } else { Dialect::V2 };
    let mut exchange = Exchange::open(shared, arrival, dialect, head, body);
    let result = dispatch(&mut exchange, &path).await;
    exchange.close(result).await
}

async fn dispatch(exchange: &mut Exchange, path: &str) -> Step<Reply> {
    if exchange.head.uri.to_string().len() > URL_LIMIT {
        return Err(Refusal::UrlTooLong.into());
    }
    let post = exchange.head.method == Method::POST;
    let get = exchange.head.method == Method::GET;
    match path {
        "/2/media/upload/initialize" if post => v2::initialize(exchange).await,
        "/2/media/upload" if post => commands::post(exchange).await,
        "/2/media/upload" if get => v2::status(exchange).await,
        "/2/media/metadata" if post => v2::metadata(exchange).await,
        "/2/tweets" if post => create_post::create(exchange).await,
        "/1.1/media/upload.json" if post => commands::post(exchange).await,
        "/1.1/media/upload.json" if get => commands::status_v1(exchange).await,
        "/1.1/media/metadata/create.json" if post => commands::metadata_v1(exchange).await,
        "/2/media/upload/initialize"
        | "/2/media/upload"
        | "/2/media/metadata"
        | "/2/tweets"
        | "/1.1/media/upload.json"
        | "/1.1/media/metadata/create.json" => Err(Refusal::WrongMethod.into()),
        _ => match session_path(path) {
            Some((id, "append")) if post => v2::append(exchange, id).await,
            Some((id, "finalize")) if post => v2::finalize(exchange, id).await,
            Some((_, "append" | "finalize")) => Err(Refusal::WrongMethod.into()),
            Some(_) | None => Err(Refusal::NoSuchPath.into()),
        },
    }
}

/// `/2/media/upload/{id}/{verb}`
fn session_path(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/2/media/upload/")?.split_once('/')
}
