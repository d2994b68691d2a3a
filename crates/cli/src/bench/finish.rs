//! What is told of a sweep that is over: the table, the setting to use and why, the files.

use std::path::Path;

use super::cell::State;
use super::owed::{Left, Why};
use super::plot;
use super::recommend::{Recommendation, percent, recommend};
use super::report::{Report, megabytes};
use super::setting::exact_size;
use super::sweep::{Ended, Sweep};
use super::table::table;
use crate::context::Context;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::render::{json_line, result, say};

/// Tells what came of it.
pub(super) fn finish(
    context: &Context,
    sweep: &Sweep,
    (name, command): (&str, &str),
    meant_for: u64,
    left: &[Left],
    out: Option<&Path>,
) -> Result<Exit, Failed> {
    let recommended = recommend(sweep, meant_for);
    let exit = exit_of(sweep, left);
    let recommended = recommended.as_ref();
    let report = Report { target: name, sweep, meant_for, recommended, command, left, exit };
    let measured = sweep.cells.iter().any(|cell| !cell.samples.is_empty());
    if exit == Exit::Interrupted && !measured {
        return Err(Failed::new(exit, "nothing was measured yet"));
    }
    if context.output.json {
        report.cells().iter().for_each(json_line);
        json_line(&report.result());
    } else {
        table(sweep, recommended).iter().for_each(|line| result(line));
        tell(recommended, command, meant_for);
    }
    if let Some(folder) = out {
        write(folder, &report)?;
        if !context.output.json && !context.output.quiet {
            say(&format!("written: bench.json, heat.svg and lines.svg in {}", folder.display()));
        }
    }
    match (sweep.ended, context.output.json) {
        (Ended::Interrupted, false) => say("interrupted: this is what was measured until then"),
        (Ended::Interrupted, true) | (Ended::Complete, _) => {}
    }
    Ok(exit)
}

/// Interrupted if it was; good if anything was measured, unless something is left that should not be; else as the first
/// failure.
fn exit_of(sweep: &Sweep, left: &[Left]) -> Exit {
    match sweep.ended {
        Ended::Interrupted => return Exit::Interrupted,
        Ended::Complete => {}
    }
    if sweep.cells.iter().any(|cell| cell.summary(sweep.size).is_some()) {
        return Exit::worst(left.iter().map(|left| match left.why {
            Why::Unable => Exit::Ok,
            Why::Failed(_) => Exit::Temporary,
        }));
    }
    Exit::worst(sweep.cells.iter().filter_map(|cell| match cell.state {
        State::Failed { exit, .. } => Some(exit),
        State::Goes { .. } | State::Unplannable(_) => None,
    }))
}

fn tell(recommended: Option<&Recommendation>, command: &str, meant_for: u64) {
    result("");
    let Some(found) = recommended else {
        result(&format!(
            "nothing is recommended: nothing was measured that a file of {} can be sent with",
            exact_size(meant_for)
        ));
        return;
    };
    let Recommendation { setting, summary, reason, notes, .. } = found;
    let (rate, spread) = (megabytes(summary.rate), percent(summary.spread));
    result(&format!("recommended: {} ({rate} MB/s, spread {spread})", setting.flags()));
    result(&format!("  why:  {reason}"));
    notes.iter().for_each(|note| result(&format!("  note: {note}")));
    result(&format!("  type: {command} {} FILE", setting.flags()));
}

fn write(folder: &Path, report: &Report<'_>) -> Result<(), Failed> {
    let undrawn = |error: plot::Undrawn| Failed::new(Exit::Bug, format!("a plot can't be drawn: {error}"));
    let files = [
        ("bench.json", format!("{:#}\n", report.file())),
        ("heat.svg", plot::heat(report).map_err(undrawn)?),
        ("lines.svg", plot::lines(report).map_err(undrawn)?),
    ];
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Failed {
    Failed::new(
        Exit::Io,
        format!("{} can't be written: {error}; choose another place with --out", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::super::cell::{Cell, tests::cell};
    use super::super::speaks::Speaks;
    use super::*;

    #[test]
    fn the_code_is_that_of_the_first_failure_only_if_nothing_was_measured() {
        let size = 1 << 20;
        let failed = |exit| Cell {
            state: State::Failed { exit, reason: "no".to_owned() },
            ..cell(1 << 20, "1", size, &[])
        };
        let exit = |cells: Vec<Cell>, ended| {
            exit_of(&Sweep { speaks: Speaks::X, size, rounds: 1, cells, ended }, &[])
        };
        let good = || cell(1 << 20, "2", size, &[1.0]);
        let (auth, temporary) = (|| failed(Exit::Auth), || failed(Exit::Temporary));
        assert_eq!(exit(vec![auth(), good()], Ended::Complete), Exit::Ok);
        assert_eq!(exit(vec![temporary(), auth()], Ended::Complete), Exit::Temporary);
        assert_eq!(exit(vec![auth(), good()], Ended::Interrupted), Exit::Interrupted);
        assert_eq!(exit(vec![cell(1 << 20, "2", size, &[])], Ended::Interrupted), Exit::Interrupted);
        let sweep =
            Sweep { speaks: Speaks::S3, size, rounds: 1, cells: vec![good()], ended: Ended::Complete };
        let left = |why| Left { what: "s3://media/k".to_owned(), why };
        assert_eq!(exit_of(&sweep, &[left(Why::Unable)]), Exit::Ok, "that was said beforehand");
        let failed = Why::Failed("no".to_owned());
        assert_eq!(exit_of(&sweep, &[left(Why::Unable), left(failed)]), Exit::Temporary);
    }
}
