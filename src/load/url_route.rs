//! The way to a URL: its name is resolved at the start and once a second, on a thread of its own. The load's thread never waits for
//! a resolver, and a resolver that fails changes nothing.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, sleep};
use std::time::Duration;

use crate::spec::{UrlDoor, UrlHost};

use super::node_route::AddressTurn;
use super::pending_attempt::lock;
use super::plan::{LoadError, Route};

const EVERY: Duration = Duration::from_secs(1);
/// A resolver that fails is asked so often before the load is given up.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// How long a first connection may take that tells which family of addresses leads anywhere.
const CONNECT: Duration = Duration::from_millis(500);

/// What resolves a name.
type Lookup = Box<dyn Fn() -> io::Result<Vec<SocketAddr>> + Send>;

/// The addresses of a name, in turn.
struct UrlRoute {
    addresses: Mutex<Vec<SocketAddr>>,
    turn: AddressTurn,
}

impl Route for UrlRoute {
    fn next(&self) -> SocketAddr {
        self.turn.next(&lock(&self.addresses))
    }
}

/// The way to `door` as its name resolves now.
pub(super) fn resolve(door: &UrlDoor) -> Result<Arc<dyn Route>, LoadError> {
    if let Some(address) = fixed(door) {
        return Ok(Arc::new(address));
    }
    Ok(resolved(&name(door), &lookup(door))?.0)
}

/// The way to `door`, whose name is resolved for as long as the way is used.
pub(super) fn open(door: &UrlDoor) -> Result<Arc<dyn Route>, LoadError> {
    if let Some(address) = fixed(door) {
        return Ok(Arc::new(address));
    }
    let lookup = lookup(door);
    let (route, known) = resolved(&name(door), &lookup)?;
    keep_resolving(&route, known, lookup, EVERY)?;
    Ok(route)
}

/// The address that no resolver is asked for.
fn fixed(door: &UrlDoor) -> Option<SocketAddr> {
    let address = match &door.resolve {
        Some(UrlHost::Address(address)) => *address,
        Some(UrlHost::Name(_)) => return None,
        None => door.url.address()?,
    };
    Some(SocketAddr::new(address, door.url.port()))
}

/// The name that a resolver is asked for.
fn name(door: &UrlDoor) -> String {
    door.resolve.as_ref().map_or_else(|| door.url.host(), ToString::to_string)
}

fn lookup(door: &UrlDoor) -> Lookup {
    let (name, port) = (name(door), door.url.port());
    Box::new(move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect))
}

