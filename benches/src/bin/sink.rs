//! The sink: says on one line of JSON where it listens, and ends when its standard input does.
#![expect(clippy::print_stdout, reason = "its addresses are its answer")]

use std::io::Read as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addresses = chunkwise_benches::sink::listen()?;
    println!("{}", serde_json::to_string(&addresses)?);
    let _ = std::io::stdin().read(&mut [0]);
    Ok(())
}
