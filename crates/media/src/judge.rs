//! What is inside media, held against X's rules. Refused is only what is certain; the rest is a warning.

use std::time::Duration;

use crate::content::Animation;
use crate::finding::{Finding, Problem, Severity};
use crate::inspection::Ground;
use crate::media_type::MediaKind;
use crate::rules::{GifRules, Rules, VideoRules};
use crate::structure::{
    AudioCodec, AudioTrack, Chroma, Damage, Movie, Picture, PictureSize, Rest, Structure, VideoCodec,
    VideoTrack,
};
use crate::{Media, MediaCategory};

/// How far above its limit an average frame rate may lie: recorders count in whole ticks.
const RATE_TOLERANCE: f64 = 1.005;

impl Rules {
    /// What is wrong with media that are inside as `structure` says, worst first.
    ///
    /// Where the type is not known by the content ([`Media::ground`]), what is found are warnings only: the content may
    /// not be what it was read as. But what is claimed to be a video, begins like nothing that is known and has no index is
    /// none that anybody can play: that is refused, unless the caller has given the type.
    pub fn judge(&self, media: &Media, structure: &Structure) -> Vec<Finding> {
        let Media { media_type, category, animation, ground, .. } = *media;
        let mut judge = Judge { certain: ground == Ground::Content, findings: Vec::new() };
        match structure {
            Structure::Damaged(damage) => {
                judge.certain |= *damage == Damage::NoIndex && matches!(ground, Ground::Claim(_));
                judge.refuse(Problem::Damaged(*damage));
            }
            Structure::Movie(movie) => judge.movie(self, movie, category),
            Structure::Picture(picture) => {
                let gif = self.gif.filter(|_| media_type.kind() == MediaKind::Gif);
                judge.picture(gif, picture, animation, media_type.kind());
            }
            Structure::NotRead => {}
        }
        judge.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        judge.findings
    }
}

struct Judge {
    certain: bool,
    findings: Vec<Finding>,
}

impl Judge {
    fn warn(&mut self, problem: Problem) {
        self.findings.push(Finding { severity: Severity::Warn, problem });
    }

    fn warn_if(&mut self, wrong: bool, problem: Problem) {
        if wrong {
            self.warn(problem);
        }
    }

    fn refuse(&mut self, problem: Problem) {
        let severity = if self.certain { Severity::Refuse } else { Severity::Warn };
        self.findings.push(Finding { severity, problem });
    }

    fn movie(&mut self, rules: &Rules, movie: &Movie, category: MediaCategory) {
        match movie.rest {
            Rest::Trailing(bytes) => self.warn(Problem::Trailing(bytes)),
            Rest::Nothing | Rest::NotWalked => {}
        }
        if movie.compressed {
            self.warn(Problem::CompressedIndex);
            return;
        }
        if let Some(video) = movie.video {
            self.warn_if(video.no_timescale, Problem::NoTimescale);
            let counts = video.samples;
            self.warn_if(!movie.fragmented && counts.sized != counts.timed, Problem::SampleCounts(counts));
        }
        let Some(video_rules) = rules.video else { return };
        self.warn_if(movie.fragmented, Problem::Fragmented);
        self.durations(&video_rules, movie, rules.longest(category));
        match &movie.video {
            Some(video) => self.video(&video_rules, video),
            None => self.warn(Problem::NoVideo { sound: movie.audio.is_some() }),
        }
        if let Some(audio) = &movie.audio {
            self.audio(audio);
        }
    }

    fn durations(&mut self, rules: &VideoRules, movie: &Movie, longest: Option<Duration>) {
        let VideoRules { shortest, .. } = *rules;
        let Some(whole) = movie.duration else { return };
        if whole < shortest {
            return self.refuse(Problem::TooShort { duration: whole, shortest });
        }
        let shown = movie.video.and_then(|video| video.duration);
        if let Some(duration) = shown.filter(|&duration| duration < shortest) {
            self.warn(Problem::PictureTooShort { duration, whole, shortest });
        }
        let duration = shown.unwrap_or(whole);
        if let Some(longest) = longest.filter(|&longest| duration > longest) {
            self.warn(Problem::TooLong { duration, longest });
        }
    }

    fn video(&mut self, rules: &VideoRules, video: &VideoTrack) {
        match video.codec {
            VideoCodec::H264(Some(h264)) => {
                self.warn_if(h264.chroma != Chroma::Yuv420, Problem::Chroma(h264.chroma));
                self.warn_if(h264.bit_depth != 8, Problem::BitDepth(h264.bit_depth));
                self.warn_if(!h264.progressive, Problem::Interlaced);
            }
            VideoCodec::H264(None) => {}
            VideoCodec::Hevc | VideoCodec::Av1 | VideoCodec::Vp9 | VideoCodec::Other(_) => {
                self.warn(Problem::VideoCodec(video.codec));
            }
        }
        let size = video.shown();
        let PictureSize { width, height } = size;
        let (smallest, largest, ratio) = (rules.smallest, rules.largest, rules.ratio);
        let too_small = width < smallest.width || height < smallest.height;
        self.warn_if(too_small, Problem::TooSmall { size, smallest });
        self.warn_if(exceeds(size, largest), Problem::TooWide { size, largest });
        let (long, short) = size.long_and_short();
        self.warn_if(long > short.saturating_mul(ratio), Problem::Ratio { size, ratio });
        self.warn_if(!video.square_pixels, Problem::PixelShape);
        if let Some(rate) = video.frame_rate {
            let most = rules.frame_rate;
            self.warn_if(rate > f64::from(most) * RATE_TOLERANCE, Problem::FrameRate { rate, most });
        }
    }

    fn audio(&mut self, audio: &AudioTrack) {
        match audio.codec {
            AudioCodec::Aac { object_type: Some(AudioCodec::AAC_LC) | None } => {}
            AudioCodec::Aac { object_type: Some(_) } | AudioCodec::Mp3 | AudioCodec::Other(_) => {
                self.warn(Problem::AudioCodec(audio.codec));
            }
        }
        self.warn_if(audio.channels > 2, Problem::Channels(audio.channels));
    }

    fn picture(&mut self, gif: Option<GifRules>, picture: &Picture, animation: Animation, kind: MediaKind) {
        let Picture { size, frames } = *picture;
        self.warn_if(size.is_none(), Problem::NoPictureSize);
        let moves = animation == Animation::Animated;
        self.warn_if(moves && kind == MediaKind::Image, Problem::ShownStill);
        let (Some(GifRules { largest, frames: most, pixels: most_pixels }), Some(frames), true) =
            (gif, frames, moves)
        else {
            return;
        };
        self.warn_if(frames > most, Problem::GifFrames { frames, most });
        if let Some(size) = size {
            self.warn_if(exceeds(size, largest), Problem::TooWide { size, largest });
            let pixels = size.pixels().saturating_mul(frames.into());
            self.warn_if(
                pixels > most_pixels,
                Problem::GifPixels { frames, size, pixels, most: most_pixels },
            );
        }
    }
}

/// Whether a picture is larger than another one, whichever way it is held.
const fn exceeds(size: PictureSize, largest: PictureSize) -> bool {
    let ((long, short), (most, less)) = (size.long_and_short(), largest.long_and_short());
    long > most || short > less
}
