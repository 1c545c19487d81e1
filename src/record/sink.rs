//! The bounded channel into the record. Sending never blocks; what does not fit is counted and itself recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::entry::Entry;

/// Entries that may wait for the writer. At 5,000 attempts a second, all failing, this is more than ten seconds.
pub const CAPACITY: usize = 65_536;

/// What the channel holds. A channel keeps room for all its places from the start and takes the next place for each
/// entry, so places as large as an entry would be memory that fills for hours, like a leak.
type Place = Box<Entry>;

/// Where `load`, `observe` and `rollout` put what they saw. Clones share the channel.
#[derive(Debug, Clone)]
pub struct Sink {
    channel: SyncSender<Place>,
    overflow: Arc<AtomicU64>,
}

/// The other end, for the writer.
#[derive(Debug)]
pub struct Source {
    channel: Receiver<Place>,
    overflow: Arc<AtomicU64>,
}

/// A channel of `capacity` entries.
#[must_use]
pub fn channel(capacity: usize) -> (Sink, Source) {
    let (sender, receiver) = sync_channel(capacity);
    let overflow = Arc::new(AtomicU64::new(0));
    (Sink { channel: sender, overflow: Arc::clone(&overflow) }, Source { channel: receiver, overflow })
}

impl Sink {
    /// Records `entry`. If the channel is full or its reader gone, the entry is lost and counted.
    pub fn send(&self, entry: Entry) {
        if self.channel.try_send(Box::new(entry)).is_err() {
            self.overflow.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Entries lost so far and not yet reported by the writer.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflow.load(Ordering::Relaxed)
    }
}

impl Source {
    /// The next entry; `None` once all sinks are gone.
    #[must_use]
    pub fn recv(&self) -> Option<Entry> {
        self.channel.recv().ok().map(|entry| *entry)
    }

    /// The next entry within `wait`; `Ok(None)` when none came.
    ///
    /// # Errors
    /// All sinks are gone.
    pub fn recv_within(&self, wait: std::time::Duration) -> Result<Option<Entry>, std::sync::mpsc::RecvTimeoutError> {
        match self.channel.recv_timeout(wait) {
            Ok(entry) => Ok(Some(*entry)),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(gone) => Err(gone),
        }
    }

    /// Entries lost since the last call.
    #[must_use]
    pub fn take_overflow(&self) -> u64 {
        self.overflow.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_channel_costs_a_megabyte_and_a_full_one_less_than_half_of_what_load_and_record_may_use() {
        const MIB: usize = 1024 * 1024;
        // The standard library adds a number to each place.
        assert!(CAPACITY * (size_of::<Place>() + size_of::<usize>()) <= MIB);
        assert!(CAPACITY * size_of::<Entry>() <= 32 * MIB);
    }

    #[test]
    fn what_does_not_fit_is_counted_once() {
        let (sink, source) = channel(1);
        for lines in 0..3 {
            sink.send(Entry::Overflow(super::super::entry::Overflow { at_ns: 0, lines }));
        }
        assert_eq!((source.take_overflow(), source.take_overflow()), (2, 0));
        assert!(matches!(source.recv(), Some(Entry::Overflow(first)) if first.lines == 0));
    }
}
