//! The local ports of this process's loads: read from the system, lent to connections, given back by them as they end.

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::Clock;

use super::pending_attempt::lock;
use super::plan::LoadError;
use super::ports::{ConnectionEnd, PortPool, candidates};

/// The shortest rest, in seconds: no port can be used more often.
pub(super) const SHORTEST_REST_S: f64 = 60.0;

#[derive(Debug, Clone, Default)]
pub enum LocalPorts {
    /// The kernel, from its ephemeral range. Right where nothing between load and target remembers connections.
    #[default]
    Kernel,
    /// The load, so that no port comes again while a NAT may still remember it. Every load of the process shares the
    /// rotation, or a trial would take the ports that the one before it has just used. The arm `pooled` is left to the
    /// kernel all the same: its client offers no choice.
    Rotation(Arc<PortRotation>),
}

/// Local ports outside the kernel's ephemeral range, in rotation.
#[derive(Debug)]
pub struct PortRotation {
    ports: Mutex<PortPool>,
    count: usize,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "choosing a local port: none of the {count} outside the kernel's range is ready, {taken} are in use and {resting} rest \
     because a NAT may still remember them; lower the rate of new connections"
)]
struct NoPortReady {
    count: usize,
    taken: usize,
    resting: usize,
}

impl PortRotation {
    /// The ports that this machine (or this pod) leaves to others than the kernel, from number `start` on, which wraps.
    /// Processes that share addresses need different starts, since none knows what the other has just used.
    pub(crate) fn of_this_machine(start: usize) -> Result<Self, LoadError> {
        let ephemeral = ephemeral()?;
        // Absent before Linux 4.11; the floor was 1024 then.
        let floor = read("ip_unprivileged_port_start").ok().and_then(|text| text.trim().parse().ok());
        let ports = candidates(floor.unwrap_or(0), &ephemeral);
        if ports.is_empty() {
            return Err(LoadError::PortRange { found: format!("{} {}", ephemeral.start(), ephemeral.end()) });
        }
        Ok(Self::new(ports, start))
    }

    pub(super) fn new(ports: Vec<u16>, start: usize) -> Self {
        Self { count: ports.len(), ports: Mutex::new(PortPool::new(ports, start)) }
    }

    /// How long the ports at rest still rest at `now`, in nanoseconds, the shortest first.
    #[cfg(test)]
    pub(super) fn rests_ns(&self, now: crate::clock::Stamp) -> Vec<u64> {
        lock(&self.ports).rests_ns(now)
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Lends a port to which `bind` can bind. Busy ones are passed over; each rests before it is tried again, so that
    /// this ends.
    pub(super) fn lend(
        self: &Arc<Self>,
        clock: Clock,
        mut bind: impl FnMut(u16) -> io::Result<()>,
    ) -> io::Result<PortLease> {
        loop {
            let taken = lock(&self.ports).take(clock.now());
            let Some(port) = taken else {
                let (taken, resting) = lock(&self.ports).away();
                return Err(io::Error::other(NoPortReady { count: self.count, taken, resting }));
            };
            match bind(port) {
                Ok(()) => {
                    return Ok(PortLease { rotation: Arc::clone(self), port, clock, ended: ConnectionEnd::NeverMade });
                }
                Err(error) => {
                    lock(&self.ports).busy(port, clock.now());
                    if !is_busy(&error) {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// Whether `bind` says that the port is somebody's (bind(2)).
fn is_busy(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable)
}

/// A port on loan. It is given back when this is dropped, which must be after its socket is closed.
#[derive(Debug)]
pub(super) struct PortLease {
    rotation: Arc<PortRotation>,
    port: u16,
    clock: Clock,
    ended: ConnectionEnd,
}

impl PortLease {
    /// The connection is there; unless the peer ends it, this side will.
    pub(super) fn made(&mut self) {
        self.ended = ConnectionEnd::ByUs;
    }

    /// The peer's FIN or RST was seen.
    pub(super) fn peer_ended(&mut self) {
        self.ended = ConnectionEnd::ByPeer;
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        lock(&self.rotation.ports).give_back(self.port, self.clock.now(), self.ended);
    }
}

/// How long a connection that the server was asked to close is held for its FIN: a server that closes does so at once.
pub(super) const AWAIT_FIN: Duration = Duration::from_secs(1);

fn read(name: &str) -> Result<String, LoadError> {
    fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"))
        .map_err(LoadError::system("reading the kernel's range of local ports"))
}

pub(super) fn ephemeral() -> Result<RangeInclusive<u16>, LoadError> {
    let range = read("ip_local_port_range")?;
    range_of(&range).ok_or_else(|| LoadError::PortRange { found: range.trim().to_owned() })
}

/// The two numbers of `ip_local_port_range` (Linux, ip-sysctl).
fn range_of(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(|word| word.parse::<u16>().ok());
    let (first, last) = (numbers.next()??, numbers.next()??);
    (first <= last && numbers.next().is_none()).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_range_is_two_numbers() {
        assert_eq!(range_of("32768\t60999\n"), Some(32_768..=60_999));
        for text in ["", "32768", "60999 32768", "32768 x", "1 2 3", "32768 70000"] {
            assert_eq!(range_of(text), None, "{text}");
        }
    }

    #[test]
    fn this_machine_leaves_ports() {
        let rotation = PortRotation::of_this_machine(0).unwrap();
        assert!(rotation.count() > 0);
    }

    #[test]
    fn a_busy_port_is_passed_over_and_is_no_error() {
        let rotation = Arc::new(PortRotation::new(vec![10, 11, 12], 0));
        let mut asked = Vec::new();
        let lease = rotation.lend(Clock::start(), |port| {
            asked.push(port);
            if port < 12 { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(()) }
        });
        assert_eq!((lease.unwrap().port, asked), (12, vec![10, 11, 12]));
    }

    #[test]
    fn when_no_port_is_ready_the_error_says_where_they_are() {
        let rotation = Arc::new(PortRotation::new(vec![10, 11, 12], 0));
        let clock = Clock::start();
        let held = rotation.lend(clock, |_| Ok(())).unwrap();
        drop(rotation.lend(clock, |_| Ok(())).unwrap());
        let refused = |port| if port == 12 { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(()) };
        let error = rotation.lend(clock, refused).unwrap_err().to_string();
        assert!(error.contains("none of the 3") && error.contains("1 are in use and 2 rest"), "{error}");
        drop(held);
    }

    #[test]
    fn another_error_of_bind_is_told_and_not_repeated_for_each_port() {
        let rotation = Arc::new(PortRotation::new(vec![10, 11, 12], 0));
        let mut asked = 0;
        let denied = rotation.lend(Clock::start(), |_| {
            asked += 1;
            Err(io::ErrorKind::PermissionDenied.into())
        });
        assert_eq!((denied.unwrap_err().kind(), asked), (io::ErrorKind::PermissionDenied, 1));
    }
}
