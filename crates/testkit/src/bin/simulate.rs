//! `simulate`: runs simulated uploads by the million, from seeds; replays one.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use chunkwise_testkit::scenario::Scenario;
use chunkwise_testkit::simulation;

const USAGE: &str = "\
Runs simulated uploads, each from a seed, and checks the invariants after every step.

  simulate [--seed N] [--count N] [--threads N] [--trace]

  --seed N      the first seed (default 1)
  --count N     how many seeds, one upload each (default 20000)
  --threads N   how many at once (default: the number of cores)
  --trace       print what happened, line by line (for a few seeds)

It ends with 0 if everything held, and names the seeds that failed otherwise.
";

struct Options {
    seed: u64,
    count: u64,
    threads: usize,
    trace: bool,
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let mut options = Options { seed: 1, count: 20_000, threads, trace: false };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        let number = |value: String| value.parse::<u64>().map_err(|_| format!("{value} is no number"));
        match arg.as_str() {
            "--seed" => options.seed = number(value()?)?,
            "--count" => options.count = number(value()?)?,
            "--threads" => options.threads = number(value()?)?.clamp(1, 1_024) as usize,
            "--trace" => options.trace = true,
            _ => return Err(format!("{arg} is not known")),
        }
    }
    Ok(options)
}

/// What all runs came to.
#[derive(Default)]
struct Sum {
    runs: u64,
    operations: u64,
    faults: u64,
    sent_again: u64,
    quiet: Duration,
    ends: BTreeMap<&'static str, u64>,
    failed: Vec<(u64, String)>,
}

/// How many failing seeds are shown before it stops.
const SHOWN: usize = 20;

fn run(options: &Options, from: u64, until: u64) -> Sum {
    let (next, sum) = (AtomicU64::new(from), Mutex::new(Sum::default()));
    let (began, tells) = (Instant::now(), io::stderr().is_terminal());
    thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                loop {
                    const BATCH: u64 = 256;
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    if first >= until {
                        return;
                    }
                    let mut part = Sum::default();
                    for seed in first..until.min(first + BATCH) {
                        part.runs += 1;
                        match simulation::run(&Scenario::from_seed(seed)) {
                            Ok(report) => {
                                part.operations += report.operations;
                                part.faults += u64::from(report.faults);
                                part.sent_again += report.sent_again;
                                part.quiet = part.quiet.max(report.quiet);
                                *part.ends.entry(report.end).or_default() += 1;
                            }
                            Err(failed) => part.failed.push((seed, failed.breach.to_string())),
                        }
                    }
                    let Ok(mut sum) = sum.lock() else { return };
                    sum.take_in(part);
                    if tells {
                        let rate = sum.runs as f64 / began.elapsed().as_secs_f64();
                        let _ =
                            write!(io::stderr(), "\r{} of {}, {rate:.0} a second ", sum.runs, until - from);
                    }
                    if sum.failed.len() >= SHOWN {
                        return next.store(until, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    if tells {
        let _ = writeln!(io::stderr());
    }
    sum.into_inner().unwrap_or_default()
}

impl Sum {
    fn take_in(&mut self, part: Self) {
        self.runs += part.runs;
        self.operations += part.operations;
        self.faults += part.faults;
        self.sent_again += part.sent_again;
        self.quiet = self.quiet.max(part.quiet);
        for (end, count) in part.ends {
            *self.ends.entry(end).or_default() += count;
        }
        self.failed.extend(part.failed);
    }

    fn print(&self, out: &mut impl io::Write, took: Duration) -> io::Result<()> {
        let runs = self.runs.max(1) as f64;
        writeln!(out, "{:<28} {:>12}", "simulated uploads", self.runs)?;
        writeln!(out, "{:<28} {:>12.1}", "operations per upload", self.operations as f64 / runs)?;
        writeln!(out, "{:<28} {:>12.1}", "faults per upload", self.faults as f64 / runs)?;
        writeln!(out, "{:<28} {:>12.1}", "bytes sent again per upload", self.sent_again as f64 / runs)?;
        writeln!(out, "{:<28} {:>12.1}", "longest calm to an end, s", self.quiet.as_secs_f64())?;
        writeln!(out, "{:<28} {:>12.3}", "ms per upload", took.as_secs_f64() * 1e3 / runs)?;
        writeln!(out, "{:<28} {:>12.1}", "seconds in all", took.as_secs_f64())?;
        for (end, count) in &self.ends {
            writeln!(out, "  {end:<26} {count:>12} {:>6.2} %", *count as f64 * 100.0 / runs)?;
        }
        for (seed, breach) in &self.failed {
            writeln!(out, "seed {seed}: {breach}")?;
            writeln!(
                out,
                "  replay: cargo run --release -p chunkwise-testkit --bin simulate -- --seed {seed} --count 1 --trace"
            )?;
        }
        let failed = self.failed.len() as u64;
        writeln!(out, "{} passed, {failed} failed", self.runs - failed)
    }
}

fn trace(out: &mut impl io::Write, from: u64, until: u64) -> io::Result<bool> {
    let mut held = true;
    for seed in from..until {
        let scenario = Scenario::from_seed(seed);
        let (ran, lines) = simulation::traced(&scenario);
        writeln!(out, "{scenario:#?}")?;
        for line in lines {
            writeln!(out, "{line}")?;
        }
        match ran {
            Ok(report) => writeln!(out, "{report:?}")?,
            Err(breach) => {
                held = false;
                writeln!(out, "{breach}")?;
            }
        }
    }
    Ok(held)
}

fn main() -> ExitCode {
    let out = &mut io::stdout().lock();
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            let _ = write!(io::stderr(), "simulate: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let from = options.seed;
    let until = from.saturating_add(options.count);
    let (held, wrote) = if options.trace {
        match trace(out, from, until) {
            Ok(held) => (held, Ok(())),
            Err(error) => (false, Err(error)),
        }
    } else {
        let began = Instant::now();
        let sum = run(&options, from, until);
        let wrote = sum.print(out, began.elapsed());
        (sum.failed.is_empty(), wrote)
    };
    match (held, wrote) {
        (true, Ok(())) => ExitCode::SUCCESS,
        (false, Ok(())) => ExitCode::FAILURE,
        (_, Err(error)) => {
            let _ = writeln!(io::stderr(), "simulate: {error}");
            ExitCode::from(2)
        }
    }
}
