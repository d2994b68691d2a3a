//! Single operations, asked directly.

use std::sync::Arc;

use chunkwise_core::{
    Action, ByteRange, Failure, Finalize, Last, Listing, Outcome, Problem, ProblemKind, Processed, Receipt,
    Receipts, Reply, Segment, SegmentIndex, Session, Taken, Transfer, Verdict as Verified, Verify,
};
use chunkwise_transport::{Payload, Transport};

use super::mishap::{abort, forget, operation};
use super::process::{Fate, Process};
use super::{Finding, Subject, Telling, content};

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
    let mut taken = Taken::No;
    for attempt in 1..=4 {
        if let Ok(Reply::Aborted) | Err(_) = abort(transport, session, attempt, &mut taken).await {
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
    let (mut confirmed, mut attempt, mut taken) = (0, 0, Taken::No);
    while confirmed < 2 {
        attempt += 1;
        match abort(&*place.transport, &session, attempt, &mut taken).await {
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
    let Some((transport, session)) = subject.nobody().await else {
        return Err(Finding::NotAsked("it gives no session of nobody's"));
    };
    let verify = subject.place().await.verify;
    nothing_of(&*transport, &session, verify).await
}

pub(super) async fn given_up<S: Subject + ?Sized>(subject: &S) -> Result<(), Finding> {
    let place = subject.place().await;
    let session = open(&*place.transport).await?;
    forget(&*place.transport, &session).await?;
    nothing_of(&*place.transport, &session, place.verify).await
}

/// A session that is none any more, or never was, takes nothing and has nothing; and it is the server that says so.
async fn nothing_of(transport: &dyn Transport, none: &Session, verify: Telling) -> Result<(), Finding> {
    for action in askable(transport, none).await? {
        let kind = action.kind();
        let outcome = match &action {
            Action::Append { .. } => append(transport, none).await,
            Action::Init { .. }
            | Action::Probe { .. }
            | Action::Finalize { .. }
            | Action::Verify { .. }
            | Action::Status { .. }
            | Action::Abort { .. } => ask(transport, action).await,
        };
        match (outcome.result, verify) {
            (Err(Failure::NotSent { detail, .. }), _) => {
                return Err(format!("a {kind} of it was not sent, and asks nothing: {detail}").into());
            }
            (Err(Failure::Answered(_) | Failure::Unknown { .. }), _)
            | (Ok(Reply::Verified(Verified::NotCommitted)), _)
            | (Ok(Reply::Verified(Verified::CannotTell)), Telling::MayNot) => {}
            (Ok(reply), _) => return Err(format!("a {kind} of it was answered {reply:?}").into()),
        }
    }
    Ok(())
}

/// Everything that this protocol can do to a session but give it up.
async fn askable(transport: &dyn Transport, of: &Session) -> Result<Vec<Action>, Finding> {
    let profile = transport.profile();
    let (session, total) = (|| of.clone(), content::several(&profile).len() as u64);
    let (segment, _) = first(transport);
    let mut actions = vec![Action::Append { session: session(), segment, last: Last::More }];
    match profile.transfer {
        Transfer::Append(_) => actions.push(Action::Probe { session: session(), page: None }),
        Transfer::Parts(parts) => match parts.listing {
            Listing::Complete => actions.push(Action::Probe { session: session(), page: None }),
            Listing::None => {}
        },
    }
    match profile.finalize {
        Finalize::Implicit => {}
        Finalize::Call { receipts } => {
            let receipts = match receipts {
                Receipts::NotWanted => None,
                Receipts::Required => Some(Arc::from([receipt(transport).await?])),
            };
            actions.push(Action::Finalize { session: session(), total, receipts });
        }
    }
    match profile.processing {
        Processed::Never => {}
        Processed::Polled => actions.push(Action::Status { session: session() }),
    }
    match profile.verify {
        Verify::Unsupported => {}
        Verify::Call => actions.push(Action::Verify { session: session(), total }),
    }
    Ok(actions)
}

/// The first segment, and its bytes.
fn first(transport: &dyn Transport) -> (Segment, Payload) {
    let profile = transport.profile();
    let content = content::several(&profile);
    let range = ByteRange::at(0, content::chunk(&profile.sizing).min(content.len() as u64));
    let payload = Payload::from_bytes(content.slice(..range.len() as usize));
    (Segment { index: SegmentIndex::new(0), range }, payload)
}

async fn append(transport: &dyn Transport, session: &Session) -> Outcome {
    let (segment, payload) = first(transport);
    let append = operation(1, Action::Append { session: session.clone(), segment, last: Last::More });
    transport.perform(&append, payload).await
}

/// A receipt as this server gives them: one that is made up would not go out.
async fn receipt(transport: &dyn Transport) -> Result<Receipt, Finding> {
    let session = open(transport).await?;
    let appended = append(transport, &session).await;
    leave(transport, &session).await;
    match appended.result {
        Ok(Reply::Stored { receipt: Some(receipt), .. }) => Ok(receipt),
        other => Err(format!("an Append came to {other:?}, and a receipt is wanted").into()),
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
    let transport = &*place.transport;
    let session = open(transport).await?;
    let (segment, _) = first(transport);
    let range = segment.range;
    let appended = append(transport, &session).await;
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
    match (outcome.result, place.verify) {
        (Ok(Reply::Verified(Verified::NotCommitted)), _)
        | (Ok(Reply::Verified(Verified::CannotTell)), Telling::MayNot) => Ok(()),
        (other, _) => Err(format!("a Verify of what has just begun came to {other:?}").into()),
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
    match (ask(&*place.transport, verify).await.result, place.verify) {
        (Ok(Reply::Verified(Verified::Committed(_))), _)
        | (Ok(Reply::Verified(Verified::CannotTell)), Telling::MayNot) => Ok(()),
        (other, _) => Err(format!("a Verify of what is there came to {other:?}").into()),
    }
}
