//! The table for people.

use super::cell::{Cell, State};
use super::recommend::{Recommendation, percent};
use super::report::megabytes;
use super::setting::exact_size;
use super::sweep::Sweep;
use crate::values::Window;

/// What stands above the columns.
const HEAD: [&str; 7] = ["chunk size", "in flight", "MB/s", "spread", "whole MB/s", "requests", ""];

/// One line for every setting, under a head; numbers stand below each other.
pub(super) fn table(sweep: &Sweep, recommended: Option<&Recommendation>) -> Vec<String> {
    let head = HEAD.map(str::to_owned);
    let rows = sweep.cells.iter().map(|cell| row(cell, sweep.size, recommended));
    aligned([head].into_iter().chain(rows).collect())
}

fn row(cell: &Cell, size: u64, recommended: Option<&Recommendation>) -> [String; 7] {
    let setting = cell.setting;
    let in_flight = match setting.window {
        Window::Fixed(lanes) => lanes.to_string(),
        Window::Adaptive(_) => "adaptive".to_owned(),
    };
    let none = || "–".to_owned();
    let chosen = recommended.is_some_and(|found| found.setting == setting);
    let [rate, spread, whole, requests, remark] = match (cell.summary(size), &cell.state) {
        (Some(summary), _) => {
            let mut remarks = Vec::new();
            if chosen {
                remarks.push("◀ recommended".to_owned());
            }
            if summary.retries > 0 {
                remarks.push(format!("{} tried again", summary.retries));
            }
            [
                megabytes(summary.rate),
                percent(summary.spread),
                summary.whole.map_or_else(none, megabytes),
                summary.requests.to_string(),
                remarks.join(", "),
            ]
        }
        (None, State::Failed { reason, .. }) => [none(), none(), none(), none(), format!("failed: {reason}")],
        (None, State::Unplannable(why)) => [none(), none(), none(), none(), why.to_string()],
        (None, State::Goes { requests }) => {
            [none(), none(), none(), requests.to_string(), "not measured".to_owned()]
        }
    };
    [exact_size(setting.chunk.bytes()), in_flight, rate, spread, whole, requests, remark]
}

/// Columns to the right, but for the last.
fn aligned<const N: usize>(rows: Vec<[String; N]>) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(|column| if column + 1 == N { 0 } else { width(column) });
    let line = |row: &[String; N]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cell::tests::cell;
    use super::super::recommend::recommend;
    use super::super::speaks::Speaks;
    use super::super::sweep::Ended;
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn numbers_stand_below_each_other() {
        let size = 600 << 20;
        let failed = State::Failed { exit: Exit::Temporary, reason: "no answer".to_owned() };
        let cells = vec![
            cell(256 << 10, "1", size, &[]),
            cell(1 << 20, "1", size, &[9.05e6]),
            cell(1 << 20, "16", size, &[1.2351e9, 1.2e9, 1.3e9]),
            Cell { state: failed, ..cell(4 << 20, "1", size, &[]) },
            cell(4 << 20, "adaptive:16", size, &[]),
        ];
        let sweep = Sweep { speaks: Speaks::X, size, rounds: 3, cells, ended: Ended::Interrupted };
        let lines = table(&sweep, recommend(&sweep, size).as_ref());
        let expected = "\
chunk size  in flight  MB/s  spread  whole MB/s  requests
    256KiB          1     –       –           –         –  X takes at most 1000 segments: the chunk size would be raised to 629146
      1MiB          1  9.05   0.0 %        4.53       602  1 tried again
      1MiB         16  1235   4.0 %         618       602  ◀ recommended, 3 tried again
      4MiB          1     –       –           –         –  failed: no answer
      4MiB   adaptive     –       –           –       152  not measured";
        assert_eq!(lines.join("\n"), expected);
    }
}
