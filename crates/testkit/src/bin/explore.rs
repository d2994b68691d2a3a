//! `explore`: visits every state of every small world; goes one way through one of them again.

use std::io::{self, Write as _};
use std::process::ExitCode;

use chunkwise_testkit::explore::{Explored, Failed, Path, SmallWorld, explore, replay};

const USAGE: &str = "\
Visits every state of small worlds: whatever can happen to a small upload, in whatever order.

  explore [--world NAME] [--faults N] [--most N] [--list]
  explore --world NAME --path 0,2,1,...

  --world NAME  only the worlds whose names begin like this
  --faults N    only worlds with so many faults at the most
  --most N      the most states of one world, about 50 bytes each (default 60000000)
  --list        name the worlds, and that is all
  --path PATH   go this way through the world, and print what happens

It ends with 0 if everything held; otherwise it says what did not, and the way there.
";

struct Options {
    world: String,
    faults: u32,
    most: usize,
    list: bool,
    path: Option<Path>,
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options =
        Options { world: String::new(), faults: u32::MAX, most: 60_000_000, list: false, path: None };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        let wrong = |value: &str| format!("{value} can't be a value of {arg}");
        match arg.as_str() {
            "--world" => options.world = value()?,
            "--faults" => options.faults = value().and_then(|v| v.parse().map_err(|_| wrong(&v)))?,
            "--most" => options.most = value().and_then(|v| v.parse().map_err(|_| wrong(&v)))?,
            "--list" => options.list = true,
            "--path" => options.path = Some(value().and_then(|v| v.parse().map_err(|_| wrong(&v)))?),
            _ => return Err(format!("{arg} is not known")),
        }
    }
    Ok(options)
}

const HEAD: &str = "world                               states        steps  longest  seconds  ends";

fn row(explored: &Explored) -> String {
    let Explored { world, states, steps, ends, longest, took } = explored;
    let ends: Vec<_> = ends.iter().map(|(end, count)| format!("{end} {count}")).collect();
    let (name, took, ends) = (world.name(), took.as_secs_f64(), ends.join(", "));
    format!("{name:<30} {states:>11} {steps:>12} {longest:>8} {took:>8.1}  {ends}")
}

fn all(out: &mut impl io::Write, worlds: &[SmallWorld], most: usize) -> io::Result<bool> {
    writeln!(out, "{HEAD}")?;
    let (mut passed, mut failed): (Vec<Explored>, Vec<Box<Failed>>) = (Vec::new(), Vec::new());
    for world in worlds {
        match explore(*world, most) {
            Ok(explored) => {
                writeln!(out, "{}", row(&explored))?;
                passed.push(explored);
            }
            Err(failure) => {
                writeln!(out, "{:<30} FAILED: {}", world.name(), failure.breach)?;
                failed.push(failure);
            }
        }
        out.flush()?;
    }
    let states: u64 = passed.iter().map(|explored| explored.states).sum();
    let steps: u64 = passed.iter().map(|explored| explored.steps).sum();
    let took: f64 = passed.iter().map(|explored| explored.took.as_secs_f64()).sum();
    let longest = passed.iter().map(|explored| explored.longest).max().unwrap_or_default();
    writeln!(out, "{:<30} {states:>11} {steps:>12} {longest:>8} {took:>8.1}", "in all")?;
    for failure in &failed {
        writeln!(out, "\n{failure}")?;
    }
    writeln!(out, "{} passed, {} failed", passed.len(), failed.len())?;
    Ok(failed.is_empty())
}

fn main() -> ExitCode {
    let out = &mut io::stdout().lock();
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            let _ = write!(io::stderr(), "explore: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let wanted =
        |world: &SmallWorld| world.name().starts_with(&options.world) && world.faults <= options.faults;
    let worlds: Vec<_> = SmallWorld::all().into_iter().filter(wanted).collect();
    let done = match (&options.path, SmallWorld::named(&options.world)) {
        (Some(path), Some(world)) => {
            let (held, lines) = replay(world, path);
            let said = held.as_ref().map_or_else(ToString::to_string, |()| "everything holds".into());
            lines
                .iter()
                .try_for_each(|line| writeln!(out, "{line}"))
                .and_then(|()| writeln!(out, "{said}"))
                .map(|()| held.is_ok())
        }
        (Some(_), None) => {
            let _ = writeln!(
                io::stderr(),
                "explore: --path goes with the whole name of a --world; --list names them"
            );
            return ExitCode::from(2);
        }
        (None, _) if options.list => {
            worlds.iter().try_for_each(|world| writeln!(out, "{}", world.name())).map(|()| true)
        }
        (None, _) if worlds.is_empty() => {
            let _ =
                writeln!(io::stderr(), "explore: no world is called {}; --list names them", options.world);
            return ExitCode::from(2);
        }
        (None, _) => all(out, &worlds, options.most),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "explore: {error}");
            ExitCode::from(2)
        }
    }
}
