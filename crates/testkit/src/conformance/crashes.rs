//! Processes that die.

use chunkwise_core::{Checkpoint, OperationKind};

use super::mishap::Strike;
use super::process::{End, Fate, Process};
use super::transfers::arrived;
use super::{Finding, Place, Subject, content};

/// Goes on from a checkpoint, to the end.
async fn go_on(place: &Place, content: &bytes::Bytes, from: &Checkpoint) -> Result<(), Finding> {
    let process = Process::resume(place.again(), content.clone(), Fate::default(), from)?;
    arrived(place, content, process.run().await?).await
}

/// A process that dies when it has written so many checkpoints, another one that goes on from the one so many before
/// the newest. Says whether it died at all.
async fn dies<S: Subject + ?Sized>(subject: &S, written: usize, older: usize) -> Result<bool, Finding> {
    let place = subject.place().await;
    let content = content::several(&place.transport.profile());
    let fate = Fate { dies_after_write: Some(written), ..Fate::default() };
    let ended = Process::begin(place.transport.clone(), content.clone(), fate)?.run().await?;
    match ended.end {
        End::Closed(result) => {
            place.holds(result?, content).await?;
            Ok(false)
        }
        End::Died => {
            let at = ended.checkpoints.len().checked_sub(1 + older);
            if let Some(checkpoint) = at.and_then(|at| ended.checkpoints.get(at)) {
                go_on(&place, &content, checkpoint).await.map_err(|finding| match finding {
                    Finding::Wrong(what) => Finding::Wrong(format!("dead at write {}: {what}", written + 1)),
                    Finding::NotAsked(_) => finding,
                })?;
            }
            Ok(true)
        }
    }
}

pub(super) async fn at_every_write<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let mut written = 1;
    while dies(subject, written, 0).await? {
        written += 1;
        if written > 1_000 {
            return Err("it writes checkpoints without an end".into());
        }
    }
    Ok(())
}

pub(super) async fn with_an_older_checkpoint<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    // The last ones are of Finalize and behind it: what is older than those is from before it.
    let mut deaths = 0;
    for written in 2..=4 {
        deaths += u32::from(dies(subject, written, 1).await?);
    }
    if deaths == 0 {
        return Err(Finding::NotAsked("it has but one checkpoint"));
    }
    Ok(())
}

/// This befalls the process that goes on from the first checkpoint that has data behind it.
pub(super) async fn and_then<S: Subject + ?Sized>(subject: &S, strike: Strike) -> Result<(), Finding> {
    let place = subject.place().await;
    let content = content::several(&place.transport.profile());
    let fate = Fate { dies_after_write: Some(2), ..Fate::default() };
    let died = Process::begin(place.transport.clone(), content.clone(), fate)?.run().await?;
    let (End::Died, Some(checkpoint)) = (died.end, died.checkpoints.last()) else {
        return Err(Finding::NotAsked("it has but one checkpoint"));
    };
    let fate = Fate { strikes: vec![strike], ..Fate::default() };
    let ended = Process::resume(place.again(), content.clone(), fate, checkpoint)?.run().await?;
    if ended.count(strike.kind) < strike.nth && matches!(ended.end, End::Closed(Ok(_))) {
        return Err(Finding::NotAsked("no such operation was needed"));
    }
    arrived(&place, &content, ended).await
}

pub(super) async fn waiting_for_finalize<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let content = content::several(&place.transport.profile());
    let fate = Fate { dies_waiting_for: Some(OperationKind::Finalize), ..Fate::default() };
    let ended = Process::begin(place.transport.clone(), content.clone(), fate)?.run().await?;
    match (ended.end, ended.checkpoints.last()) {
        (End::Died, Some(checkpoint)) => go_on(&place, &content, checkpoint).await,
        (End::Died, None) => Err("Finalize went out, and there was no checkpoint".into()),
        (End::Closed(result), _) => Err(format!("it did not die, but came to {result:?}").into()),
    }
}
