//! What was going on around an attempt: which pods stopped, started, or could have served.

use std::collections::{BTreeMap, BTreeSet};

use super::at_stop::{self, ErrorsByKind};
use super::coverage::{Coverage, falls_back};
use crate::clock::{Stamp, saturating_ns};
use crate::record::entry::Attempt;
use crate::record::header::Header;
use crate::spec::VariantSpec;
use crate::timeline::{Edge, Neighbour, PodLife, Trial, Unselected};

/// Longer than a real cluster's routing was seen to lag behind an endpoint; kube-proxy's own default period for a whole sync is
/// 30 s.
const ROUTING_LAG_MAX_NS: u64 = 30_000_000_000;
/// What the embedded cluster's routing takes beyond the lag that it is given: its controllers and a sync.
const EMBEDDED_LAG_MORE_NS: u64 = 100_000_000;
/// From the end of a hook's last command to the stop signal, at most: on a real cluster through the container runtime.
const SIGNAL_LATEST_NS: u64 = 900_000_000;
const EMBEDDED_SIGNAL_LATEST_NS: u64 = 240_000_000;
/// Fewer answers before the rollout do not show how long an answer usually takes.
const LEAST_ANSWERS: u64 = 20;
/// A listener's end is bracketed by 20 ms, and the watch that tells of a new endpoint may be somewhat later than that.
pub(super) const SEEN_LATE_NS: u64 = 60_000_000;
/// The side probe's period: it cannot tell apart what is closer together.
pub(super) const AT_ONCE_NS: u64 = 20_000_000;
/// A pod that listens for so long after its endpoint serves no more is not just ending.
const LISTENS_ON_NS: u64 = 1_000_000_000;
/// Where no new connection tells that an outage is over, it is taken to be over so long after a pod could serve.
pub(super) const OUTAGE_TAIL_NS: u64 = 3_000_000_000;

/// A local port, and the place of the node that it was used to, where there are several.
pub(super) type NatKey = (u16, Option<u16>);

