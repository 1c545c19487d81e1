//! Error statuses that come from terminating pods only: a server that sheds what still reaches it, or a proxy in the pod whose
//! server has ended first.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::Cause;
use super::finding::{Finding, Proof};
use super::scene::{Scene, stop_begins};
use super::through_url;
use crate::clock::Stamp;
use crate::record::entry::Attempt;
use crate::record::{Outcome, OutcomeGroup};
use crate::timeline::{PodEdge, PodLife};

/// For each such answer from elsewhere there are at least so many from terminating pods.
const MOST_FROM_ELSEWHERE: u64 = 50;
/// A connection's last bytes are read so long after its server has ended.
const SLACK_NS: u64 = 150_000_000;

const OF_AN_ERROR_AT_STOP: &[PodEdge] = &[
    PodEdge::Deletion,
    PodEdge::EndpointNotReady,
    PodEdge::HookEnd,
    PodEdge::StopSignal,
    PodEdge::OtherFinished,
    PodEdge::ContainerFinished,
];

/// Who gave the answers of one status to one kind of request.
#[derive(Debug, Default)]
pub(super) struct ErrorSources<'a> {
    by_terminating: u64,
    by_others: u64,
    /// The terminating pods that are known.
    pods: BTreeSet<&'a str>,
    /// The shortest and the longest time from a deletion to such an answer.
    after_ns: Option<(u64, u64)>,
}

/// By status and kind of request.
pub(super) type ErrorsByKind<'a> = BTreeMap<(u16, u16), ErrorSources<'a>>;

/// Who gave the error statuses of a trial.
pub(super) fn count<'a>(scene: &Scene<'a>) -> ErrorsByKind<'a> {
    let mut all = ErrorsByKind::new();
    for attempt in scene.trial.lost.iter().filter(|attempt| is_error(attempt)) {
        if early(attempt, scene).is_some() || through_url::may_be_of_another(attempt, scene) {
            continue;
        }
        let sources = all.entry(kind(attempt)).or_default();
        let pods = match giver(attempt, scene) {
            Giver::Terminating(pods) => pods,
            Giver::Unsure(_) => continue,
            Giver::Another => {
                sources.by_others += 1;
                continue;
            }
        };
        sources.by_terminating += 1;
        if let [pod] = pods.as_slice() {
            sources.pods.insert(&pod.name);
        }
        let deletions = pods.iter().filter_map(|pod| pod.deletion);
        if let Some(latest_ns) = deletions.map(|deletion| deletion.high_ns).max() {
            let after_ns = attempt.end_ns.saturating_sub(latest_ns);
            let (least, most) = sources.after_ns.unwrap_or((after_ns, after_ns));
            sources.after_ns = Some((least.min(after_ns), most.max(after_ns)));
        }
    }
    all
}

/// `None` if the answer did not come from a terminating pod, or others answer so as well.
pub(super) fn explain<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Option<Finding<'a>> {
    let gave = is_error(attempt) && !through_url::may_be_of_another(attempt, scene);
    let sources = scene.errors.get(&kind(attempt)).filter(|_| gave)?;
    let elsewhere = sources.by_others.saturating_mul(MOST_FROM_ELSEWHERE) > sources.by_terminating;
    if elsewhere || sources.by_terminating == 0 {
        return None;
    }
    let (Giver::Terminating(pods) | Giver::Unsure(pods)) = giver(attempt, scene) else { return None };
    let latest = pods.iter().max_by_key(|pod| pod.deletion.map(|deletion| deletion.high_ns))?;
    let finding = Finding::of(Cause::ErrorAtStop, latest, OF_AN_ERROR_AT_STOP);
    let pod = finding.pod.filter(|_| pods.len() == 1);
    Some(Finding { pod, ..finding }.and([Proof::Fact(sources.words(attempt.status.unwrap_or(0)).into())]))
}

