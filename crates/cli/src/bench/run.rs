//! The command from start to end.

use std::sync::Arc;

use super::cost::Pays;
use super::finish::{finish, unwritable};
use super::options::BenchArgs;
use super::owed::Left;
use super::prepare::{Preparation, Prepared, check_sizes, chunks};
use super::setting::{Setting, exact_size};
use super::sweep::Sweep;
use super::telling::Telling;
use super::wish::Wish;
use super::x_itself::Told;
use crate::args::{DestinationOptions, StoreOptions};
use crate::context::Context;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::flags::Flags;
use crate::render::say;

pub(crate) async fn run(context: Context, args: BenchArgs) -> Result<Exit, Failed> {
    let BenchArgs { size, meant_for, rounds, out, directory, credentials, connection, .. } = args;
    let told = Told::of(args.real_x, args.i_pay_for_the_uploads);
    let pays = Pays::of(args.i_pay_for_the_uploads);
    let wish = match (args.url, args.to, args.link) {
        (Some(url), _, _) => Wish::Endpoint { url, api: args.api, told },
        (None, Some(place), _) => Wish::Elsewhere { place, store: args.s3.with_environment(), pays },
        (None, None, Some(link)) if args.over_sockets => Wish::LinkOverSockets(link),
        (None, None, Some(link)) => Wish::Link(link),
        (None, None, None) => Wish::Sandbox,
    };
    wish.check(&credentials, &connection)?;
    let (speaks, (usual, most)) = (wish.speaks(), wish.scale());
    let size = size.unwrap_or(usual);
    let meant_for = meant_for.unwrap_or(size).bytes();
    let settings = Setting::grid(&chunks(&args.chunk_sizes, speaks)?, &speaks.windows(args.in_flight, most)?);
    let mut sweep = Sweep::new(settings, speaks, size.bytes(), rounds);
    check_sizes(&sweep, meant_for)?;
    if let Some(folder) = &out {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    let (none, nowhere) = (StoreOptions::default(), DestinationOptions::default());
    let command = wish.command(&Flags::of(&context.output, &none, &nowhere, &credentials, &connection));
    // From here on Ctrl-C leaves nothing behind.
    let (render, stop) = context.watch_telling(1, wish.stopping())?;
    let preparation =
        Preparation { context: &context, stop: &stop, directory: directory.as_deref(), sweep: &sweep };
    let Prepared { folder, target, name, note } = preparation.of(wish, credentials, connection).await?;

    let settings = sweep.planned().count() as u64;
    let telling = Telling::new(&context, Arc::clone(&render), settings * u64::from(rounds));
    let size = exact_size(sweep.size);
    telling.about(&format!("measuring {name}: {settings} settings, {rounds} rounds, {size} each time"));
    note.iter().for_each(|note| telling.about(note));
    let measured = sweep.run(&target, &stop, &telling).await;
    drop((telling, render));
    let left = target.end().await?;
    drop(folder);
    let ended =
        measured.and_then(|()| finish(&context, &sweep, (&name, &command), meant_for, &left, out.as_deref()));
    if !context.output.json {
        left.iter().for_each(|left| say(&left.sentence()));
        return ended;
    }
    // What ends well has it in its result.
    ended.map_err(|failed| {
        let told = left.iter().map(Left::sentence);
        Failed { what: [failed.what].into_iter().chain(told).collect::<Vec<_>>().join("; "), ..failed }
    })
}
