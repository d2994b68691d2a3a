//! What Prometheus is told. Labels have few values: never a key, an account or a media id (threats T11, T24).

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    code: u16,
}

/// Media that came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ingested {
    source: &'static str,
}

/// An upload that ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    end: &'static str,
}

/// How media comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ingest {
    /// As base64 in a body.
    Data,
    /// From a URL.
    Url,
    /// As the body itself.
    Body,
}

impl Ingest {
    /// Its name in metrics and in the database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Url => "url",
            Self::Body => "body",
        }
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    ingested: Family<Ingested, Counter<u64, AtomicU64>>,
    sent: Counter<u64, AtomicU64>,
    ended: Family<Ended, Counter>,
    running: Gauge,
    seconds: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("chunkwise");
        let (answered, ingested, ended) = (Family::default(), Family::default(), Family::default());
        let (sent, running) = (Counter::default(), Gauge::default());
        let seconds = Histogram::new(exponential_buckets(0.25, 2.0, 14));
        registry.register("requests", "Requests answered", answered.clone());
        registry.register_with_unit("ingest", "Media taken in", Unit::Bytes, ingested.clone());
        registry.register_with_unit("upload", "Media stored at X", Unit::Bytes, sent.clone());
        registry.register("uploads", "Uploads ended", ended.clone());
        registry.register("uploads_running", "Uploads under way", running.clone());
        let help = "From the request to the media id";
        registry.register_with_unit("upload_duration", help, Unit::Seconds, seconds.clone());
        Self { registry, answered, ingested, sent, ended, running, seconds }
    }

    pub(crate) fn answered(&self, route: &str, code: u16) {
        self.answered.get_or_create(&Answered { route: route.to_owned(), code }).inc();
    }

    pub(crate) fn ingested(&self, ingest: Ingest, bytes: u64) {
        self.ingested.get_or_create(&Ingested { source: ingest.name() }).inc_by(bytes);
    }

    pub(crate) fn began(&self) {
        self.running.inc();
    }

    pub(crate) fn ended(&self, end: &'static str, bytes: u64, took: Duration) {
        self.running.dec();
        self.ended.get_or_create(&Ended { end }).inc();
        self.sent.inc_by(bytes);
        self.seconds.observe(took.as_secs_f64());
    }

    /// As Prometheus reads it (OpenMetrics text).
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told_by_its_names() {
        let metrics = Metrics::new();
        metrics.answered("/twitter/media/upload", 200);
        metrics.ingested(Ingest::Url, 7);
        metrics.began();
        metrics.ended("completed", 7, Duration::from_secs(1));
        let text = metrics.text();
        for line in [
            "chunkwise_requests_total{route=\"/twitter/media/upload\",code=\"200\"} 1",
            "chunkwise_ingest_bytes_total{source=\"url\"} 7",
            "chunkwise_upload_bytes_total 7",
            "chunkwise_uploads_total{end=\"completed\"} 1",
            "chunkwise_uploads_running 0",
            "chunkwise_upload_duration_seconds_count 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
