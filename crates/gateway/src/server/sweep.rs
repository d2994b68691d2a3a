//! What is too old is forgotten, as long as the gateway runs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::App;
use super::conclude::give_up;
use crate::store::StoreError;

/// How often.
const EVERY: Duration = Duration::from_secs(600);

/// How long an upload is listed after its end.
const LISTED: Duration = Duration::from_secs(30 * 24 * 3_600);

pub(super) async fn sweep(app: Arc<App>, stop: CancellationToken) {
    loop {
        if let Err(error) = once(&app).await {
            tracing::error!(%error, "what is too old can't be forgotten");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn once(app: &App) -> Result<(), StoreError> {
    let now = App::now();
    app.store.idempotency().sweep(now).await?;
    app.store.uploads().sweep(now.minus(LISTED)).await?;
    // Nobody has brought their token: X has forgotten them by now, or soon will.
    let oldest = now.minus(app.settings.caps.interrupted());
    for left in app.store.uploads().unfinished().await? {
        if left.updated_at.max(app.started) >= oldest {
            continue;
        }
        let Some(held) = app.uploads.hold(left.upload_id, &left.key_id) else { continue };
        // It may have ended just now.
        let left = app.store.uploads().get(&left.key_id, left.upload_id).await?;
        if let Some(left) = left.filter(|left| left.end.is_none()) {
            give_up(app, &left, "The gateway was restarted during this upload, and nobody went on with it")
                .await;
        }
        drop(held);
    }
    Ok(())
}
