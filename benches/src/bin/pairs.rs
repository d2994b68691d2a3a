//! Runs several commands in turn, round after round, and says in JSON what each of them took.
//!
//! `pairs --rounds 11 NAME=COMMAND NAME=COMMAND …`: the first is the baseline, the others are compared with it, round by
//! round. A command is split at spaces; it can be given several times. `pairs --one PROGRAM ARGUMENT …` runs one command
//! once.
#![expect(clippy::print_stdout, reason = "its measurements are its answer")]

use std::io;
use std::process::Command;

use chunkwise_benches::pairs::{Cost, FEWEST, Spread, cost};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == "--one").is_some() {
        let program = arguments.next().ok_or("--one: of what?")?;
        println!("{}", serde_json::to_string(&cost(Command::new(program).args(arguments))?)?);
        return Ok(());
    }
    let mut rounds = FEWEST;
    if arguments.next_if(|argument| argument == "--rounds").is_some() {
        rounds = arguments.next().ok_or("--rounds: how many?")?.parse()?;
    }
    let commands = arguments
        .map(|argument| {
            let (name, command) = argument.split_once('=').ok_or("not NAME=COMMAND")?;
            let words = command.split_whitespace().map(str::to_owned).collect();
            Ok((name.to_owned(), words))
        })
        .collect::<Result<Vec<(String, Vec<String>)>, &str>>()?;
    let mut costs = vec![Vec::new(); commands.len()];
    for round in 0..=rounds {
        for (at, (_, words)) in commands.iter().enumerate() {
            let cost = once(words)?;
            // The first round warms up: page cache, loader, allocator of the sink.
            if round > 0 {
                costs[at].push(cost);
            }
        }
    }
    let told = commands.iter().zip(&costs).map(|((name, _), own)| (name.clone(), told(own, &costs[0])));
    println!("{}", Value::Object(told.collect()));
    Ok(())
}

/// In a process of its own: the kernel counts children together.
fn once(words: &[String]) -> io::Result<Cost> {
    let output = Command::new(std::env::current_exe()?).arg("--one").args(words).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn told(own: &[Cost], baseline: &[Cost]) -> Value {
    let of = |take: fn(&Cost) -> f64| {
        let ratios = own.iter().zip(baseline).map(|(own, other)| take(own) / take(other));
        json!({ "value": Spread::of(own.iter().map(take)), "ratio": Spread::of(ratios) })
    };
    json!({
        "rounds": own.len(),
        "wall": of(|cost| cost.wall),
        "cpu": of(|cost| cost.cpu),
        "memory": of(|cost| cost.memory as f64),
        "runs": own,
    })
}
