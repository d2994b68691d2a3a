//! Uploads that must not come to an object.

use chunkwise_core::{ErrorKind, OperationKind};

use super::process::{Fate, Process};
use super::{Finding, Subject, content, losses};

pub(super) async fn discard<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    discarded(subject, Fate { discards_after: Some(1), ..Fate::default() }).await
}

/// An upload that is discarded in the middle leaves nothing.
pub(super) async fn discarded<S: Subject + ?Sized>(subject: &S, fate: Fate) -> Result<(), Finding> {
    let before = subject.unfinished().await;
    let place = subject.place().await;
    let content = content::several(&place.transport.profile());
    let ended = Process::begin(place.transport.clone(), content, fate)?.run().await?;
    if ended.count(OperationKind::Finalize) > 0 {
        return Err("it was finalized before it could be discarded".into());
    }
    losses::is_confirmed(ended.result()?)?;
    let after = subject.unfinished().await;
    if after > before {
        return Err(
            format!("the server had {before:?} unfinished uploads before, and has {after:?} now").into()
        );
    }
    Ok(())
}

pub(super) async fn wrong_credentials<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let before = subject.unfinished().await;
    let Some(stranger) = subject.stranger().await else {
        return Err(Finding::NotAsked("it knows no credentials"));
    };
    let content = content::several(&stranger.profile());
    let Err(error) = Process::begin(stranger, content, Fate::default())?.run().await?.result()? else {
        return Err("an upload with wrong credentials completed".into());
    };
    match &*error.kind {
        ErrorKind::Credentials { .. } | ErrorKind::Refused { .. } | ErrorKind::Misconfigured { .. } => {}
        _ => return Err(format!("wrong credentials came to: {error}").into()),
    }
    let after = subject.unfinished().await;
    if after > before {
        return Err("an upload with wrong credentials left something unfinished".into());
    }
    Ok(())
}
