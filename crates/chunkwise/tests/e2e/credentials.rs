//! Credentials that expire on the way, or may not upload at all.

use std::num::NonZeroU32;
use std::sync::atomic::Ordering;

use chunkwise::WindowPolicy;
use chunkwise::x::Api;
use chunkwise_sandbox::{
    AuthorizationScheme, BearerToken, Ending, Fault, FaultRule, Operation, Sandbox, credentials,
};
use futures::future::join_all;

use crate::support::{Carrier, Credentials, Ended, Kind, Renewal, World, checkpoints, stored_in, video};

const FRESH: &str = "sandbox-fresh-token";

/// A sandbox that revokes the token at its third APPEND, and takes another of the same user.
async fn world(carrier: Carrier) -> World {
    let rule = FaultRule::at_call(Operation::Append, 3, Fault::RevokeToken);
    let world = World::new(Sandbox::builder().fault(rule), carrier).await;
    world.sandbox.accept_token(BearerToken::of_user(FRESH, credentials::USER_ID));
    world
}

fn refused(world: &World) -> usize {
    let log = world.sandbox.log();
    log.iter().filter(|request| request.ending == Ending::Answered { status: 401 }).count()
}

#[tokio::test]
async fn one_refresh_serves_every_upload_of_the_account() {
    for carrier in Carrier::BOTH {
        let world = world(carrier).await;
        let renewal = Renewal::with(FRESH);
        let asked = renewal.asked.clone();
        let credentials = Credentials::Refreshing(credentials::USER_TOKEN, renewal);
        let uploader = world.uploader_as(credentials, world.driver().build().unwrap());
        let file = video();

        let uploads = (0..4).map(|_| async { Ended::of(uploader.upload(file.path()).await).ready() });
        let ids = join_all(uploads).await;

        assert_eq!(asked.load(Ordering::Relaxed), 1, "{carrier}");
        assert!(refused(&world) >= 1, "{carrier}: the token was revoked under way");
        let finalized = world.finalized().await;
        assert_eq!(finalized.len(), ids.len(), "{carrier}");
        assert!(finalized.iter().all(|media| media.sha256 == file.sha256()), "{carrier}");
    }
}

#[tokio::test]
async fn without_a_hook_a_resume_with_a_new_token_sends_nothing_stored_again() {
    for carrier in Carrier::BOTH {
        let (mut world, file) = (world(carrier).await, video());
        world.policy.window = WindowPolicy::Fixed(NonZeroU32::MIN);
        let failed = Ended::of(world.uploader().upload(file.path()).await).failed();
        assert_eq!(failed.kind, Kind::Credentials, "{carrier}: {}", failed.text);
        assert!(failed.text.contains("Get new credentials"), "{}", failed.text);
        let upload = failed.left.unwrap();

        // The old token is still of no use, and nothing is lost by trying.
        let again = Ended::of(world.uploader().resume(&upload).await.unwrap().wait().await).failed();
        assert_eq!((again.kind, again.left.as_ref()), (Kind::Credentials, Some(&upload)), "{carrier}");

        let driver = world.driver().build().unwrap();
        let uploader = world.uploader_as(Credentials::Token(FRESH), driver);
        let stored = stored_in(&uploader, &upload).await;
        assert_eq!(stored, [0, 1], "{carrier}");
        let before = world.sandbox.log().last().unwrap().number;
        let id = Ended::of(uploader.resume(&upload).await.unwrap().wait().await).ready();
        let log = world.sandbox.log_since(before);
        assert!(
            log.iter().filter_map(|request| request.segment_index).all(|index| !stored.contains(&index)),
            "{carrier}: {stored:?} is sent again"
        );
        world.holds_only(&id, &file).await;
        assert_eq!(world.requests(Operation::Initialize).len(), 1, "{carrier}: the same session");
        assert!(checkpoints(&uploader).await.is_empty());
    }
}

#[tokio::test]
async fn a_token_that_may_not_upload_is_told_so_at_once() {
    for token in [credentials::NO_MEDIA_TOKEN, credentials::APP_ONLY_TOKEN] {
        let (world, file) = (World::new(Sandbox::builder(), Carrier::Hyper).await, video());
        let driver = world.driver().build().unwrap();
        let uploader = world.uploader_as(Credentials::Token(token), driver);
        let failed = Ended::of(uploader.upload(file.path()).await).failed();
        assert_eq!(failed.kind, Kind::Refused, "{}", failed.text);
        assert!(failed.text.contains("403") && !failed.text.contains(token), "{}", failed.text);
        assert_eq!(world.sandbox.log().len(), 1, "a refusal is not tried again");
        assert!(checkpoints(&uploader).await.is_empty());
    }
}

#[tokio::test]
async fn oauth_1_0a_is_good_for_both_apis() {
    for carrier in Carrier::BOTH {
        for api in [Api::V2, Api::V1_1] {
            let (world, file) = (World::over(Sandbox::builder(), api, carrier.backend()).await, video());
            let driver = world.driver().build().unwrap();
            let uploader = world.uploader_as(Credentials::OAuth1, driver);
            let id = Ended::of(uploader.upload(file.path()).await).ready();
            world.holds_only(&id, &file).await;
            let log = world.sandbox.log();
            assert!(log.iter().all(|request| request.authorization == AuthorizationScheme::OAuth1));
        }
    }
}

#[tokio::test]
async fn a_token_that_was_never_good_is_refused_without_a_trace() {
    let (world, file) = (World::new(Sandbox::builder(), Carrier::Hyper).await, video());
    let driver = world.driver().build().unwrap();
    let uploader = world.uploader_as(Credentials::Token("made-up-token"), driver);
    let failed = Ended::of(uploader.upload(file.path()).await).failed();
    assert_eq!(failed.kind, Kind::Credentials, "{}", failed.text);
    assert!(!format!("{failed:?}").contains("made-up-token"));
    assert!(checkpoints(&uploader).await.is_empty(), "no session was opened");
}

#[tokio::test]
async fn what_another_user_began_can_not_be_gone_on_with() {
    let (world, file) = (world(Carrier::Hyper).await, video());
    let failed = Ended::of(world.uploader().upload(file.path()).await).failed();
    let upload = failed.left.unwrap();
    let driver = world.driver().build().unwrap();
    let uploader = world.uploader_as(Credentials::Token(credentials::OTHER_USER_TOKEN), driver);
    // To the other user the session does not exist, so a new one is opened: the same bytes, in the other's account.
    let id = Ended::of(uploader.resume(&upload).await.unwrap().wait().await).ready();
    world.holds_only(&id, &file).await;
    assert_eq!(world.finalized().await[0].owner, credentials::OTHER_USER_ID);
}
