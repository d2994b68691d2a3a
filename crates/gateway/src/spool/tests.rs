//! What is spooled comes back, the budgets hold, and nothing is left behind.

use std::collections::HashSet;
use std::path::PathBuf;

use chunkwise_core::{ByteRange, Growth};
use chunkwise_driver::{Availability, Source, SourceError};
use sha2::Digest as _;
use tempfile::TempDir;
use tokio::sync::watch;

use super::file::PIECE;
use super::*;

const LIMITS: SpoolLimits =
    SpoolLimits { in_memory: 1 << 20, per_upload: 8 << 20, total_disk: 16 << 20, total_memory: 4 << 20 };

fn spool(limits: SpoolLimits) -> (TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("spool"), limits).unwrap();
    (dir, spool)
}

fn files(spool: &Spool) -> Vec<PathBuf> {
    std::fs::read_dir(&spool.0.dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// No two pieces of it are alike.
fn media(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

fn all(source: &impl Source) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 100_000];
    loop {
        let len = source.read_at(all.len() as u64, &mut buffer).unwrap();
        if len == 0 {
            return all;
        }
        all.extend_from_slice(&buffer[..len]);
    }
}

async fn write(writer: &mut SpoolWriter, media: &[u8], piece: usize) -> Result<(), SpoolError> {
    for piece in media.chunks(piece) {
        writer.write(piece).await?;
    }
    Ok(())
}

/// Memory that nobody has taken comes back once the tasks of a dropped writer are over.
fn nothing_is_taken(spool: &Spool) {
    assert_eq!((spool.memory().taken(), spool.disk().taken()), (0, 0));
    assert_eq!(files(spool), Vec::<PathBuf>::new());
    assert!(spool.0.live().is_empty());
}

#[tokio::test]
async fn whatever_its_length_and_its_pieces_it_comes_back() {
    let (_dir, spool) = spool(LIMITS);
    let lens = [0, 1, 4095, 4096, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 1 << 20, (1 << 20) + 1, 3_000_000];
    for len in lens {
        let media = media(len);
        let digest: [u8; 32] = sha2::Sha256::digest(&media).into();
        for (piece, expected) in
            [(len.max(1), None), (1000, Some(len as u64)), (65_536, None), (300_001, None)]
        {
            let mut writer = spool.begin(expected).await.unwrap();
            write(&mut writer, &media, piece).await.unwrap();
            assert_eq!(writer.len(), len as u64);
            let spooled = writer.finish().await.unwrap();
            assert_eq!(spooled.len, len as u64);
            assert_eq!(spooled.digest.as_bytes(), &digest);
            assert_eq!(spooled.head, &media[..len.min(4096)]);
            assert_eq!(spooled.source.spec(), chunkwise_core::UploadSpec::whole(len as u64));
            assert!(all(&spooled.source) == media, "{len} in pieces of {piece}");
            assert_eq!(spooled.source.fingerprint().unwrap().size, Some(len as u64));
            spooled.source.check().unwrap();
            // In memory as long as it is small, and then in a file of its own.
            let in_file = len > 1 << 20;
            assert_eq!(files(&spool).len(), usize::from(in_file));
            assert_eq!(spooled.source.id().is_some(), in_file);
            assert_eq!(spool.disk().taken(), if in_file { len as u64 } else { 0 });
            drop(spooled);
            nothing_is_taken(&spool);
        }
    }
}

#[tokio::test]
async fn what_is_in_one_block_is_sent_without_a_copy() {
    let (_dir, spool) = spool(LIMITS);
    let media = media(2 * PIECE + 5);
    let mut writer = spool.begin(None).await.unwrap();
    writer.write(&media).await.unwrap();
    let spooled = writer.finish().await.unwrap();
    let resident = |start, end| spooled.source.resident(ByteRange::new(start, end).unwrap());
    let piece = PIECE as u64;
    assert_eq!(resident(piece, 2 * piece).unwrap(), &media[PIECE..2 * PIECE]);
    assert_eq!(resident(2 * piece, 2 * piece + 5).unwrap(), &media[2 * PIECE..]);
    assert_eq!(resident(piece - 1, piece + 1), None);
    assert_eq!(resident(2 * piece, 2 * piece + 6), None);
}

#[tokio::test]
async fn the_head_is_there_as_soon_as_it_can_be() {
    let (_dir, spool) = spool(LIMITS);
    let media = media(5000);
    let mut writer = spool.begin(None).await.unwrap();
    writer.write(&media[..4095]).await.unwrap();
    assert_eq!(writer.head(), None);
    writer.write(&media[4095..]).await.unwrap();
    assert_eq!(writer.head(), Some(&media[..4096]));
    let mut writer = spool.begin(Some(3)).await.unwrap();
    writer.write(b"ab").await.unwrap();
    assert_eq!(writer.head(), None);
    writer.write(b"c").await.unwrap();
    assert_eq!(writer.head(), Some(&b"abc"[..]));
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/b");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let spool = Spool::new(&folder, LIMITS).unwrap();
    assert_eq!(mode(&folder), 0o700, "it was there, and wider");
    let _writer = spool.begin(Some(2 << 20)).await.unwrap();
    let files = files(&spool);
    assert_eq!(files.len(), 1);
    assert_eq!(mode(&files[0]), 0o600);
}

#[tokio::test]
async fn writers_share_the_disk_and_a_drop_gives_it_back() {
    let (_dir, spool) = spool(LIMITS);
    let five = Some(5 << 20);
    let mut writers = Vec::new();
    for _ in 0..3 {
        writers.push(spool.begin(five).await.unwrap());
    }
    assert_eq!(spool.disk().taken(), 15 << 20);
    let error = spool.begin(five).await.unwrap_err();
    assert!(matches!(error, SpoolError::DiskTaken) && error.is_busy(), "{error}");
    // One of unknown length gets what is left, and then no more; its file goes with it.
    let mut last = spool.begin(None).await.unwrap();
    let error = write(&mut last, &media(2 << 20), 50_000).await.unwrap_err();
    assert!(matches!(error, SpoolError::DiskTaken), "{error}");
    assert_eq!(last.len(), 1_000_000, "1 MiB is left, and the piece that does not fit is refused");
    assert!(matches!(last.write(b"x").await, Err(SpoolError::DiskTaken)), "it stays so");
    assert!(matches!(last.finish().await, Err(SpoolError::DiskTaken)));
    assert_eq!(files(&spool).len(), 3);
    writers.pop();
    writers.push(spool.begin(five).await.unwrap());
    drop(writers);
    nothing_is_taken(&spool);
}

#[tokio::test]
async fn where_memory_is_scarce_it_goes_to_its_file_earlier_and_never_fails() {
    let (_dir, spool) = spool(LIMITS);
    // Fifteen of 1 MiB do not fit into 4 MiB, but into the 16 of the disk.
    let media = media(1 << 20);
    let mut writers = Vec::new();
    for _ in 0..15 {
        writers.push(spool.begin(None).await.unwrap());
    }
    let mut most = 0;
    for piece in media.chunks(40_000) {
        for writer in &mut writers {
            writer.write(piece).await.unwrap();
            most = most.max(spool.memory().taken());
        }
    }
    assert!(most <= 4 << 20, "{most}");
    let mut in_files = 0;
    for writer in writers {
        let spooled = writer.finish().await.unwrap();
        assert!(all(&spooled.source) == media);
        in_files += usize::from(spooled.source.id().is_some());
    }
    assert!(in_files >= 11, "at most four of 1 MiB are in 4 MiB: {in_files}");
    nothing_is_taken(&spool);
}

#[tokio::test]
async fn no_more_begin_than_there_is_memory_for() {
    let (_dir, spool) = spool(LIMITS);
    let mut writers = Vec::new();
    for _ in 0..16 {
        writers.push(spool.begin(None).await.unwrap());
    }
    let error = spool.begin(None).await.unwrap_err();
    assert!(matches!(error, SpoolError::MemoryTaken) && error.is_busy(), "{error}");
    writers.pop();
    spool.begin(None).await.unwrap();
    // Somebody else may have a part in it.
    let dir = tempfile::tempdir().unwrap();
    let memory = Budget::new(1 << 20);
    let other = Spool::with_memory(dir.path(), LIMITS, memory.clone()).unwrap();
    let _frames = memory.take((1 << 20) - 1).unwrap();
    assert!(matches!(other.begin(None).await, Err(SpoolError::MemoryTaken)));
}

/// Uploads that are in memory for convenience keep nobody out.
#[tokio::test]
async fn uploads_in_memory_leave_others_room_to_begin() {
    let (_dir, spool) = spool(LIMITS);
    let mut early = Vec::new();
    for _ in 0..4 {
        let mut writer = spool.begin(None).await.unwrap();
        writer.write(&media(1 << 20)).await.unwrap();
        early.push(writer);
    }
    // Two are in memory, two went to their files and hold their working pieces: six more fit.
    let late: Vec<_> = futures::future::join_all((0..6).map(|_| spool.begin(None))).await;
    assert!(late.iter().all(Result::is_ok), "{late:?}");
}

#[tokio::test]
async fn a_length_is_held_to() {
    let (_dir, spool) = spool(LIMITS);
    for expected in [10, 2 << 20] {
        let mut writer = spool.begin(Some(expected)).await.unwrap();
        writer.write(&media(expected as usize)).await.unwrap();
        let error = writer.write(b"x").await.unwrap_err();
        assert!(matches!(error, SpoolError::Longer { .. }) && !error.is_busy(), "{error}");
        let mut writer = spool.begin(Some(expected)).await.unwrap();
        writer.write(&media(expected as usize - 1)).await.unwrap();
        let error = writer.finish().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("only {} of the {expected} bytes came that were announced", expected - 1)
        );
    }
    let limit = LIMITS.per_upload;
    assert!(matches!(spool.begin(Some(limit + 1)).await, Err(SpoolError::TooLarge { .. })));
    let mut writer = spool.begin(None).await.unwrap();
    write(&mut writer, &media(8 << 20), 1 << 20).await.unwrap();
    assert!(matches!(writer.write(b"x").await, Err(SpoolError::TooLarge { .. })));
    drop(writer);
    nothing_is_taken(&spool);
}

