//! The command from start to end.

use std::sync::Arc;

use super::finish::{finish, unwritable};
use super::options::BenchArgs;
use super::prepare::{Preparation, Prepared, Wish, check_sizes, chunks};
use super::setting::{Setting, exact_size};
use super::sweep::Sweep;
use super::target::default_lanes;
use super::telling::Telling;
use super::x_itself::Told;
use crate::context::Context;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::values::Size;

/// What is uploaded each time: enough for a few dozen segments, and few enough seconds.
const SIZE: Size = Size::of(64 << 20);
/// The same where nothing has to be sent: as much as X takes in segments of 256 KiB.
const SIZE_OF_A_LINK: Size = Size::of(256_000_000);

pub(crate) async fn run(context: Context, args: BenchArgs) -> Result<Exit, Failed> {
    let BenchArgs { size, meant_for, rounds, out, directory, credentials, connection, .. } = args;
    let told = Told::of(args.real_x, args.i_pay_for_the_uploads);
    let wish = match (args.url, args.link) {
        (Some(url), _) => Wish::Endpoint { url, api: args.api, told },
        (None, Some(link)) if args.over_sockets => Wish::LinkOverSockets(link),
        (None, Some(link)) => Wish::Link(link),
        (None, None) => Wish::Sandbox,
    };
    wish.check(&credentials, &connection)?;
    let (size, most) = match wish {
        Wish::Link(_) => (size.unwrap_or(SIZE_OF_A_LINK), 32),
        Wish::Sandbox | Wish::Endpoint { .. } | Wish::LinkOverSockets(_) => (size.unwrap_or(SIZE), 8),
    };
    let meant_for = meant_for.unwrap_or(size).bytes();
    let lanes = if args.in_flight.is_empty() { default_lanes(most) } else { args.in_flight };
    let mut sweep = Sweep::new(Setting::grid(&chunks(&args.chunk_sizes)?, &lanes), size.bytes(), rounds);
    check_sizes(&sweep, meant_for)?;
    if let Some(folder) = &out {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    // From here on Ctrl-C leaves nothing behind.
    let (render, stop) =
        context.watch_telling(1, "stopping: what was measured is shown (once more to stop at once)")?;
    let preparation =
        Preparation { context: &context, stop: &stop, directory: directory.as_deref(), sweep: &sweep };
    let Prepared { folder, target, name } = preparation.of(wish, credentials, connection).await?;

    let settings = sweep.planned().count() as u64;
    let telling = Telling::new(&context, Arc::clone(&render), settings * u64::from(rounds));
    let size = exact_size(sweep.size);
    telling.about(&format!("measuring {name}: {settings} settings, {rounds} rounds, {size} each time"));
    let measured = sweep.run(&target, &stop, &telling).await;
    drop((telling, render));
    target.end().await?;
    drop(folder);
    measured?;
    finish(&context, &sweep, &name, meant_for, out.as_deref())
}
