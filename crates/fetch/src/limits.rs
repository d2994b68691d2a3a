//! The limits of a fetch.

use std::time::Duration;

/// What a fetch may cost. Every bound there is, with its default.
///
/// The times come from the reference of the gateway (its fetch procedure); the size is the largest media that X takes from anybody
/// (X fact sheet: video, 512 MB).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// The ports that a URL may name. Default: 80 and 443.
    pub ports: Vec<u16>,
    /// The longest URL, in bytes; that of a redirect included. Default: 8192.
    pub url_bytes: usize,
    /// How many redirects are followed. Default: 3.
    pub redirects: usize,
    /// The longest wait for the addresses of one name. Default: 3 s.
    pub resolve: Duration,
    /// How many addresses of a name are tried; all are checked. Default: 8.
    pub addresses: usize,
    /// The longest wait for one TCP connection. Default: 5 s.
    pub connect: Duration,
    /// The longest TLS handshake. Default: 5 s.
    pub tls: Duration,
    /// The longest wait from the request to the end of the answer's head. Default: 10 s.
    pub head: Duration,
    /// The longest head of an answer, in bytes, and at least 8192. Default: 64 KiB. All interim answers (1xx) together
    /// get as much.
    pub head_bytes: usize,
    /// The most header lines of an answer. Default: 100.
    pub headers: usize,
    /// The longest body, in bytes. Default: 512 MiB.
    pub body_bytes: u64,
    /// The longest wait for the next bytes of a body. Default: 15 s.
    pub idle: Duration,
    /// The least that must come of a body, in bytes a second, over every window of waiting. Default: 64 KiB/s; 0 for
    /// no such bound.
    pub rate_bytes: u64,
    /// The window of that, counting only the time spent waiting for bytes. Default: 30 s.
    pub rate_window: Duration,
    /// The whole fetch, from the first lookup to the last byte, redirects included. Default: 300 s.
    pub total: Duration,
    /// How long is listened for bytes behind the end of a body, where the other side does not close the connection at
    /// once as it was asked to. Default: 100 ms.
    pub after_end: Duration,
    /// How many connections there may be at once to one address (for IPv6, to one network of 64 bits); further ones
    /// wait. Counted over all fetches of one [`Fetcher`](crate::Fetcher), so that it can't be turned against
    /// somebody. Default: 8; `None` for no such bound.
    pub per_address: Option<usize>,
    /// How long it takes at least until a fetch that has come to nothing says so, counted from the last lookup: what is
    /// blocked would be told at once otherwise, and what is closed a round trip later. Default: 1 s; zero for whoever
    /// fetches for himself.
    pub floor: Duration,
    /// Up to how much is added to that, drawn for every fetch anew. Default: 500 ms.
    pub jitter: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            ports: vec![80, 443],
            url_bytes: 8192,
            redirects: 3,
            resolve: Duration::from_secs(3),
            addresses: 8,
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            head: Duration::from_secs(10),
            head_bytes: 64 * 1024,
            headers: 100,
            body_bytes: 512 * 1024 * 1024,
            idle: Duration::from_secs(15),
            rate_bytes: 64 * 1024,
            rate_window: Duration::from_secs(30),
            total: Duration::from_secs(300),
            after_end: Duration::from_millis(100),
            per_address: Some(8),
            floor: Duration::from_secs(1),
            jitter: Duration::from_millis(500),
        }
    }
}
