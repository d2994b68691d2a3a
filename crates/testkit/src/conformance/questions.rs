//! Single operations, asked directly.

use chunkwise_core::{
    Action, ByteRange, Failure, Last, Outcome, Problem, ProblemKind, Reply, Segment, SegmentIndex, Session,
    Verdict as Verified,
};
use chunkwise_transport::{Payload, Transport};

use super::mishap::{forget, operation};
use super::process::{Fate, Process};
use super::{Finding, Subject, content};

async fn ask(transport: &dyn Transport, action: Action) -> Outcome {
    transport.perform(&operation(1, action), Payload::empty()).await
}

async fn open(transport: &dyn Transport) -> Result<Session, Finding> {
    let total = content::several(&transport.profile()).len() as u64;
    match ask(transport, Action::Init { total: Some(total) }).await.result {
        Ok(Reply::Opened { session, .. }) if !session.as_str().is_empty() => Ok(session),
        other => Err(format!("an Init came to {other:?}").into()),
    }
}

/// Gives a session up that a case is done with; how is for other cases.
async fn leave(transport: &dyn Transport, session: &Session) {
    for attempt in 1..=4 {
        let abort = operation(attempt, Action::Abort { session: session.clone() });
        if let Ok(Reply::Aborted) | Err(_) = transport.perform(&abort, Payload::empty()).await.result {
            return;
        }
    }
}

pub(super) async fn two_sessions<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let (one, other) = (open(&*place.transport).await?, open(&*place.transport).await?);
    leave(&*place.transport, &one).await;
    if one == other {
        return Err(format!("two Inits gave one session, {one}").into());
    }
    leave(&*place.transport, &other).await;
    Ok(())
}

pub(super) async fn abort_twice<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let session = open(&*place.transport).await?;
    let (mut confirmed, mut attempt) = (0, 0);
    while confirmed < 2 {
        attempt += 1;
        let abort = operation(attempt, Action::Abort { session: session.clone() });
        match place.transport.perform(&abort, Payload::empty()).await.result {
            Ok(Reply::Aborted) => confirmed += 1,
            Ok(Reply::AbortPending) if attempt < 9 => {}
            Err(Failure::Answered(Problem { kind: ProblemKind::SessionGone, .. })) if confirmed > 0 => {
                confirmed += 1;
            }
            other => return Err(format!("Abort {attempt} came to {other:?}").into()),
        }
    }
    Ok(())
}

pub(super) async fn nobodys_session<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    nothing_of(&*place.transport, &Session::new("no session/has this name?\u{1f980}&..\r\n")).await
}

pub(super) async fn given_up<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let session = open(&*place.transport).await?;
    forget(&*place.transport, &session).await?;
    nothing_of(&*place.transport, &session).await
}

/// A session that is none any more, or never was, takes nothing and has nothing.
async fn nothing_of(transport: &dyn Transport, none: &Session) -> Result<(), Finding> {
    let profile = transport.profile();
    let content = content::several(&profile);
    let session = || none.clone();
    let total = content.len() as u64;
    let range = ByteRange::at(0, content::chunk(&profile.sizing).min(total));
    let segment = Segment { index: SegmentIndex::new(0), range };
    let append = operation(1, Action::Append { session: session(), segment, last: Last::More });
    let payload = Payload::from_bytes(content.slice(..range.len() as usize));
    if let Ok(reply) = transport.perform(&append, payload).await.result {
        return Err(format!("an Append to it was answered {}", reply.name()).into());
    }
    for action in [
        Action::Probe { session: session(), page: None },
        Action::Finalize { session: session(), total, receipts: None },
        Action::Status { session: session() },
    ] {
        let kind = action.kind();
        if let Ok(reply) = ask(transport, action).await.result {
            return Err(format!("a {kind} of it was answered {}", reply.name()).into());
        }
    }
    let verify = ask(transport, Action::Verify { session: session(), total }).await;
    match verify.result {
        Ok(Reply::Verified(Verified::NotCommitted | Verified::CannotTell)) | Err(_) => Ok(()),
        Ok(reply) => Err(format!("a Verify of it was answered {reply:?}").into()),
    }
}

pub(super) async fn probe_of_nothing<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let session = open(&*place.transport).await?;
    let outcome = ask(&*place.transport, Action::Probe { session: session.clone(), page: None }).await;
    leave(&*place.transport, &session).await;
    match outcome.result {
        Ok(Reply::Advanced { cursor: 0, .. }) => Ok(()),
        Ok(Reply::Probed(page)) if page.parts.is_empty() && page.next.is_none() => Ok(()),
        other => Err(format!("a Probe of what has just begun came to {other:?}").into()),
    }
}

pub(super) async fn probe_of_a_segment<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let (transport, profile) = (&*place.transport, place.transport.profile());
    let content = content::several(&profile);
    let session = open(transport).await?;
    let range = ByteRange::at(0, content::chunk(&profile.sizing).min(content.len() as u64));
    let segment = Segment { index: SegmentIndex::new(0), range };
    let append = operation(1, Action::Append { session: session.clone(), segment, last: Last::More });
    let payload = Payload::from_bytes(content.slice(..range.len() as usize));
    let appended = transport.perform(&append, payload).await;
    let probed = ask(transport, Action::Probe { session: session.clone(), page: None }).await;
    leave(transport, &session).await;
    let receipt = match appended.result {
        Ok(Reply::Stored { receipt, .. }) => receipt,
        Ok(Reply::Advanced { cursor, .. }) if cursor == range.end() => None,
        other => return Err(format!("an Append came to {other:?}").into()),
    };
    match probed.result {
        Ok(Reply::Advanced { cursor, .. }) if cursor == range.end() => Ok(()),
        Ok(Reply::Probed(page)) => match page.parts.as_slice() {
            [part] if (part.index, part.len) == (segment.index, range.len()) && part.receipt == receipt => {
                Ok(())
            }
            parts => Err(format!("it holds one segment with {receipt:?}, and lists {parts:?}").into()),
        },
        other => Err(format!("a Probe of one segment came to {other:?}").into()),
    }
}

pub(super) async fn verify_of_nothing<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let session = open(&*place.transport).await?;
    let total = content::several(&place.transport.profile()).len() as u64;
    let outcome = ask(&*place.transport, Action::Verify { session: session.clone(), total }).await;
    leave(&*place.transport, &session).await;
    match outcome.result {
        Ok(Reply::Verified(Verified::NotCommitted | Verified::CannotTell)) => Ok(()),
        other => Err(format!("a Verify of what has just begun came to {other:?}").into()),
    }
}

pub(super) async fn verify_of_the_whole<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let content = content::several(&place.transport.profile());
    let process = Process::begin(place.transport.clone(), content.clone(), Fate::default())?;
    let Some(session) = process.run().await?.result()??.session else {
        return Err("it completed without a session".into());
    };
    let verify = Action::Verify { session, total: content.len() as u64 };
    match ask(&*place.transport, verify).await.result {
        Ok(Reply::Verified(Verified::Committed(_) | Verified::CannotTell)) => Ok(()),
        other => Err(format!("a Verify of what is there came to {other:?}").into()),
    }
}
