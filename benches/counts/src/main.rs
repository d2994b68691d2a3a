//! What the engine and the codec do once each, to be counted in instructions: `benches/instructions` runs every case by
//! itself under valgrind, which counts what happens inside [`counted`] and nothing else.
//!
//! `chunkwise-counts` lists the cases, one a line: how many times the thing is done in it, and its name. `chunkwise-counts NAME`
//! does one.

mod codec;
mod engine;
mod stores;

use std::hint::black_box;
use std::io::Write as _;
use std::process::ExitCode;

/// One thing that is counted.
struct Case {
    name: &'static str,
    /// How many times the thing is done: segments of a life, or once.
    times: u32,
    /// Prepares it, and does it inside [`counted`].
    run: fn(u32),
}

/// Does what is to be counted. Its name is what `benches/instructions` has valgrind look for.
#[inline(never)]
fn counted<T, R>(prepared: T, work: impl FnOnce(T) -> R) {
    drop(black_box(work(black_box(prepared))));
}

fn main() -> ExitCode {
    let cases: Vec<_> = engine::CASES.iter().chain(codec::CASES).chain(stores::CASES).collect();
    let Some(name) = std::env::args().nth(1) else {
        let list: String = cases.iter().map(|case| format!("{} {}\n", case.times, case.name)).collect();
        return match std::io::stdout().write_all(list.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    };
    let Some(case) = cases.iter().find(|case| case.name == name) else {
        eprintln!("there is no case {name}; without an argument, all are listed");
        return ExitCode::FAILURE;
    };
    (case.run)(case.times);
    ExitCode::SUCCESS
}
