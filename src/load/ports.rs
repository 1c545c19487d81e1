//! Which local port a connection may take, decided from stamps alone. It knows neither sockets nor clocks.
//!
//! A NAT between the load and its target (kube-proxy's, for a `ClusterIP`) remembers a connection by its addresses and
//! ports, and sends whatever comes from the same port to the same pod until it forgets: also when that pod is gone. So a
//! port rests after its use for longer than the NAT remembers.

use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;

use crate::clock::Stamp;

/// The first port that is not for servers of the system (RFC 6335: System Ports end at 1023).
const FIRST: u16 = 1_024;

/// Left to servers: those that rollproof ships and its agent listen here, and so do most others.
const RESERVED: RangeInclusive<u16> = 8_000..=8_999;

/// How long a busy port is left alone before it is tried again: it is somebody else's, or still in the kernel's TIME-WAIT,
/// which lasts 60 s on Linux (`TCP_TIMEWAIT_LEN`).
const BUSY_NS: u64 = 60_000_000_000;

/// What the network knows of a connection's end, by how it ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ConnectionEnd {
    /// The peer's FIN or RST was seen. The NAT then opens the connection anew for the next SYN, or has forgotten it
    /// (`nf_conntrack_proto_tcp.c`), and nobody holds the port longer than TIME-WAIT.
    ByPeer,
    /// No connection came about, and no refusal either. The NAT's entry for a SYN without answer lives 120 s
    /// (`nf_conntrack_tcp_timeout_syn_sent`), and no SYN leaves this machine after its socket is closed.
    NeverMade,
    /// This side closed first. The NAT's entry lives 120 s after the last FIN that it saw
    /// (`nf_conntrack_tcp_timeout_fin_wait`), and to a peer that answers no more the kernel repeats the FIN eight times
    /// (`tcp_orphan_retries`), for 51 s at the usual first timeout of 0.2 s.
    ByUs,
}

impl ConnectionEnd {
    /// How long a port rests after it.
    pub(super) const fn rest_ns(self) -> u64 {
        const SECOND: u64 = 1_000_000_000;
        match self {
            Self::ByPeer => 60 * SECOND,
            Self::NeverMade => 120 * SECOND,
            Self::ByUs => 180 * SECOND,
        }
    }
}

/// The ports that the load may use: `floor` and up, without the kernel's own `ephemeral` ones (another client of this
/// machine may get any of those) and without the servers'.
pub(super) fn candidates(floor: u16, ephemeral: &RangeInclusive<u16>) -> Vec<u16> {
    (floor.max(FIRST)..=u16::MAX).filter(|port| !ephemeral.contains(port) && !RESERVED.contains(port)).collect()
}

/// Ports in rotation. Each is at any time ready, taken, or at rest.
#[derive(Debug)]
pub(super) struct PortPool {
    /// Those whose rest is over, the next first.
    ready: VecDeque<u16>,
    /// Those at rest, by its end.
    resting: BTreeSet<(Stamp, u16)>,
    taken: BTreeSet<u16>,
}

impl PortPool {
    /// All `candidates` are ready, beginning with number `start`, which wraps.
    pub(super) fn new(candidates: Vec<u16>, start: usize) -> Self {
        let mut ready = VecDeque::from(candidates);
        let turn = start.checked_rem(ready.len()).unwrap_or(0);
        ready.rotate_left(turn);
        Self { ready, resting: BTreeSet::new(), taken: BTreeSet::new() }
    }

    /// Takes the next port; `None` if every one is taken or at rest.
    pub(super) fn take(&mut self, now: Stamp) -> Option<u16> {
        while let Some((_, port)) = self.resting.first().copied().filter(|(until, _)| *until <= now) {
            self.resting.pop_first();
            self.ready.push_back(port);
        }
        let port = self.ready.pop_front()?;
        self.taken.insert(port);
        Some(port)
    }

    /// Gives back a taken port, whose connection ended at `now`.
    pub(super) fn give_back(&mut self, port: u16, now: Stamp, ended: ConnectionEnd) {
        self.rest(port, now.saturating_add(ended.rest_ns()));
    }

    /// Gives back a taken port that turned out to be in use.
    pub(super) fn busy(&mut self, port: u16, now: Stamp) {
        self.rest(port, now.saturating_add(BUSY_NS));
    }

    fn rest(&mut self, port: u16, until: Stamp) {
        if self.taken.remove(&port) {
            self.resting.insert((until, port));
        }
    }

    #[cfg(test)]
    pub(super) fn rests_ns(&self, now: Stamp) -> Vec<u64> {
        self.resting.iter().map(|(until, _)| until.saturating_sub(now)).collect()
    }

