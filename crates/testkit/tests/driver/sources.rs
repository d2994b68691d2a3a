//! Sources that hold the pattern.

use std::fs;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{ByteRange, Timestamp, UploadSpec};
use chunkwise_driver::{FileSource, GrowingFile, GrowthHandle, Source, StreamSource};
use chunkwise_testkit::Chance;
use chunkwise_testkit::scenario::{self, Known, Scenario};
use chunkwise_testkit::transport::{ModelTransport, content, fill};

/// In memory, or read like a file.
pub(crate) struct PatternSource {
    len: u64,
    resident: bool,
}

impl PatternSource {
    /// Read piece by piece on other threads.
    pub(crate) const fn read(len: u64) -> Self {
        Self { len, resident: false }
    }

    /// In memory already.
    pub(crate) const fn resident(len: u64) -> Self {
        Self { len, resident: true }
    }
}

impl Source for PatternSource {
    fn spec(&self) -> UploadSpec {
        UploadSpec::whole(self.len)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.len.saturating_sub(offset) as usize);
        fill(offset, &mut buffer[..len]);
        Ok(len)
    }

    fn resident(&self, range: ByteRange) -> Option<Bytes> {
        self.resident.then(|| {
            let mut bytes = vec![0; range.len() as usize];
            fill(range.start(), &mut bytes);
            bytes.into()
        })
    }
}

/// Where the bytes of a scenario come from, whatever process asks.
pub(crate) enum Origin {
    Read(u64),
    Resident(u64),
    File(tempfile::NamedTempFile),
    /// It grows to these lengths at these times, and how long it will be is known from the start or at its end.
    Growing(tempfile::NamedTempFile, Vec<(Timestamp, u64)>, Known),
    /// It can be read once, as far as it has come at these times.
    Stream(Vec<(Timestamp, u64)>, Known),
}

impl Origin {
    /// As the scenario has it. What is whole has a length.
    pub(crate) fn new(scenario: &Scenario, chance: &mut Chance, begin: Timestamp) -> Self {
        let total = scenario.total;
        let file = || tempfile::NamedTempFile::new().unwrap();
        let steps = |chance: &mut Chance| {
            let (mut at, mut up_to, mut steps) = (begin, 0, Vec::new());
            while up_to < total {
                at = at.after(chance.millis(1, 1_500));
                up_to = (up_to + 1 + chance.below(total / 4 + 60)).min(total);
                steps.push((at, up_to));
            }
            steps
        };
        match (scenario.source, chance.below(3)) {
            (scenario::Source::Growing, _) => Self::Growing(file(), steps(chance), scenario.length),
            (scenario::Source::Once, _) => Self::Stream(steps(chance), scenario.length),
            (scenario::Source::Whole, 0) => Self::Read(total),
            (scenario::Source::Whole, 1) => Self::Resident(total),
            (scenario::Source::Whole, _) => {
                let file = file();
                fs::write(file.path(), content(total as usize)).unwrap();
                Self::File(file)
            }
        }
    }

    /// The source as a process finds it now, and what makes it grow.
    pub(crate) fn open(&self, transport: &ModelTransport) -> (Arc<dyn Source>, Growth) {
        match self {
            Self::Read(total) => (Arc::new(PatternSource::read(*total)), Growth(None)),
            Self::Resident(total) => (Arc::new(PatternSource::resident(*total)), Growth(None)),
            Self::File(file) => (Arc::new(FileSource::open(file.path()).unwrap()), Growth(None)),
            Self::Stream(steps, known) => {
                let (total, source) = (total(steps), StreamSource::from_stream(stream(transport, steps)));
                let source = match known {
                    Known::AtOnce => source.with_length(total),
                    Known::AtTheEnd => source,
                };
                (Arc::new(source), Growth(None))
            }
            Self::Growing(file, steps, known) => {
                let total = total(steps);
                let length = match known {
                    Known::AtOnce => Some(total),
                    Known::AtTheEnd => None,
                };
                let now = transport.now();
                let here = steps.partition_point(|(at, _)| *at <= now);
                let available = steps[..here].last().map_or(0, |(_, up_to)| *up_to);
                append(&mut file.reopen().unwrap(), available);
                let (source, handle) = GrowingFile::open(file.path(), length, available).unwrap();
                let (steps, file) = (steps[here..].to_vec(), file.reopen().unwrap());
                (Arc::new(source), Growth(Some(Writer { file, handle, steps, total })))
            }
        }
    }
}

fn total(steps: &[(Timestamp, u64)]) -> u64 {
    steps.last().map_or(0, |(_, up_to)| *up_to)
}

/// The pattern, piece by piece at these times.
fn stream(
    transport: &ModelTransport,
    steps: &[(Timestamp, u64)],
) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (transport, steps) = (transport.clone(), steps.to_vec());
    futures::stream::unfold((0, steps.into_iter()), move |(have, mut steps)| {
        let transport = transport.clone();
        async move {
            let (at, up_to) = steps.next()?;
            tokio::time::sleep(at.since(transport.now())).await;
            transport.disturb(Duration::ZERO);
            let mut bytes = vec![0; (up_to - have) as usize];
            fill(have, &mut bytes);
            Some((Ok(bytes.into()), (up_to, steps)))
        }
    })
}

/// What makes a source grow, if it does.
pub(crate) struct Growth(Option<Writer>);

struct Writer {
    file: fs::File,
    handle: GrowthHandle,
    steps: Vec<(Timestamp, u64)>,
    total: u64,
}

impl Growth {
    /// Until it grows no more.
    pub(crate) async fn run(self, transport: &ModelTransport) {
        let Some(Writer { mut file, handle, steps, total }) = self.0 else { return };
        for (at, up_to) in steps {
            tokio::time::sleep(at.since(transport.now())).await;
            append(&mut file, up_to);
            transport.disturb(Duration::ZERO);
            handle.available(up_to);
        }
        handle.ended(total);
    }
}

/// Writes what is missing up to this length.
fn append(file: &mut fs::File, up_to: u64) {
    let have = file.seek(SeekFrom::End(0)).unwrap();
    let mut bytes = vec![0; up_to.saturating_sub(have) as usize];
    fill(have, &mut bytes);
    file.write_all(&bytes).unwrap();
}
