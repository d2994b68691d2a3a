//! What is dialled is what was checked, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::{Answers, Internet, MEDIA, fetch, fetcher, problem, public_fetcher, read_head};
use crate::error::FetchProblem;
use crate::limits::FetchLimits;

const URL: &str = "http://media.example/clip.mp4?signature=secret";

/// Rebinding: the name stands for a public address when it is checked, and for a private one ever after.
#[tokio::test(start_paused = true)]
async fn a_name_is_looked_up_once_and_what_was_checked_is_dialled() {
    let internet = Arc::new(Internet::answering(MEDIA));
    let rebinding = Answers::new(&[&["93.184.216.34"], &["127.0.0.1"]]);
    let fetcher = fetcher(FetchLimits::default(), Arc::<Answers>::clone(&rebinding), &internet);
    assert_eq!(fetch(&fetcher, URL).await.unwrap(), b"media");
    assert_eq!(rebinding.asked(), 1);
    assert_eq!(internet.dialled(), ["93.184.216.34:80"]);
    // The next fetch looks it up anew, and checks that.
    assert!(matches!(problem(&fetcher, URL).await, FetchProblem::Denied(_)));
    assert_eq!(internet.dialled().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_the_same_name_is_checked_anew() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: /clip.mp4?again\r\nContent-Length: 0\r\n\r\n";
    let internet = Arc::new(Internet::answering(redirect));
    let rebinding = Answers::new(&[&["93.184.216.34"], &["169.254.169.254"]]);
    let fetcher = fetcher(FetchLimits::default(), Arc::<Answers>::clone(&rebinding), &internet);
    assert!(matches!(problem(&fetcher, URL).await, FetchProblem::Denied(_)));
    assert_eq!(rebinding.asked(), 2);
    assert_eq!(internet.dialled(), ["93.184.216.34:80"]);
}

#[tokio::test(start_paused = true)]
async fn one_bad_address_among_many_is_enough_also_where_it_would_not_be_dialled() {
    let internet = Arc::new(Internet::new(|_, _| None::<std::future::Ready<_>>));
    let many = ["8.0.0.1", "8.0.0.2", "8.0.0.3", "8.0.0.4", "8.0.0.5", "8.0.0.6", "8.0.0.7", "8.0.0.8"];
    for last in ["10.0.0.1", "::1", "::ffff:10.0.0.1"] {
        let answers = Answers::new(&[&[&many[..], &[last]].concat()]);
        let fetcher = fetcher(FetchLimits::default(), answers, &internet);
        assert!(matches!(problem(&fetcher, URL).await, FetchProblem::Denied(_)), "{last}");
    }
    assert_eq!(internet.dialled(), [""; 0]);
    // All good: eight of them are tried, in their order.
    let answers = Answers::new(&[&[&many[..], &["8.0.0.9"]].concat()]);
    let fetcher = fetcher(FetchLimits::default(), answers, &internet);
    assert!(matches!(problem(&fetcher, URL).await, FetchProblem::Unreachable(_)));
    assert_eq!(internet.dialled(), many.map(|ip| format!("{ip}:80")));
}

#[tokio::test(start_paused = true)]
async fn the_first_address_that_answers_is_taken() {
    let internet = Arc::new(Internet::new(|address, mut stream| {
        address.is_ipv4().then_some(async move {
            read_head(&mut stream).await?;
            stream.write_all(MEDIA.as_bytes()).await
        })
    }));
    let answers = Answers::new(&[&["2600::1", "8.8.8.8"]]);
    let fetcher = fetcher(FetchLimits::default(), answers, &internet);
    assert_eq!(fetch(&fetcher, URL).await.unwrap(), b"media");
    assert_eq!(internet.dialled(), ["[2600::1]:80", "8.8.8.8:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_leads_elsewhere_gets_no_request() {
    for elsewhere in ["127.0.0.1:80", "93.184.216.34:81", "93.184.216.35:80"] {
        let mut internet = Internet::new(|_, mut stream| {
            Some(async move { panic!("a request came: {:?}", read_head(&mut stream).await.unwrap_err()) })
        });
        internet.elsewhere = Some(elsewhere.parse().unwrap());
        let fetcher = public_fetcher(&Arc::new(internet));
        let problem = problem(&fetcher, URL).await;
        assert!(matches!(problem, FetchProblem::OtherPeer { .. }), "{elsewhere}: {problem}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_has_so_many_connections_and_the_next_waits() {
    let internet = Arc::new(Internet::answering(MEDIA));
    let limits = FetchLimits { per_address: Some(2), ..FetchLimits::default() };
    let fetcher = fetcher(limits, Answers::new(&[&["93.184.216.34"]]), &internet);
    let get = |url: &str| {
        let (fetcher, url) = (fetcher.clone(), url.to_owned().into());
        async move { fetcher.get(&url).await.unwrap() }
    };
    let first = get("http://a.example/").await;
    let second = get("http://b.example/").await;
    let mut third = Box::pin(get("http://c.example/"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(third.as_mut().now_or_never().is_none());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(internet.dialled().len(), 2);
    let before = Instant::now();
    drop(first);
    drop(third.await);
    drop(second);
    assert_eq!((internet.dialled().len(), before.elapsed()), (3, Duration::ZERO));
}

/// Or a fetch would wait for itself.
#[tokio::test(start_paused = true)]
async fn a_redirect_gives_its_place_back_first() {
    let internet = Arc::new(Internet::new(|_, mut stream| {
        Some(async move {
            let head = read_head(&mut stream).await?;
            let redirect = "HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n";
            let answer = if head.starts_with("GET /end ") { MEDIA } else { redirect };
            stream.write_all(answer.as_bytes()).await
        })
    }));
    let limits = FetchLimits { per_address: Some(1), ..FetchLimits::default() };
    let fetcher = fetcher(limits, Answers::new(&[&["93.184.216.34"]]), &internet);
    assert_eq!(fetch(&fetcher, URL).await.unwrap(), b"media");
    assert_eq!(internet.dialled().len(), 2);
}

/// A gateway fetches in tasks of its own.
#[tokio::test(start_paused = true)]
async fn a_fetch_can_be_spawned() {
    let fetcher = public_fetcher(&Arc::new(Internet::answering(MEDIA)));
    let fetched = tokio::spawn(async move { fetch(&fetcher, URL).await });
    assert_eq!(fetched.await.unwrap().unwrap(), b"media");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_public_is_dialled_as_it_is() {
    let internet = Arc::new(Internet::answering(MEDIA));
    let fetcher = fetcher(FetchLimits::default(), Answers::new(&[&["127.0.0.1"]]), &internet);
    for (url, dialled) in [
        ("http://93.184.216.34/", "93.184.216.34:80"),
        ("http://0x5d.0xb8d822/", "93.184.216.34:80"),
        ("http://[2600::1]:443/", "[2600::1]:443"),
    ] {
        assert_eq!(fetch(&fetcher, url).await.unwrap(), b"media", "{url}");
        assert_eq!(internet.dialled().pop().unwrap(), dialled);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_dropped_closes_its_connection() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    let closed = std::sync::Mutex::new(Some(closed));
    let internet = Arc::new(Internet::new(move |_, mut stream| {
        let closed = closed.lock().unwrap().take();
        Some(async move {
            read_head(&mut stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n").await?;
            let error = loop {
                if let Err(error) = stream.write_all(&[0; 1024]).await {
                    break error;
                }
            };
            drop(closed.unwrap().send(error));
            Ok(())
        })
    }));
    let fetched = public_fetcher(&internet).get(&URL.to_owned().into()).await.unwrap();
    drop(fetched);
    assert_eq!(wait.await.unwrap().kind(), std::io::ErrorKind::BrokenPipe);
}
