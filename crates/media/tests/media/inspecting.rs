//! How content, claims and the caller's word make a decision.

use chunkwise_media::{
    Animation, Claim, Ground, Inspection, Limits, Media, MediaCategory, MediaError, MediaErrorKind,
    MediaType, OnContradiction, Use,
};

use crate::samples::{self, JPEG, MKV, MOV, MP4, NOISE, PDF, PNG, SRT, WEBM};

const SIZE: u64 = 100_000;

fn decided(inspection: Inspection, head: &[u8]) -> Media {
    inspection.inspect(head, SIZE).expect("accepted")
}

fn refused(inspection: Inspection, head: &[u8]) -> MediaError {
    let error = inspection.inspect(head, SIZE).expect_err("refused");
    assert_eq!(error.kind(), MediaErrorKind::BadMedia);
    error
}

#[test]
fn content_alone_is_enough() {
    for (name, media_type, animation, head) in samples::accepted() {
        let result = Inspection::new().inspect(&head, SIZE);
        match media_type {
            MediaType::Glb | MediaType::Usdz => {
                let error = MediaError::NoCategory { media_type, destined_for: Use::Post };
                assert_eq!(result, Err(error), "{name}");
            }
            _ => {
                let media = result.expect(name);
                assert_eq!(
                    (media.media_type, media.animation, media.size),
                    (media_type, animation, SIZE),
                    "{name}"
                );
                assert_eq!((media.ground, media.contradicted), (Ground::Content, None), "{name}");
            }
        }
    }
}

#[test]
fn foreign_content_is_named_with_its_claim() {
    for (content, head) in samples::foreign() {
        let error = refused(Inspection::new().file_name("x.mp4"), &head);
        assert_eq!(error, MediaError::Unsupported { content, claim: Some(Claim::FileName(MediaType::Mp4)) });
    }
    assert_eq!(
        refused(Inspection::new().file_name("x.mp4"), MKV).to_string(),
        "this is a Matroska video (MKV) (although its name says video/mp4), which X does not take: \
         convert it to MP4 (H.264 and AAC)"
    );
    assert_eq!(
        refused(Inspection::new(), PDF).to_string(),
        "this is a PDF document, which X does not take: check that this is the right file"
    );
}

#[test]
fn a_claim_that_contradicts_the_content_is_refused_with_both_names() {
    let named = refused(Inspection::new().file_name("clip.mp4"), PNG);
    let claim = Claim::FileName(MediaType::Mp4);
    assert_eq!(named, MediaError::Contradiction { content: MediaType::Png, claim });
    assert_eq!(
        named.to_string(),
        "the content is image/png but its name says video/mp4: correct that, or give the media type yourself"
    );

    let declared = refused(Inspection::new().declared(MediaType::WebM).file_name("a.png"), PNG);
    let claim = Claim::Declared(MediaType::WebM);
    assert_eq!(declared, MediaError::Contradiction { content: MediaType::Png, claim });
    assert!(declared.to_string().contains("image/png but it is declared as video/webm"), "{declared}");
}

#[test]
fn every_pair_of_content_and_claim_is_judged_alike() {
    let one_format = [[MediaType::Mp4, MediaType::QuickTime], [MediaType::Jpeg, MediaType::Pjpeg]];
    for (name, found, _, head) in samples::accepted() {
        for claimed in MediaType::ALL {
            let agrees = found == claimed
                || one_format.iter().any(|names| names.contains(&found) && names.contains(&claimed));
            let result =
                Inspection::new().declared(claimed).category(MediaCategory::TweetVideo).inspect(&head, SIZE);
            match result {
                // Of the type all the same; only nothing for that category.
                Err(MediaError::WrongCategory { media_type, .. }) => {
                    assert!(agrees && media_type == found, "{name} as {claimed}");
                }
                Ok(media) => assert!(agrees && media.media_type == found, "{name} as {claimed}"),
                Err(error) => {
                    let claim = Claim::Declared(claimed);
                    assert_eq!(
                        error,
                        MediaError::Contradiction { content: found, claim },
                        "{name} as {claimed}"
                    );
                    assert!(!agrees, "{name} as {claimed}");
                }
            }
        }
    }
}

#[test]
fn mp4_and_quicktime_carry_each_others_name() {
    assert_eq!(decided(Inspection::new().file_name("a.mov"), MP4).media_type, MediaType::Mp4);
    assert_eq!(decided(Inspection::new().file_name("a.mp4"), MOV).media_type, MediaType::QuickTime);
    assert_eq!(decided(Inspection::new().declared(MediaType::Pjpeg), JPEG).media_type, MediaType::Jpeg);
}

