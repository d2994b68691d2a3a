//! `chunkwise check`: what is inside a file, and what X will make of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chunkwise::media::{
    AudioTrack, Checked, Finding, IndexPlace, Inspection, Movie, Picture, Severity, Structure, VideoCodec,
    VideoTrack,
};
use serde_json::{Value, json};

use crate::args::CheckArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::plan::{animated, ground};
use crate::render::{bytes, document, json_line, shown};
use crate::upload::Wanted;
use crate::uploads::table;

pub(crate) async fn run(context: Context, args: CheckArgs) -> Result<Exit, Failed> {
    let CheckArgs { file, strict, media } = args;
    let wanted = Wanted::of(context.layers.complete(media)?)?;
    let checked = check(wanted.inspection(), file.clone()).await?;
    let refusal = checked.findings.iter().find(|finding| strict || finding.severity == Severity::Refuse);
    let exit = if refusal.is_some() { Exit::BadMedia } else { Exit::Ok };
    if context.output.json {
        json_line(&document("check", fields(&file, &checked, exit)));
        return Ok(exit);
    }
    table(rows(&file, &checked));
    match refusal {
        Some(finding) => Err(refused(&file, finding)),
        None => Ok(Exit::Ok),
    }
}

/// Looks at a file, inside too.
pub(crate) async fn check(inspection: Inspection, file: PathBuf) -> Result<Checked, Failed> {
    let checked = tokio::task::spawn_blocking(move || inspection.check_path(file)).await;
    let checked =
        checked.map_err(|error| Failed::new(Exit::Bug, format!("the check broke down: {error}")))?;
    checked.map_err(|error| Failed::from(&error))
}

/// The failure that a certain finding is.
pub(crate) fn refused(file: &Path, finding: &Finding) -> Failed {
    Failed::new(Exit::BadMedia, finding.to_string()).about(&file.display().to_string())
}

fn rows(file: &Path, checked: &Checked) -> Vec<[String; 2]> {
    let Checked { media, structure, findings, .. } = checked;
    let mut rows = vec![
        ["file".to_owned(), shown(&file.to_string_lossy())],
        ["size".to_owned(), format!("{} ({} bytes)", bytes(media.size), media.size)],
        ["type".to_owned(), format!("{} ({})", media.media_type, ground(media.ground))],
        ["category".to_owned(), media.category.to_string()],
    ];
    let inside = match structure {
        Structure::Movie(movie) => movie_rows(movie),
        Structure::Picture(picture) => vec![("picture", picture_text(picture))],
        Structure::Damaged(_) => Vec::new(),
        Structure::NotRead => vec![("inside", "not looked into".to_owned())],
    };
    rows.extend(inside.into_iter().map(|(name, text)| [name.to_owned(), text]));
    rows.extend(findings.iter().map(|finding| [finding.severity.as_str().to_owned(), finding.to_string()]));
    if findings.is_empty() {
        rows.push(["findings", "none"].map(str::to_owned));
    }
    rows
}

fn movie_rows(movie: &Movie) -> Vec<(&'static str, String)> {
    let brand = movie.brand.map_or_else(|| "no brand".to_owned(), |brand| format!("brand {brand}"));
    let fragmented = if movie.fragmented { ", fragmented" } else { "" };
    let mut rows = vec![("container", format!("{brand}, index {}{fragmented}", place(movie.index)))];
    let length = movie.video.and_then(|video| video.duration).or(movie.duration);
    rows.push(("duration", length.map_or_else(|| "unknown".to_owned(), seconds)));
    rows.push(("video", movie.video.as_ref().map_or_else(|| "none".to_owned(), video_text)));
    rows.push(("audio", movie.audio.as_ref().map_or_else(|| "none".to_owned(), audio_text)));
    if movie.other_tracks > 0 {
        rows.push(("other tracks", movie.other_tracks.to_string()));
    }
    rows
}

