//! Run-relative time. Everything that is stamped uses one monotonic origin, with one wall-clock anchor beside it.
//!
//! This is the only module that reads the machine's clocks; everything else is given a [`Clock`] or a stamp.

#![expect(clippy::disallowed_methods, reason = "this module is where the clocks are read")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the origin of the run's [`Clock`].
pub type Stamp = u64;

/// A monotonic clock with an origin. Copies share the origin, so their stamps can be compared.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    /// What the clock showed when it was started.
    offset: Stamp,
}

impl Clock {
    /// Starts a clock: stamps count from this moment.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now(), offset: 0 }
    }

    /// Starts a clock whose stamps count from a moment of the wall clock that is past, so that several processes can
    /// share an origin. Stamps of two such clocks differ by what their wall clocks differ when they are started.
    #[must_use]
    pub fn since(origin_unix_ns: u64) -> Self {
        Self { started: Instant::now(), offset: wall_unix_ns().saturating_sub(origin_unix_ns) }
    }

    /// Starts a clock that shows `at` now, such as what another process's clock is known to show.
    #[must_use]
    pub fn showing(at: Stamp) -> Self {
        Self { started: Instant::now(), offset: at }
    }

    /// The present moment in nanoseconds since the origin.
    #[must_use]
    pub fn now(&self) -> Stamp {
        self.offset.saturating_add(saturating_ns(self.started.elapsed()))
    }

    /// The `Instant` of a stamp, for timers that want one; the clock's start for stamps before it.
    #[must_use]
    pub fn instant(&self, at: Stamp) -> Instant {
        self.started + Duration::from_nanos(at.saturating_sub(self.offset))
    }
}

/// The wall clock, in nanoseconds since 1970, for the record's one anchor and for server-time comparisons.
#[must_use]
pub fn wall_unix_ns() -> u64 {
    saturating_ns(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A duration in whole nanoseconds; 584 years saturate.
#[must_use]
pub fn saturating_ns(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}
