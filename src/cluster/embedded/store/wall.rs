//! Wall time as the store needs it: passed in, so that tests run in virtual time.

use std::sync::Arc;

use jiff::Timestamp;

/// A source of wall-clock time.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl std::fmt::Debug for WallClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WallClock")
    }
}

impl WallClock {
    /// A clock that asks `now` each time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            Timestamp::from_nanosecond(i128::from(crate::clock::wall_unix_ns())).unwrap_or(Timestamp::UNIX_EPOCH)
        })
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// `at` as `metav1.Time` is written: RFC 3339 in UTC, cut to whole seconds.
pub(crate) fn whole_seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
