//! Answers and their outcomes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bytes::Bytes;
use chunkwise_core::{
    Commitment, Cut, Delay, Failure, Final, Outcome, ProblemKind, Processing, Reply, Timestamp, Verdict,
};
use chunkwise_transport::http::{Protocol as _, Response};

use super::{NOW, files, named};
use crate::problems::{self, Step};
use crate::said::Said;
use crate::{Api, Category, Media, MediaType, XProtocol, error_table, lenient};

/// X fact sheet §7, line by line, and the vectors that show each. The lines about posts are not the upload's.
const CATALOGUE: &[(&str, &[&str])] = &[
    ("any 401", &["any-401-code-32", "any-401-problem", "any-400-code-215"]),
    ("any 403 about:blank", &["any-403-missing-scope"]),
    ("any 403 unsupported-authentication", &["any-403-unsupported-authentication"]),
    (
        "any 429",
        &["any-429-code-88", "any-429-problem", "any-429-date", "any-429-past-reset", "any-400-code-88"],
    ),
    (
        "any 500/502/503/504",
        &[
            "any-500-strings",
            "any-500-code-131",
            "any-502-html",
            "any-503",
            "any-503-code-130",
            "any-504-empty",
            "status-500",
        ],
    ),
    ("any 404", &["any-404-incident", "append-404", "finalize-404", "status-404-empty", "verify-outage"]),
    ("init 400", &["init-400-media-type", "init-400-too-large"]),
    ("append 400 SegmentIndex", &["append-400-index"]),
    ("append 413", &["append-413"]),
    ("append 431", &["append-431"]),
    (
        "append/finalize invalid or expired media id",
        &["append-400-media-id", "append-400-expired", "append-404", "finalize-404", "finalize-400-expired"],
    ),
    ("finalize 400 Segments do not add up", &["finalize-400-size", "finalize-400-size-v2"]),
    ("finalize 400 Request body must be a JSON object", &["finalize-400-body"]),
    ("finalize 400 Large file can not be finalized synchronously", &["finalize-400-category"]),
    ("status 400 BadRequest: Not found", &["status-400", "verify-not-found-video", "verify-not-found-image"]),
    ("status 404 code 34", &["status-404-code-34", "verify-v1-not-found", "verify-v1-not-found-image"]),
    (
        "status 200 failed",
        &["status-failed", "status-failed-unsupported", "finalize-failed", "verify-failed"],
    ),
    ("status 200 stuck with an error", &["status-stuck-with-error"]),
];

/// A vector: an operation, its answer, and what that comes to.
struct Vector {
    name: String,
    operation: String,
    category: Category,
    row: String,
    response: Response,
    outcome: String,
}

impl Vector {
    fn all() -> Vec<Self> {
        let vectors: Vec<_> =
            files("responses").into_iter().map(|(name, text)| Self::parse(name, &text)).collect();
        assert!(!vectors.is_empty());
        vectors
    }

    fn parse(name: String, text: &str) -> Self {
        let (intro, rest) = text.split_once("--- answer\n").unwrap();
        let (answer, outcome) = rest.split_once("\n--- outcome\n").unwrap();
        let field = |key: &str| {
            let line = intro.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("{name} has no {key}")).to_owned()
        };
        let (head, body) = answer.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let status: u16 = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap();
        let mut builder = http::Response::builder().status(status);
        for line in lines {
            let (key, value) = line.split_once(": ").unwrap();
            builder = builder.header(key, value);
        }
        Self {
            operation: field("operation"),
            category: field("category").parse().unwrap(),
            row: field("row"),
            response: builder.body(Bytes::copy_from_slice(body.as_bytes())).unwrap(),
            outcome: outcome.trim_end().to_owned(),
            name,
        }
    }

    fn decoded(&self) -> Outcome {
        let x = XProtocol::new(Api::V2, Media::new(MediaType::MP4, self.category));
        if self.operation == "Metadata" {
            return match x.decode_alt_text(&self.response, NOW) {
                Ok(()) => panic!("{}: this is no failure", self.name),
                Err(failure) => Outcome::failure(failure),
            };
        }
        x.decode(&named(&self.operation), &self.response, NOW)
    }

    /// The row of the error table that the answer falls under; `-` for a good status.
    fn found_row(&self) -> &'static str {
        if self.response.status().is_success() {
            return "-";
        }
        let step = match self.operation.as_str() {
            "Metadata" => Step::Metadata,
            other => Step::of(&named(other).action).unwrap(),
        };
        let said = Said::of(&self.response, lenient::parse(self.response.body()).as_ref());
        problems::find(step, self.response.status().as_u16(), &said).unwrap().name()
    }
}

