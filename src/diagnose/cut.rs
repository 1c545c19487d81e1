//! Connections that were made, and ended before the answer did: closed, reset, or silent until the timeout.

use super::cause::Cause;
use super::finding::{Finding, Proof};
use super::scene::{Scene, stop_begins};
use super::timeout;
use crate::clock::Stamp;
use crate::record::entry::{Attempt, ConnectionUse};
use crate::record::{Outcome, OutcomeGroup, within_race};
use crate::servers::{PreStop, StopKind};
use crate::timeline::{PodEdge, PodLife};

/// Between an edge and what it causes, as far as a busy machine is late.
const SLACK_NS: u64 = 150_000_000;
/// No answer for three times the usual latency and this means that nobody was at work on it.
const UNSERVED_NS: u64 = 50_000_000;
/// A connection that is so young when a listener closes may still be in its accept queue.
const QUEUED_NS: u64 = 100_000_000;
/// An edge that is known to this was observed, not derived.
const OBSERVED_NS: u64 = 60_000_000;
/// A hook's end and the stop signal mostly take less.
const SIGNAL_SOON_NS: u64 = 120_000_000;
/// kubelet gives so much more to a server whose hook has used the grace up, and tells a container's end a second late.
const KILL_LATE_NS: u64 = 3_500_000_000;

const OF_A_CUT: &[PodEdge] = &[
    PodEdge::Deletion,
    PodEdge::HookEnd,
    PodEdge::StopSignal,
    PodEdge::ListenerClosed,
    PodEdge::GraceEnd,
    PodEdge::ContainerFinished,
];

pub(super) fn explain<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Finding<'a> {
    if timeout::is(attempt.outcome) {
        return timeout::explain(attempt, scene);
    }
    if let Some(name) = &attempt.pod {
        let Some(pod) = scene.named(name, attempt.end_ns) else {
            return Finding::unknown(format!("the record shows nothing of pod {name}; a watch of the pods would"));
        };
        return of_pod(attempt, pod, scene);
    }
    let mut possible: Vec<(&PodLife, Cause, bool)> = scene
        .pods()
        .filter(|pod| may_have_carried(attempt, pod, scene))
        .filter_map(|pod| by_stop(attempt, pod, scene).map(|cause| (pod, cause, is_timely(attempt, pod))))
        .collect();
    // A pod that something happened to at that very moment explains more than one that merely was stopping, and one whose end was
    // observed then more than one of which that only follows. One that answered later had not ended.
    keep_if_any(&mut possible, |(pod, _, _)| pod.served.is_none_or(|(_, last_ns)| last_ns <= attempt.end_ns));
    keep_if_any(&mut possible, |(_, _, timely)| *timely);
    keep_if_any(&mut possible, |(pod, _, _)| ended_then(attempt, pod));
    match possible.as_slice() {
        [] => without_stop(attempt, scene),
        [(pod, cause, _)] => stopped(*cause, pod),
        [(first, cause, _), rest @ ..] => match rest.iter().try_fold(*cause, |all, (_, one, _)| widest(all, *one)) {
            Some(cause) if cause != Cause::Unknown => Finding::without_pod(cause, vec![Proof::Edges(first, OF_A_CUT)]),
            Some(_) | None => Finding::torn(format!(
                "{} pods were stopping, each in its own way, and this connection names none of them",
                possible.len()
            )),
        },
    }
}

fn of_pod<'a>(attempt: &'a Attempt, pod: &'a PodLife, scene: &Scene<'a>) -> Finding<'a> {
    if let Some(cause) = by_stop(attempt, pod, scene) {
        return stopped(cause, pod);
    }
    if pod.crashed.is_some() {
        return ended_by_itself(pod).and([Proof::Edges(pod, &[PodEdge::Started])]);
    }
    if raced(attempt) {
        return Finding::of(Cause::KeepaliveRace, pod, &[PodEdge::Deletion]);
    }
    Finding::unknown(format!("nothing that the record shows happened to {} at that moment; its log may tell", pod.name))
}

