//! Uploads a file over X's protocol, as often as asked, in one process; says in JSON what it took.
#![expect(clippy::print_stdout, reason = "its measurements are its answer")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chunkwise::driver::{DirectoryStore, Driver, FileSource, UploadRequest};
use chunkwise::{ChunkSize, Policy, WindowPolicy};
use chunkwise_benches::pairs::own_peak;
use chunkwise_benches::stack::{Carrier, Failed, Limits, transport};
use clap::Parser;
use futures::stream::{FuturesUnordered, StreamExt as _};

/// Uploads a file over X's protocol, as often as asked, in one process.
#[derive(Debug, Parser)]
struct Args {
    /// Where to.
    #[arg(long)]
    url: String,
    /// The authority to believe, as a PEM file.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// hyper or reqwest.
    #[arg(long, default_value = "hyper")]
    backend: Carrier,
    /// Whose limits hold: x, or none.
    #[arg(long, default_value = "x")]
    limits: Limits,
    /// Bytes in a segment.
    #[arg(long, default_value = "4194304")]
    chunk: u64,
    /// Segments at once.
    #[arg(long, default_value = "4")]
    window: u32,
    /// Bytes of sources in memory at once.
    #[arg(long, default_value = "16777216")]
    budget: usize,
    /// Bytes read and sent at once.
    #[arg(long)]
    frame: Option<usize>,
    /// Frames read ahead.
    #[arg(long)]
    ahead: Option<u32>,
    /// Where checkpoints are kept. Default: in memory.
    #[arg(long)]
    store: Option<PathBuf>,
    /// Threads of the runtime. Default: one, as the command line has it for what uploads.
    #[arg(long, default_value = "1", value_parser = workers)]
    workers: usize,
    /// How often the file is uploaded, all at once.
    #[arg(long, default_value = "1")]
    copies: usize,
    /// The file.
    file: PathBuf,
}

fn main() -> Result<(), Failed> {
    let args = Args::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(args.workers).enable_all().build()?;
    let began = Instant::now();
    let bytes = runtime.block_on(uploads(&args))?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{}", serde_json::json!({ "bytes": bytes, "seconds": seconds, "peak_kib": own_peak() }));
    Ok(())
}

fn workers(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|workers| *workers > 0).ok_or("a runtime has one thread at least")
}

async fn uploads(args: &Args) -> Result<u64, Failed> {
    let ca_pem = args.ca_file.as_ref().map(std::fs::read_to_string).transpose()?;
    let backend = args.backend.backend(ca_pem.as_deref(), (args.window as usize).max(8))?;
    let transport = Arc::new(transport(&args.url, backend, args.limits)?);
    let mut driver = Driver::builder().byte_budget(args.budget);
    if let Some(frame) = args.frame {
        driver = driver.frame_size(frame);
    }
    if let Some(ahead) = args.ahead {
        driver = driver.read_ahead(ahead);
    }
    if let Some(store) = &args.store {
        driver = driver.checkpoints(DirectoryStore::new(store));
    }
    let driver = driver.build()?;
    let policy = Policy {
        chunk_size: ChunkSize::new(args.chunk).ok_or("a chunk of no bytes")?,
        window: WindowPolicy::Fixed(args.window.try_into()?),
        ..Policy::default()
    };
    let mut uploads = FuturesUnordered::new();
    for _ in 0..args.copies {
        let mut request = UploadRequest::new(FileSource::open(&args.file)?, Arc::clone(&transport) as _);
        request.policy = policy.clone();
        let driver = driver.clone();
        uploads.push(async move { Ok::<_, Failed>(driver.start(request).await?.wait().await?) });
    }
    while let Some(ended) = uploads.next().await {
        ended?;
    }
    Ok(args.file.metadata()?.len() * args.copies as u64)
}
