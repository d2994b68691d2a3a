//! Uploads of which nothing goes wrong.

use bytes::Bytes;
use chunkwise_core::Empty;

use super::process::{Ended, Fate, Process};
use super::{Finding, Place, Subject, content};

/// Uploads it to a place, with what befalls it, and looks at the object.
pub(super) async fn upload(place: &Place, content: &Bytes, fate: Fate) -> Result<(), Finding> {
    let process = Process::begin(place.transport.clone(), content.clone(), fate)?;
    arrived(place, content, process.run().await?).await
}

/// Whether an upload came to its object, or truly says that nobody can tell.
pub(super) async fn arrived(place: &Place, content: &Bytes, ended: Ended) -> Result<(), Finding> {
    match ended.completed(place.verify)? {
        Some(completed) => Ok(place.holds(completed, content.clone()).await?),
        None => Ok(()),
    }
}

pub(super) async fn several<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    upload(&place, &content::several(&place.transport.profile()), Fate::default()).await
}

pub(super) async fn small<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    upload(&subject.place().await, &content::small(), Fate::default()).await
}

pub(super) async fn nothing<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    match place.transport.profile().sizing.empty {
        Empty::OneSegment | Empty::NoSegment => upload(&place, &Bytes::new(), Fate::default()).await,
        Empty::Refused => match Process::begin(place.transport.clone(), Bytes::new(), Fate::default()) {
            Err(_) => Ok(()),
            Ok(_) => Err("its profile refuses it, and yet it was planned".into()),
        },
    }
}

pub(super) async fn together<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let one = || async {
        let place = subject.place().await;
        let content = content::several(&place.transport.profile());
        upload(&place, &content, Fate::default()).await
    };
    futures::try_join!(one(), one(), one(), one())?;
    Ok(())
}
