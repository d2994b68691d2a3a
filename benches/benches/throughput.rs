//! How fast a file goes up over loopback: chunk size × segments in flight, HTTP and HTTPS, either backend, against the same
//! bytes of the same file in one bare PUT by the same HTTP stack and in a plain TCP write loop.
//!
//! The names are `throughput/SCHEME/BACKEND/CHUNK/IN FLIGHT`; `unlimited` in one marks what X's limits don't allow. Each upload
//! is measured in turn with its two baselines, at least 11 times; how many times their rate it reached, as median and
//! quartiles, is printed and kept in `target/criterion/throughput_ratios.json`, which `benches/performance --write` reads.
#![expect(clippy::unwrap_used, reason = "a measurement that can't go on has failed")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chunkwise::driver::{Driver, FileSource, Source, UploadRequest};
use chunkwise::{ChunkSize, Policy, WindowPolicy};
use chunkwise_benches::pairs::{FEWEST, Spread};
use chunkwise_benches::sink::Sink;
use chunkwise_benches::stack::{Carrier, Limits, Put, transport};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const CHUNKS: [u64; 9] = [256 * KIB, 512 * KIB, MIB, 2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB, 32 * MIB, 64 * MIB];
const IN_FLIGHT: [u32; 4] = [1, 2, 4, 8];

/// The largest segment that X takes, in bytes.
const LARGEST: u64 = 5_000_000;

/// As large as the largest chunk needs to be in flight eight times.
const FILE: u64 = 8 * 64 * MIB;
/// What goes up in one measurement, unless its chunks need more.
const ENOUGH: u64 = 64 * MIB;

fn name(bytes: u64) -> String {
    if bytes < MIB { format!("{}KiB", bytes / KIB) } else { format!("{}MiB", bytes / MIB) }
}

/// The first so many bytes of a file.
struct Head(FileSource, u64);

impl Source for Head {
    fn spec(&self) -> chunkwise::core::UploadSpec {
        chunkwise::core::UploadSpec::whole(self.1)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_at(offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> usize {
        self.0.read_now(offset, buffer)
    }
}

/// The plain TCP write loop: reads a piece and writes it.
fn write_loop(to: SocketAddr, file: &Path, bytes: u64) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect(to).unwrap();
    let (mut file, mut piece) = (File::open(file).unwrap(), vec![0; 64 << 10]);
    for _ in 0..bytes / piece.len() as u64 {
        file.read_exact(&mut piece).unwrap();
        stream.write_all(&piece).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.read_exact(&mut [0]).unwrap();
    began.elapsed()
}

/// How many times the rate of each baseline an upload reached, run by run.
#[derive(Default)]
struct Ratios {
    put: Vec<f64>,
    write_loop: Vec<f64>,
}

impl Ratios {
    fn told(&self) -> Value {
        // The first warms up: connections, page cache, allocator of the sink.
        let spread = |all: &[f64]| Spread::of(all.iter().skip(1).copied());
        json!({
            "runs": self.put.len().saturating_sub(1),
            "put": spread(&self.put),
            "write_loop": spread(&self.write_loop),
        })
    }
}

/// What was measured, into the file beside Criterion's own; what a filter left out stays as it was.
fn keep(ratios: &BTreeMap<String, Ratios>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/criterion/throughput_ratios.json");
    let known = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let mut all: Map<String, Value> = known.unwrap_or_default();
    all.extend(ratios.iter().map(|(id, ratios)| (id.clone(), ratios.told())));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, serde_json::to_vec_pretty(&all).unwrap()).unwrap();
}

fn throughput(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let sink = Sink::start(env!("CARGO_BIN_EXE_sink")).unwrap();
    let at = sink.addresses();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let piece: Vec<u8> = (0..MIB).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    (0..FILE / MIB).for_each(|_| file.write_all(&piece).unwrap());

    let mut group = criterion.benchmark_group("throughput");
    group.sample_size(FEWEST).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(500));
    let mut ratios = BTreeMap::<String, Ratios>::new();
    let schemes = [("http", format!("http://{}", at.http)), ("https", format!("https://{}", at.https))];
    for (scheme, url) in &schemes {
        for carrier in Carrier::BOTH {
            let put = Put::new(carrier, &format!("{url}/put"), Some(&at.ca_pem)).unwrap();
            for chunk in CHUNKS {
                let (limits, mark) =
                    if chunk > LARGEST { (Limits::None, "/unlimited") } else { (Limits::X, "") };
                for in_flight in IN_FLIGHT {
                    let bytes = ENOUGH.max(chunk * u64::from(in_flight));
                    group.throughput(Throughput::Bytes(bytes));
                    let setting = format!("{}/{in_flight}{mark}", name(chunk));
                    let full = format!("{scheme}/{carrier}/{setting}");
                    let id = BenchmarkId::new(format!("{scheme}/{carrier}"), setting);
                    let backend = carrier.backend(Some(&at.ca_pem), in_flight as usize).unwrap();
                    let transport = Arc::new(transport(url, backend, limits).unwrap());
                    let policy = Policy {
                        chunk_size: ChunkSize::new(chunk).unwrap(),
                        window: WindowPolicy::Fixed(in_flight.try_into().unwrap()),
                        ..Policy::default()
                    };
                    let driver = Driver::default();
                    let mut own = Ratios::default();
                    group.bench_function(id, |bencher| {
                        bencher.iter_custom(|times| {
                            let mut took = Duration::ZERO;
                            for _ in 0..times {
                                let looped = write_loop(at.raw, file.path(), bytes);
                                let began = Instant::now();
                                runtime.block_on(put.send(file.path(), bytes)).unwrap();
                                let put = began.elapsed();
                                let before = sink.counts().unwrap().bytes;
                                let transport = Arc::clone(&transport) as _;
                                let upload = upload(&driver, file.path(), bytes, transport, policy.clone());
                                let uploaded = runtime.block_on(upload);
                                let came = sink.counts().unwrap().bytes - before;
                                assert!(came >= bytes, "{came} bytes came of {bytes}");
                                let ratio =
                                    |baseline: Duration| baseline.as_secs_f64() / uploaded.as_secs_f64();
                                own.put.push(ratio(put));
                                own.write_loop.push(ratio(looped));
                                took += uploaded;
                            }
                            took
                        });
                    });
                    let Some(Spread { low, median, high }) = Spread::of(own.put.iter().skip(1).copied())
                    else {
                        continue;
                    };
                    eprintln!(
                        "{full}: {median:.2} × one PUT's rate ({low:.2}–{high:.2}), {} runs",
                        own.put.len() - 1
                    );
                    ratios.insert(full, own);
                }
            }
            keep(&ratios);
        }
    }
    group.finish();
}

async fn upload(
    driver: &Driver,
    path: &Path,
    bytes: u64,
    transport: Arc<dyn chunkwise::transport::Transport>,
    policy: Policy,
) -> Duration {
    let mut request = UploadRequest::new(Head(FileSource::open(path).unwrap(), bytes), transport);
    request.policy = policy;
    let began = Instant::now();
    driver.start(request).await.unwrap().wait().await.unwrap();
    began.elapsed()
}

criterion_group!(benches, throughput);
criterion_main!(benches);
