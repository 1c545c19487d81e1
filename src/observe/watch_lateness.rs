//! How late the watches' own tasks run: what they receive may have come as much earlier.

use std::time::Duration;

use crate::clock::{Clock, Stamp, saturating_ns};
use crate::record::entry::WatchLateness;
use crate::record::{Entry, Sink};

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(10);
/// Ticks that one line of the record may stand for.
const TICKS: u32 = 10;
/// Less is a timer's ordinary inaccuracy, which is a millisecond.
const LEAST_NS: u64 = 3_000_000;

/// Records it, slice by slice of a tenth of a second, for as long as it runs; nothing where nothing was late. `ahead` is how far the
/// clock may be ahead of the load's, which makes all stamps late.
pub(super) async fn record(namespace: String, clock: Clock, ahead: Duration, sink: Sink) {
    loop {
        let at_ns = clock.now();
        let mut late_ns = saturating_ns(ahead);
        for _ in 0..TICKS {
            late_ns = late_ns.max(tick(clock).await.saturating_add(saturating_ns(ahead)));
        }
        if late_ns >= LEAST_NS {
            let until_ns = clock.now();
            sink.send(Entry::WatchLateness(WatchLateness { at_ns, until_ns, namespace: namespace.clone(), late_ns }));
        }
    }
}

/// Sleeps for one tick and tells how much longer it took.
async fn tick(clock: Clock) -> u64 {
    let due: Stamp = clock.now().saturating_add(saturating_ns(TICK));
    tokio::time::sleep(TICK).await;
    clock.now().saturating_sub(due)
}
