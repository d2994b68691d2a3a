//! The conformance suite of `chunkwise-testkit`, for every protocol there is, over real sockets.
//!
//! `cargo test -p chunkwise --features s3,tus --test conformance -- --nocapture` prints the table.
#![cfg(test)]
#![expect(clippy::print_stdout, reason = "the table is for people")]

mod oneshot;
mod s3;
#[expect(dead_code, reason = "this test asks less of it than those it was written for")]
#[path = "../../../protocol-tus/tests/uploads/server.rs"]
mod server;
#[expect(dead_code, reason = "this test asks less of it than those it was written for")]
#[path = "../s3/store.rs"]
mod store;
mod tus;
mod x;

use std::path::Path;

use chunkwise_testkit::conformance::{self, Report, Subject, Table};
use futures::future::try_join_all;
use tokio::task::JoinHandle;

/// One subject, on a task of its own.
fn report(subject: impl Subject + 'static) -> JoinHandle<Report> {
    tokio::spawn(async move {
        let report = conformance::run(&subject).await;
        println!("{report}");
        report
    })
}

/// Where `docs/adapter.md` has the table.
const MARKS: (&str, &str) =
    ("<!-- the table of crates/chunkwise/tests/conformance -->\n\n", "\n<!-- its end -->");

/// The table as the docs have it.
fn documented() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/adapter.md");
    let page = std::fs::read_to_string(page).unwrap().replace("\r\n", "\n");
    let (_, rest) = page.split_once(MARKS.0).expect("docs/adapter.md has a place for the table");
    rest.split_once(MARKS.1).expect("the table in docs/adapter.md has an end").0.to_owned()
}

/// Every protocol passes every case that its profile allows; the table says which those are, and the docs have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_protocol_passes() {
    let subjects = [
        report(x::v2().await),
        report(x::v1().await),
        report(s3::s3().await),
        report(tus::whole().await),
        report(tus::deferred().await),
        report(tus::parts().await),
        report(oneshot::never().await),
        report(oneshot::by_key().await),
    ];
    let reports = try_join_all(subjects).await.unwrap();
    let table = Table(&reports).to_string();
    println!("{table}");
    let failed: Vec<_> = reports.iter().filter_map(|report| report.passed().err()).collect();
    assert!(failed.is_empty(), "{}", failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    for report in &reports {
        assert!(report.count() >= 12, "{} was asked {} cases", report.subject(), report.count());
    }
    assert!(
        documented() == table,
        "docs/adapter.md has another table; to renew it, put this one between its two comments:\n\n{table}"
    );
}