/// A trial as the rules see it.
pub(super) struct Scene<'a> {
    pub(super) trial: &'a Trial,
    pub(super) variant: &'a VariantSpec,
    /// The 99th percentile of the answers' latencies of each request kind, in nanoseconds.
    usual_ns: BTreeMap<u16, u64>,
    /// Until when each local port must not be used again to that node: a connect from it timed out.
    pub(super) stale_ports: BTreeMap<NatKey, Stamp>,
    /// Every moment at which what can serve may change.
    moments: BTreeSet<Stamp>,
    /// When a pod serves for sure, and when one possibly does.
    surely: Coverage,
    possibly: Coverage,
    /// A new pod has the name of another, so that whose answer it was is not known.
    untold: bool,
    pub(super) has_readiness: bool,
    pub(super) routing_lag_max_ns: u64,
    /// How long after the end of a hook's last command the stop signal comes at most.
    pub(super) signal_latest_ns: u64,
    /// At some moment no endpoint of the workload was ready, so that routing fell back to those that terminate while they serve
    /// (KEP-1669).
    pub(super) falls_back: bool,
    /// The Service selects none of the new pods.
    pub(super) unselected: Option<Unselected>,
    /// Who gave the error statuses.
    pub(super) errors: ErrorsByKind<'a>,
    /// The node that this is the scene of; `None` for the whole Service.
    pub(super) node: Option<&'a str>,
    /// The scene of each node that the load went to, where each leads to its own pods only.
    pub(super) nodes: Vec<Scene<'a>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        trial: &'a Trial,
        variant: &'a VariantSpec,
        header: &Header,
        stale_ports: BTreeMap<NatKey, Stamp>,
    ) -> Self {
        let shared = trial.shared_names();
        let mut scene = Self {
            trial,
            variant,
            usual_ns: usual_ns(trial),
            stale_ports,
            moments: BTreeSet::new(),
            surely: Coverage::default(),
            possibly: Coverage::default(),
            untold: trial.pods.iter().any(|pod| pod.new && shared.contains(pod.name.as_str())),
            has_readiness: has_readiness(variant),
            routing_lag_max_ns: routing_lag_max_ns(header),
            signal_latest_ns: if is_embedded(header) { EMBEDDED_SIGNAL_LATEST_NS } else { SIGNAL_LATEST_NS },
            falls_back: falls_back(trial),
            unselected: Unselected::of(variant, trial),
            errors: ErrorsByKind::new(),
            node: None,
            nodes: Vec::new(),
        };
        let both = [Certainty::Sure, Certainty::Possible];
        let moments = scene
            .pods()
            .flat_map(|pod| both.map(|certainty| [scene.serves_from(pod), scene.serves_until(pod, certainty)]));
        scene.moments = moments.flatten().flatten().collect();
        scene.moments.extend(trial.neighbours.iter().flat_map(Neighbour::changes));
        scene.surely = scene.coverage(Certainty::Sure);
        scene.possibly = scene.coverage(Certainty::Possible);
        scene.errors = at_stop::count(&scene);
        scene
    }

    pub(super) fn pods(&self) -> std::slice::Iter<'a, PodLife> {
        self.trial.pods.iter()
    }

    /// The pod of this name that was there at the moment; the latest of that name otherwise.
    pub(super) fn named(&self, name: &str, at_ns: Stamp) -> Option<&'a PodLife> {
        let of_name: Vec<&PodLife> = self.pods().filter(|pod| pod.name == name).collect();
        let there = of_name.iter().find(|pod| pod.gone.is_none_or(|gone| gone.high_ns >= at_ns));
        there.or(of_name.last()).copied()
    }

    /// How long an answer to this kind of request usually takes at most; `None` if none was answered.
    pub(super) fn usual_ns(&self, attempt: &Attempt) -> Option<u64> {
        self.usual_ns.get(&attempt.request).copied()
    }

    /// From when a pod could be routed to and answer. An old pod always could.
    fn serves_from(&self, pod: &PodLife) -> Option<Stamp> {
        if !pod.new {
            return Some(0);
        }
        let ready = pod.endpoint_ready?.high_ns.saturating_sub(SEEN_LATE_NS);
        let listens = match (pod.listener_opened, pod.served) {
            (Some(opened), _) => opened.high_ns,
            // Nobody looked. A pod with a probe of its readiness listens when it is ready.
            _ if self.has_readiness => ready,
            (None, Some((first_ns, _))) => first_ns,
            (None, None) => return None,
        };
        Some(ready.max(listens))
    }

    /// From when it may, or surely does, serve no more: its listener is gone, or its endpoint does not serve and routing has followed.
    pub(super) fn serves_until(&self, pod: &PodLife, certainty: Certainty) -> Option<Stamp> {
        let unready = pod.endpoint_not_ready.filter(|_| pod.deletion.is_none());
        let first = listens_until(pod, Certainty::Sure);
        // Where both go at about the same time, the listener was looked at more closely.
        let alone = |left: &Edge| first.is_none_or(|first| first > left.high_ns.saturating_add(LISTENS_ON_NS));
        let left = pod.endpoint_not_serving.or(unready).filter(alone).map(|left| match certainty {
            Certainty::Sure => left.low_ns,
            Certainty::Possible => left.high_ns.saturating_add(self.routing_lag_max_ns),
        });
        listens_until(pod, certainty).into_iter().chain(left).min()
    }

    /// The pods that could serve then.
    pub(super) fn serving(&self, at_ns: Stamp, certainty: Certainty) -> impl Iterator<Item = &'a PodLife> {
        self.pods().filter(move |pod| {
            self.serves_from(pod).is_some_and(|from| from <= at_ns)
                && self.serves_until(pod, certainty).is_none_or(|until| at_ns < until)
        })
    }

    fn coverage(&self, certainty: Certainty) -> Coverage {
        Coverage::of(self.pods().filter_map(|pod| Some((self.serves_from(pod)?, self.serves_until(pod, certainty)))))
    }

    /// Whether one of the workload's own pods could serve then.
    fn own_serves(&self, at_ns: Stamp, certainty: Certainty) -> bool {
        match certainty {
            Certainty::Sure => self.surely.covers(at_ns),
            Certainty::Possible => self.possibly.covers(at_ns),
        }
    }

    fn could_serve(&self, at_ns: Stamp, certainty: Certainty) -> bool {
        self.own_serves(at_ns, certainty) || self.neighbour(at_ns).is_some()
    }

    /// A pod of another workload that served behind the same Service.
    fn neighbour(&self, at_ns: Stamp) -> Option<&'a Neighbour> {
        let nobody = |at_ns| !self.own_serves(at_ns, Certainty::Possible);
        // What none of the workload's pods could have answered, it answered.
        let unnamed = |other: &Neighbour| other.unnamed_after(at_ns).any(nobody);
        self.trial.neighbours.iter().find(|other| other.serves(at_ns) || unnamed(other))
    }

    /// The same, while none of this workload's pods could serve for certain.
    pub(super) fn only_neighbour(&self, at_ns: Stamp) -> Option<&'a Neighbour> {
        let own = self.own_serves(at_ns, Certainty::Sure);
        self.neighbour(at_ns).filter(|_| !own)
    }

    /// Whether a refusal at that moment lies in an outage; since when, if it does.
    pub(super) fn outage(&self, at_ns: Stamp) -> Outage {
        if let Some(since) = self.outage_since(at_ns, Certainty::Possible) {
            return Outage::Since(since);
        }
        let Some(since) = self.outage_since(at_ns, Certainty::Sure) else { return Outage::No };
        // Listeners that closed together are one event, whichever was the first.
        if self.outage_since(at_ns.saturating_add(AT_ONCE_NS), Certainty::Possible).is_some() {
            return Outage::Since(since);
        }
        // Nobody but the node's own rules can have refused it.
        if self.deaf(at_ns).is_empty() && self.not_listening_yet(at_ns).is_empty() {
            return Outage::Since(since);
        }
        // Whether the last one still listened decides. A refusal that nobody else can have given shows that it did not.
        let mut possible = self.serving(at_ns, Certainty::Possible);
        let only = possible.next().filter(|pod| possible.next().is_none() && pod.deletion.is_some());
        let shown = only.is_some_and(|only| self.deaf(at_ns).iter().all(|deaf| deaf.uid == only.uid));
        if shown { Outage::Since(since) } else { Outage::Unclear }
    }

    /// When the outage began in which that moment lies: none of the Service's pods could serve, and no new connection has been
    /// answered since. `None` if there was no outage.
    fn outage_since(&self, at_ns: Stamp, certainty: Certainty) -> Option<Stamp> {
        if self.trial.pods.is_empty() {
            return None;
        }
        let began = |from: Stamp| {
            // The latest change that left nobody, with nobody before it until now, is where the outage began.
            let mut began = from;
            for moment in self.moments.range(..=from).rev() {
                if self.could_serve(*moment, certainty) {
                    break;
                }
                began = *moment;
            }
            began
        };
        if !self.could_serve(at_ns, certainty) {
            return Some(began(at_ns));
        }
        // Somebody can serve again. Until a new connection is answered, routing has not noticed.
        let last_without =
            self.moments.range(..=at_ns).rev().copied().find(|moment| !self.could_serve(*moment, certainty))?;
        let back_ns =
            self.moments.range(last_without..=at_ns).copied().find(|moment| self.could_serve(*moment, certainty))?;
        (at_ns < self.answered_again(last_without, back_ns)).then(|| began(last_without))
    }

    /// When a new connection was answered for the first time by a pod that came after nobody could serve.
    fn answered_again(&self, last_without: Stamp, back_ns: Stamp) -> Stamp {
        let first = &self.trial.first_answered_ns;
        if first.is_empty() {
            return back_ns.saturating_add(OUTAGE_TAIL_NS);
        }
        let came = self.pods().filter(|pod| self.serves_from(pod).is_some_and(|from| from > last_without));
        let named = came.filter_map(|pod| first.get(&pod.name).copied()).min();
        // Answers without a name tell nothing of when that was, unless only the new pods' have none.
        let nameless = first.get("").copied().map(|first_ns| {
            if first_ns >= last_without && first.len() > 1 { first_ns } else { back_ns.saturating_add(OUTAGE_TAIL_NS) }
        });
        let tail = self.untold.then(|| back_ns.saturating_add(OUTAGE_TAIL_NS));
        named.or(nameless).or(tail).unwrap_or(Stamp::MAX)
    }

    /// The Service that selects none of the new pods, once no endpoint of the old ones was ready any more.
    pub(super) fn selects_nobody(&self, at_ns: Stamp) -> Option<&Unselected> {
        let left = |pod: &PodLife| pod.endpoint_not_ready.is_some_and(|edge| edge.high_ns <= at_ns);
        let none = !self.trial.neighbours.iter().any(|other| other.is_ready(at_ns));
        let unselected = self.unselected.as_ref().filter(|_| none);
        unselected.filter(|_| self.pods().all(|pod| pod.endpoint_ready.is_none() || left(pod)))
    }

    /// A pod that went while no watch saw its deletion.
    pub(super) fn vanished(&self) -> Option<&'a PodLife> {
        self.pods().find(|pod| pod.deletion.is_none() && pod.gone.is_some())
    }

    /// New pods that were declared ready and may not yet have listened.
    pub(super) fn not_listening_yet(&self, at_ns: Stamp) -> Vec<&'a PodLife> {
        let early = self.pods().filter(|pod| {
            let declared = pod.new && pod.endpoint_ready.is_some_and(|ready| ready.high_ns <= at_ns);
            if !declared || pod.deletion.is_some_and(|deletion| deletion.low_ns <= at_ns) {
                return false;
            }
            match (pod.listener_opened, pod.served) {
                (Some(opened), _) => {
                    at_ns <= opened.high_ns && pod.endpoint_ready.is_some_and(|r| r.low_ns < opened.low_ns)
                }
                // Nobody looked.
                (None, Some((first_ns, _))) => !self.has_readiness && at_ns < first_ns,
                (None, None) => !self.has_readiness,
            }
        });
        early.collect()
    }

    /// A container that ended or restarted without its pod's deletion at about that moment.
    pub(super) fn crashed(&self, at_ns: Stamp) -> Option<&'a PodLife> {
        self.pods().find(|pod| {
            let until = |crash: &Edge| crash.high_ns.saturating_add(5_000_000_000);
            pod.crashed
                .is_some_and(|crash| crash.low_ns.saturating_sub(2_000_000_000) <= at_ns && at_ns <= until(&crash))
        })
    }
}

