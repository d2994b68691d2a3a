//! `chunkwise plan`: what an upload would do, without doing it.

use chunkwise::core::{Plan, SegmentIndex};
use chunkwise::media::{Animation, Ground};
use chunkwise::x::Planned;
use serde_json::json;

use crate::args::PlanArgs;
use crate::context::Context;
use crate::engine::{EngineOptions, limit_values};
use crate::exit::Exit;
use crate::failed::Failed;
use crate::render::{bytes, document, json_line, shown};
use crate::upload::Wanted;
use crate::uploads::table;

pub(crate) async fn run(context: Context, args: PlanArgs) -> Result<Exit, Failed> {
    let PlanArgs { file, media, destination, transfer } = args;
    let layers = &context.layers;
    let media = Wanted::of(layers.complete(media)?)?;
    let engine = EngineOptions {
        destination: layers.complete(destination)?,
        transfer: layers.complete(transfer)?,
        limits: media.limits,
        ..EngineOptions::default()
    };
    let limits = media.limits;
    let planned = media.apply(engine.silent()?.upload(&file)).plan().await;
    let Planned { media, plan, destination } =
        planned.map_err(|error| Failed::from(error).about(&file.display().to_string()))?;
    let limit = limit_values(limits).limit(media.category);
    let last = last_size(&plan);
    // One INIT, one FINALIZE; STATUS comes on top as often as X says.
    let requests = u64::from(plan.count()) + 2;
    if context.output.json {
        json_line(&document(
            "plan",
            json!({
                "file": file, "size": media.size, "media_type": destination.media_type,
                "category": destination.category, "animated": animated(media.animation),
                "ground": ground(media.ground), "limit": limit, "limits": limits.to_string(),
                "api": destination.api, "base_url": destination.base_url, "segments": plan.count(),
                "chunk_size": plan.chunk_size(), "last_segment": last, "requests": requests,
                "alt_text": destination.alt_text,
            }),
        ));
        return Ok(Exit::Ok);
    }
    let limit = match limit {
        Some(limit) => format!("{} ({limit} bytes; limits: {limits})", bytes(limit)),
        None => format!("none (limits: {limits})"),
    };
    let segments = match plan.count() {
        1 => format!("1 of {} bytes", plan.total()),
        count => format!("{count}: {} of {} bytes, the last of {last}", count - 1, plan.chunk_size()),
    };
    let mut rows = vec![
        ["file".to_owned(), shown(&file.to_string_lossy())],
        ["size".to_owned(), format!("{} ({} bytes)", bytes(media.size), media.size)],
        ["type".to_owned(), format!("{} ({})", destination.media_type, ground(media.ground))],
        ["category".to_owned(), destination.category.clone()],
        ["size limit".to_owned(), limit],
        ["destination".to_owned(), format!("{} ({})", destination.base_url, destination.api)],
        ["segments".to_owned(), segments],
        [
            "requests".to_owned(),
            format!("{requests}: INIT, {} APPEND, FINALIZE; then STATUS as X says", plan.count()),
        ],
    ];
    if destination.alt_text.is_some() {
        rows.push(["alt text".to_owned(), "one request more, once it is ready".to_owned()]);
    }
    table(rows);
    Ok(Exit::Ok)
}

fn last_size(plan: &Plan) -> u64 {
    let last = plan.count().checked_sub(1).and_then(|last| plan.segment(SegmentIndex::new(last)));
    last.map_or(0, |segment| segment.range.len())
}

pub(crate) const fn animated(animation: Animation) -> Option<bool> {
    match animation {
        Animation::Animated => Some(true),
        Animation::Still => Some(false),
        Animation::Unknown | Animation::NotApplicable => None,
    }
}

pub(crate) const fn ground(ground: Ground) -> &'static str {
    match ground {
        Ground::Caller => "as told",
        Ground::Content => "by its content",
        Ground::Claim(_) => "by its name",
    }
}
