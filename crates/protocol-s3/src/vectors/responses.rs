//! Answers and their outcomes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bytes::Bytes;
use chunkwise_core::{
    Commitment, Cut, Delay, Failure, Final, Outcome, ProblemKind, Reply, Timestamp, Verdict,
};
use chunkwise_transport::http::{Protocol as _, Response};

use super::{NOW, files, named, s3};
use crate::problems::{self, Step};
use crate::said::Said;
use crate::xml::Element;
use crate::{Metadata, Store, error_table};

/// A vector: an operation, its answer, and what that comes to.
struct Vector {
    name: String,
    operation: String,
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
            row: field("row"),
            response: builder.body(Bytes::copy_from_slice(body.as_bytes())).unwrap(),
            outcome: outcome.trim_end().to_owned(),
            name,
        }
    }

    fn decoded(&self) -> Outcome {
        s3().decode(&named(&self.operation), &self.response, NOW)
    }

    /// The row of the error table that the answer falls under; `-` for a good one.
    fn found_row(&self) -> &'static str {
        let xml = Element::read(self.response.body());
        let error = xml.as_ref().is_some_and(|root| root.name == "Error");
        if self.response.status().is_success() && !error {
            return "-";
        }
        let step = Step::of(&named(&self.operation).action).unwrap();
        let said = Said::of(&self.response, xml.as_ref(), NOW);
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
    format!("completed {}{size}", result.id)
}

/// An outcome in a line, with one more for every part.
fn compact(outcome: &Outcome) -> String {
    let receipt = |receipt: &Option<chunkwise_core::Receipt>| {
        let text =
            receipt.as_ref().map(|receipt| std::str::from_utf8(receipt.as_bytes()).unwrap().to_owned());
        text.map_or_else(|| "no receipt".to_owned(), |text| text.replace('\n', " "))
    };
    assert_eq!(outcome.pace, None);
    match &outcome.result {
        Ok(Reply::Opened { session, expires }) => {
            format!("opened {session}{}", delay(*expires, "expires after", "expires at"))
        }
        Ok(Reply::Stored { receipt: of, expires: None }) => format!("stored: {}", receipt(of)),
        Ok(Reply::Probed(page)) => {
            let mut line = String::from("parts");
            for part in &page.parts {
                write!(line, "\n{}: {} bytes, {}", part.index.get(), part.len, receipt(&part.receipt))
                    .unwrap();
            }
            if let Some(next) = &page.next {
                write!(line, "\nmore behind {next}").unwrap();
            }
            line
        }
        Ok(Reply::Completed(result)) => finished(result),
        Ok(Reply::Verified(Verdict::Committed(Commitment::Ready(result)))) => {
            format!("committed, {}", finished(result))
        }
        Ok(Reply::Verified(Verdict::NotCommitted)) => "not committed".to_owned(),
        Ok(Reply::Verified(Verdict::CannotTell)) => "cannot tell".to_owned(),
        Ok(Reply::Aborted) => "aborted".to_owned(),
        Ok(Reply::AbortPending) => "abort pending".to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(Failure::Unknown { cut: Cut::Ambiguous { after }, detail }) => {
            format!("unknown (ambiguous){}: {detail}", delay(*after, "after", "until"))
        }
        Err(Failure::Answered(problem)) => {
            let ceiling = match problem.kind {
                ProblemKind::TooLarge { ceiling: Some(ceiling) } => format!(" (at most {ceiling})"),
                _ => String::new(),
            };
            let after = delay(problem.after, "after", "until");
            format!("{}{ceiling}{after}: {}", problem.kind.name(), problem.server)
        }
        Err(other) => format!("{other:?}"),
    }
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
fn every_row_of_the_error_table_has_a_vector() {
    let shown: BTreeSet<String> = Vector::all().into_iter().map(|vector| vector.row).collect();
    let missing: Vec<_> = error_table().iter().filter(|row| !shown.contains(row.name())).collect();
    assert!(missing.is_empty(), "no vector shows {missing:#?}");
}

#[test]
fn every_name_in_the_error_table_is_its_own() {
    let names: BTreeSet<_> = error_table().iter().map(problems::ErrorRow::name).collect();
    assert_eq!(names.len(), error_table().len());
}

#[test]
fn an_object_that_keeps_no_metadata_can_not_be_told_from_an_older_one() {
    let s3 = s3().with_store(Store { metadata: Metadata::Unsupported, ..Store::S3 });
    let verdict = |status: u16| {
        let response = http::Response::builder().status(status).body(Bytes::new()).unwrap();
        compact(&s3.decode(&named("Verify"), &response, NOW))
    };
    assert_eq!((verdict(200), verdict(404)), ("cannot tell".into(), "not committed".into()));
}