/// Waits until so much can be read.
async fn until(growth: &mut watch::Receiver<Availability>, len: u64) {
    let there = |growth: &Availability| match growth {
        Availability::UpTo(up_to, _) => *up_to >= len,
        Availability::Broken(reason) => panic!("{reason}"),
    };
    growth.wait_for(there).await.unwrap();
}

#[tokio::test]
async fn it_can_be_read_while_it_grows() {
    let (_dir, spool) = spool(LIMITS);
    // One that would have stayed in memory as well.
    for len in [500_000, 3 << 20] {
        let media = media(len);
        let mut writer = spool.begin(Some(len as u64)).await.unwrap();
        let (first, rest) = media.split_at(150_000);
        writer.write(first).await.unwrap();
        let growing = writer.growing().await.unwrap();
        let mut growth = growing.availability().unwrap();
        // What had come is there already.
        until(&mut growth, first.len() as u64).await;
        let mut come = first.len();
        for piece in rest.chunks(PIECE) {
            writer.write(piece).await.unwrap();
            come += piece.len();
            // Nothing else has to happen for it to get there, but for what one piece may hold back.
            until(&mut growth, (come - PIECE.min(come)) as u64).await;
            growing.check().unwrap();
            let up_to = match &*growth.borrow() {
                Availability::UpTo(up_to, _) => *up_to as usize,
                Availability::Broken(reason) => panic!("{reason}"),
            };
            assert!(all(&growing)[..up_to] == media[..up_to]);
        }
        let spooled = writer.finish().await.unwrap();
        assert_eq!(*growth.borrow(), Availability::UpTo(len as u64, Growth::Ended));
        assert!(all(&growing) == media);
        // The file lives for whoever has it open, and is gone from the folder.
        drop(spooled);
        assert!(all(&growing) == media);
        growing.check().unwrap();
        nothing_is_taken(&spool);
    }
}

