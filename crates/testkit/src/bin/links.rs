//! `links`: the adaptive window against every fixed one, over every emulated link.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use chunkwise_core::{UploadError, WindowPolicy};
use chunkwise_testkit::link::{Load, Named, Phase, SHARE, SPREAD, Sweep, catalogue, run};

const USAGE: &str = "\
Uploads over every emulated link with fixed windows and with the adaptive one, in virtual time, and holds that one to what
is asked of it: in every phase of a link, after its rounds, 90 % of the best fixed window's rate, and sizes that stay within
±2 of one of the best fixed windows (those within 1 % of the best rate).

  links [--link NAME] [--seeds N] [--threads N]

  --link NAME   only the links whose names begin like this
  --seeds N     so many seeds of each link and chunk size (default 5)
  --threads N   at once (default: as many as the machine has processors)

Rates are in MB/s; ratios are the worst over the seeds, as parts of the best fixed window's. It ends with 0 if everything
held, and with 1 if not.
";

/// Chunk sizes, in MiB.
const CHUNKS: [u64; 3] = [1, 4, 8];

/// After how many segments a bandwidth changes, and how many there are in all.
const PHASE: u32 = 1_500;
const SEGMENTS: u64 = 4_500;

/// A file of 512 MiB at 4 MiB.
const FEW: u64 = 128;

/// The fixed windows; those near what the adaptive one settles at come on top.
const WINDOWS: [u32; 15] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 40, 48, 64];

struct Options {
    link: String,
    seeds: u64,
    threads: usize,
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let threads = thread::available_parallelism().map_or(1, Into::into);
    let mut options = Options { link: String::new(), seeds: 5, threads };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        let wrong = |value: &str| format!("{value} can't be a value of {arg}");
        match arg.as_str() {
            "--link" => options.link = value()?,
            "--seeds" => options.seeds = value().and_then(|v| v.parse().map_err(|_| wrong(&v)))?,
            "--threads" => options.threads = value().and_then(|v| v.parse().map_err(|_| wrong(&v)))?,
            _ => return Err(format!("{arg} is not known")),
        }
    }
    Ok(options)
}

/// What came of one link with one chunk size and one seed.
struct Measured {
    phases: Vec<Option<Phase>>,
    whole: f64,
    few: f64,
}

fn measure(named: &Named, chunk: u64, seed: u64) -> Result<Measured, UploadError> {
    let sweep = Sweep::judging(&named.link, chunk, SEGMENTS, &WINDOWS, seed)?;
    let rate = |window| Ok(run(&named.link, &Load { total: FEW * chunk, chunk, window }, seed)?.rate());
    let fixed = WINDOWS.iter().filter_map(|n| rate(WindowPolicy::Fixed((*n).try_into().ok()?)).ok());
    let best = fixed.max().unwrap_or_default().max(1);
    let few = rate(adaptive(64))? as f64 / best as f64;
    Ok(Measured { phases: sweep.phases(), whole: sweep.ratio(), few })
}

fn adaptive(max: u32) -> WindowPolicy {
    WindowPolicy::Adaptive { max: max.try_into().unwrap_or(std::num::NonZeroU32::MIN) }
}

/// One phase of one link with one chunk size, over all seeds.
#[derive(Default)]
struct Row {
    best: Option<(u32, u32)>,
    best_rate: u64,
    ratio: Option<f64>,
    sizes: Option<(u32, u32)>,
    spread: u32,
    unjudged: u32,
    missed: u32,
}

impl Row {
    fn take_in(&mut self, phase: Option<&Phase>) {
        let Some(phase) = phase else {
            self.unjudged += 1;
            return;
        };
        let wider = |known: Option<(u32, u32)>, (least, most): (u32, u32)| match known {
            Some((a, b)) => Some((a.min(least), b.max(most))),
            None => Some((least, most)),
        };
        let ends = phase.best.first().copied().zip(phase.best.last().copied());
        self.best = ends.map_or(self.best, |ends| wider(self.best, ends));
        self.best_rate = self.best_rate.max(phase.best_rate);
        self.ratio = Some(self.ratio.map_or(phase.ratio(), |ratio| ratio.min(phase.ratio())));
        self.sizes = wider(self.sizes, phase.sizes);
        self.spread = self.spread.max(phase.sizes.1 - phase.sizes.0);
        self.missed += u32::from(!phase.holds());
    }
}