fn without_stop<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Finding<'a> {
    if let Some(crashed) = scene.crashed(attempt.end_ns) {
        return ended_by_itself(crashed);
    }
    if raced(attempt) {
        return Finding::without_pod(Cause::KeepaliveRace, Vec::new());
    }
    if let Some(pod) = scene.vanished() {
        return Finding::unknown(pod_vanished(pod));
    }
    Finding::unknown(
        "no pod was stopping at that moment; the servers' logs, or a capture, would tell who ended the connection",
    )
}

/// What is missing where a pod went unseen.
pub(super) fn pod_vanished(pod: &PodLife) -> String {
    format!("{} vanished, and no watch saw its deletion, so it is not known when it was stopped", pod.name)
}

fn ended_by_itself<'a>(pod: &PodLife) -> Finding<'a> {
    Finding::unknown(format!("a container of {} ended without the pod's deletion; its log tells why", pod.name))
}

/// Whether a stopping pod may have been at the other end of a connection that names none.
fn may_have_carried(attempt: &Attempt, pod: &PodLife, scene: &Scene<'_>) -> bool {
    let Some(deletion) = pod.deletion else { return false };
    let begun_ns = routed_ns(attempt);
    let routed_until = scene.routed_until(pod, deletion);
    let existed = pod.created.is_some_and(|created| created.low_ns <= begun_ns);
    let accepted = pod.listener_closed.is_none_or(|closed| begun_ns <= closed.high_ns);
    existed && accepted && begun_ns <= routed_until && !scene.routed_anew(pod, begun_ns)
}

/// When its connection was routed. That a new one was connected may have been noticed late.
fn routed_ns(attempt: &Attempt) -> Stamp {
    let begun_ns = attempt.started_ns.or(attempt.connected_ns).unwrap_or(attempt.planned_ns);
    let kept = attempt.connection.as_ref().filter(|connection| connection.uses > 0);
    begun_ns.saturating_sub(kept.map_or(0, |connection| connection.age_ns))
}

/// What the stop of a pod explains of an attempt that it carried; `None` if it does not.
fn by_stop(attempt: &Attempt, pod: &PodLife, scene: &Scene<'_>) -> Option<Cause> {
    let stop = stop_begins(pod)?;
    let end_ns = attempt.end_ns;
    let over_ns = pod.finished.or(pod.gone).map_or(Stamp::MAX, |edge| edge.high_ns.saturating_add(SLACK_NS));
    let asked = is_new_and_unanswered(attempt);
    if end_ns.saturating_add(SLACK_NS) < stop.low_ns {
        return None;
    }
    if raced(attempt) && (proven_race(attempt) || failed_at_once(attempt) || !at_the_exit(attempt, pod)) {
        return Some(Cause::KeepaliveRace);
    }
    if end_ns > over_ns {
        return None;
    }
    // Until the stop signal, a graceful stop that the hook began answers what it has read.
    let told = pod.stop_signal.is_some_and(|signal| signal.low_ns <= end_ns);
    if begins_gracefully(&pod.hook) && !told {
        let queued = asked && never_accepted(attempt, pod, scene);
        let idle = keeps_alive(attempt) && is_unanswered(attempt);
        // A server with nothing to drain ends at once, and cuts what is just arriving.
        let at_once =
            asked && is_closing(attempt, pod) && pod.finished.is_some_and(|finished| finished.low_ns <= end_ns);
        let ended = at_once || cut_by_its_own_limit(attempt, pod);
        let causes = [(queued, Cause::BacklogReset), (ended, Cause::CutAtStop), (idle, Cause::KeepaliveRace)];
        return causes.into_iter().find(|(is, _)| *is).map(|(_, cause)| cause);
    }
    if ran_out_of_grace(attempt, pod) {
        return Some(Cause::KilledAtGraceEnd);
    }
    if asked && never_accepted(attempt, pod, scene) {
        return Some(if failed_hook_before(attempt, pod) { Cause::PrestopFailed } else { Cause::BacklogReset });
    }
    if failed_hook_before(attempt, pod) {
        return Some(Cause::PrestopFailed);
    }
    Some(match drain(attempt, pod, scene) {
        // It is not known whether the drain was cut, or over.
        Drain::Cut if !was_in_flight_as_it_began(attempt, pod) => Cause::Unknown,
        Drain::Cut => Cause::DrainNotAwaited,
        Drain::Unclear => Cause::Unknown,
        Drain::Awaited => Cause::CutAtStop,
    })
}

