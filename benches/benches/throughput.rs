//! How fast a file goes up over loopback: chunk size × segments in flight, HTTP and HTTPS, either backend, against one bare PUT by
//! the same HTTP stack and against a plain TCP write loop.
//!
//! The names are `throughput/SCHEME/BACKEND/CHUNK/IN FLIGHT`; `unlimited` in one marks what X's limits don't allow. What is
//! compared runs under load of the same machine, but not in turn: for ratios to be relied on see `benches/performance`.
#![expect(clippy::unwrap_used, reason = "a measurement that can't go on has failed")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chunkwise::driver::{Driver, FileSource, Source, UploadRequest};
use chunkwise::{ChunkSize, Policy, WindowPolicy};
use chunkwise_benches::sink::Sink;
use chunkwise_benches::stack::{Carrier, Limits, Put, transport};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
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

fn throughput(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let sink = Sink::start(env!("CARGO_BIN_EXE_sink")).unwrap();
    let at = sink.addresses();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let piece: Vec<u8> = (0..MIB).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    (0..FILE / MIB).for_each(|_| file.write_all(&piece).unwrap());

    let mut group = criterion.benchmark_group("throughput");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Bytes(ENOUGH));
    group.bench_function("tcp/write-loop", |bencher| {
        bencher.iter(|| {
            let mut stream = TcpStream::connect(at.raw).unwrap();
            let frame = &piece[..256 << 10];
            (0..ENOUGH / frame.len() as u64).for_each(|_| stream.write_all(frame).unwrap());
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            stream.read_exact(&mut [0]).unwrap();
        });
    });
    let schemes = [("http", format!("http://{}", at.http)), ("https", format!("https://{}", at.https))];
    for (scheme, url) in &schemes {
        for carrier in Carrier::BOTH {
            group.throughput(Throughput::Bytes(ENOUGH));
            let put = Put::new(carrier, &format!("{url}/put"), Some(&at.ca_pem)).unwrap();
            group.bench_function(BenchmarkId::new(format!("{scheme}/{carrier}"), "one-put"), |bencher| {
                bencher.iter(|| runtime.block_on(put.send(ENOUGH)).unwrap());
            });
            for chunk in CHUNKS {
                let (limits, mark) =
                    if chunk > LARGEST { (Limits::None, "/unlimited") } else { (Limits::X, "") };
                for in_flight in IN_FLIGHT {
                    let bytes = ENOUGH.max(chunk * u64::from(in_flight));
                    group.throughput(Throughput::Bytes(bytes));
                    let id = BenchmarkId::new(
                        format!("{scheme}/{carrier}"),
                        format!("{}/{in_flight}{mark}", name(chunk)),
                    );
                    let backend = carrier.backend(Some(&at.ca_pem), in_flight as usize).unwrap();
                    let transport = Arc::new(transport(url, backend, limits).unwrap());
                    let policy = Policy {
                        chunk_size: ChunkSize::new(chunk).unwrap(),
                        window: WindowPolicy::Fixed(in_flight.try_into().unwrap()),
                        ..Policy::default()
                    };
                    let driver = Driver::default();
                    group.bench_function(id, |bencher| {
                        bencher.iter_custom(|times| {
                            let before = sink.counts().unwrap().bytes;
                            let mut took = Duration::ZERO;
                            for _ in 0..times {
                                took += runtime.block_on(upload(
                                    &driver,
                                    file.path(),
                                    bytes,
                                    Arc::clone(&transport) as _,
                                    policy.clone(),
                                ));
                            }
                            let came = sink.counts().unwrap().bytes - before;
                            assert!(came >= times * bytes, "{came} bytes came of {times} × {bytes}");
                            took
                        });
                    });
                }
            }
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
