//! Everything that can take time has a bound, and the bound is the one that was set.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep};

use super::{Answers, Internet, MEDIA, fetch, fetcher, problem, public_fetcher, read_head, tls};
use crate::address::AddressPolicy;
use crate::connect::{BoxStream, Dial};
use crate::error::{FetchProblem, PublicReason, Step};
use crate::evened::Chance;
use crate::fetcher::Fetcher;
use crate::limits::FetchLimits;
use crate::resolve::Resolve;

const URL: &str = "http://media.example/clip.mp4?signature=secret";

fn serving<F>(serve: impl Fn(DuplexStream) -> F + Send + Sync + 'static) -> Arc<Internet>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    Arc::new(Internet::new(move |_, stream| Some(serve(stream))))
}

/// The step that ran out of time, and when.
async fn out_of_time(fetcher: &Fetcher, url: &str) -> (Step, u64) {
    let start = Instant::now();
    match problem(fetcher, url).await {
        FetchProblem::TimedOut { step, .. } => (step, start.elapsed().as_secs()),
        other => panic!("{other}"),
    }
}

/// Does nothing, for ever.
#[derive(Debug)]
struct Silence;

#[async_trait]
impl Resolve for Silence {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

#[async_trait]
impl Dial for Silence {
    async fn dial(&self, _: SocketAddr) -> io::Result<(BoxStream, SocketAddr)> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_has_three_seconds() {
    let fetcher = fetcher(FetchLimits::default(), Arc::new(Silence), &serving(|_| async { Ok(()) }));
    assert_eq!(out_of_time(&fetcher, URL).await, (Step::Resolve, 3));
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_five_seconds_and_all_together_little_more() {
    let eight = ["8.0.0.1", "8.0.0.2", "8.0.0.3", "8.0.0.4", "8.0.0.5", "8.0.0.6", "8.0.0.7", "8.0.0.8"];
    for (addresses, within) in [(&eight[..1], 5000), (&eight, 5000 + 7 * 250)] {
        let (limits, policy) = (FetchLimits::default(), AddressPolicy::public());
        let fetcher = Fetcher::dialling(limits, policy, Answers::new(&[addresses]), tls(), Arc::new(Silence));
        let start = Instant::now();
        let problem = problem(&fetcher, URL).await;
        let FetchProblem::Unreachable(error) = &problem else { panic!("{problem}") };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_millis(within));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_after_the_connection_has_five_seconds_for_tls_and_ten_for_the_head() {
    let silent = serving(|stream| async move {
        let _open = stream;
        std::future::pending().await
    });
    let fetcher = public_fetcher(&silent);
    assert_eq!(out_of_time(&fetcher, "https://media.example/?secret").await, (Step::Tls, 5));
    assert_eq!(out_of_time(&fetcher, URL).await, (Step::Head, 10));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_has_ten_seconds_too() {
    for filler in ["x", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let trickling = serving(move |mut stream| async move {
            read_head(&mut stream).await?;
            if filler == "x" {
                stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await?;
            }
            loop {
                stream.write_all(filler.as_bytes()).await?;
                sleep(Duration::from_millis(100)).await;
            }
        });
        assert_eq!(out_of_time(&public_fetcher(&trickling), URL).await, (Step::Head, 10));
    }
}

#[tokio::test(start_paused = true)]
async fn who_falls_silent_has_fifteen_seconds() {
    let silent = serving(|mut stream| async move {
        read_head(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nmedia").await?;
        std::future::pending().await
    });
    assert_eq!(out_of_time(&public_fetcher(&silent), URL).await, (Step::Idle, 15));
    // Unless the whole fetch ends before.
    let limits = FetchLimits { total: Duration::from_secs(7), ..FetchLimits::default() };
    let brief = fetcher(limits, Answers::new(&[&["8.8.8.8"]]), &silent);
    assert_eq!(out_of_time(&brief, URL).await, (Step::Total, 7));
}

#[tokio::test(start_paused = true)]
async fn a_trickle_ends_with_the_first_window_that_it_fills() {
    for (bytes, every) in [(1, 1), (64 * 1024 - 1, 1), (64 * 1024 * 14, 14)] {
        let trickling = serving(move |mut stream| async move {
            read_head(&mut stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n").await?;
            loop {
                sleep(Duration::from_secs(every)).await;
                stream.write_all(&vec![0; bytes]).await?;
            }
        });
        let fetcher = public_fetcher(&trickling);
        let start = Instant::now();
        let problem = problem(&fetcher, URL).await;
        let FetchProblem::Slow { got, .. } = problem else { panic!("{problem}") };
        assert!(got < 30 * 64 * 1024 && got >= bytes as u64, "{got}");
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}

/// Just fast enough, it goes on until the whole fetch is out of time.
#[tokio::test(start_paused = true)]
async fn the_whole_fetch_has_three_hundred_seconds() {
    let slow = || {
        serving(|mut stream| async move {
            read_head(&mut stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n").await?;
            loop {
                stream.write_all(&[0; 64 * 1024]).await?;
                sleep(Duration::from_millis(999)).await;
            }
        })
    };
    assert_eq!(out_of_time(&public_fetcher(&slow()), URL).await, (Step::Total, 300));
    let limits = FetchLimits { total: Duration::from_secs(7), ..FetchLimits::default() };
    let brief = fetcher(limits, Answers::new(&[&["8.8.8.8"]]), &slow());
    assert_eq!(out_of_time(&brief, URL).await, (Step::Total, 7));
}

#[tokio::test(start_paused = true)]
async fn redirects_share_the_time_of_the_whole_fetch() {
    let slow = serving(|mut stream| async move {
        read_head(&mut stream).await?;
        sleep(Duration::from_secs(9)).await;
        stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /?secret\r\nContent-Length: 0\r\n\r\n").await
    });
    let limits = FetchLimits { total: Duration::from_secs(20), ..FetchLimits::default() };
    let fetcher = fetcher(limits, Answers::new(&[&["8.8.8.8"]]), &slow);
    assert_eq!(out_of_time(&fetcher, URL).await, (Step::Total, 20));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_its_time_blames_nobody() {
    let quick = serving(|mut stream| async move {
        read_head(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await?;
        stream.write_all(&[0; 1_000_000]).await
    });
    let mut fetched = public_fetcher(&quick).get(&URL.to_owned().into()).await.unwrap();
    let mut len = 0;
    while let Some(chunk) = fetched.body.next_chunk().await.unwrap() {
        len += chunk.len();
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(len, 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stays_open_behind_the_body_costs_a_moment() {
    let open = serving(|mut stream| async move {
        read_head(&mut stream).await?;
        stream.write_all(MEDIA.as_bytes()).await?;
        std::future::pending().await
    });
    let start = Instant::now();
    assert_eq!(fetch(&public_fetcher(&open), URL).await.unwrap(), b"media");
    assert_eq!(start.elapsed(), FetchLimits::default().after_end);
}

/// Never, or an address that is blocked, or one that takes no connection: after so long a lookup.
#[derive(Debug)]
enum Lookup {
    Fails(Duration),
    Finds(Duration, &'static str),
}

#[async_trait]
impl Resolve for Lookup {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::Fails(after) => {
                sleep(*after).await;
                Err(io::ErrorKind::NotFound.into())
            }
            Self::Finds(after, address) => {
                sleep(*after).await;
                Ok(vec![address.parse().unwrap()])
            }
        }
    }
}

/// Threat T17: how long it took tells what is blocked from what is closed no better than the words do.
#[tokio::test(start_paused = true)]
async fn blocked_closed_and_unresolvable_take_the_same_time() {
    let closed = Arc::new(Internet::new(|_, _| None::<std::future::Ready<_>>));
    let not_found = serving(|mut stream| async move {
        read_head(&mut stream).await?;
        sleep(Duration::from_millis(80)).await;
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await
    });
    let at_once = Duration::ZERO;
    let millis = Duration::from_millis;
    let mut seen = Vec::new();
    for (lookup, internet, url) in [
        (Lookup::Finds(at_once, "10.0.0.1"), &closed, URL),
        (Lookup::Finds(millis(300), "10.0.0.1"), &closed, URL),
        (Lookup::Finds(millis(20), "93.184.216.34"), &closed, URL),
        (Lookup::Finds(millis(20), "93.184.216.34"), &not_found, URL),
        (Lookup::Fails(at_once), &closed, URL),
        (Lookup::Fails(millis(900)), &closed, URL),
        (Lookup::Fails(at_once), &closed, "http://127.0.0.1/?secret"),
        (Lookup::Fails(at_once), &closed, "http://metadata.internal/?secret"),
    ] {
        let drawn = std::sync::Mutex::new(0_u64);
        let chance = Chance::new(move || {
            let mut drawn = drawn.lock().unwrap();
            *drawn += 37_000_017;
            *drawn
        });
        let fetcher = fetcher(FetchLimits::default(), Arc::new(lookup), internet).by_chance(chance);
        let mut times = Vec::new();
        for _ in 0..100 {
            let began = Instant::now();
            let error = fetch(&fetcher, url).await.unwrap_err();
            assert_eq!(error.public(), PublicReason::NotFetched);
            times.push(began.elapsed());
        }
        assert!(times.iter().all(|time| (millis(1_000)..millis(1_502)).contains(time)), "{times:?}");
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*most - *least > millis(400), "there is jitter: {times:?}");
        seen.push(times);
    }
    assert!(seen.iter().all(|times| *times == seen[0]), "{seen:?}");
}

/// The origin that redirects knows when it did: the time counts from there.
#[tokio::test(start_paused = true)]
async fn a_redirect_to_what_is_blocked_takes_as_long_again() {
    for location in ["http://10.0.0.1/", "http://closed.example/", "ftp://10.0.0.1/"] {
        let slow = Arc::new(Internet::new(move |address, mut stream| {
            (address.ip() == IpAddr::from([8, 8, 8, 8])).then_some(async move {
                read_head(&mut stream).await?;
                sleep(Duration::from_secs(9)).await;
                let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).await
            })
        }));
        let (limits, answers) = (FetchLimits::default(), Answers::new(&[&["8.8.8.8"], &["8.8.4.4"]]));
        let fetcher = fetcher(limits, answers, &slow);
        let began = Instant::now();
        fetch(&fetcher, URL).await.unwrap_err();
        let took = began.elapsed();
        assert!(
            took >= Duration::from_secs(10) && took < Duration::from_millis(10_550),
            "{location}: {took:?}"
        );
    }
}

/// What is wrong with the URL's text, and what is whole, is told at once.
#[tokio::test(start_paused = true)]
async fn what_tells_nothing_of_a_network_is_told_at_once() {
    let fetcher = public_fetcher(&Arc::new(Internet::answering(MEDIA)));
    let began = Instant::now();
    assert_eq!(fetch(&fetcher, URL).await.unwrap(), b"media");
    fetch(&fetcher, "ftp://media.example/?secret").await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// Threat T16: whoever is down is not hammered.
#[tokio::test(start_paused = true)]
async fn nothing_is_tried_a_second_time() {
    let closed = Arc::new(Internet::new(|_, _| None::<std::future::Ready<_>>));
    let broken = serving(|mut stream| async move { read_head(&mut stream).await.map(drop) });
    let busy = Arc::new(Internet::answering(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
    ));
    for internet in [closed, broken, busy] {
        problem(&public_fetcher(&internet), URL).await;
        sleep(Duration::from_secs(600)).await;
        assert_eq!(internet.dialled().len(), 1);
    }
}