fn failed_hook_before(attempt: &Attempt, pod: &PodLife) -> bool {
    pod.hook_broke() && pod.hook_end.is_some_and(|end| end.low_ns <= attempt.end_ns)
}

/// A connection to a server that is stopping, which nobody took out of the accept queue.
fn never_accepted(attempt: &Attempt, pod: &PodLife, scene: &Scene<'_>) -> bool {
    let Some(connected_ns) = attempt.connected_ns.filter(|_| !spoke_tls(attempt)) else { return false };
    let waited_ns = attempt.end_ns.saturating_sub(connected_ns);
    let usual_ns = scene.usual_ns(attempt).unwrap_or(0);
    let unserved = waited_ns > usual_ns.saturating_mul(3).saturating_add(UNSERVED_NS);
    let stop = stop_begins(pod);
    // Told to stop, the server took no more: this connection came later, and waited longer than any that is served.
    // A deletion that was seen only just after the connection may have been accepted just before it: that tells nothing.
    let seen_ns = pod.deletion.map_or(Stamp::MAX, |deletion| deletion.high_ns);
    let overlooked = unserved && stop.is_some_and(|stop| connected_ns >= stop.low_ns.max(seen_ns));
    // Of a kind of request that is slow by itself, only that the server answered nothing any more tells.
    let too_late = stop.is_some_and(|stop| connected_ns > stop.high_ns)
        && waited_ns > usual_ns.max(UNSERVED_NS)
        && answers_no_more(pod, connected_ns);
    let lives_on = pod.finished.is_none_or(|finished| finished.low_ns > attempt.end_ns.saturating_add(QUEUED_NS));
    let in_closing_queue = is_closing(attempt, pod) && lives_on && waited_ns <= QUEUED_NS;
    in_closing_queue || overlooked || too_late
}

/// A stopping server to which this connection was made and which, to judge by its answers, took no more; it had not ended when
/// the time was up.
pub(super) fn hangs(attempt: &Attempt, pod: &PodLife, scene: &Scene<'_>) -> bool {
    let Some(connected_ns) = attempt.connected_ns.filter(|_| !spoke_tls(attempt)) else { return false };
    let told = stop_begins(pod).is_some_and(|stop| connected_ns >= stop.low_ns);
    let ended = pod.finished.or(pod.gone).is_some_and(|finished| finished.surely_before(attempt.end_ns));
    told && !ended && may_have_carried(attempt, pod, scene) && answers_no_more(pod, connected_ns)
}

/// The server had taken the connection out of the accept queue: the kernel speaks no TLS.
fn spoke_tls(attempt: &Attempt) -> bool {
    attempt.secured_ns.is_some() || attempt.connection.as_ref().is_some_and(|connection| connection.tls_answered)
}

/// Of a pod that names itself in its answers.
fn answers_no_more(pod: &PodLife, at_ns: Stamp) -> bool {
    pod.served.is_some_and(|(_, last_ns)| last_ns <= at_ns.saturating_add(SLACK_NS))
}

fn is_closing(attempt: &Attempt, pod: &PodLife) -> bool {
    pod.listener_closed.is_some_and(|closed| {
        let from = closed.low_ns.saturating_sub(QUEUED_NS / 10);
        from <= attempt.end_ns && attempt.end_ns <= closed.high_ns.saturating_add(QUEUED_NS / 10)
    })
}

fn ran_out_of_grace(attempt: &Attempt, pod: &PodLife) -> bool {
    let Some(grace_end) = pod.grace_end() else { return false };
    let after = grace_end.low_ns.saturating_sub(SLACK_NS) <= attempt.end_ns;
    let soon = attempt.end_ns <= grace_end.high_ns.saturating_add(KILL_LATE_NS);
    let killed = pod.exit_code == Some(137) && pod.reason.as_deref() != Some("OOMKilled");
    after && soon && (killed || pod.hook_used_grace_up())
}

/// What became of a drain that the hook began.
enum Drain {
    /// There was none that the hook did not await.
    Awaited,
    /// The hook was over, and the stop signal cut it.
    Cut,
    /// That was not observed closely enough.
    Unclear,
}

