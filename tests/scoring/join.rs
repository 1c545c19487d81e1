//! Joins the record's lost attempts with what truly happened to them: which pod was chosen, which connection the server
//! had, and how that ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rollproof::clock::Stamp;
use rollproof::record::entry::{Attempt, EndpointsSeen, MarkName, SeenChange};
use rollproof::record::header::Header;
use rollproof::record::{Entry, Outcome, Reader, Sum};
use rollproof::timeline::{Collector, Timeline};

use crate::logs::{Connection, World};

/// A busy server logs an accept this much later than the handshake, at most.
const ACCEPT_SLACK_NS: u64 = 5_000_000;

/// One run's record.
pub(crate) struct Run {
    pub(crate) header: Header,
    pub(crate) timeline: Timeline,
    /// Lost attempts that ended after their trial's first mark, in the order of the record.
    pub(crate) lost: Vec<Attempt>,
    /// When new connections were established whose attempt was then answered, in order of time.
    pub(crate) answered: Vec<Stamp>,
    slices: Vec<EndpointsSeen>,
}

/// Where a new connection was routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Led<'a> {
    /// The log does not say.
    Unknown,
    /// To an address on which nobody listens: there was no endpoint.
    Nowhere,
    /// To this pod.
    To(&'a str),
}

impl<'a> Led<'a> {
    fn of(pick: Option<&'a (Stamp, Option<String>)>) -> Self {
        match pick {
            None => Self::Unknown,
            Some((_, None)) => Self::Nowhere,
            Some((_, Some(pod))) => Self::To(pod),
        }
    }
}

/// What truly happened to one attempt.
#[derive(Debug)]
pub(crate) struct Fate<'a> {
    /// Where its connection was routed.
    pub(crate) led: Led<'a>,
    /// The connection as the server had it; `None` if it was never accepted.
    pub(crate) connection: Option<&'a Connection>,
}

/// Reads the record of the run in `folder`.
pub(crate) fn read(folder: &Path) -> Result<Run, String> {
    let mut reader = Reader::open(&folder.join("record.jsonl")).map_err(|error| error.to_string())?;
    let header = reader.header().clone();
    let mut collector = Collector::new(header.clone());
    let mut attempts = Vec::new();
    let mut first_mark: BTreeMap<u32, Stamp> = BTreeMap::new();
    let mut slices = Vec::new();
    for entry in reader.by_ref() {
        let entry = entry.map_err(|error| error.to_string())?;
        match &entry {
            Entry::Attempt(attempt) => attempts.push(attempt.clone()),
            Entry::Mark(mark) if mark.name == MarkName::RolloutStep => {
                let first = first_mark.entry(mark.trial).or_insert(mark.before_ns);
                *first = mark.before_ns.min(*first);
            }
            Entry::Endpoints(seen) => slices.push(seen.clone()),
            _ => {}
        }
        collector.push(entry).map_err(|error| error.to_string())?;
    }
    let timeline = collector.finish(reader.is_cut()).map_err(|error| error.to_string())?;
    let answered = |attempt: &&Attempt| attempt.first_byte_ns.is_some() || attempt.sum == Sum::Ok;
    let mut answered: Vec<Stamp> =
        attempts.iter().filter(answered).filter_map(|attempt| attempt.connected_ns).collect();
    answered.sort_unstable();
    let of_rollout = |attempt: &Attempt| first_mark.get(&attempt.trial).is_some_and(|first| attempt.end_ns >= *first);
    attempts.retain(|attempt| attempt.sum == Sum::Lost && of_rollout(attempt));
    Ok(Run { header, timeline, lost: attempts, answered, slices })
}

impl Run {
    /// The pods that the API's endpoints named at each moment: the ready ones, or the serving ones that are terminating if
    /// none is ready.
    pub(crate) fn slices(&self) -> Vec<(Stamp, BTreeSet<String>)> {
        let mut now: BTreeMap<&str, &EndpointsSeen> = BTreeMap::new();
        let mut states = Vec::new();
        for seen in &self.slices {
            if seen.change == SeenChange::Gone {
                now.remove(seen.name.as_str());
            } else {
                now.insert(&seen.name, seen);
            }
            let all = || now.values().flat_map(|seen| &seen.endpoints);
            let ready: BTreeSet<String> = all().filter(|e| e.ready).filter_map(|e| e.pod.clone()).collect();
            let serving = all().filter(|e| e.serving && e.terminating).filter_map(|e| e.pod.clone());
            states.push((seen.at_ns, if ready.is_empty() { serving.collect() } else { ready }));
        }
        states
    }
}

/// What truly happened to `attempt`.
pub(crate) fn fate<'a>(world: &'a World, attempt: &Attempt) -> Fate<'a> {
    let started = attempt.started_ns.unwrap_or(attempt.planned_ns);
    let Some(link) = &attempt.connection else {
        // The choice is made at once after the start, on the load's one thread: the next choice is this attempt's.
        let next = world.picks.partition_point(|(at, _)| *at < started);
        return Fate { led: Led::of(world.picks.get(next)), connection: None };
    };
    let established = attempt.connected_ns.unwrap_or(started.saturating_sub(link.age_ns));
    // The connect was begun right after the choice.
    let begun = established.saturating_sub(link.rtt_ns);
    let chosen = world.picks.partition_point(|(at, _)| *at <= begun).checked_sub(1);
    let led = Led::of(chosen.map(|index| &world.picks[index]));
    let Led::To(pod) = led else { return Fate { led, connection: None } };
    let accepted = world.pods.get(pod).into_iter().flat_map(|life| life.connections.values());
    let mine = accepted.filter(|known| {
        known.port == link.local_port && known.accepted + ACCEPT_SLACK_NS >= begun && known.accepted <= attempt.end_ns
    });
    Fate { led, connection: mine.min_by_key(|known| known.accepted) }
}

/// Whether the attempt never had a connection.
pub(crate) fn failed_to_connect(attempt: &Attempt) -> bool {
    matches!(attempt.outcome, Outcome::Refused | Outcome::ConnectTimeout | Outcome::Unreachable)
}
