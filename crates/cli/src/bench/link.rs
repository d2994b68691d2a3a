//! Emulated links as people write them: names out of the catalogue, or lists of properties.

use std::time::Duration;

use chunkwise_testkit::link::{Link, Throttle, catalogue};

use crate::values::{Rate, Span};

/// A link as it is written. Those of the catalogue change with the size of what is uploaded: that they halve, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One of the catalogue.
    Named(String),
    /// One of properties.
    Made(Box<Link>),
}

impl Wanted {
    /// The link for uploads of so many bytes, and what to call it.
    pub(super) fn link(&self, size: u64) -> Option<(String, Link)> {
        match self {
            Self::Named(name) => {
                let named = named(size).into_iter().find(|named| named.name == *name)?;
                Some((format!("{name} ({})", named.link), named.link))
            }
            Self::Made(link) => Some((link.to_string(), (**link).clone())),
        }
    }
}

/// The links of the catalogue. Where one halves, it does so for half of the upload, after a quarter of it.
fn named(size: u64) -> Vec<chunkwise_testkit::link::Named> {
    const SEGMENT: u64 = 1 << 20;
    catalogue(SEGMENT, u32::try_from(size / SEGMENT / 4).unwrap_or(u32::MAX).max(1))
}

/// What is wrong with a link as it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidLink {
    #[error(
        "there is no link {0:?}; a name is as 150ms-100mb-limited, a list as rtt=150ms,rate=100MB: see chunkwise bench --help"
    )]
    Name(String),
    #[error(
        "a link has no property {0:?}; there are rtt, rate, per-connection, failing, halved, quota and at-once"
    )]
    Property(String),
    #[error("{name}={value:?} can't be used: it is as in {name}={example}")]
    Value { name: &'static str, value: String, example: &'static str },
    #[error("a link needs its {0}, as in rtt=150ms,rate=100MB")]
    Missing(&'static str),
    #[error("a link has its {0} once")]
    Twice(&'static str),
    #[error("a link has a quota or an at-once, not both")]
    TwoThrottles,
}

/// A property, with what is written of it.
struct Property<'a> {
    name: &'static str,
    example: &'static str,
    value: &'a str,
}

impl Property<'_> {
    fn invalid(&self) -> InvalidLink {
        InvalidLink::Value { name: self.name, value: self.value.to_owned(), example: self.example }
    }

    fn read<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, InvalidLink> {
        read(self.value).ok_or_else(|| self.invalid())
    }
}

/// Every property with an example.
const PROPERTIES: [(&str, &str); 7] = [
    ("rtt", "150ms"),
    ("rate", "100MB"),
    ("per-connection", "10MB"),
    ("failing", "0.1%"),
    ("halved", "2s..6s"),
    ("quota", "500/60s"),
    ("at-once", "6/1s"),
];

/// Reads a link.
pub(super) fn parse(text: &str) -> Result<Wanted, InvalidLink> {
    let text = text.trim();
    if !text.contains('=') {
        let known = named(1 << 30).iter().any(|named| named.name == text);
        return if known {
            Ok(Wanted::Named(text.to_owned()))
        } else {
            Err(InvalidLink::Name(text.to_owned()))
        };
    }
    let mut given = Vec::<Property<'_>>::new();
    for property in text.split(',') {
        let (name, value) = property.split_once('=').unwrap_or((property, ""));
        let (name, value) = (name.trim(), value.trim());
        let known = PROPERTIES.into_iter().find(|(known, _)| *known == name);
        let (name, example) = known.ok_or_else(|| InvalidLink::Property(name.to_owned()))?;
        if given.iter().any(|property| property.name == name) {
            return Err(InvalidLink::Twice(name));
        }
        given.push(Property { name, example, value });
    }
    let property = |name: &str| given.iter().find(|property| property.name == name);
    let needed = |name| property(name).ok_or(InvalidLink::Missing(name));
    let mut link = Link::new(needed("rtt")?.read(span)?, needed("rate")?.read(rate)?);
    if let Some(property) = property("per-connection") {
        link = link.per_connection(property.read(rate)?);
    }
    if let Some(property) = property("failing") {
        link = link.failing(property.read(of_a_million)?);
    }
    if let Some(property) = property("halved") {
        let (from, to) = property.read(|text| {
            let (from, to) = text.split_once("..")?;
            Some((span(from)?, span(to)?)).filter(|(from, to)| from < to)
        })?;
        link = link.halved(from, to);
    }
    let throttle = match (property("quota"), property("at-once")) {
        (None, None) => Throttle::Never,
        (Some(quota), None) => {
            let (requests, period) = quota.read(so_many_in)?;
            Throttle::Quota { requests, period }
        }
        (None, Some(at_once)) => {
            let (most, wait) = at_once.read(so_many_in)?;
            Throttle::AtOnce { most, wait }
        }
        (Some(_), Some(_)) => return Err(InvalidLink::TwoThrottles),
    };
    Ok(Wanted::Made(Box::new(link.throttled(throttle))))
}

fn span(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Span::duration)
}