/// Whether the hook began a drain, was over, and then the stop signal cut what the server was draining.
fn drain(attempt: &Attempt, pod: &PodLife, scene: &Scene<'_>) -> Drain {
    // Where it cannot be read how long a hook waits, it is not known to have returned.
    if !pod.hook.length_is_known() || pod.hook_end.is_none_or(|end| end.low_ns > attempt.end_ns) {
        return Drain::Awaited;
    }
    // A stop that is known not to be graceful drains nothing.
    let Some(kind) = pod.hook.stop().filter(|kind| *kind != StopKind::Quick) else { return Drain::Awaited };
    let graceful = kind == StopKind::Graceful;
    match pod.listener_closed.filter(|closed| closed.surely_before(attempt.end_ns)) {
        // One that is known to be graceful cuts nothing itself, and here the signal does.
        _ if graceful && pod.hook.signal_cuts() => Drain::Cut,
        // Of others the order tells: first the listener closed, then the drain was cut.
        Some(closed) => signalled_then(attempt, closed.high_ns, pod, scene),
        None if graceful => Drain::Cut,
        None => Drain::Awaited,
    }
}

/// Such a server may drain on its stop signal too, and cut by a limit of its own. The signal follows the hook, which ends soon after the
/// drain began.
fn signalled_then(attempt: &Attempt, began_ns: Stamp, pod: &PodLife, scene: &Scene<'_>) -> Drain {
    let ended_ns = began_ns.saturating_add(pod.hook.sleep_after_stop_ns());
    let after_ns = attempt.end_ns.saturating_sub(ended_ns);
    if after_ns <= SIGNAL_SOON_NS {
        Drain::Cut
    } else if after_ns < scene.signal_latest_ns {
        Drain::Unclear
    } else {
        Drain::Awaited
    }
}

/// What was in flight as the drain began failed as the server ended, which nobody had told to: it gave up waiting.
fn cut_by_its_own_limit(attempt: &Attempt, pod: &PodLife) -> bool {
    let Some(finished) = pod.finished else { return false };
    let lives_on = pod.listener_closed.is_some_and(|closed| closed.surely_before(attempt.end_ns));
    let then = finished.low_ns.saturating_sub(SLACK_NS / 5) <= attempt.end_ns;
    lives_on && then && was_in_flight_as_it_began(attempt, pod)
}

/// A drain waits for what was in flight as it began, which is when the listener closes. What came later may have met a server that was
/// done and ended by itself.
fn was_in_flight_as_it_began(attempt: &Attempt, pod: &PodLife) -> bool {
    let begun_ns = attempt.sent_ns.or(attempt.connected_ns).unwrap_or(attempt.end_ns);
    let began = pod.listener_closed.map(|closed| closed.low_ns).or(stop_begins(pod).map(|stop| stop.high_ns));
    began.is_some_and(|began_ns| begun_ns < began_ns)
}

/// A cause that lies with a pod's stop.
fn stopped(cause: Cause, pod: &PodLife) -> Finding<'_> {
    if cause == Cause::Unknown {
        return Finding::torn(format!(
            "whether {} had drained and ended by itself, or its drain was cut, was not observed closely enough",
            pod.name
        ));
    }
    Finding::of(cause, pod, OF_A_CUT)
}

/// Keeps those for which something holds, if it holds for any.
fn keep_if_any<T>(all: &mut Vec<T>, holds: impl Fn(&T) -> bool) {
    if all.iter().any(&holds) {
        all.retain(holds);
    }
}

/// Its listener was observed to close, or its container to end, at the moment at which the attempt failed.
fn ended_then(attempt: &Attempt, pod: &PodLife) -> bool {
    [pod.listener_closed, pod.finished].into_iter().flatten().any(|edge| {
        let precise = edge.high_ns.saturating_sub(edge.low_ns) <= OBSERVED_NS;
        let low_ns = edge.low_ns.saturating_sub(OBSERVED_NS / 5);
        precise && (low_ns..=edge.high_ns.saturating_add(OBSERVED_NS)).contains(&attempt.end_ns)
    })
}

