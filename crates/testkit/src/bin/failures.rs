//! `failures`: prints the failure table, or compares it with the file.

use std::io::Write as _;
use std::process::ExitCode;
use std::{fs, io};

use chunkwise_testkit::failure_table;

fn main() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            let _ = writeln!(io::stderr(), "failures: {other} is not known\n\n  failures [--check]");
            return ExitCode::from(2);
        }
    };
    let page = match failure_table::page() {
        Ok(page) => page,
        Err(unfit) => {
            let _ = writeln!(io::stderr(), "failures: {unfit}");
            return ExitCode::FAILURE;
        }
    };
    if !check {
        let wrote = io::stdout().lock().write_all(page.as_bytes());
        return if wrote.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    let path = failure_table::file();
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let difference = failure_table::difference(&kept, &page);
    if difference.is_empty() {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(io::stdout(), "{difference}\nrenew it: {}", failure_table::COMMAND);
    ExitCode::FAILURE
}
