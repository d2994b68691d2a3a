//! The conformance suite: the kit's own servers pass it, and it finds out an adapter that is wrong.
#![cfg(test)]
#![expect(clippy::print_stdout, reason = "the table is for people")]

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise_core::{
    Action, Commitment, Completed, Cut, Detail, Failure, Final, NotSent, Operation, OperationKind, Outcome,
    Problem, ProblemKind, Profile, Receipt, Reply, Session, Verdict as Verified, Verify,
};
use chunkwise_testkit::conformance::{self, Case, Mishap, Place, Subject, Table, Verdict};
use chunkwise_testkit::{Model, ModelTransport, Scenario};
use chunkwise_transport::{Payload, Transport};

/// What is wrong with an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// It says that segments are stored which never went out.
    SwallowsAppends,
    /// It takes an error for a good answer.
    HearsOnlyGood,
    /// It says of everything that it was not committed.
    NeverCommitted,
    /// It says of everything that it was.
    AlwaysCommitted,
    /// It never tells what came of an object.
    NeverTells,
    /// It never knows what came of a Finalize.
    NeverSure,
    /// It says that an Abort was done which never went out.
    SwallowsAborts,
    /// All its sessions have one name.
    OneName,
    /// It lists nothing, whatever the server holds.
    EmptyList,
    /// It forgets with its process which sessions are its own.
    Remembers,
    /// It says that what is sent to a session that was given up is stored.
    Undead,
}

struct Adapter {
    model: Model,
    flaw: Flaw,
    name: String,
}

struct Flawed {
    server: ModelTransport,
    flaw: Flaw,
    /// The sessions that it has opened.
    opened: Mutex<HashSet<Session>>,
}

impl Flawed {
    fn new(server: ModelTransport, flaw: Flaw) -> Self {
        Self { server, flaw, opened: Mutex::default() }
    }

    fn knows(&self, session: &Session) -> bool {
        self.opened.lock().unwrap().contains(session)
    }
}

impl Adapter {
    fn new(model: Model, flaw: Flaw) -> Self {
        Self { model, flaw, name: model.name().to_owned() }
    }
}

#[async_trait]
impl Subject for Adapter {
    fn name(&self) -> &str {
        &self.name
    }

    async fn place(&self) -> Place {
        let server = ModelTransport::new(&Scenario::calm(self.model));
        let look = server.clone();
        let holds = move |completed: Completed, content: Bytes| {
            let look = look.clone();
            async move {
                let session = completed.session.ok_or("completed without a session")?;
                look.check_bytes().map_err(|breach| breach.to_string())?;
                let server = look.server();
                server.check_object(&session, content.len() as u64).map_err(|breach| breach.to_string())
            }
        };
        let flaw = self.flaw;
        let flawed = Arc::new(Flawed::new(server.clone(), flaw));
        let place = Place::new(flawed, holds);
        let place = if self.model.verifies() { place } else { place.may_not_tell() };
        place.made_again_by(move || Arc::new(Flawed::new(server.clone(), flaw)))
    }

    async fn nobody(&self) -> Option<(Arc<dyn Transport>, Session)> {
        let server = ModelTransport::new(&Scenario::calm(self.model));
        Some((Arc::new(Flawed::new(server, self.flaw)), Session::new("nobody's")))
    }
}

#[async_trait]
impl Transport for Flawed {
    fn profile(&self) -> Profile {
        self.server.profile()
    }

    async fn perform(&self, operation: &Operation, payload: Payload) -> Outcome {
        match (self.flaw, &operation.action) {
            (Flaw::SwallowsAppends, Action::Append { segment, .. }) if segment.index.get() == 1 => {
                Reply::Stored { receipt: None, expires: None }.into()
            }
            (Flaw::SwallowsAborts, Action::Abort { .. }) => Reply::Aborted.into(),
            (Flaw::NeverCommitted, Action::Verify { .. }) => Reply::Verified(Verified::NotCommitted).into(),
            (Flaw::AlwaysCommitted, Action::Verify { .. }) => {
                let result = Final { id: "7".into(), size: None, expires_at: None, body: Bytes::new() };
                Reply::Verified(Verified::Committed(Commitment::Ready(result))).into()
            }
            (Flaw::NeverTells, Action::Verify { .. }) => Reply::Verified(Verified::CannotTell).into(),
            (Flaw::NeverSure, Action::Finalize { .. }) => {
                self.server.perform(operation, payload).await;
                let detail = Detail::new("it may have been done");
                Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail }.into()
            }
            (Flaw::HearsOnlyGood, Action::Append { .. }) => {
                self.server.perform(operation, payload).await;
                Reply::Stored { receipt: None, expires: None }.into()
            }
            (Flaw::EmptyList, Action::Probe { .. }) => {
                Reply::Probed(chunkwise_core::Page { parts: Vec::new(), next: None }).into()
            }
            (Flaw::OneName, Action::Init { .. }) => {
                let session = chunkwise_core::Session::new("always the same");
                Reply::Opened { session, expires: None }.into()
            }
            (Flaw::Remembers, Action::Init { .. }) => {
                let outcome = self.server.perform(operation, payload).await;
                if let Ok(Reply::Opened { session, .. }) = &outcome.result {
                    self.opened.lock().unwrap().insert(session.clone());
                }
                outcome
            }
            (Flaw::Remembers, action) if action.session().is_some_and(|session| !self.knows(session)) => {
                let detail = Detail::new("none of my sessions");
                Failure::NotSent { cause: NotSent::Misconfigured, detail }.into()
            }
            (Flaw::Undead, Action::Append { segment, .. }) => {
                let outcome = self.server.perform(operation, payload).await;
                match outcome.result {
                    Err(Failure::Answered(Problem { kind: ProblemKind::SessionGone, .. })) => {
                        let receipt = Some(Receipt::new(format!("{}", segment.index.get())));
                        Reply::Stored { receipt, expires: None }.into()
                    }
                    Ok(_) | Err(_) => outcome,
                }
            }
            _ => self.server.perform(operation, payload).await,
        }
    }
}

