//! The trials of a run, in their order, on a cluster that is started before and ended after them.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::context::Run;
use super::ending::{Ended, Talk};
use super::prepare::{self, NotReady};
use crate::cluster::embedded::Embedded;
use crate::load::Running;
use crate::plan::TrialPlan;
use crate::record::entry::{EndReason, RunEnd};
use crate::record::writer::Status;
use crate::record::{Entry, Sink};
use crate::trial::{self, Session, Settled, TrialError, Variant};

/// How often the record's writer is asked whether it still can write.
const WRITER_WATCH: Duration = Duration::from_millis(50);
/// How often the progress line changes.
const PROGRESS: Duration = Duration::from_millis(250);

/// Starts the cluster, runs everything, and ends the cluster.
pub(super) async fn drive(run: &Run<'_>, sink: Sink) -> Ended {
    let watch = match watch_for_the_end(run.stop.clone(), run.writer.clone()) {
        Ok(watch) => watch,
        Err(error) => return Ended::Broken(format!("listening for signals: {error}")),
    };
    let ended = match prepare::cluster(run) {
        Ok(embedded) => {
            let ended = run.on(&embedded, &sink).await;
            embedded.shutdown().await;
            ended
        }
        Err(reason) => Ended::Broken(reason),
    };
    watch.abort();
    sink.send(Entry::RunEnd(run.end(&ended)));
    ended
}

impl Run<'_> {
    async fn on(&self, embedded: &Embedded, sink: &Sink) -> Ended {
        let session =
            Session { client: embedded.client(), clock: self.clock, sink: sink.clone(), stop: self.stop.clone() };
        let prepared = self.stop.run_until_cancelled(prepare::variants(self, embedded, sink)).await;
        let variants = match prepared {
            Some(Ok(variants)) => variants,
            Some(Err(NotReady::Machine(reason))) => return Ended::Broken(reason),
            Some(Err(NotReady::User(reason))) => return Ended::Refused(reason),
            None => return self.stopped(),
        };
        let ended = self.trials(&session, &variants).await;
        for variant in variants {
            variant.observer.stop().await;
        }
        ended
    }

    async fn trials(&self, session: &Session, variants: &[Variant]) -> Ended {
        let mut given_up = BTreeSet::new();
        for planned in &self.plan.order {
            let Some(variant) = variants.get(planned.variant) else { continue };
            if given_up.contains(&planned.variant) {
                continue;
            }
            match self.trial(session, variant, planned).await {
                Ok(()) => {}
                Err(error @ TrialError::Unsettled { .. }) => {
                    self.talk.say(&format!("variant {} ends here: {error}", variant.name));
                    given_up.insert(planned.variant);
                }
                Err(TrialError::Stopped { .. }) => return self.stopped(),
                Err(error) => return Ended::Broken(error.to_string()),
            }
        }
        Ended::Finished
    }

    async fn trial(&self, session: &Session, variant: &Variant, planned: &TrialPlan) -> Result<(), TrialError> {
        let title =
            format!("trial {} of {} (block {}, {})", planned.trial, self.plan.order.len(), planned.block, variant.name);
        self.talk.progress(&format!("{title}: waiting for the workload to come to rest"));
        let settled = trial::settle(session, variant, planned.trial).await?;
        let reset = settled == Settled::Reset;
        let progress = Progress { title, talk: self.talk };
        trial::run(session, variant, planned.trial, planned.block, reset, PROGRESS, &|load| progress.show(load)).await
    }

    /// Why the run was stopped: by a record that cannot be written, or by the user.
    fn stopped(&self) -> Ended {
        self.writer.failure().map_or(Ended::Interrupted, |reason| {
            Ended::Broken(format!("writing {}: {reason}", self.outputs.record().display()))
        })
    }

    fn end(&self, ended: &Ended) -> RunEnd {
        let (reason, detail) = match ended {
            Ended::Finished => (EndReason::Finished, String::new()),
            Ended::Interrupted => (EndReason::Interrupted, "stopped by a signal".to_owned()),
            Ended::Broken(why) | Ended::Refused(why) => (EndReason::Failed, why.clone()),
        };
        RunEnd { at_ns: self.clock.now(), reason, detail }
    }
}

/// The line that shows how a trial's load fares.
struct Progress<'a> {
    title: String,
    talk: &'a dyn Talk,
}

impl Progress<'_> {
    fn show(&self, load: &Running) {
        let live = load.live();
        self.talk.progress(&format!("{}: {} requests, {} lost", self.title, live.ended(), live.lost()));
    }
}

/// Cancels `stop` at the first signal that asks for an end, or when the record cannot be written any more.
fn watch_for_the_end(stop: CancellationToken, writer: Status) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        let broken = async {
            while writer.failure().is_none() {
                tokio::time::sleep(WRITER_WATCH).await;
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            () = broken => {}
        }
        stop.cancel();
    }))
}
