//! Names the true cause of each lost attempt, by the definitions of `rollproof::diagnose::Cause` and from nothing but what
//! truly happened.
//!
//! A cause names what would have to be different for the attempt to be answered. What the truth cannot decide is said to be
//! undecidable, with the reason. It must not know how diagnosis decides or what it says.

use rollproof::clock::Stamp;
use rollproof::diagnose::Cause;
use rollproof::record::Outcome;
use rollproof::record::entry::Attempt;

use rollproof::target::target_truth::ConnectionActivity;

use crate::join::{Fate, Led, failed_to_connect, fate};
use crate::logs::{Connection, End, Life, World};

/// A client sees the end of a connection at most this long before or after the server logs it.
const NEAR_NS: u64 = 100_000_000;
/// Events this close together count as one: the side probe could not tell them apart either.
const AT_ONCE_NS: u64 = 20_000_000;

/// The true cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    Is(Cause),
    /// The truth log does not decide, and why.
    Undecidable(&'static str),
}

/// The true cause of each of `lost`, in their order. `answered` are the moments at which connections were established that
/// were then answered, in order.
pub(crate) fn label(world: &World, lost: &[Attempt], answered: &[Stamp]) -> Vec<Truth> {
    let mut outage = None;
    let mut labels = vec![Truth::Undecidable("not looked at"); lost.len()];
    let mut order: Vec<usize> = (0..lost.len()).collect();
    order.sort_by_key(|index| began(&lost[*index]));
    for index in order {
        let attempt = &lost[index];
        let fate = fate(world, attempt);
        labels[index] = if failed_to_connect(attempt) {
            unconnected(world, attempt, &fate, answered, &mut outage)
        } else {
            connected(world, attempt, &fate)
        };
    }
    labels
}

fn began(attempt: &Attempt) -> Stamp {
    attempt.started_ns.unwrap_or(attempt.planned_ns)
}

/// A time in which no pod can serve new connections.
#[derive(Debug, Clone, Copy)]
struct Outage {
    from: Stamp,
    cause: Cause,
}

fn unconnected(
    world: &World,
    attempt: &Attempt,
    fate: &Fate<'_>,
    answered: &[Stamp],
    outage: &mut Option<Outage>,
) -> Truth {
    if attempt.outcome != Outcome::Refused {
        return Truth::Undecidable("a connect that was not refused failed");
    }
    let life = match fate.led {
        Led::To(pod) => world.pods.get(pod),
        Led::Nowhere | Led::Unknown => None,
    };
    // Where the listener went between the choice and the connect, that is the moment.
    let going = life.and_then(Life::gone).filter(|gone| (began(attempt)..=attempt.end_ns).contains(gone));
    let at = going.unwrap_or(began(attempt));
    // It lasts until the first new connection is answered again.
    let over =
        |from: Stamp| answered.get(answered.partition_point(|moment| *moment <= from)).is_some_and(|end| *end < at);
    if outage.is_some_and(|outage| over(outage.from)) {
        *outage = None;
    }
    // Listeners that close together are one event: the first refusal belongs to the outage like the others.
    if outage.is_none() && !(anybody_serves(world, at) && anybody_serves(world, at.saturating_add(AT_ONCE_NS))) {
        let cause = if anybody_is_early(world, at) { Cause::NotReadyYet } else { Cause::NoEndpoint };
        *outage = Some(Outage { from: at, cause });
    }
    if let Some(outage) = outage {
        return Truth::Is(outage.cause);
    }
    let life = match (fate.led, life) {
        (Led::To(_), Some(life)) => life,
        (Led::Nowhere, _) => return Truth::Is(Cause::NoEndpoint),
        _ => return Truth::Undecidable("the chosen pod is not known"),
    };
    if life.listening.is_none_or(|from| at < from) {
        return Truth::Is(Cause::NotReadyYet);
    }
    if life.gone().is_none_or(|gone| at + NEAR_NS < gone) {
        return Truth::Undecidable("refused by a pod that was listening");
    }
    Truth::Is(outranked(life, attempt.end_ns, Cause::EndpointRace))
}

/// Whether a pod listens to which new connections are routed, or are about to be.
fn anybody_serves(world: &World, at: Stamp) -> bool {
    led_to(world, at).any(|life| life.listens(at))
}

/// Whether new connections are routed, or are about to be, to a pod that does not listen yet. The pod counted as ready before its
/// endpoint did, which is why the last old pod could go.
fn anybody_is_early(world: &World, at: Stamp) -> bool {
    led_to(world, at.saturating_add(AT_ONCE_NS))
        .any(|life| life.listening.is_none_or(|from| at < from) && life.gone().is_none_or(|gone| at < gone))
}

fn led_to(world: &World, at: Stamp) -> impl Iterator<Item = &Life> {
    world.table(at).union(world.slice(at)).filter_map(|pod| world.pods.get(pod))
}

fn connected(world: &World, attempt: &Attempt, fate: &Fate<'_>) -> Truth {
    match attempt.outcome {
        Outcome::Status5xx | Outcome::StatusOther => return Truth::Is(status(world, attempt, fate)),
        Outcome::HeaderTimeout | Outcome::BodyTimeout => return timed_out(fate),
        _ => {}
    }
    let life = match fate.led {
        Led::To(pod) => world.pods.get(pod),
        Led::Nowhere | Led::Unknown => None,
    };
    let Some(life) = life else { return Truth::Undecidable("the pod of the connection is not known") };
    match fate.connection {
        Some(connection) => accepted(life, connection, attempt),
        None => never_accepted(life, attempt),
    }
}

