//! One loopback address for each pod: `127.a.b.c`, where `a` and `b` come from the process id, so that two runs on one
//! machine do not meet.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

use super::node_error::NodeError;

/// The last numbers that pods get; 0 and 255 look like networks, and 1 is kept for the node.
const FIRST: u8 = 2;
const LAST: u8 = 254;

#[derive(Debug)]
pub(super) struct PodAddresses {
    prefix: [u8; 3],
    next: u8,
    taken: BTreeSet<u8>,
    /// Whether other programs share the network, so that a port may be in use.
    shared: bool,
}

impl PodAddresses {
    /// Addresses for the process `pid`; `shared` if its network is the machine's.
    pub(super) fn new(pid: u32, shared: bool) -> Self {
        let [.., high, low] = pid.to_be_bytes();
        // From 127.128 on: people and other programs use the low ones.
        Self { prefix: [127, 128 | high, low], next: FIRST, taken: BTreeSet::new(), shared }
    }

    /// The node's own address (`status.hostIP`).
    pub(super) fn host(&self) -> Ipv4Addr {
        let [a, b, c] = self.prefix;
        Ipv4Addr::new(a, b, c, 1)
    }

    /// The next free address, the longest unused first. In a shared network one on which a port of `ports` is in use
    /// is passed over.
    pub(super) fn take(&mut self, ports: &[u16]) -> Result<Ipv4Addr, NodeError> {
        let mut busy = None;
        for _ in FIRST..=LAST {
            let last = self.next;
            self.next = if last == LAST { FIRST } else { last + 1 };
            if self.taken.contains(&last) {
                continue;
            }
            let [a, b, c] = self.prefix;
            let address = Ipv4Addr::new(a, b, c, last);
            match self.obstacle(address, ports) {
                None => {
                    self.taken.insert(last);
                    return Ok(address);
                }
                Some((port, error)) if error.kind() != io::ErrorKind::AddrInUse => {
                    return Err(NodeError::Port { address, port, reason: error.to_string() });
                }
                Some((port, error)) => busy = Some(NodeError::Port { address, port, reason: error.to_string() }),
            }
        }
        Err(busy.unwrap_or(NodeError::NoAddress { limit: usize::from(LAST - FIRST) + 1 }))
    }

    pub(super) fn release(&mut self, address: Ipv4Addr) {
        self.taken.remove(&address.octets()[3]);
    }

    fn obstacle(&self, address: Ipv4Addr, ports: &[u16]) -> Option<(u16, io::Error)> {
        let ports = if self.shared { ports } else { &[] };
        ports.iter().find_map(|port| TcpListener::bind((address, *port)).err().map(|error| (*port, error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_distinct_and_freed_ones_come_back_last() {
        let mut addresses = PodAddresses::new(0x0001_2345, false);
        assert_eq!(addresses.host(), Ipv4Addr::new(127, 0x80 | 0x23, 0x45, 1));
        let first = addresses.take(&[]).unwrap();
        assert_eq!(first, Ipv4Addr::new(127, 0xa3, 0x45, 2));
        addresses.release(first);
        assert_eq!(addresses.take(&[]).unwrap(), Ipv4Addr::new(127, 0xa3, 0x45, 3));
        let rest: BTreeSet<_> = (0..252).map(|_| addresses.take(&[]).unwrap()).collect();
        assert_eq!(rest.len(), 252);
        assert!(rest.contains(&first));
        assert!(matches!(addresses.take(&[]), Err(NodeError::NoAddress { limit: 253 })));
    }

    #[test]
    fn in_a_shared_network_an_address_with_a_busy_port_is_passed_over() {
        let mut addresses = PodAddresses::new(std::process::id(), true);
        let mut probe = PodAddresses::new(std::process::id(), false);
        let neighbour = TcpListener::bind((probe.take(&[]).unwrap(), 0)).unwrap();
        let port = neighbour.local_addr().unwrap().port();
        assert_eq!(addresses.take(&[port]).unwrap(), probe.take(&[]).unwrap());
    }
}
