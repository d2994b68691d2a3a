//! One file in chunks over HTTP/1.1 and over HTTP/2, to a sink that speaks both: `wire sink` and `wire put`. The script
//! `benches/wire` compares them.

mod body;
mod connect;
mod put;
mod sink;
mod tls;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Sends a file in chunks over HTTP/1.1 or HTTP/2, or takes it.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Takes requests, counts their bytes and discards them; says on one line of JSON where it listens.
    Sink,
    /// Sends a file in chunks, one request each.
    Put(Put),
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protocol {
    H1,
    H2,
}

#[derive(Debug, Args)]
struct Put {
    /// Where to: a host and a port.
    #[arg(long)]
    to: String,
    /// The authority to believe, as a PEM file.
    #[arg(long)]
    ca: PathBuf,
    /// Which HTTP is spoken.
    #[arg(long)]
    protocol: Protocol,
    /// Connections. Default: over HTTP/1.1 one for each chunk in flight, over HTTP/2 one.
    #[arg(long)]
    connections: Option<usize>,
    /// The most plaintext in a TLS record, in bytes.
    #[arg(long, default_value = "16384")]
    record: usize,
    /// The socket's send buffer in bytes. Default: as large as the system finds right.
    #[arg(long)]
    send_buffer: Option<usize>,
    /// Bytes in a chunk.
    #[arg(long, default_value = "4194304")]
    chunk: u64,
    /// Chunks at once.
    #[arg(long, default_value = "4")]
    in_flight: usize,
    /// Bytes that are read and given to HTTP at once.
    #[arg(long, default_value = "65536")]
    read: usize,
    /// The file.
    file: PathBuf,
}

fn main() -> Result<(), Failed> {
    match Cli::parse().command {
        Command::Sink => sink::run(),
        Command::Put(put) => put::run(&put),
    }
}
