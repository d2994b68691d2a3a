//! The limits, at the border.

use chunkwise_media::{Inspection, Limits, MediaCategory, MediaError};

use crate::random::Random;
use crate::samples;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

fn table(limits: Limits) -> Vec<Option<u64>> {
    MediaCategory::ALL.into_iter().map(|category| limits.limit(category)).collect()
}

#[test]
fn the_figures_are_those_x_documents() {
    let with_video = |post, dm| {
        let (image, gif) = (Some(5_242_880), Some(15_728_640));
        vec![image, gif, Some(post), Some(post), image, gif, Some(dm), None]
    };
    assert_eq!(table(Limits::standard()), with_video(536_870_912, 536_870_912));
    assert_eq!(table(Limits::long_video()), with_video(8 * GIB, 512 * MIB));
    assert_eq!(table(Limits::premium()), with_video(17_179_869_184, GIB));
    assert_eq!(table(Limits::none()), vec![None; 8]);
    assert_eq!(Limits::default(), Limits::standard());
}

#[test]
fn every_limit_holds_to_the_byte() {
    for limits in [Limits::standard(), Limits::long_video(), Limits::premium()] {
        for category in MediaCategory::ALL {
            match limits.limit(category) {
                Some(limit) => {
                    assert_eq!(limits.check(category, limit - 1), Ok(()));
                    assert_eq!(limits.check(category, limit), Ok(()));
                    let error = limits.check(category, limit + 1).expect_err("too large");
                    assert_eq!((error.category, error.size, error.limit), (category, limit + 1, limit));
                }
                None => assert_eq!(limits.check(category, u64::MAX), Ok(())),
            }
        }
    }
}

#[test]
fn one_limit_is_changed_alone() {
    for category in MediaCategory::ALL {
        for limit in [Some(77), None] {
            let changed = Limits::standard().with(category, limit);
            for other in MediaCategory::ALL {
                let expected = if other == category { limit } else { Limits::standard().limit(other) };
                assert_eq!(changed.limit(other), expected, "{category} changed, {other} asked");
            }
        }
    }
}

#[test]
fn media_is_checked_against_the_limit_of_its_category() {
    let mut random = Random::new();
    let (still, moving) = (samples::gif(&mut random, 1), samples::gif(&mut random, 2));
    for (head, category, limit) in [
        (samples::PNG, MediaCategory::TweetImage, 5 * MIB),
        (&still, MediaCategory::TweetImage, 5 * MIB),
        (&moving, MediaCategory::TweetGif, 15 * MIB),
        (samples::MP4, MediaCategory::TweetVideo, 512 * MIB),
    ] {
        assert_eq!(Inspection::new().inspect(head, limit).expect("at the limit").category, category);
        match Inspection::new().inspect(head, limit + 1) {
            Err(MediaError::TooLarge(error)) => assert_eq!(error.category, category),
            other => panic!("{other:?}"),
        }
        assert!(Inspection::new().limits(Limits::none()).inspect(head, u64::MAX).is_ok());
    }
    let subtitles = Inspection::new().inspect(samples::SRT, 100 * MIB).expect("no limit is documented");
    assert_eq!(subtitles.category, MediaCategory::Subtitles);
}

#[test]
fn the_error_has_the_numbers_and_a_way_out() {
    let error = Inspection::new().inspect(samples::PNG, 6_000_000).expect_err("too large");
    assert_eq!(
        error.to_string(),
        "6000000 bytes are 757120 more than the 5242880 that tweet_image may have; \
         make the picture smaller or compress it more (JPEG or WebP instead of PNG)"
    );
    let error = Limits::standard().check(MediaCategory::DmVideo, 1 << 30).expect_err("too large");
    assert!(error.to_string().contains("raise the limit if the account may send more"), "{error}");
}