const HEAD: &str =
    "link                     MiB  phase  best windows     rate  settled  sizes  spread  whole  128 segments";

#[derive(Default)]
struct Sum {
    runs: u32,
    missed: u32,
    unjudged: u32,
    least: Option<f64>,
}

fn print(
    out: &mut impl io::Write,
    named: &Named,
    chunk: u64,
    measured: &[Measured],
    sum: &mut Sum,
) -> io::Result<()> {
    let least = |of: fn(&Measured) -> f64| measured.iter().map(of).fold(f64::INFINITY, f64::min);
    let (whole, few) = (least(|measured| measured.whole), least(|measured| measured.few));
    let between = |ends: Option<(u32, u32)>| ends.map_or("-".into(), |(a, b)| format!("{a}..{b}"));
    for phase in 0..named.link.bandwidth.later.len() + 1 {
        let mut row = Row::default();
        for measured in measured {
            row.take_in(measured.phases.get(phase).and_then(Option::as_ref));
        }
        let ratio = row.ratio.map_or("-".into(), |ratio| format!("{ratio:.3}"));
        write!(out, "{:<24} {chunk:>3}  {:>5}  ", named.name, phase + 1)?;
        write!(out, "{:>12} {:>8.2}  {ratio:>7}  ", between(row.best), row.best_rate as f64 / 1e6)?;
        write!(out, "{:>5}  {:>6}  {whole:.3}  {few:>12.3}", between(row.sizes), row.spread)?;
        writeln!(out, "{}", if row.missed > 0 { "  MISSED" } else { "" })?;
        sum.unjudged += row.unjudged;
        sum.least = row.ratio.into_iter().chain(sum.least).reduce(f64::min);
    }
    let held = |measured: &Measured| measured.phases.iter().flatten().all(Phase::holds);
    sum.runs += measured.len() as u32;
    sum.missed += measured.iter().filter(|measured| !held(measured)).count() as u32;
    Ok(())
}

fn all(out: &mut impl io::Write, options: &Options) -> io::Result<bool> {
    let links: Vec<_> = CHUNKS
        .into_iter()
        .flat_map(|chunk| catalogue(chunk << 20, PHASE).into_iter().map(move |named| (named, chunk)))
        .filter(|(named, _)| named.name.starts_with(&options.link))
        .collect();
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some((named, chunk)) = links.get(i) else { return };
                    let measured: Result<Vec<_>, _> =
                        (1..=options.seeds).map(|seed| measure(named, chunk << 20, seed)).collect();
                    let Ok(mut results) = results.lock() else { return };
                    results.push((i, measured));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(i, _)| *i);
    writeln!(out, "{HEAD}")?;
    let (mut sum, mut broken) = (Sum::default(), 0);
    for ((named, chunk), (_, measured)) in links.iter().zip(&results) {
        match measured {
            Ok(measured) => print(out, named, *chunk, measured, &mut sum)?,
            Err(error) => {
                broken += 1;
                writeln!(out, "{:<24} {chunk:>3}  {error}", named.name)?;
            }
        }
    }
    let least = sum.least.unwrap_or_default();
    writeln!(
        out,
        "{} runs: {} missed {SHARE} % or ±{SPREAD}, {broken} did not end well",
        sum.runs, sum.missed
    )?;
    writeln!(
        out,
        "the least settled ratio is {least:.3}; {} phases were over before their rounds",
        sum.unjudged
    )?;
    Ok(sum.missed == 0 && broken == 0 && sum.runs > 0)
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            let _ = write!(io::stderr(), "links: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match all(&mut io::stdout().lock(), &options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "links: {error}");
            ExitCode::from(2)
        }
    }
}
