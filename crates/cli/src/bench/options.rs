//! The words of `chunkwise bench`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;

use super::link::{Wanted, parse};
use super::wish::elsewhere;
use crate::args::{ConnectionOptions, CredentialOptions, Untold};
use crate::to::{Place, StoreAddress};
use crate::values::Size;

/// What is typed for what, below the options.
const EXAMPLES: &str = "\
Examples:
  chunkwise bench
      this machine alone: a sandbox as a process of its own
  chunkwise bench --url https://sandbox.example --out figures
      an endpoint that speaks X's protocol, with a heat map and a line plot
  chunkwise bench --to s3://bucket/folder/ --s3-endpoint http://localhost:9000
      a store that speaks S3: what is uploaded gets a name of its own there (chunkwise-bench-…), and is deleted
  chunkwise bench --to tus+https://tus.example/files/
      a tus server: chunk sizes alone, for it takes one segment at a time; uploads are terminated if it can do that
  chunkwise bench --link 150ms-100mb-limited
      an emulated link out of the catalogue, in virtual time: exact, and done in a second
  chunkwise bench --link rtt=80ms,rate=20MB,per-connection=4MB,failing=0.1% --size 500MB
      one of your own

A link is a name or a list of its properties:
  names            {1,40,150}ms-{10,100}mb, then nothing, -limited, -failing or -limited-failing; with 40 and 150 ms
                   also -halved, -quota and -at-once
  rtt=150ms        from the last byte of a request to its answer
  rate=100MB       bytes per second, all connections together
  per-connection=10MB
                   the most that one connection gets
  failing=0.1%     how many segments fail
  halved=2s..6s    half the rate between these times
  quota=500/60s    a 429 beyond 500 segments in 60 seconds
  at-once=6/1s     a 429 beyond 6 segments at once, which names a wait of a second";

/// What is measured, and against what.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BenchArgs {
    /// Measure against an endpoint that speaks X's protocol [default: a sandbox of its own, on this machine]
    #[arg(long, value_name = "URL", group = "endpoint", conflicts_with = "link")]
    pub(super) url: Option<Untold>,
    /// Measure another place than X: s3://bucket or s3://bucket/folder/, or tus+https:// and a tus server's address. What is
    /// uploaded is removed as soon as it is measured
    #[arg(long, value_name = "DESTINATION", group = "endpoint", conflicts_with = "link", value_parser = elsewhere)]
    pub(super) to: Option<Place>,
    /// Measure an emulated link, in virtual time: a name or a list of properties (see below)
    #[arg(long, value_name = "LINK", value_parser = parse)]
    pub(super) link: Option<Wanted>,
    /// The same link over real sockets, as far as a sandbox can emulate it: rtt and per-connection
    #[arg(long, requires = "link")]
    pub(super) over_sockets: bool,
    /// How much is uploaded each time [default: 64.0 MiB; to S3 256 MiB, to a tus server 128 MiB; on a link in virtual time
    /// 512 MB]
    #[arg(long, value_name = "SIZE")]
    pub(super) size: Option<Size>,
    /// The size of the files that are meant, if it is another: what can't be planned for it is not recommended
    #[arg(long = "for", value_name = "SIZE")]
    pub(super) meant_for: Option<Size>,
    /// Chunk sizes to measure; for X at most 5MB, for S3 at least 5MiB [default: 256KiB,512KiB,1MiB,2MiB,4MiB; to S3
    /// 5MiB,8MiB,16MiB,32MiB; to a tus server 1MiB,4MiB,16MiB,64MiB]
    #[arg(long, value_name = "SIZE,…", value_delimiter = ',')]
    pub(super) chunk_sizes: Vec<Size>,
    /// How many segments at once, 1 to 256 [default: 1,2,4,8; on a link in virtual time also 16 and 32]. The adaptive window up to the
    /// largest of them comes on top. A tus server takes one at a time
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = lanes)]
    pub(super) in_flight: Vec<NonZeroU32>,
    /// How often each setting is measured; on a link in virtual time, with how many seeds
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) rounds: u32,
    /// Write bench.json, heat.svg and lines.svg into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// Where the file goes, and what the sandbox holds [default: the system's temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub(super) directory: Option<PathBuf>,
    /// Measure X itself, if it is X that --url names: every measurement is a real upload of your account and counts
    /// against its rate limits. Does nothing without --i-pay-for-the-uploads
    #[arg(long, requires = "url", conflicts_with = "to")]
    pub(super) real_x: bool,
    /// The other word that it takes: what the uploads cost your app, in money or quota, is yours to pay. For X it does nothing
    /// without --real-x; Amazon's S3 is measured with it alone
    #[arg(long, requires = "endpoint")]
    pub(super) i_pay_for_the_uploads: bool,
    /// Which of X's upload APIs the URL speaks: v2 or v1.1
    #[arg(long, value_name = "API", requires = "url", conflicts_with = "to", help_heading = "Destination")]
    pub(super) api: Option<String>,
    #[command(flatten)]
    pub(super) s3: StoreAddress,
    #[command(flatten)]
    pub(super) credentials: CredentialOptions,
    #[command(flatten)]
    pub(super) connection: ConnectionOptions,
}

/// How many segments at once are measured at most: more helps nobody.
pub(super) const MOST_LANES: u32 = 256;

fn lanes(text: &str) -> Result<NonZeroU32, &'static str> {
    let lanes = text.trim().parse().ok().filter(|lanes: &NonZeroU32| lanes.get() <= MOST_LANES);
    lanes.ok_or("so many segments at once is a number from 1 to 256")
}
