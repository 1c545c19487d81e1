//! Names the true cause of each lost attempt, by the definitions of `rollproof::diagnose::Cause` and from nothing but what
//! truly happened.
//!
//! A cause names what would have to be different for the attempt to be answered. What the truth cannot decide is said to be
//! undecidable, with the reason. It must not know how diagnosis decides or what it says.

use rollproof::clock::Stamp;
use rollproof::diagnose::Cause;
use rollproof::record::Outcome;
use rollproof::record::entry::Attempt;

use rollproof::target::truth::Doing;

use crate::join::{Fate, Led, failed_to_connect, fate};
use crate::logs::{Connection, End, Life, World};

/// A client sees the end of a connection so long after the server's note of it, or before it, at most.
const NEAR_NS: u64 = 100_000_000;
/// A process that a signal ends has ended so long after it.
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

/// A time without any pod that is able to serve new connections.
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
    let at = began(attempt);
    // It lasts until the first new connection is answered again.
    let over =
        |from: Stamp| answered.get(answered.partition_point(|moment| *moment <= from)).is_some_and(|end| *end < at);
    if outage.is_some_and(|outage| over(outage.from)) {
        *outage = None;
    }
    if outage.is_none() && !anybody_serves(world, at) {
        let cause = if anybody_is_early(world, at) { Cause::NotReadyYet } else { Cause::NoEndpoint };
        *outage = Some(Outage { from: at, cause });
    }
    if let Some(outage) = outage {
        return Truth::Is(outage.cause);
    }
    let pod = match fate.led {
        Led::To(pod) => pod,
        Led::Nowhere => return Truth::Is(Cause::NoEndpoint),
        Led::Unknown => return Truth::Undecidable("no choice of an endpoint was noted"),
    };
    let Some(life) = world.pods.get(pod) else { return Truth::Undecidable("the chosen pod is not known") };
    if life.listening.is_none_or(|from| at < from) {
        return Truth::Is(Cause::NotReadyYet);
    }
    if life.gone().is_none_or(|gone| at + NEAR_NS < gone) {
        return Truth::Undecidable("refused by a pod that was listening");
    }
    Truth::Is(outranked(life, attempt.end_ns, Cause::EndpointRace))
}

/// Whether a pod listens that new connections are led to, or about to be.
fn anybody_serves(world: &World, at: Stamp) -> bool {
    led_to(world, at).any(|life| life.listens(at))
}

/// Whether new connections are led, or about to be led, to a pod that does not listen yet.
fn anybody_is_early(world: &World, at: Stamp) -> bool {
    led_to(world, at)
        .any(|life| life.listening.is_none_or(|from| at < from) && life.gone().is_none_or(|gone| at < gone))
}

fn led_to(world: &World, at: Stamp) -> impl Iterator<Item = &Life> {
    world.table(at).union(world.slice(at)).filter_map(|pod| world.pods.get(pod))
}

fn connected(world: &World, attempt: &Attempt, fate: &Fate<'_>) -> Truth {
    match attempt.outcome {
        Outcome::Status5xx | Outcome::StatusOther => return Truth::Is(Cause::ServerError),
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

/// The server read the request and lived on, but was too slow.
fn timed_out(fate: &Fate<'_>) -> Truth {
    match fate.connection.map(|connection| connection.end) {
        Some(Some((_, End::Cut(_)))) => Truth::Undecidable("timed out as the process ended"),
        Some(_) => Truth::Is(Cause::Overload),
        None => Truth::Undecidable("timed out without being accepted"),
    }
}

fn accepted(life: &Life, connection: &Connection, attempt: &Attempt) -> Truth {
    match connection.end {
        Some((_, End::Closed(Doing::Idle | Doing::Fresh))) if attempt.connected_ns.is_none() => {
            Truth::Is(Cause::KeepaliveRace)
        }
        // Accepted in the moment in which the listener closed, and closed with it before its request was read.
        Some((_, End::Closed(Doing::Fresh))) => Truth::Is(outranked(life, attempt.end_ns, Cause::BacklogReset)),
        Some((_, End::Closed(_))) => Truth::Undecidable("the server closed a connection that was not idle"),
        Some((_, End::Cut(_))) => ended(life, attempt),
        None if life.killed.is_some() && life.exit.is_none() => Truth::Is(Cause::KilledAtGraceEnd),
        None => Truth::Undecidable("the connection's end was not noted"),
    }
}

/// It was in the accept queue as the listener closed, and that either with the process or before it.
fn never_accepted(life: &Life, attempt: &Attempt) -> Truth {
    let by_now = |moment: Option<Stamp>| moment.is_some_and(|moment| moment <= attempt.end_ns + NEAR_NS);
    if by_now(life.listener_closed) {
        Truth::Is(outranked(life, attempt.end_ns, Cause::BacklogReset))
    } else if by_now(life.exit) {
        ended(life, attempt)
    } else if by_now(life.killed) {
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
