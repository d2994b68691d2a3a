//! The server: what is answered on which path.

mod accept;
mod access;
mod admin;
mod arriving;
mod body;
mod carry;
mod claim;
mod conclude;
mod conduct;
mod cors;
mod create;
mod events;
mod folder;
mod framing;
mod guesses;
mod kept;
mod leave;
mod look;
mod metrics;
mod observe;
mod page;
mod place;
mod put;
mod receive;
mod running;
mod start;
mod sweep;
mod upload;
mod uploads;
mod upstream;
mod veil;

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use chunkwise::driver::Driver;
use chunkwise::hyper::Trust;
use chunkwise::x::BaseUrl;
use chunkwise_fetch::{AddressPolicy, Fetcher};
use chunkwise_transport::Secret;
use http::StatusCode;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use start::{Gateway, StartError};

use self::access::Rates;
use self::guesses::Guesses;
use self::metrics::Metrics;
use self::place::Places;
use self::running::Uploads;
use crate::answer::Refusal;
use crate::credentials::Credentials;
use crate::settings::Settings;
use crate::spool::Spool;
use crate::store::{Store, UnixMillis};

/// What all requests share.
struct App {
    settings: Settings,
    store: Store,
    spool: Spool,
    fetcher: Fetcher,
    addresses: AddressPolicy,
    driver: Driver,
    trust: Trust,
    base_url: Option<BaseUrl>,
    credentials: Arc<dyn Credentials>,
    pepper: Secret<[u8; 32]>,
    metrics: Metrics,
    rates: Rates,
    guesses: Guesses,
    uploads: Arc<Uploads>,
    places: Arc<Places>,
    /// No further requests.
    stopping: CancellationToken,
    /// When it was: what waits for its token waits from then on at the earliest.
    started: UnixMillis,
    /// Uploads end now, and keep what they have.
    cut: CancellationToken,
    /// The tasks of uploads.
    work: TaskTracker,
}

impl App {
    fn now() -> UnixMillis {
        SystemTime::now().into()
    }
}

fn router(app: Arc<App>) -> Router {
    let cors = app.settings.cors.clone();
    Router::new()
        .route("/twitter/media/upload", post(upload::upload))
        .route("/twitter/tweet/create", post(create::create))
        .route("/uploads", get(uploads::list).put(put::put))
        .route("/uploads/{id}", get(uploads::one).delete(uploads::cancel))
        .route("/uploads/{id}/events", get(events::events))
        .route("/uploads/{id}/resume", post(kept::resume))
        .route("/usage", get(uploads::usage))
        .merge(page::routes())
        .fallback(async || {
            Refusal::new(StatusCode::NOT_FOUND, "There is nothing here; /openapi.json has every path")
        })
        .method_not_allowed_fallback(async || {
            Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "This path is not asked with this method: the header Allow has those that it takes",
            )
        })
        .with_state(app.clone())
        .layer(from_fn_with_state(app.clone(), guesses::guesses))
        .layer(from_fn_with_state(cors, cors::cors))
        .layer(from_fn_with_state(app, observe::observe))
        .layer(from_fn(observe::survive))
}