fn has_readiness(variant: &VariantSpec) -> bool {
    let containers = |manifest: &'_ serde_json::Value| {
        manifest.pointer("/spec/template/spec/containers").and_then(serde_json::Value::as_array).cloned()
    };
    let mut all = variant.manifests().iter().filter_map(containers).flatten();
    all.any(|container| container.get("readinessProbe").is_some())
}

/// Whether it is sure that a pod serves, or only possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    Sure,
    Possible,
}

/// Whether no pod could serve.
pub(super) enum Outage {
    /// Somebody could.
    No,
    /// Nobody could, since then.
    Since(Stamp),
    /// What decides lies closer together than was observed.
    Unclear,
}

/// The 99th percentile of the answers' latencies of each request kind, before the rollout where there were enough.
fn usual_ns(trial: &Trial) -> BTreeMap<u16, u64> {
    let before = |kind: &u16| trial.kind_latency_before_us.get(kind).filter(|before| before.len() >= LEAST_ANSWERS);
    let usual = trial.kind_latency_us.iter().map(|(kind, all)| (*kind, before(kind).unwrap_or(all)));
    usual.filter_map(|(kind, latencies)| Some((kind, latencies.per_mille(990)? * 1_000))).collect()
}

pub(super) fn is_embedded(header: &Header) -> bool {
    header.cluster.kind == "embedded"
}