/// A new pod that has answered nothing as expected yet, and later does answer such requests, was not ready.
pub(super) fn early<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Option<&'a PodLife> {
    let name = attempt.pod.as_ref().filter(|_| !attempt.pod_from_connection)?;
    let pod = scene.named(name, attempt.end_ns).filter(|pod| is_early(pod, attempt.end_ns))?;
    scene.trial.answered_kinds.contains(&(name.clone(), attempt.request)).then_some(pod)
}

fn is_early(pod: &PodLife, at_ns: Stamp) -> bool {
    pod.new && pod.served.is_none_or(|(first_ns, _)| at_ns < first_ns)
}

fn is_error(attempt: &Attempt) -> bool {
    attempt.outcome.group() == OutcomeGroup::Answered && attempt.outcome == Outcome::Status5xx
}

fn kind(attempt: &Attempt) -> (u16, u16) {
    (attempt.status.unwrap_or(0), attempt.request)
}

/// Who may have given an answer.
enum Giver<'a> {
    /// One of these terminating pods.
    Terminating(Vec<&'a PodLife>),
    /// One of these terminating pods, or a new one that did not serve yet.
    Unsure(Vec<&'a PodLife>),
    Another,
}

fn giver<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Giver<'a> {
    let at_ns = attempt.end_ns;
    if let Some(name) = &attempt.pod {
        let pod = scene.named(name, at_ns).filter(|pod| is_between(pod, pod.deletion.map(|edge| edge.low_ns), at_ns));
        return pod.map_or(Giver::Another, |pod| Giver::Terminating(vec![pod]));
    }
    let stopping: Vec<&PodLife> = scene.pods().filter(|pod| is_between(pod, told_ns(pod), at_ns)).collect();
    let declared = |pod: &PodLife| pod.endpoint_ready.is_some_and(|ready| ready.low_ns <= at_ns);
    // Routing often reaches a new pod as it leaves the old one, so that the new one has answered nothing until then. A probe that it
    // passed, or a container of the old one that has ended, tells more.
    let told = scene.has_readiness || stopping.iter().any(|pod| lacks_container(pod, at_ns));
    match stopping.as_slice() {
        [] => Giver::Another,
        _ if !told && scene.pods().any(|pod| declared(pod) && is_early(pod, at_ns)) => Giver::Unsure(stopping),
        _ => Giver::Terminating(stopping),
    }
}

/// Whether another container had ended while the one that serves went on.
fn lacks_container(pod: &PodLife, at_ns: Stamp) -> bool {
    let ended = pod.others.first().is_some_and(|other| other.finished.low_ns <= at_ns);
    ended && pod.finished.is_none_or(|finished| finished.low_ns > at_ns)
}

/// When the first of its containers was told to stop, or had ended.
fn told_ns(pod: &PodLife) -> Option<Stamp> {
    let deletion = pod.deletion?;
    let told = stop_begins(pod).unwrap_or(deletion).low_ns;
    Some(pod.others.first().map_or(told, |other| told.min(other.finished.low_ns)))
}

fn is_between(pod: &PodLife, from_ns: Option<Stamp>, at_ns: Stamp) -> bool {
    let until_ns = pod.gone.or(pod.finished).map_or(Stamp::MAX, |edge| edge.high_ns.saturating_add(SLACK_NS));
    from_ns.is_some_and(|from_ns| from_ns <= at_ns) && at_ns <= until_ns
}

impl ErrorSources<'_> {
    fn words(&self, status: u16) -> String {
        let Self { by_terminating, by_others, pods, after_ns } = self;
        let of_pods = match pods.len() {
            0 => "while pods were terminating".to_owned(),
            1 => "from 1 terminating pod".to_owned(),
            several => format!("from {several} terminating pods"),
        };
        let (least, most) = after_ns.unwrap_or_default();
        let others = if *by_others == 0 { "none".to_owned() } else { by_others.to_string() };
        format!(
            "status {status} came {by_terminating} times {of_pods}, {:.1} s to {:.1} s after the deletion, and {others} from others",
            seconds(least),
            seconds(most)
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a trial is far shorter than what a double holds exactly")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
