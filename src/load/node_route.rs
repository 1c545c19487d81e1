//! The way to the node ports of several nodes, in turn.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::plan::Route;
use crate::rng::Rng;

/// The next of some addresses: each has its turn once in a round. Rounds begin anywhere, or arms whose connections alternate would each
/// keep to addresses of their own.
#[derive(Debug, Default)]
pub(super) struct AddressTurn(AtomicUsize);

impl AddressTurn {
    /// There must be an address.
    pub(super) fn next(&self, addresses: &[SocketAddr]) -> SocketAddr {
        let (turn, count) = (self.0.fetch_add(1, Relaxed), addresses.len());
        let round = u64::try_from(turn / count).unwrap_or_default();
        let start = Rng::stream(round, "address").below(count);
        addresses[(start + turn) % count]
    }
}

/// Addresses that stay as they are.
pub struct NodeRoute {
    addresses: Vec<SocketAddr>,
    turn: AddressTurn,
}

impl NodeRoute {
    /// `None` without an address.
    #[must_use]
    pub fn new(addresses: Vec<SocketAddr>) -> Option<Self> {
        (!addresses.is_empty()).then(|| Self { addresses, turn: AddressTurn::default() })
    }
}

impl Route for NodeRoute {
    fn next(&self) -> SocketAddr {
        self.turn.next(&self.addresses)
    }

    fn place(&self, address: SocketAddr) -> Option<u16> {
        let several = self.addresses.len() > 1;
        let place = self.addresses.iter().position(|known| *known == address).filter(|_| several)?;
        u16::try_from(place).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(addresses: &[&str]) -> Option<NodeRoute> {
        NodeRoute::new(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }

    #[test]
    fn each_node_has_its_turn_and_its_place() {
        let both = route(&["192.0.2.1:30000", "192.0.2.2:30000"]).unwrap();
        let places: Vec<u16> = (0..200).map(|_| both.place(both.next()).unwrap()).collect();
        assert!(places.chunks(2).all(|round| round == [0, 1] || round == [1, 0]), "{places:?}");
        // Arms whose connections alternate both reach each of them.
        for arm in 0..2 {
            let first: u16 = places.iter().skip(arm).step_by(2).sum();
            assert!((30..=70).contains(&first), "{first} of 100");
        }
        assert_eq!(both.place("192.0.2.3:30000".parse().unwrap()), None);
    }

    #[test]
    fn one_node_is_not_told_apart_and_none_is_no_way() {
        let one = route(&["192.0.2.1:30000"]).unwrap();
        assert_eq!((one.next().to_string(), one.place(one.next())), ("192.0.2.1:30000".to_owned(), None));
        assert!(route(&[]).is_none());
    }
}