fn routing_lag_max_ns(header: &Header) -> u64 {
    if is_embedded(header) {
        let lag_max = header.spec.settings.cluster.routing.lag_max();
        return saturating_ns(lag_max).saturating_add(EMBEDDED_LAG_MORE_NS);
    }
    ROUTING_LAG_MAX_NS
}

/// From when a pod's listener may be gone, or is for sure; `None` if that is not to be seen.
pub(super) fn listens_until(pod: &PodLife, certainty: Certainty) -> Option<Stamp> {
    let sure = certainty == Certainty::Sure;
    if let Some(closed) = pod.listener_closed {
        return Some(if sure { closed.low_ns } else { closed.high_ns });
    }
    // It was open at the last look, and its server ended before the next.
    let ended = pod.finished.or(pod.gone).map(|edge| edge.high_ns);
    if let (true, Some(open_ns), Some(ended_ns)) = (sure, pod.listener_open_until_ns, ended)
        && pod.deletion.is_some_and(|deletion| deletion.low_ns <= open_ns)
    {
        return Some(open_ns.min(ended_ns));
    }
    // A listener that nobody probed may be gone as soon as the server is told to stop; one that was open to the last, when its
    // server was gone.
    let told = stop_begins(pod).filter(|_| pod.listener_opened.is_none()).map(|edge| edge.low_ns);
    told.or(ended)
}

/// When the server was first told to stop: by its hook, or by the stop signal, which comes first where the grace ends before the hook does.
pub(super) fn stop_begins(pod: &PodLife) -> Option<Edge> {
    // A hook that broke began nothing.
    if pod.hook.stop().is_none() || pod.hook_broke() {
        return pod.stop_signal;
    }
    let start = pod.hook_start?;
    let first_ns = pod.hook.first_sleep_ns();
    let told = Edge {
        low_ns: start.low_ns.saturating_add(first_ns),
        high_ns: start.high_ns.saturating_add(first_ns).saturating_add(500_000_000),
        ..start
    };
    Some(pod.stop_signal.filter(|signal| signal.low_ns < told.low_ns).unwrap_or(told))
}
