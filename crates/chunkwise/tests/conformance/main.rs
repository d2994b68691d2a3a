//! The conformance suite of `chunkwise-testkit`, for every protocol there is, over real sockets.
//!
//! `cargo test -p chunkwise --test conformance -- --nocapture` prints the table.
#![cfg(test)]
#![expect(clippy::print_stdout, reason = "the table is for people")]

mod x;

use chunkwise_testkit::conformance::{self, Report, Subject, Table};

async fn report(subject: impl Subject) -> Report {
    let report = conformance::run(&subject).await;
    println!("{report}");
    report
}

/// Every protocol passes every case that its profile allows; the table says which those are.
#[tokio::test(flavor = "multi_thread")]
async fn every_protocol_passes() {
    let (v2, v1) =
        futures::join!(async { report(x::v2().await).await }, async { report(x::v1().await).await });
    let reports = [v2, v1];
    println!("{}", Table(&reports));
    let failed: Vec<_> = reports.iter().filter_map(|report| report.passed().err()).collect();
    assert!(failed.is_empty(), "{}", failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    for report in &reports {
        assert!(report.count() >= 20, "{} was asked {} cases", report.subject(), report.count());
    }
}