fn secs(at: Timestamp) -> u64 {
    at.as_micros() / 1_000_000
}

fn delay(delay: Option<Delay>, after: &str, at: &str) -> String {
    match delay {
        None => String::new(),
        Some(Delay::After(wait)) => format!(", {after} {}s", wait.as_secs()),
        Some(Delay::At(point)) => format!(", {at} {}", secs(point)),
    }
}

fn finished(result: &Final) -> String {
    let size = result.size.map_or_else(String::new, |size| format!(", {size} bytes"));
    let expires = result.expires_at.map_or_else(String::new, |at| format!(", expires at {}", secs(at)));
    format!("completed {}{size}{expires}", result.id)
}

fn processing(processing: &Processing) -> String {
    match processing {
        Processing::Running { after, percent } => {
            let percent = percent.map_or_else(String::new, |percent| format!(", {} %", percent.get()));
            format!("processing{}{percent}", delay(*after, "ask after", "ask at"))
        }
        Processing::Failed(error) => format!("processing failed: {error}"),
    }
}

/// An outcome in a line, with a second one for the pace.
fn compact(outcome: &Outcome) -> String {
    let mut line = match &outcome.result {
        Ok(Reply::Opened { session, expires }) => {
            format!("opened {session}{}", delay(*expires, "expires after", "expires at"))
        }
        Ok(Reply::Stored { receipt: None, expires }) => {
            format!("stored{}", delay(*expires, "expires after", "expires at"))
        }
        Ok(Reply::Processing(running)) => processing(running),
        Ok(Reply::Completed(result)) => finished(result),
        Ok(Reply::Verified(Verdict::Committed(Commitment::Ready(result)))) => {
            format!("committed, {}", finished(result))
        }
        Ok(Reply::Verified(Verdict::Committed(Commitment::Processing(running)))) => {
            format!("committed, {}", processing(running))
        }
        Ok(Reply::Verified(Verdict::NotCommitted)) => "not committed".to_owned(),
        Ok(Reply::Verified(Verdict::CannotTell)) => "cannot tell".to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(Failure::Unknown { cut: Cut::Ambiguous { after }, detail }) => {
            format!("unknown (ambiguous){}: {detail}", delay(*after, "after", "until"))
        }
        Err(Failure::Answered(problem)) => {
            if let ProblemKind::TooLarge { ceiling } = problem.kind {
                assert_eq!(ceiling, None, "X never says how large a segment may be");
            }
            format!("{}{}: {}", problem.kind.name(), delay(problem.after, "after", "until"), problem.server)
        }
        Err(other) => format!("{other:?}"),
    };
    if let Some(pace) = outcome.pace {
        write!(line, "\npace: {} until {}", pace.remaining, secs(pace.reset)).unwrap();
    }
    line
}

#[test]
fn every_answer_comes_to_its_outcome() {
    let mut wrong = String::new();
    for vector in Vector::all() {
        let (row, outcome) = (vector.found_row(), compact(&vector.decoded()));
        if (row, outcome.as_str()) != (vector.row.as_str(), vector.outcome.as_str()) {
            writeln!(
                wrong,
                "{}:\n  is       [{row}] {outcome}\n  expected [{}] {}",
                vector.name, vector.row, vector.outcome
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_line_of_the_catalogue_has_a_vector() {
    let names: BTreeSet<String> = Vector::all().into_iter().map(|vector| vector.name).collect();
    for (line, vectors) in CATALOGUE {
        assert!(!vectors.is_empty(), "{line}");
        for vector in *vectors {
            assert!(names.contains(*vector), "{line}: there is no vector {vector}");
        }
    }
}

#[test]
fn every_row_of_the_error_table_has_a_vector() {
    let shown: BTreeSet<String> = Vector::all().into_iter().map(|vector| vector.row).collect();
    for row in error_table() {
        assert!(shown.contains(row.name()), "no vector shows {row}");
    }
}

#[test]
fn every_name_in_the_error_table_is_its_own() {
    let names: BTreeSet<_> = error_table().iter().map(problems::ErrorRow::name).collect();
    assert_eq!(names.len(), error_table().len());
}
