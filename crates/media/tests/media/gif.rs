//! Whether a GIF moves, in whatever pieces it comes.

use chunkwise_media::{Animation, GifMotion, GifWalk, HEAD_LEN, Inspection, MediaCategory, Wanted};

use crate::random::Random;
use crate::samples;

/// A GIF whose first image's data are longer than the head.
fn long_gif(random: &mut Random, images: usize) -> Vec<u8> {
    let mut gif = b"GIF89a@\x000\0\0\0\0".to_vec();
    for _ in 0..images {
        gif.extend_from_slice(&[b',', 0, 0, 0, 0, 64, 0, 48, 0, 0, 8]);
        for _ in 0..=HEAD_LEN / 255 {
            gif.push(255);
            gif.extend_from_slice(&random.bytes(255));
        }
        gif.push(0);
    }
    gif.push(b';');
    gif
}

#[test]
fn the_answer_is_right_and_the_same_for_all_pieces() {
    let mut random = Random::new();
    for _ in 0..500 {
        let images = random.below(4);
        let gif = samples::gif(&mut random, images);
        let expected = if images > 1 { GifMotion::Animated } else { GifMotion::Still };
        assert_eq!(GifWalk::new().push(&gif), expected, "{images} images at once");

        let mut walk = GifWalk::new();
        let mut rest = gif.as_slice();
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(1 + random.below(rest.len().min(50)));
            walk.push(piece);
            rest = tail;
        }
        assert_eq!(walk.motion(), expected, "{images} images in pieces");

        let mut walk = GifWalk::new();
        gif.iter().for_each(|&byte| _ = walk.push(&[byte]));
        assert_eq!(walk.motion(), expected, "{images} images byte by byte");
    }
}

#[test]
fn a_gif_cut_off_never_moves_before_its_second_image() {
    let mut random = Random::new();
    let one = samples::gif(&mut random, 1);
    for end in 6..one.len() {
        let mut walk = GifWalk::new();
        assert_eq!(walk.push(&one[..end]), GifMotion::Undecided, "{end}");
        let expected = if end < 13 { GifMotion::NotGif } else { GifMotion::Still };
        assert_eq!(walk.finish(), expected, "{end}");
    }
}

#[test]
fn once_decided_nothing_changes() {
    let mut random = Random::new();
    for images in [1, 2] {
        let mut walk = GifWalk::new();
        let decided = walk.push(&samples::gif(&mut random, images));
        assert_eq!(walk.push(&samples::gif(&mut random, 5)), decided);
    }
    let mut walk = GifWalk::new();
    assert_eq!(walk.push(b"JIF89a"), GifMotion::NotGif);
    assert_eq!(walk.push(b"GIF89a"), GifMotion::NotGif);
}

#[test]
fn data_after_the_end_is_not_an_image() {
    let mut random = Random::new();
    let mut gif = samples::gif(&mut random, 1);
    gif.extend_from_slice(&samples::gif(&mut random, 3)[13..]);
    assert_eq!(GifWalk::new().push(&gif), GifMotion::Still);
}

#[test]
fn an_inspector_asks_for_more_until_it_knows() {
    let mut random = Random::new();
    for (images, animation, category) in
        [(1, Animation::Still, MediaCategory::TweetImage), (2, Animation::Animated, MediaCategory::TweetGif)]
    {
        let gif = long_gif(&mut random, images);
        let mut inspector = Inspection::new().inspector();
        let wanted: Vec<Wanted> = gif.chunks(10_000).map(|piece| inspector.push(piece)).collect();
        assert_eq!(wanted[..6], [Wanted::More; 6]);
        assert_eq!(wanted.last(), Some(&Wanted::Nothing));
        let media = inspector.finish(gif.len() as u64).expect("a GIF");
        assert_eq!((media.animation, media.category), (animation, category));
    }
}

#[test]
fn a_head_that_does_not_tell_is_taken_for_a_moving_gif() {
    let gif = long_gif(&mut Random::new(), 1);
    let media = Inspection::new().inspect(&gif[..HEAD_LEN], gif.len() as u64).expect("a GIF");
    assert_eq!((media.animation, media.category), (Animation::Unknown, MediaCategory::TweetGif));
}

#[test]
fn a_gif_that_ends_early_stands_still() {
    let gif = long_gif(&mut Random::new(), 1);
    let media = Inspection::new().inspect(&gif[..1000], 1000).expect("a GIF");
    assert_eq!((media.animation, media.category), (Animation::Still, MediaCategory::TweetImage));
}