#[tokio::test]
async fn what_ends_early_breaks_what_grows_with_it() {
    let (_dir, spool) = spool(LIMITS);
    let mut writer = spool.begin(Some(2 << 20)).await.unwrap();
    let growing = writer.growing().await.unwrap();
    writer.write(&media(1 << 20)).await.unwrap();
    assert!(matches!(writer.finish().await, Err(SpoolError::Shorter { .. })));
    let mut growth = growing.availability().unwrap();
    growth.wait_for(|growth| matches!(growth, Availability::Broken(_))).await.unwrap();
    assert!(matches!(growing.check(), Err(SourceError::Broken { .. })));
    let error = spool.begin(None).await.unwrap().growing().await.unwrap_err();
    assert!(matches!(error, SpoolError::LengthUnknown), "{error}");
}

#[tokio::test]
async fn the_last_byte_waits_for_whoever_looks_at_the_whole() {
    let (_dir, spool) = spool(LIMITS);
    let media = media(2 << 20);
    let len = media.len() as u64;
    for good in [true, false] {
        let mut writer = spool.begin(Some(len)).await.unwrap();
        let growing = writer.growing().await.unwrap();
        writer.write(&media).await.unwrap();
        let complete = writer.complete().await.unwrap();
        assert!(all(&complete.spooled().source) == media);
        let growth = growing.availability().unwrap();
        assert_eq!(*growth.borrow(), Availability::UpTo(len - 1, Growth::Growing));
        if good {
            let _spooled = complete.release();
            assert_eq!(*growth.borrow(), Availability::UpTo(len, Growth::Ended));
        } else {
            complete.refuse("it is not what it seems");
            assert_eq!(*growth.borrow(), Availability::Broken("it is not what it seems".into()));
        }
    }
    nothing_is_taken(&spool);
}

