//! Uploads of which something goes wrong on the way.

use chunkwise_core::{Completed, Discard, ErrorKind, OperationKind, UploadError};

use super::mishap::{Mishap, Strike};
use super::process::{End, Fate, Process};
use super::transfers::{arrived, upload};
use super::{Finding, Subject, content, crashes};

async fn struck<S: Subject + ?Sized>(
    subject: &S,
    strikes: &[Strike],
    asked: OperationKind,
) -> Result<(), Finding> {
    let place = subject.place().await;
    let content = content::several(&place.transport.profile());
    let fate = Fate { strikes: strikes.to_vec(), ..Fate::default() };
    let ended = Process::begin(place.transport.clone(), content.clone(), fate)?.run().await?;
    let reached = strikes.iter().all(|strike| ended.count(strike.kind) >= strike.nth);
    if !reached && matches!(ended.end, End::Closed(Ok(_))) {
        return Err(Finding::NotAsked(match ended.count(asked) {
            0 => "no such operation was needed",
            _ => "there were not as many operations",
        }));
    }
    arrived(&place, &content, ended).await
}

/// Of an operation of this kind: the second Append, or the first one if there is only one; the first of all else.
pub(super) async fn at<S: Subject + ?Sized>(
    subject: &S,
    kind: OperationKind,
    mishap: Mishap,
) -> Result<(), Finding> {
    let one = subject.place().await.transport.profile().sizing.max_count == 1;
    let nth = if kind == OperationKind::Append && !one { 2 } else { 1 };
    struck(subject, &[Strike { kind, nth, mishap }], kind).await
}

/// Of the Probe that follows an Append whose answer was lost; where none does, of the one with which a process goes on.
pub(super) async fn at_a_probe<S: Subject + ?Sized>(subject: &S, mishap: Mishap) -> Result<(), Finding> {
    let lost = Strike { kind: OperationKind::Append, nth: 1, mishap: Mishap::ReplyLost };
    let probe = Strike { kind: OperationKind::Probe, nth: 1, mishap };
    match struck(subject, &[lost, probe], OperationKind::Probe).await {
        Err(Finding::NotAsked(_)) => crashes::and_then(subject, probe).await,
        judged => judged,
    }
}

/// Of the Verify that follows a Finalize whose answer was lost.
pub(super) async fn at_a_verify<S: Subject + ?Sized>(subject: &S, mishap: Mishap) -> Result<(), Finding> {
    let lost = Strike { kind: OperationKind::Finalize, nth: 1, mishap: Mishap::ReplyLost };
    let verify = Strike { kind: OperationKind::Verify, nth: 1, mishap };
    struck(subject, &[lost, verify], OperationKind::Verify).await
}

/// Of the Abort of an upload that is discarded.
pub(super) async fn at_an_abort<S: Subject + ?Sized>(subject: &S, mishap: Mishap) -> Result<(), Finding> {
    let strikes = vec![Strike { kind: OperationKind::Abort, nth: 1, mishap }];
    let fate = Fate { strikes, discards_after: Some(1), ..Fate::default() };
    super::bounds::discarded(subject, fate).await
}

/// The first, third, fifth … operation of every kind never arrives, and nobody knows.
pub(super) async fn everywhere<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let content = content::several(&place.transport.profile());
    upload(&place, &content, Fate { every_other: Some(Mishap::RequestLost), ..Fate::default() }).await
}

/// The server forgets the session before the last Append.
pub(super) async fn session_forgotten<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let content = content::several(&place.transport.profile());
    let (kind, mishap) = (OperationKind::Append, Mishap::SessionForgotten);
    let nth = place.transport.profile().sizing.max_count.min(3);
    let fate = Fate { strikes: vec![Strike { kind, nth, mishap }], ..Fate::default() };
    let ended = Process::begin(place.transport.clone(), content.clone(), fate)?.run().await?;
    let sessions = ended.count(OperationKind::Init);
    let completed = ended.result()??;
    if sessions < 2 {
        return Err(format!("there was {sessions} session, and it had been forgotten").into());
    }
    Ok(place.holds(completed, content).await?)
}

/// Whether a discard came to what it must.
pub(super) fn is_confirmed(result: Result<Completed, UploadError>) -> Result<(), Finding> {
    match result {
        Ok(_) => Err("it was discarded, and yet it completed".into()),
        Err(error) => match &*error.kind {
            ErrorKind::Discarded(Discard::Confirmed) => Ok(()),
            _ => Err(format!("it was discarded, and that came to: {error}").into()),
        },
    }
}