fn resolved(
    name: &str,
    lookup: &dyn Fn() -> io::Result<Vec<SocketAddr>>,
) -> Result<(Arc<UrlRoute>, SocketAddr), LoadError> {
    let mut why = String::new();
    for round in 0..TRIES {
        if round > 0 {
            sleep(PAUSE);
        }
        let found = lookup().and_then(|addresses| {
            let known = leading(&addresses).ok_or_else(|| io::Error::other("it has no address"))?;
            Ok((of_family(addresses, known), known))
        });
        match found {
            Ok((addresses, known)) => {
                let route = UrlRoute { addresses: Mutex::new(addresses), turn: AddressTurn::default() };
                return Ok((Arc::new(route), known));
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(LoadError::Name { name: name.to_owned(), why })
}

/// The first of the addresses that takes a connection, else the first of all. A name often has an IPv6 address where nobody
/// listens, and clients then take the other family.
fn leading(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    let first = *addresses.first()?;
    if addresses.iter().all(|address| address.is_ipv4() == first.is_ipv4()) {
        return Some(first);
    }
    let connects = |address: &&SocketAddr| TcpStream::connect_timeout(address, CONNECT).is_ok();
    Some(addresses.iter().find(connects).copied().unwrap_or(first))
}

fn of_family(mut addresses: Vec<SocketAddr>, known: SocketAddr) -> Vec<SocketAddr> {
    addresses.retain(|address| address.is_ipv4() == known.is_ipv4());
    addresses
}

/// Asks again until nobody uses the route any more. The last good answer stays.
fn keep_resolving(route: &Arc<UrlRoute>, known: SocketAddr, lookup: Lookup, every: Duration) -> Result<(), LoadError> {
    let route = Arc::downgrade(route);
    let names = Builder::new().name("load-names".to_owned()).spawn(move || {
        loop {
            sleep(every);
            if route.strong_count() == 0 {
                return;
            }
            let found = lookup().map(|addresses| of_family(addresses, known)).unwrap_or_default();
            if let Some(route) = route.upgrade()
                && !found.is_empty()
            {
                *lock(&route.addresses) = found;
            }
        }
    });
    names.map(drop).map_err(LoadError::system("starting a thread"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_of_the_scenario_is_taken_in_place_of_dns() {
        let door = |url: &str, resolve: Option<&str>| UrlDoor {
            url: url.parse().unwrap(),
            resolve: resolve.map(|address| address.parse().unwrap()),
            proxy: None,
        };
        let next = |door: &UrlDoor| open(door).unwrap().next();
        assert_eq!(next(&door("https://shop.invalid/", Some("192.0.2.7"))), at("192.0.2.7:443"));
        assert_eq!(next(&door("http://[2001:db8::1]:81/", None)), at("[2001:db8::1]:81"));
        assert_eq!(next(&door("http://192.0.2.1/", Some("192.0.2.2"))), at("192.0.2.2:80"));
    }

    #[test]
    fn a_name_that_does_not_resolve_is_named_with_what_to_do() {
        let door = UrlDoor { url: "https://shop.invalid/".parse().unwrap(), resolve: None, proxy: None };
        let error = open(&door).err().unwrap().to_string();
        assert!(error.contains("`shop.invalid` does not resolve") && error.contains("`resolve: ADDRESS`"), "{error}");
        let instead = UrlDoor { resolve: Some("gate.invalid".parse().unwrap()), ..door };
        let error = open(&instead).err().unwrap().to_string();
        assert!(error.contains("`gate.invalid` does not resolve"), "{error}");
        let nothing = resolved("a", &|| Ok(Vec::new())).err().unwrap().to_string();
        assert!(nothing.contains("it has no address"), "{nothing}");
    }

    #[test]
    fn the_last_good_answer_is_used_and_several_are_used_in_turn() {
        let answers = Mutex::new(vec![Ok(vec![at("192.0.2.3:1")]), Err(()), Ok(vec![at("[2001:db8::1]:1")])]);
        let first = || Ok(vec![at("192.0.2.1:1"), at("192.0.2.2:1")]);
        let (route, known) = resolved("a", &first).unwrap();
        let mut both = [route.next(), route.next()];
        both.sort();
        assert_eq!(both, [at("192.0.2.1:1"), at("192.0.2.2:1")]);
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let lookup = move || {
            counted.fetch_add(1, Relaxed);
            lock(&answers).pop().unwrap_or(Err(())).map_err(|()| io::Error::other("no answer"))
        };
        keep_resolving(&route, known, Box::new(lookup), Duration::from_millis(5)).unwrap();
        while route.next() != at("192.0.2.3:1") {
            assert!(route.next().is_ipv4() && asked.load(Relaxed) < 20);
            sleep(Duration::from_millis(1));
        }
        assert!(asked.load(Relaxed) >= 3, "an answer of the other family and a failure came before it");
        while asked.load(Relaxed) < 6 {
            sleep(Duration::from_millis(1));
        }
        assert_eq!(route.next(), at("192.0.2.3:1"), "failures change nothing");
        drop(route);
        sleep(Duration::from_millis(50));
        let ended = asked.load(Relaxed);
        sleep(Duration::from_millis(50));
        assert_eq!(asked.load(Relaxed), ended, "nobody asks for a route that is gone");
    }

    #[test]
    fn the_family_that_takes_connections_is_used() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let deaf = SocketAddr::new("::1".parse().unwrap(), open.port());
        assert_eq!(leading(&[deaf, open]), Some(open));
        drop(listener);
        assert_eq!(leading(&[deaf, open]), Some(deaf));
        assert_eq!(leading(&[]), None);
    }
}
