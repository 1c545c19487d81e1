//! What pods that were killed at the end of their grace period did after their stop signal.
//!
//! A server that drains closes its listener first. One that still answered and still listened when it was killed did not react to the
//! signal, however long its requests take.

use crate::timeline::{PodLife, Trial};

/// The exit code of a process that SIGKILL ended.
const KILLED: i32 = 137;

/// Pods that did not react to their stop signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ignored {
    pub(super) pods: usize,
    /// The longest time after a stop signal at which one of them answered a request, in seconds.
    pub(super) answered_s: f64,
    /// They answered as before; else with errors only.
    pub(super) as_before: bool,
}

impl Ignored {
    /// `None` where no pod shows it.
    pub(super) fn of(trials: &[&Trial]) -> Option<Self> {
        let pods = trials.iter().flat_map(|trial| trial.pods.iter().map(move |pod| (*trial, pod)));
        pods.filter_map(|(trial, pod)| ignored(trial, pod)).reduce(|a, b| Self {
            pods: a.pods + b.pods,
            answered_s: a.answered_s.max(b.answered_s),
            as_before: a.as_before || b.as_before,
        })
    }
}

/// Whether every pod that was killed had closed its listener before; `false` where none was killed.
pub(super) fn reacted(trials: &[&Trial]) -> bool {
    let mut killed = trials.iter().flat_map(|trial| &trial.pods).filter(|pod| killed_at_grace_end(pod)).peekable();
    killed.peek().is_some() && killed.all(|pod| pod.listener_closed.is_some() && !listened_to_the_end(pod))
}

/// Whether a pod's container was killed because the grace period was over.
pub(super) fn killed_at_grace_end(pod: &PodLife) -> bool {
    let (Some(grace_end), Some(finished)) = (pod.grace_end(), pod.finished) else { return false };
    pod.exit_code == Some(KILLED) && finished.high_ns >= grace_end.low_ns
}

/// Where nobody probed the listener, nothing says that it closed.
fn listened_to_the_end(pod: &PodLife) -> bool {
    let Some(grace_end) = pod.grace_end() else { return false };
    pod.listener_closed.is_none_or(|closed| closed.high_ns >= grace_end.low_ns)
}

/// Whether a pod did not react to its stop signal; `None` if it did, or if that does not show.
pub(super) fn ignored(trial: &Trial, pod: &PodLife) -> Option<Ignored> {
    if !killed_at_grace_end(pod) || !listened_to_the_end(pod) || trial.shares_name(&pod.name) {
        return None;
    }
    let signal_ns = pod.stop_signal?.high_ns;
    let errors = trial.lost.iter().filter(|one| one.status.is_some() && one.pod.as_deref() == Some(&pod.name));
    let error_ns = errors.map(|one| one.planned_ns).max();
    let answer_ns = pod.served.map(|(_, last_ns)| last_ns);
    let after = |at_ns: &u64| *at_ns > signal_ns;
    let (answer_ns, error_ns) = (answer_ns.filter(after), error_ns.filter(after));
    let last_ns = answer_ns.max(error_ns)?;
    Some(Ignored {
        pods: 1,
        answered_s: super::measured::between_s(signal_ns, last_ns),
        as_before: answer_ns.is_some(),
    })
}