/// Told to stop, a server that sheds answers 503 only.
fn status(world: &World, attempt: &Attempt, fate: &Fate<'_>) -> Cause {
    let life = if let Led::To(pod) = fate.led { world.pods.get(pod) } else { None };
    let reads = fate.connection.into_iter().flat_map(|connection| &connection.reads);
    let read = reads.copied().filter(|read| *read <= attempt.end_ns).max();
    let told = life.and_then(|life| life.terms.first()).zip(read).is_some_and(|(term, read)| *term <= read);
    if told && attempt.outcome == Outcome::Status5xx { Cause::ErrorAtStop } else { Cause::ServerError }
}

/// The server read the request and lived on, but was too slow.
fn timed_out(fate: &Fate<'_>) -> Truth {
    match fate.connection.map(|connection| connection.end) {
        Some(Some((_, End::Cut(_)))) => Truth::Undecidable("timed out as the process ended"),
        Some(_) => Truth::Is(Cause::Overload),
        None => Truth::Undecidable("timed out without being accepted"),
    }
}

fn accepted(life: &Life, connection: &Connection, attempt: &Attempt) -> Truth {
    let killed = life.killed.filter(|_| life.exit.is_none());
    let idle = matches!(
        connection.end,
        None | Some((
            _,
            End::Closed(ConnectionActivity::Idle | ConnectionActivity::Fresh)
                | End::Cut(ConnectionActivity::Idle | ConnectionActivity::Fresh)
        ))
    );
    // A cut and a kill are noted before the system closes the connection.
    let end = match connection.end {
        Some((at, End::Closed(_))) => at,
        Some((at, End::Cut(_))) => at.saturating_add(AT_ONCE_NS),
        None if killed.is_some() => life.finished.unwrap_or(Stamp::MAX),
        None => return Truth::Undecidable("the connection's end was not noted"),
    };
    let kept = attempt.connected_ns.is_none();
    // Nothing was in flight as it was closed: whatever ended the server, the client wrote on a connection that was gone.
    let written_after = |moment: Stamp| attempt.sent_ns.is_some_and(|sent| sent > moment);
    match (connection.end, life.killed) {
        (Some((at, _)), _) if kept && idle && written_after(at) => return Truth::Is(Cause::KeepaliveRace),
        (None, _) if kept && written_after(end) => return Truth::Is(Cause::KeepaliveRace),
        (None, Some(killed)) if kept && written_after(killed) => {
            return Truth::Undecidable("written between the kill and the end of the process");
        }
        _ => {}
    }
    match connection.end {
        Some((at, End::Closed(ConnectionActivity::Idle | ConnectionActivity::Fresh))) => {
            // A server that ends with the close has not lived on.
            if ends_at_once(life, at) {
                return ended(life, attempt);
            }
            // One that was accepted in the moment in which the listener closed is closed with it, unread.
            let fresh = outranked(life, attempt.end_ns, Cause::BacklogReset);
            Truth::Is(if kept { Cause::KeepaliveRace } else { fresh })
        }
        Some((_, End::Closed(ConnectionActivity::Answering))) => {
            Truth::Undecidable("the server closed a connection that was not idle")
        }
        Some((_, End::Cut(_))) => ended(life, attempt),
        None => Truth::Is(Cause::KilledAtGraceEnd),
    }
}

/// Whether the process ended itself so soon after `at` that this was one event.
fn ends_at_once(life: &Life, at: Stamp) -> bool {
    life.exit.is_some_and(|exit| exit < at.saturating_add(AT_ONCE_NS))
}

/// It was in the accept queue as the listener closed, and that either with the process or before it.
fn never_accepted(life: &Life, attempt: &Attempt) -> Truth {
    let by_now = |moment: &Stamp| *moment <= attempt.end_ns + NEAR_NS;
    if let Some(closed) = life.listener_closed.filter(by_now) {
        if ends_at_once(life, closed) {
            return ended(life, attempt);
        }
        Truth::Is(outranked(life, attempt.end_ns, Cause::BacklogReset))
    } else if life.exit.is_some_and(|exit| by_now(&exit)) {
        ended(life, attempt)
    } else if life.killed.is_some_and(|killed| by_now(&killed)) {
        Truth::Is(Cause::KilledAtGraceEnd)
    } else {
        Truth::Undecidable("never accepted by a server that was listening")
    }
}

/// The process ended itself with the attempt in flight.
fn ended(life: &Life, attempt: &Attempt) -> Truth {
    let Some(exit) = life.exit else { return Truth::Undecidable("the end of the process was not noted") };
    let by_signal = life.terms.iter().any(|term| *term <= exit && exit - term < AT_ONCE_NS);
    let hook_ended = life.hook_ended.is_some_and(|(ended, _)| ended <= exit);
    if life.hook_used_grace_up() && by_signal {
        return Truth::Is(Cause::KilledAtGraceEnd);
    }
    match life.quit {
        // Where its own drain timeout cut the drain, the stop signal did not.
        Some(quit) if quit < exit && by_signal && hook_ended => Truth::Is(Cause::DrainNotAwaited),
        _ => Truth::Is(outranked(life, attempt.end_ns, Cause::CutAtStop)),
    }
}

/// A hook that had failed before protected nothing.
fn outranked(life: &Life, at: Stamp, cause: Cause) -> Cause {
    if life.hook_failed().is_some_and(|failed| failed <= at) { Cause::PrestopFailed } else { cause }
}