#[test]
fn content_can_be_believed_over_a_claim() {
    let lenient = Inspection::new().on_contradiction(OnContradiction::BelieveContent);
    let media = decided(lenient.declared(MediaType::Jpeg).file_name("a.gif"), WEBM);
    assert_eq!(media.media_type, MediaType::WebM);
    assert_eq!(media.contradicted, Some(Claim::Declared(MediaType::Jpeg)));
    // What X does not take stays refused.
    assert!(matches!(refused(lenient.declared(MediaType::Mp4), PDF), MediaError::Unsupported { .. }));
}

#[test]
fn a_claim_speaks_for_content_that_may_begin_without_signature() {
    for (file_name, media_type) in [
        ("old.mov", MediaType::QuickTime),
        ("a.mp4", MediaType::Mp4),
        ("dir.png/a.M2TS", MediaType::Mp2t),
        ("C:\\a.srt", MediaType::Srt),
    ] {
        let media = decided(Inspection::new().file_name(file_name), NOISE);
        assert_eq!(
            (media.media_type, media.ground),
            (media_type, Ground::Claim(Claim::FileName(media_type)))
        );
    }
    // The declared type is the stronger claim.
    let media = decided(Inspection::new().declared(MediaType::Mp4).file_name("a.ts"), NOISE);
    assert_eq!(media.media_type, MediaType::Mp4);
}

#[test]
fn a_claim_does_not_replace_a_signature() {
    for media_type in MediaType::ALL {
        let result = Inspection::new().declared(media_type).inspect(NOISE, SIZE);
        let may_lack =
            matches!(media_type, MediaType::Mp4 | MediaType::QuickTime | MediaType::Mp2t | MediaType::Srt);
        assert_eq!(result.is_ok(), may_lack, "{media_type}");
    }
    let error = refused(Inspection::new().file_name("a.png"), NOISE);
    assert!(matches!(error, MediaError::Unconfirmed { claim: Claim::FileName(MediaType::Png), .. }));
    assert_eq!(
        error.to_string(),
        "its name says image/png, but it does not begin as such (it begins with 03 8a 00 11 c0 7e 00 99): \
         it may be damaged, or give the media type yourself"
    );
}

#[test]
fn of_two_claims_the_possible_one_is_taken_only_by_the_lenient() {
    let inspection = Inspection::new().declared(MediaType::Png).file_name("a.mp4");
    let claim = Claim::Declared(MediaType::Png);
    assert!(
        matches!(refused(inspection, NOISE), MediaError::Unconfirmed { claim: found, .. } if found == claim)
    );
    let media = decided(inspection.on_contradiction(OnContradiction::BelieveContent), NOISE);
    assert_eq!((media.media_type, media.contradicted), (MediaType::Mp4, Some(claim)));
}

#[test]
fn nothing_known_at_all_asks_for_the_type() {
    for inspection in
        [Inspection::new(), Inspection::new().file_name("noext"), Inspection::new().file_name(".png")]
    {
        let error = refused(inspection, NOISE);
        assert!(matches!(error, MediaError::Unrecognised { .. }), "{error:?}");
        assert!(error.to_string().contains("03 8a 00 11"), "{error}");
        assert!(error.to_string().contains("video/mp4, video/webm"), "{error}");
    }
}

#[test]
fn the_callers_word_wins_over_everything() {
    let inspection = Inspection::new().file_name("a.gif").declared(MediaType::Png).media_type(MediaType::Mp4);
    for head in [PDF, JPEG, NOISE, SRT] {
        let media = decided(inspection, head);
        assert_eq!((media.media_type, media.ground), (MediaType::Mp4, Ground::Caller));
        assert_eq!((media.category, media.animation), (MediaCategory::TweetVideo, Animation::NotApplicable));
    }
    let media = decided(Inspection::new().category(MediaCategory::DmImage), PNG);
    assert_eq!((media.media_type, media.category), (MediaType::Png, MediaCategory::DmImage));
    let glb = b"glTF\x02\0\0\0\x40\0\0\0";
    let media = decided(Inspection::new().category(MediaCategory::TweetImage), glb);
    assert_eq!(media.media_type, MediaType::Glb);
    // A GIF only by the caller's word may move.
    assert_eq!(
        decided(Inspection::new().media_type(MediaType::Gif), NOISE).category,
        MediaCategory::TweetGif
    );
    // An overridden category keeps its limit.
    let image = Inspection::new().category(MediaCategory::TweetImage);
    assert!(matches!(image.inspect(PNG, 6_000_000), Err(MediaError::TooLarge(_))));
    assert!(image.limits(Limits::none()).inspect(PNG, 6_000_000).is_ok());
}