/// Something that happens once happened to this pod just before the attempt failed.
fn is_timely(attempt: &Attempt, pod: &PodLife) -> bool {
    let near = |low: Stamp, high: Stamp| {
        low.saturating_sub(SLACK_NS / 5) <= attempt.end_ns && attempt.end_ns <= high.saturating_add(SLACK_NS)
    };
    let closed = pod.listener_closed.is_some_and(|closed| near(closed.low_ns, closed.high_ns));
    let told = stop_begins(pod).is_some_and(|stop| near(stop.low_ns, stop.high_ns));
    let finished = pod.finished.is_some_and(|finished| near(finished.low_ns, finished.high_ns));
    closed || told || finished
}

/// The connection's end is the server's own.
fn at_the_exit(attempt: &Attempt, pod: &PodLife) -> bool {
    let Some(sent_ns) = attempt.sent_ns else { return false };
    let written_later = pod.finished.is_some_and(|finished| finished.surely_before(sent_ns))
        || pod.listener_closed.is_some_and(|closed| closed.surely_before(sent_ns));
    let lives_on = pod.finished.is_none_or(|finished| finished.low_ns > attempt.end_ns);
    !written_later && !lives_on
}

fn keeps_alive(attempt: &Attempt) -> bool {
    !attempt.arm.connects_anew() && attempt.connection.as_ref().is_some_and(|connection| connection.uses > 0)
}

/// The end of the connection was on its way: what the server does with a request takes at least a round trip.
fn failed_at_once(attempt: &Attempt) -> bool {
    let rtt_ns = attempt.connection.as_ref().map_or(0, ConnectionUse::round_trip_ns);
    let waited = attempt.sent_ns.map(|sent_ns| attempt.end_ns.saturating_sub(sent_ns));
    !request_came(attempt) && waited.is_some_and(|waited| waited < rtt_ns / 2)
}

/// The kernel shows that the connection had ended before the request came to the server: the peer's FIN or RST was there before the
/// write, or the stream ended and nothing of the request was acknowledged.
fn proven_race(attempt: &Attempt) -> bool {
    let closed = attempt.outcome == Outcome::ClosedBeforeByte;
    attempt
        .connection
        .as_ref()
        .is_some_and(|connection| connection.ended_before_write || (closed && connection.bytes_acked == Some(0)))
}

/// The server's kernel acknowledged the request before the connection ended.
pub(super) fn request_came(attempt: &Attempt) -> bool {
    attempt.connection.as_ref().is_some_and(|connection| connection.bytes_acked.is_some_and(|bytes| bytes > 0))
}

/// Written on a kept-alive connection, and closed before a byte within the time that the race takes.
fn raced(attempt: &Attempt) -> bool {
    // A reset after the request had come is of a server that still had the connection.
    let early = is_unanswered(attempt) && !(request_came(attempt) && attempt.outcome == Outcome::ResetBeforeByte);
    let rtt_ns = attempt.connection.as_ref().map_or(0, ConnectionUse::round_trip_ns);
    let waited = attempt.sent_ns.map(|sent_ns| attempt.end_ns.saturating_sub(sent_ns));
    early
        && keeps_alive(attempt)
        && (proven_race(attempt) || waited.is_some_and(|waited_ns| within_race(waited_ns, rtt_ns, attempt.late_ns)))
}

fn is_unanswered(attempt: &Attempt) -> bool {
    attempt.outcome.group() == OutcomeGroup::NoByte
}

fn is_new_and_unanswered(attempt: &Attempt) -> bool {
    attempt.bytes_in.unwrap_or(0) == 0
        && attempt.connected_ns.is_some()
        && !matches!(
            attempt.outcome,
            Outcome::BodyReset | Outcome::BodyClosed | Outcome::BodyTimeout | Outcome::HeadCut
        )
}

/// Of two causes that cannot be parted, the wider one, if there is one.
fn widest(one: Cause, other: Cause) -> Option<Cause> {
    use Cause::{BacklogReset, CutAtStop, DrainNotAwaited, PrestopFailed};
    let narrower = [BacklogReset, CutAtStop, DrainNotAwaited, PrestopFailed];
    if one == other {
        return Some(one);
    }
    (narrower.contains(&one) && narrower.contains(&other)).then_some(CutAtStop)
}

/// Whether the hook itself begins a stop that is known to answer what is in flight.
pub(super) fn begins_gracefully(hook: &PreStop) -> bool {
    hook.stop() == Some(StopKind::Graceful)
}