    /// How many are taken, and how many are at rest.
    pub(super) fn away(&self) -> (usize, usize) {
        (self.taken.len(), self.resting.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn candidates_are_outside_the_kernels_range_and_the_servers() {
        let ports = candidates(0, &(32_768..=60_999));
        assert_eq!(ports.len(), (8_000 - 1_024) + (32_768 - 9_000) + (65_536 - 61_000));
        for port in [80, 1_023, 8_080, 8_476, 32_768, 60_999] {
            assert!(!ports.contains(&port), "{port}");
        }
        for port in [1_024, 7_999, 9_000, 32_767, 61_000, 65_535] {
            assert!(ports.contains(&port), "{port}");
        }
        assert_eq!(
            candidates(65_000, &(32_768..=60_999)).first(),
            Some(&65_000),
            "ports that need a right are left out"
        );
        assert!(candidates(0, &(1_024..=65_535)).is_empty());
    }

    #[test]
    fn ports_come_in_rotation_from_the_starting_place() {
        let mut ports = PortPool::new(vec![10, 11, 12], 4);
        assert_eq!([ports.take(0), ports.take(0), ports.take(0)], [Some(11), Some(12), Some(10)]);
        assert_eq!((ports.take(u64::MAX), ports.away()), (None, (3, 0)));
        assert_eq!(PortPool::new(Vec::new(), 7).take(0), None);
    }

    #[test]
    fn a_port_rests_as_long_as_its_end_asks_for() {
        for (ended, rest_s) in
            [(ConnectionEnd::ByPeer, 60), (ConnectionEnd::NeverMade, 120), (ConnectionEnd::ByUs, 180)]
        {
            let mut ports = PortPool::new(vec![10], 0);
            assert_eq!(ports.take(0), Some(10));
            ports.give_back(10, 5 * SECOND, ended);
            assert_eq!(ports.take((5 + rest_s) * SECOND - 1), None, "{ended:?}");
            assert_eq!(ports.take((5 + rest_s) * SECOND), Some(10), "{ended:?}");
        }
    }

    #[test]
    fn a_busy_port_is_passed_over_and_comes_again_later() {
        let mut ports = PortPool::new(vec![10, 11], 0);
        assert_eq!(ports.take(0), Some(10));
        ports.busy(10, 0);
        assert_eq!((ports.take(0), ports.take(0)), (Some(11), None));
        assert_eq!(ports.take(BUSY_NS), Some(10));
    }

    #[test]
    fn a_port_that_nobody_took_cannot_be_given_back() {
        let mut ports = PortPool::new(vec![10], 0);
        ports.give_back(10, 0, ConnectionEnd::ByPeer);
        ports.give_back(99, 0, ConnectionEnd::ByPeer);
        assert_eq!((ports.away(), ports.take(0)), ((0, 0), Some(10)));
        ports.give_back(10, 0, ConnectionEnd::ByUs);
        ports.give_back(10, 0, ConnectionEnd::ByPeer);
        assert_eq!(ports.take(179 * SECOND), None, "twice given back is once");
    }

    #[derive(Debug, Clone)]
    enum PortStep {
        Take,
        Busy,
        GiveBack(prop::sample::Index, ConnectionEnd),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = PortStep> {
        let ended = prop::sample::select(vec![ConnectionEnd::ByPeer, ConnectionEnd::NeverMade, ConnectionEnd::ByUs]);
        prop_oneof![
            4 => Just(PortStep::Take),
            1 => Just(PortStep::Busy),
            4 => (any::<prop::sample::Index>(), ended).prop_map(|(which, ended)| PortStep::GiveBack(which, ended)),
            3 => (0..100 * SECOND).prop_map(PortStep::Wait),
        ]
    }

    proptest! {
        #[test]
        fn no_port_is_given_again_before_its_rest_is_over(
            count in 1..12_u16,
            start in any::<usize>(),
            steps in prop::collection::vec(step(), 0..400),
        ) {
            let mut ports = PortPool::new((0..count).collect(), start);
            let mut now = 0;
            let mut taken = Vec::new();
            let mut rested: BTreeMap<u16, Stamp> = BTreeMap::new();
            for step in steps {
                match step {
                    PortStep::Take | PortStep::Busy => {
                        let all_away = taken.len() + rested.values().filter(|until| **until > now).count();
                        let Some(port) = ports.take(now) else {
                            prop_assert_eq!(all_away, usize::from(count), "a port that is ready is given");
                            continue;
                        };
                        prop_assert!(port < count && !taken.contains(&port));
                        prop_assert!(rested.get(&port).is_none_or(|until| *until <= now));
                        if matches!(step, PortStep::Busy) {
                            ports.busy(port, now);
                            rested.insert(port, now + BUSY_NS);
                        } else {
                            taken.push(port);
                        }
                    }
                    PortStep::GiveBack(which, ended) if !taken.is_empty() => {
                        let port = taken.swap_remove(which.index(taken.len()));
                        ports.give_back(port, now, ended);
                        rested.insert(port, now + ended.rest_ns());
                    }
                    PortStep::GiveBack(..) => {}
                    PortStep::Wait(ns) => now += ns,
                }
            }
        }
    }
}