async fn report(model: Model, flaw: Flaw) -> conformance::Report {
    conformance::run(&Adapter::new(model, flaw)).await
}

#[tokio::test(start_paused = true)]
async fn every_model_passes() {
    let mut reports = Vec::new();
    for model in Model::ALL {
        reports.push(report(model, Flaw::None).await);
    }
    println!("{}", Table(&reports));
    for (report, model) in reports.iter().zip(Model::ALL) {
        report.passed().unwrap_or_else(|failed| panic!("{failed}"));
        // What is not asked follows from the profile, and there is plenty left: of a single request less.
        let least = if model.sends_once() { 10 } else { 15 };
        assert!(report.count() >= least, "{}: {}", report.subject(), report.count());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_profile_can_not_do_is_not_asked() {
    let blind = report(Model::PartsBlind, Flaw::None).await;
    assert_eq!(Model::PartsBlind.profile().verify, Verify::Unsupported);
    assert_eq!(blind.verdict(Case::VerifyOfNothing), Some(&Verdict::NotAsked("it has no Verify")));
    let append = report(Model::AppendPrefix, Flaw::None).await;
    let finalize = Case::Mishap(OperationKind::Finalize, Mishap::ReplyLost);
    assert_eq!(append.verdict(finalize), Some(&Verdict::NotAsked("the last Append finalizes")));
}

/// A flaw, in which model, and the case that must find it.
#[tokio::test(start_paused = true)]
async fn every_flaw_is_found_by_the_case_that_is_for_it() {
    for (flaw, model, case) in [
        (Flaw::SwallowsAppends, Model::Parts, Case::Several),
        (Flaw::HearsOnlyGood, Model::Parts, Case::Mishap(OperationKind::Append, Mishap::Cut)),
        (Flaw::HearsOnlyGood, Model::Parts, Case::NobodysSession),
        (Flaw::NeverCommitted, Model::Parts, Case::VerifyOfTheWhole),
        (Flaw::AlwaysCommitted, Model::Listed, Case::VerifyOfNothing),
        (Flaw::NeverTells, Model::Parts, Case::Mishap(OperationKind::Finalize, Mishap::ReplyLost)),
        (Flaw::NeverTells, Model::Parts, Case::Mishap(OperationKind::Verify, Mishap::RequestLost)),
        (Flaw::NeverTells, Model::Parts, Case::CrashInFinalize),
        (Flaw::NeverTells, Model::Parts, Case::VerifyOfNothing),
        (Flaw::NeverTells, Model::Parts, Case::VerifyOfTheWhole),
        (Flaw::NeverTells, Model::Parts, Case::NobodysSession),
        (Flaw::NeverSure, Model::PartsBlind, Case::Several),
        (Flaw::SwallowsAborts, Model::Listed, Case::SessionForgotten),
        (Flaw::OneName, Model::Parts, Case::TwoSessions),
        (Flaw::EmptyList, Model::Listed, Case::ProbeOfASegment),
        (Flaw::Remembers, Model::Parts, Case::Crash),
        (Flaw::Remembers, Model::Parts, Case::CrashInFinalize),
        (Flaw::Remembers, Model::Parts, Case::NobodysSession),
        (Flaw::Undead, Model::Listed, Case::GivenUp),
    ] {
        let verdict = conformance::run_case(&Adapter::new(model, flaw), case).await;
        assert!(matches!(verdict, Verdict::Failed(_)), "{flaw:?}, {}: {verdict:?}", case.name());
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_says_which_case_failed_and_how() {
    let report = report(Model::Listed, Flaw::SwallowsAborts).await;
    let told = report.passed().unwrap_err().to_string();
    assert!(told.starts_with("listed:\n") && told.contains("the session is forgotten: "), "{told}");
    let table = report.to_string();
    let widths: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).map(str::len).collect();
    assert!(widths.len() > 30 && widths.iter().all(|width| *width == widths[0]), "{table}");
}
