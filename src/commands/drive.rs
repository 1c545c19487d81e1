//! The trials of a run, in their order, on a cluster that is started before and ended after them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::context::RunContext;
use super::ending::TrialsEnd;
use super::host::{FoundCluster, NotReady, RunCluster};
use super::repeat::{RecordFollower, RecordedTrial, TrialQueue};
use super::time_budget::TimeBudget;
use super::trial_progress::{self, TrialLengths, TrialProgress};
use super::until_loss::UntilLoss;
use crate::agent::AgentError;
use crate::plan::TrialPlan;
use crate::record::WriterStatus;
use crate::record::entry::{EndReason, RunEnd, TrialEnd};
use crate::record::{Entry, Sink};
use crate::trial::{self, RunningVariant, SettleResult, SiteError, TrialError};

/// How often the record's writer is asked whether it still can write.
const WRITER_WATCH: Duration = Duration::from_millis(50);
/// How often the progress line changes.
const PROGRESS: Duration = Duration::from_millis(250);
/// Within this time the writer has handed to the system what it was given.
const WRITTEN_WITHIN: Duration = Duration::from_millis(110);
const WRITTEN_TRIES: u32 = 5;
/// How long a run that ends early waits for lines that are on their way.
const STOPPED_LINES_WITHIN: Duration = Duration::from_secs(5);

/// Runs the trials on the cluster that was found. The record is given its last line; the cluster is left as it was.
pub(super) async fn drive(run: &RunContext<'_>, found: FoundCluster, sink: Sink) -> TrialsEnd {
    let watch = match watch_for_the_end(run.stop.clone(), run.writer.clone()) {
        Ok(watch) => watch,
        Err(error) => return TrialsEnd::Broken(format!("listening for signals: {error}")),
    };
    let ended = match Box::pin(RunCluster::start(found, run, &sink)).await {
        Ok(mut host) => {
            let ended = Box::pin(run.on(&mut host, &sink)).await;
            match host.end().await {
                Ok(left) => {
                    if let Some(left) = left {
                        run.output.say(&left);
                    }
                    ended
                }
                Err(why) => {
                    run.output.say(&why);
                    TrialsEnd::Broken(why)
                }
            }
        }
        Err(reason) => run.not_ready(reason),
    };
    watch.abort();
    sink.send(Entry::RunEnd(run.end(&ended)));
    ended
}