fn video_text(video: &VideoTrack) -> String {
    let mut parts = vec![video.codec.to_string(), video.shown().to_string()];
    match video.rotation.degrees() {
        Some(0) => {}
        Some(degrees) => parts.push(format!("turned by {degrees}°")),
        None => parts.push("mirrored or skewed".to_owned()),
    }
    parts.extend(video.frame_rate.map(|rate| format!("{rate:.2} frames/s")));
    if let VideoCodec::H264(Some(h264)) = video.codec {
        let scan = if h264.progressive { "progressive" } else { "maybe interlaced" };
        parts.push(format!("{}, {} bits, {scan}", h264.chroma, h264.bit_depth));
    }
    parts.join(", ")
}

fn audio_text(audio: &AudioTrack) -> String {
    let channels = match audio.channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        channels => format!("{channels} channels"),
    };
    format!("{}, {channels}, {} Hz", audio.codec, audio.sample_rate)
}

fn picture_text(picture: &Picture) -> String {
    let size = picture.size.map_or_else(|| "of unknown size".to_owned(), |size| size.to_string());
    match picture.frames {
        Some(1) => format!("{size}, 1 frame"),
        Some(frames) => format!("{size}, {frames} frames"),
        None => size,
    }
}

const fn place(place: IndexPlace) -> &'static str {
    match place {
        IndexPlace::First => "first",
        IndexPlace::Last => "last",
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn fields(file: &Path, checked: &Checked, exit: Exit) -> Value {
    let Checked { media, structure, findings, .. } = checked;
    let (movie, picture) = match structure {
        Structure::Movie(movie) => (Some(movie), None),
        Structure::Picture(picture) => (None, Some(picture)),
        Structure::Damaged(_) | Structure::NotRead => (None, None),
    };
    let findings: Vec<_> = findings.iter().map(finding_fields).collect();
    json!({
        "file": file, "ok": exit == Exit::Ok, "exit_code": exit.code(), "size": media.size,
        "media_type": media.media_type.as_str(), "category": media.category.as_str(),
        "animated": animated(media.animation), "ground": ground(media.ground),
        "container": movie.and_then(|movie| movie.brand).map(|brand| brand.to_string()),
        "index": movie.map(|movie| place(movie.index)), "fragmented": movie.map(|movie| movie.fragmented),
        "duration": movie.and_then(|movie| movie.duration).map(|duration| duration.as_secs_f64()),
        "video": movie.and_then(|movie| movie.video.as_ref()).map(video_fields),
        "audio": movie.and_then(|movie| movie.audio.as_ref()).map(audio_fields),
        "picture": picture.map(|picture| json!({
            "width": picture.size.map(|size| size.width), "height": picture.size.map(|size| size.height),
            "frames": picture.frames,
        })),
        "findings": findings,
    })
}

/// What programs are told of a finding.
pub(crate) fn finding_fields(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.as_str(), "code": finding.code(), "message": finding.to_string(),
    })
}

fn video_fields(video: &VideoTrack) -> Value {
    let h264 = match video.codec {
        VideoCodec::H264(h264) => h264,
        VideoCodec::Hevc | VideoCodec::Av1 | VideoCodec::Vp9 | VideoCodec::Other(_) => None,
    };
    let shown = video.shown();
    json!({
        "codec": video.codec.to_string(), "width": shown.width, "height": shown.height,
        "rotation": video.rotation.degrees(), "frame_rate": video.frame_rate,
        "duration": video.duration.map(|duration| duration.as_secs_f64()),
        "chroma": h264.map(|h264| h264.chroma.to_string()), "bit_depth": h264.map(|h264| h264.bit_depth),
        "progressive": h264.map(|h264| h264.progressive),
    })
}

fn audio_fields(audio: &AudioTrack) -> Value {
    json!({
        "codec": audio.codec.to_string(), "channels": audio.channels, "sample_rate": audio.sample_rate,
        "duration": audio.duration.map(|duration| duration.as_secs_f64()),
    })
}