#[tokio::test]
async fn what_comes_in_and_what_goes_out_share_one_budget() {
    let driver =
        chunkwise_driver::Driver::builder().byte_budget(4 << 20).frame_size(256 << 10).build().unwrap();
    let memory = Budget::lent_by(driver.clone(), 0, 3 << 20);
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::with_memory(dir.path(), SpoolLimits { in_memory: 8 << 20, ..LIMITS }, memory.clone());
    let mut writer = spool.unwrap().begin(None).await.unwrap();
    writer.write(&media((1 << 20) + 1)).await.unwrap();
    // In blocks of 128 KiB here, and in frames of 256 KiB there.
    assert_eq!((memory.taken(), driver.budget().lent), ((1 << 20) + (128 << 10), (1 << 20) + (256 << 10)));
    // More than the limit is not to be had, whatever the driver has: it goes to its file.
    writer.write(&media(2 << 20)).await.unwrap();
    assert_eq!((memory.taken(), driver.budget().lent), (256 << 10, 256 << 10));
    // Nor is what the driver has not.
    let others = driver.lend(3 << 20).unwrap();
    assert!(memory.take(1 << 20).is_none());
    drop(others);
    assert!(memory.take(1 << 20).is_some());
    drop(writer);
    assert_eq!((memory.taken(), driver.budget().lent), (0, 0));
}