impl RunContext<'_> {
    async fn on(&self, host: &mut RunCluster, sink: &Sink) -> TrialsEnd {
        let prepared = self.stop.run_until_cancelled(host.variants(self, sink)).await;
        let mut variants = match prepared {
            Some(Ok(variants)) => variants,
            Some(Err(reason)) => return self.not_ready(reason),
            None => return self.stopped(),
        };
        let ended = Box::pin(self.trials(host, sink, &mut variants)).await;
        let mut ended = ended;
        for variant in &variants {
            if let Err(error) = trial::leave(variant).await {
                let why = format!("variant {}: {error}; what its command made stands: undo it yourself", variant.name);
                self.output.say(&why);
                ended = TrialsEnd::Broken(why);
            }
        }
        for variant in variants {
            variant.site.close().await;
        }
        ended
    }

    fn not_ready(&self, reason: NotReady) -> TrialsEnd {
        match reason {
            NotReady::Machine(reason) => TrialsEnd::Broken(reason),
            NotReady::User(reason) => TrialsEnd::Refused(reason),
            NotReady::Stopped => self.stopped(),
        }
    }

    async fn trials(&self, host: &mut RunCluster, sink: &Sink, variants: &mut [RunningVariant]) -> TrialsEnd {
        let mut given_up = BTreeSet::new();
        let mut queue = TrialQueue::new(&self.plan.order);
        let (mut budget, begun_ns) = (TimeBudget::new(self.plan.time_budget), self.clock.now());
        let planned = self.plan.summary();
        let mut lengths = TrialLengths::new(planned.longest / planned.trials.max(1));
        let mut record = RecordFollower::new(self.outputs.record());
        let mut until = self.mode.until_loss.then(UntilLoss::default);
        while let Some(planned) = queue.take() {
            let planned = &planned;
            let elapsed = Duration::from_nanos(self.clock.now().saturating_sub(begun_ns));
            if let Some(why) = budget.spent(planned.block, elapsed) {
                self.output.say(&why);
                return TrialsEnd::OutOfTime(why);
            }
            let Some(variant) = variants.get(planned.variant) else { continue };
            if given_up.contains(&planned.variant) {
                continue;
            }
            let trial_ns = self.clock.now();
            let ran = self.trial(variant, planned, &queue, &lengths).await;
            lengths.ended(planned.variant, Duration::from_nanos(self.clock.now().saturating_sub(trial_ns)));
            let ran = match ran {
                Ok(()) => host.recorded(planned.trial).await.map_err(|error| TrialError::Site(error.into())),
                error => error,
            };
            match ran {
                Ok(()) => {
                    let lost = self.lost_or_repeated(&mut record, &mut queue, *planned).await;
                    if let Some(shown) = until.as_mut().and_then(|until| until.take(self.plan, *planned, lost)) {
                        self.output.say(&shown);
                        return TrialsEnd::Finished;
                    }
                }
                Err(error @ TrialError::Unsettled { .. }) => {
                    self.output.say(&format!("variant {} gets no further trials: {error}", variant.name));
                    given_up.insert(planned.variant);
                }
                Err(TrialError::Stopped { .. }) => {
                    // What was recorded of it is on its way; a run that is stopped does not wait long for it.
                    let _ = tokio::time::timeout(STOPPED_LINES_WITHIN, host.recorded(planned.trial)).await;
                    return self.stopped();
                }
                Err(TrialError::Site(SiteError::Agent(
                    error @ (AgentError::Gone { .. } | AgentError::Unreachable { .. }),
                ))) => {
                    if let Err(reason) = self.recover(host, sink, variants, planned, &error).await {
                        return self.not_ready(reason);
                    }
                    if queue.rerun(*planned) {
                        self.output.say(&format!("trial {} is repeated", planned.trial));
                    }
                }
                Err(error) => {
                    let _ = tokio::time::timeout(STOPPED_LINES_WITHIN, host.recorded(planned.trial)).await;
                    return TrialsEnd::Broken(error.to_string());
                }
            }
        }
        until.iter().flat_map(|until| until.not_shown(self.plan)).for_each(|line| self.output.say(&line));
        TrialsEnd::Finished
    }

    /// What a trial lost, if it counts. One that the harness itself invalidated is rerun, as often as its variant may.
    async fn lost_or_repeated(
        &self,
        record: &mut RecordFollower,
        queue: &mut TrialQueue,
        planned: TrialPlan,
    ) -> Option<u64> {
        let mut found = RecordedTrial::NoEnd;
        for _ in 0..WRITTEN_TRIES {
            // What was sent is with the writer; it hands its lines to the system ten times a second.
            tokio::time::sleep(WRITTEN_WITHIN).await;
            found = record.recorded(planned.trial).await;
            if found != RecordedTrial::NoEnd {
                break;
            }
        }
        let why = match found {
            RecordedTrial::Invalid(why) => why,
            RecordedTrial::Valid { lost, words } => {
                self.output.say(&format!("{}: {words}", self.title(planned, queue)));
                return lost;
            }
            RecordedTrial::NoEnd => return None,
        };
        let again = if queue.rerun(planned) { "; it is repeated" } else { "" };
        self.output.say(&format!("trial {} is invalid: {why}{again}", planned.trial));
        None
    }

    /// The agent is lost, and with it this trial. Its end is recorded here, because nobody else can.
    async fn recover(
        &self,
        host: &mut RunCluster,
        sink: &Sink,
        variants: &mut [RunningVariant],
        planned: &TrialPlan,
        error: &AgentError,
    ) -> Result<(), NotReady> {
        self.output.say(&format!("trial {} is invalid: {error}", planned.trial));
        sink.send(Entry::TrialEnd(TrialEnd {
            at_ns: self.clock.now(),
            trial: planned.trial,
            complete: false,
            reason: String::new(),
            reset: false,
            trouble: error.to_string(),
            planned: BTreeMap::new(),
        }));
        self.stop.run_until_cancelled(host.recover(self, sink, variants)).await.unwrap_or(Err(NotReady::Stopped))
    }

    /// `trial 2 of 6 (with-prestop)`.
    fn title(&self, planned: TrialPlan, queue: &TrialQueue) -> String {
        let name = self.plan.variants.get(planned.variant).map_or("", |variant| variant.spec.name.as_str());
        format!("trial {} of {} ({name})", planned.trial, queue.total())
    }

    async fn trial(
        &self,
        variant: &RunningVariant,
        planned: &TrialPlan,
        queue: &TrialQueue,
        lengths: &TrialLengths,
    ) -> Result<(), TrialError> {
        let title = self.title(*planned, queue);
        self.output.progress(&format!("{title}: waiting until the workload is at rest"));
        let settled = trial::settle(&self.stop, variant, planned.trial).await?;
        let reset = settled == SettleResult::Reset;
        let run = trial::TrialSetup { trial: planned.trial, block: planned.block, reset, every: PROGRESS };
        let begun_ns = self.clock.now();
        let show = |load: &trial::SiteLoad| {
            let (ended, lost) = load.live();
            let elapsed = Duration::from_nanos(self.clock.now().saturating_sub(begun_ns));
            let left = lengths.left(queue.waiting(), planned.variant, elapsed);
            self.output.progress(&trial_progress::line(
                &title,
                &TrialProgress { ended, lost, elapsed, step: variant.step(), left },
            ));
        };
        trial::run(&self.stop, variant, run, &show).await
    }

    /// Why the run was stopped: by a record that cannot be written, or by the user.
    fn stopped(&self) -> TrialsEnd {
        self.writer.failure().map_or(TrialsEnd::Interrupted, |reason| {
            TrialsEnd::Broken(format!("writing {}: {reason}", self.outputs.record().display()))
        })
    }

    fn end(&self, ended: &TrialsEnd) -> RunEnd {
        let (reason, detail) = match ended {
            TrialsEnd::Finished => (EndReason::Finished, String::new()),
            TrialsEnd::OutOfTime(why) => (EndReason::Finished, why.clone()),
            TrialsEnd::Interrupted => (EndReason::Interrupted, "stopped by a signal".to_owned()),
            TrialsEnd::Broken(why) | TrialsEnd::Refused(why) => (EndReason::Failed, why.clone()),
        };
        RunEnd { at_ns: self.clock.now(), reason, detail }
    }
}

/// Cancels `stop` at the first signal that asks for an end, or when the record cannot be written any more.
fn watch_for_the_end(stop: CancellationToken, writer: WriterStatus) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut quit = signal(SignalKind::quit())?;
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
            _ = quit.recv() => {}
            () = broken => {}
        }
        stop.cancel();
    }))
}
