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
use crate::error::{FetchProblem, Step};
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