#[test]
fn a_category_for_another_kind_of_media_is_refused_where_there_is_no_doubt() {
    use MediaCategory as C;
    let refuses = |category, head: &[u8]| {
        let result = Inspection::new().category(category).inspect(head, SIZE);
        matches!(result, Err(MediaError::WrongCategory { category: found, .. }) if found == category)
    };
    for category in C::ALL {
        let video = matches!(category, C::TweetVideo | C::AmplifyVideo | C::DmVideo);
        assert_eq!(refuses(category, MP4), !video, "{category}");
        assert_eq!(refuses(category, PNG), video || category == C::Subtitles, "{category}");
        assert_eq!(refuses(category, SRT), category != C::Subtitles, "{category}");
    }
    assert_eq!(
        refused(Inspection::new().category(C::TweetVideo), PNG).to_string(),
        "image/png can't be tweet_video, which is for videos: leave the category out or give one for images"
    );
    // The caller's word for the type decides here as well.
    assert!(!refuses(C::Subtitles, SRT));
    let told = Inspection::new().media_type(MediaType::Mp4).category(C::TweetVideo);
    assert_eq!(decided(told, PNG).category, C::TweetVideo);
}

#[test]
fn the_use_chooses_the_category() {
    use MediaCategory as C;
    let still = samples::gif(&mut crate::random::Random::new(), 1);
    let moving = samples::gif(&mut crate::random::Random::new(), 2);
    for (head, post, dm, amplify) in [
        (PNG, Some(C::TweetImage), Some(C::DmImage), None),
        (&still[..], Some(C::TweetImage), Some(C::DmImage), None),
        (&moving[..], Some(C::TweetGif), Some(C::DmGif), None),
        (MP4, Some(C::TweetVideo), Some(C::DmVideo), Some(C::AmplifyVideo)),
        (WEBM, Some(C::TweetVideo), Some(C::DmVideo), Some(C::AmplifyVideo)),
        (SRT, Some(C::Subtitles), None, Some(C::Subtitles)),
    ] {
        for (destined_for, expected) in Use::ALL.into_iter().zip([post, dm, amplify]) {
            let result = Inspection::new().destined_for(destined_for).inspect(head, SIZE);
            match expected {
                Some(category) => assert_eq!(result.expect("accepted").category, category),
                None => assert!(matches!(result, Err(MediaError::NoCategory { .. })), "{result:?}"),
            }
        }
    }
}

#[test]
fn nothing_is_never_media() {
    let overridden = Inspection::new().media_type(MediaType::Mp4).category(MediaCategory::TweetVideo);
    for inspection in [Inspection::new(), overridden] {
        let error = inspection.inspect(b"", 0).expect_err("empty");
        assert_eq!(error, MediaError::Empty);
        assert_eq!(error.to_string(), "it is empty (0 bytes): choose a file with content");
    }
}

#[test]
fn what_is_cut_off_beyond_doubt_is_refused() {
    // What the structures in the samples say: mp4 0x20 + 0x375, webp 0x2B0 + 8, glb 0x284.
    let glb: &[u8] = b"glTF\x02\0\0\0\x84\x02\0\0\x10\x02\0\0JSON";
    for (media_type, head, least_size) in
        [(MediaType::Mp4, MP4, 917), (MediaType::WebP, samples::WEBP, 696), (MediaType::Glb, glb, 644)]
    {
        let category = match media_type {
            MediaType::Mp4 => MediaCategory::TweetVideo,
            _ => MediaCategory::TweetImage,
        };
        let inspection = Inspection::new().category(category);
        assert!(inspection.inspect(head, least_size).is_ok(), "{media_type}");
        let size = least_size - 1;
        let error = inspection.inspect(head, size).expect_err("cut off");
        assert_eq!(error, MediaError::Truncated { media_type, size, least_size });
        // The caller's word stands here too.
        assert!(inspection.media_type(media_type).inspect(head, size).is_ok(), "{media_type}");
    }
    let mdat_64: &[u8] = b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\0\x01mdat\0\0\0\x01\0\0\0\0";
    let error = Inspection::new().inspect(mdat_64, 1000).expect_err("cut off");
    assert_eq!(
        error,
        MediaError::Truncated { media_type: MediaType::Mp4, size: 1000, least_size: (1 << 32) + 16 }
    );
    // A box to the end of the file, and garbage after the last box, prove nothing.
    let open: &[u8] = b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\0\0mdat";
    let garbage: &[u8] = b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\0\x08mdat\xFF\xFF\xFF\xFFjunk";
    assert!(Inspection::new().inspect(open, 1000).is_ok());
    assert!(Inspection::new().inspect(garbage, 32).is_ok());
}