#[tokio::test]
async fn what_a_crash_leaves_is_swept_but_for_what_is_known() {
    let (dir, first) = spool(LIMITS);
    let media = media(2 << 20);
    let mut ids = Vec::new();
    // A process that leaves two files behind.
    for _ in 0..2 {
        let mut writer = first.begin(None).await.unwrap();
        write(&mut writer, &media, 1 << 20).await.unwrap();
        let spooled = writer.finish().await.unwrap();
        spooled.source.keep();
        ids.push(spooled.source.id().unwrap());
    }
    let folder = dir.path().join("spool");
    std::fs::write(folder.join("notes.txt"), "not ours").unwrap();
    std::fs::write(folder.join("x.part"), "not ours").unwrap();
    assert_eq!(first.disk().taken(), 4 << 20, "the disk has them still");
    drop(first);

    let second = Spool::new(&folder, LIMITS).unwrap();
    let _living = second.begin(Some(3 << 20)).await.unwrap();
    let swept = second.sweep(&HashSet::from([ids[0]])).unwrap();
    assert_eq!(swept, Swept { removed: 1, bytes: 2 << 20 });
    assert_eq!(files(&second).len(), 4, "one known, one living, two foreign");
    assert_eq!(second.sweep(&HashSet::from([ids[0]])).unwrap(), Swept::default());

    assert_eq!(second.disk().taken(), 5 << 20, "what waits has its disk space");
    let source = second.reopen(ids[0]).unwrap();
    assert_eq!(second.disk().taken(), 5 << 20);
    assert!(all(&source) == media);
    // It is alive now, known or not.
    assert_eq!(second.sweep(&HashSet::new()).unwrap(), Swept::default());
    source.keep();
    drop(source);
    let source = second.reopen(ids[0]).unwrap();
    drop(source);
    assert_eq!(second.disk().taken(), 3 << 20);
    assert!(matches!(second.reopen(ids[0]), Err(SpoolError::Io(_))));
    assert_eq!(files(&second).len(), 3);
}

/// Cut off at any await, a write leaves nothing behind.
#[tokio::test]
async fn a_writer_that_is_dropped_in_the_midst_leaves_nothing() {
    use std::future::Future as _;
    use std::task::{Context, Poll, Waker};

    let (_dir, spool) = spool(LIMITS);
    let media = media(4 << 20);
    for polls in 0..40 {
        let run = async {
            let mut writer = spool.begin(None).await?;
            write(&mut writer, &media, 700_000).await?;
            writer.finish().await
        };
        let mut run = std::pin::pin!(run);
        for _ in 0..polls {
            if let Poll::Ready(result) = run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                result.unwrap();
                break;
            }
            tokio::task::yield_now().await;
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        }
    }
    // A file may be in the making when its writer is dropped; its thread takes it away.
    while !files(&spool).is_empty() || spool.disk().taken() > 0 {
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    }
    nothing_is_taken(&spool);
}

/// A file system of 1 MiB that is really full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_told_from_a_broken_one() {
    use std::process::Command;

    struct Mounted(TempDir);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(self.0.path()).status();
        }
    }

    let dir = tempfile::tempdir().unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no tmpfs can be mounted here");
        return;
    }
    let dir = Mounted(dir);
    let spool = Spool::new(dir.0.path().join("spool"), LIMITS).unwrap();
    let mut writer = spool.begin(Some(3 << 20)).await.unwrap();
    let growing = writer.growing().await.unwrap();
    let error = write(&mut writer, &media(3 << 20), 100_000).await.unwrap_err();
    assert!(matches!(error, SpoolError::DiskFull) && error.is_busy(), "{error}");
    assert!(matches!(growing.check(), Err(SourceError::Broken { .. })));
    assert!(matches!(writer.write(b"x").await, Err(SpoolError::DiskFull)), "it stays so");
    drop(writer);
    nothing_is_taken(&spool);
    // And there is space again.
    drop(growing);
    let mut writer = spool.begin(None).await.unwrap();
    writer.write(&media(500_000)).await.unwrap();
    writer.finish().await.unwrap();
}

#[test]
fn a_budget_gives_what_it_has_and_gets_it_back() {
    let budget = Budget::new(10);
    let mut share = budget.take(6).unwrap();
    assert!(budget.take(5).is_none());
    assert!(!share.grow(5) && share.grow(4));
    assert_eq!((share.bytes(), budget.taken()), (10, 10));
    assert!(budget.take(u64::MAX).is_none(), "no overflow");
    share.shrink_to(3);
    share.shrink_to(7);
    assert_eq!((share.bytes(), budget.taken(), budget.limit()), (3, 3, 10));
    drop(share);
    assert_eq!(budget.taken(), 0);
}
