//! The index as a whole: `moov`, in memory.

use std::time::Duration;

use super::boxes::{Budget, Children};
use super::sample_entry::{Sound, Visual};
use super::track::{Kind, Track, time};
use crate::read::{u32_be, u64_be};
use crate::structure::{AudioTrack, Caps, Damage, SampleCounts, VideoCodec, VideoTrack};

/// What the index says.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// How long the longest track lasts, by whichever of its own accounts is longest.
    pub(super) duration: Option<Duration>,
    pub(super) video: Option<VideoTrack>,
    pub(super) audio: Option<AudioTrack>,
    pub(super) other_tracks: u32,
    /// Samples of all tracks.
    pub(super) samples: u64,
    /// Whether it says that samples come in fragments.
    pub(super) fragmented: bool,
    /// Whether it is compressed, as QuickTime may do: then nothing is known.
    pub(super) compressed: bool,
    /// The last byte of the file that the index can be seen to need, plus one.
    pub(super) least_size: Option<u64>,
}

/// Reads the content of a `moov` box.
pub(super) fn read(body: &[u8], caps: &Caps) -> Result<Index, Damage> {
    let budget = Budget::of(caps);
    let mut index = Index::default();
    let (mut timescale, mut fragments_ticks) = (None, None);
    let mut tracks = Tracks::default();
    for child in Children::of(body, &budget) {
        let child = child?;
        match &child.kind {
            b"mvhd" => timescale = time(child.body).0,
            b"trak" => tracks.add(Track::read(child.body, &budget)?),
            b"mvex" => {
                index.fragmented = true;
                for inner in Children::of(child.body, &budget) {
                    let inner = inner?;
                    if &inner.kind == b"mehd" {
                        fragments_ticks = match inner.body.first() {
                            Some(1) => u64_be(inner.body, 4),
                            _ => u32_be(inner.body, 4).map(u64::from),
                        };
                    }
                }
            }
            b"cmov" => index.compressed = true,
            _ => {}
        }
    }
    let fragments = fragments_ticks.filter(|&ticks| ticks > 0).and_then(|ticks| duration(ticks, timescale));
    index.samples = tracks.samples;
    index.least_size = tracks.least_size;
    index.other_tracks = tracks.others;
    index.video = tracks.video.map(|(track, visual)| video(&track, visual, timescale));
    index.audio = tracks.audio.map(|(track, sound)| audio(&track, sound, timescale));
    let lengths = tracks.lengths.iter().filter_map(|&(ticks, scale)| duration(ticks, scale.or(timescale)));
    index.duration = lengths.chain(fragments).max();
    Ok(index)
}

/// The tracks so far. Only one of video and one of sound are kept, however many there are.
#[derive(Default)]
struct Tracks {
    video: Option<(Track, Visual)>,
    audio: Option<(Track, Sound)>,
    others: u32,
    samples: u64,
    least_size: Option<u64>,
    /// The longest of every track, in ticks of its own timescale; of the movie's where there is none.
    lengths: Vec<(u64, Option<u32>)>,
}

impl Tracks {
    fn add(&mut self, mut track: Track) {
        let samples = track.sized.or(track.timed.map(|(samples, _)| samples));
        self.samples = self.samples.saturating_add(samples.unwrap_or(0));
        let needs = track.furthest_chunk.map(|at| at.saturating_add(1)).max(track.least_bytes);
        self.least_size = self.least_size.max(needs);
        let own = track.header_ticks.max(track.timed.map(|(_, ticks)| ticks)).filter(|&ticks| ticks > 0);
        self.lengths.extend(own.map(|ticks| (ticks, track.timescale.or(Some(0)))));
        self.lengths.extend(track.edited_ticks.map(|ticks| (ticks, None)));
        // Covers and previews are video tracks too, but not enabled ones.
        match std::mem::take(&mut track.kind) {
            Kind::Video(Some(visual)) if better(&track, self.video.as_ref().map(|(held, _)| held)) => {
                self.others += u32::from(self.video.replace((track, visual)).is_some());
            }
            Kind::Sound(Some(sound)) if better(&track, self.audio.as_ref().map(|(held, _)| held)) => {
                self.others += u32::from(self.audio.replace((track, sound)).is_some());
            }
            Kind::Video(_) | Kind::Sound(_) | Kind::Other => self.others += 1,
        }
    }
}

/// Whether a track takes the place of the one that is held.
fn better(track: &Track, held: Option<&Track>) -> bool {
    held.is_none_or(|held| track.enabled && !held.enabled)
}

fn video(track: &Track, visual: Visual, movie: Option<u32>) -> VideoTrack {
    let Visual { format, size, square_pixels, h264 } = visual;
    let frame_rate = match (track.timed, track.timescale) {
        (Some((frames, ticks @ 1..)), Some(timescale @ 1..)) if frames > 0 => {
            Some(frames as f64 * f64::from(timescale) / ticks as f64)
        }
        _ => None,
    };
    VideoTrack {
        codec: VideoCodec::of(format, h264),
        coded: size,
        rotation: track.rotation,
        duration: shown(track, movie),
        frame_rate,
        square_pixels,
        no_timescale: track.timescale == Some(0),
        samples: samples(track),
    }
}

fn audio(track: &Track, sound: Sound, movie: Option<u32>) -> AudioTrack {
    let Sound { codec, channels, sample_rate } = sound;
    AudioTrack { codec, channels, sample_rate, duration: shown(track, movie) }
}

fn samples(track: &Track) -> SampleCounts {
    SampleCounts { sized: track.sized.unwrap_or(0), timed: track.timed.map_or(0, |(samples, _)| samples) }
}

/// How long a track is shown: by its edits, or by its header, or by its samples.
fn shown(track: &Track, movie: Option<u32>) -> Option<Duration> {
    let edited = track.edited_ticks.and_then(|ticks| duration(ticks, movie));
    let own = track.header_ticks.or(track.timed.map(|(_, ticks)| ticks)).filter(|&ticks| ticks > 0);
    edited.or_else(|| duration(own?, track.timescale))
}

/// Ticks as time; nothing without a timescale.
fn duration(ticks: u64, timescale: Option<u32>) -> Option<Duration> {
    let timescale = u64::from(timescale.filter(|&timescale| timescale > 0)?);
    // Less than 2^32 · 10^9, divided by what the rest is smaller than: below 10^9.
    let nanos = u32::try_from(ticks % timescale * 1_000_000_000 / timescale).ok()?;
    Some(Duration::new(ticks / timescale, nanos))
}