fn rate(text: &str) -> Option<u64> {
    text.parse().ok().map(Rate::bytes_per_second)
}

/// Per cent: one request of a million at least, and one that doesn't fail.
fn of_a_million(text: &str) -> Option<u32> {
    let percent: f64 = text.strip_suffix('%')?.trim_end().parse().ok()?;
    let of_a_million = (percent * 10_000.0).round();
    (1.0..1e6).contains(&of_a_million).then_some(of_a_million as u32)
}

fn so_many_in(text: &str) -> Option<(u32, Duration)> {
    let (count, time) = text.split_once('/')?;
    Some((count.trim().parse().ok().filter(|count| *count > 0)?, span(time)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str) -> Link {
        match parse(text) {
            Ok(Wanted::Made(link)) => *link,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_link_is_written_by_its_properties() {
        let (ms, secs) = (Duration::from_millis, Duration::from_secs);
        let plain = Link::new(ms(150), 100_000_000);
        assert_eq!(made("rtt=150ms,rate=100MB"), plain);
        assert_eq!(made(" rate = 100MB/s , rtt = 150ms "), plain);
        assert_eq!(
            made("rtt=150ms,rate=100MB,per-connection=10MB,failing=0.1%,halved=2s..6s,quota=500/60s"),
            plain
                .clone()
                .per_connection(10_000_000)
                .failing(1_000)
                .halved(secs(2), secs(6))
                .throttled(Throttle::Quota { requests: 500, period: secs(60) })
        );
        let throttle = Throttle::AtOnce { most: 6, wait: secs(1) };
        assert_eq!(made("rtt=150ms,rate=100MB,at-once=6/1s"), plain.throttled(throttle));
    }

    #[test]
    fn a_name_is_one_of_the_catalogue() {
        for name in ["150ms-100mb-limited", "1ms-10mb", "40ms-100mb-halved", "150ms-10mb-at-once"] {
            let wanted = parse(name).unwrap();
            let (told, _) = wanted.link(256_000_000).unwrap();
            assert!(told.starts_with(&format!("{name} (")), "{told}");
        }
        let (told, _) = parse("150ms-100mb-limited").unwrap().link(1).unwrap();
        assert_eq!(told, "150ms-100mb-limited (150 ms, 100 MB/s, 10 a connection)");
    }

    /// Of every upload the link is slow for the middle half, as far as the link is what bounds it.
    #[test]
    fn a_link_that_halves_does_so_in_the_midst_of_the_upload() {
        let (_, link) = parse("40ms-100mb-halved").unwrap().link(400 << 20).unwrap();
        let at: Vec<_> = link.bandwidth.later.iter().map(|(at, _)| at.as_secs_f64()).collect();
        let quarter = f64::from(100 << 20) / 1e8;
        assert!((at[0] - quarter).abs() < 0.01 && (at[1] - 3.0 * quarter).abs() < 0.01, "{at:?}");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_right() {
        for (text, sentence) in [
            (
                "150ms-1gb",
                "there is no link \"150ms-1gb\"; a name is as 150ms-100mb-limited, a list as rtt=150ms,rate=100MB: see \
                 chunkwise bench --help",
            ),
            ("rtt=150ms", "a link needs its rate, as in rtt=150ms,rate=100MB"),
            ("rate=1MB", "a link needs its rtt, as in rtt=150ms,rate=100MB"),
            ("rtt=150,rate=1MB", "rtt=\"150\" can't be used: it is as in rtt=150ms"),
            ("rtt=1ms,rate=fast", "rate=\"fast\" can't be used: it is as in rate=100MB"),
            ("rtt=1ms,rate=1MB,failing=2", "failing=\"2\" can't be used: it is as in failing=0.1%"),
            ("rtt=1ms,rate=1MB,failing=100%", "failing=\"100%\" can't be used: it is as in failing=0.1%"),
            (
                "rtt=1ms,rate=1MB,failing=0.00001%",
                "failing=\"0.00001%\" can't be used: it is as in failing=0.1%",
            ),
            (
                "rtt=1ms,rate=1MB,failing=99.99999%",
                "failing=\"99.99999%\" can't be used: it is as in failing=0.1%",
            ),
            ("rtt=1ms,rate=1MB,halved=6s..2s", "halved=\"6s..2s\" can't be used: it is as in halved=2s..6s"),
            ("rtt=1ms,rate=1MB,quota=0/1s", "quota=\"0/1s\" can't be used: it is as in quota=500/60s"),
            ("rtt=1ms,rate=1MB,at-once=6", "at-once=\"6\" can't be used: it is as in at-once=6/1s"),
            ("rtt=1ms,rate=1MB,quota=1/1s,at-once=1/1s", "a link has a quota or an at-once, not both"),
            ("rtt=1ms,rtt=1ms,rate=1MB", "a link has its rtt once"),
            (
                "rtt=1ms,rate=1MB,jitter=3ms",
                "a link has no property \"jitter\"; there are rtt, rate, per-connection, failing, halved, quota and at-once",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), sentence);
        }
    }
}
