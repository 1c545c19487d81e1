//! The bounded channel into the record. Sending never blocks; what does not fit is counted and itself recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::entry::Entry;
use crate::redact::KnownSecrets;

/// Entries that may wait for the writer. At 5,000 attempts a second, all failing, this is more than ten seconds.
pub const CAPACITY: usize = 65_536;

/// Where `load`, `observe` and `rollout` put what they saw. Clones share the channel.
#[derive(Debug, Clone)]
pub struct Sink {
    // Boxed, so that the ring of a full channel is small and is all there from the start: memory that is first touched as
    // the ring turns would look like growth.
    channel: SyncSender<Box<Entry>>,
    overflow: Arc<AtomicU64>,
}

/// The other end, for the writer.
#[derive(Debug)]
pub struct SinkReceiver {
    channel: Receiver<Box<Entry>>,
    overflow: Arc<AtomicU64>,
    secrets: KnownSecrets,
}

/// A channel of `capacity` entries.
#[must_use]
pub fn channel(capacity: usize) -> (Sink, SinkReceiver) {
    let (sender, receiver) = sync_channel(capacity);
    let overflow = Arc::new(AtomicU64::new(0));
    let sink = Sink { channel: sender, overflow: Arc::clone(&overflow) };
    (sink, SinkReceiver { channel: receiver, overflow, secrets: KnownSecrets::default() })
}

impl Sink {
    /// Records `entry`. If the channel is full or its reader gone, the entry is lost and counted.
    pub fn send(&self, entry: Entry) {
        if self.channel.try_send(Box::new(entry)).is_err() {
            self.overflow.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records `entry`, or gives it back if the channel is full: for a sender that can wait. Once the reader is gone it
    /// is lost and counted.
    pub fn offer(&self, entry: Box<Entry>) -> Result<(), Box<Entry>> {
        match self.channel.try_send(entry) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(entry)) => Err(entry),
            Err(TrySendError::Disconnected(_)) => {
                self.overflow.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Entries lost so far and not yet reported by the writer.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflow.load(Ordering::Relaxed)
    }
}

impl SinkReceiver {
    /// The same, with hashes in the place of `secrets` in what pods and programs say.
    pub(crate) fn hiding(self, secrets: KnownSecrets) -> Self {
        Self { secrets, ..self }
    }

    fn hidden(&self, mut entry: Entry) -> Entry {
        match &mut entry {
            Entry::Log(tail) => tail.lines.iter_mut().for_each(|line| self.secrets.hide_in(line)),
            Entry::Event(event) => self.secrets.hide_in(&mut event.message),
            Entry::TrialEnd(end) => self.secrets.hide_in(&mut end.reason),
            Entry::ClusterNote(note) => self.secrets.hide_in(&mut note.note),
            _ => {}
        }
        entry
    }

    /// The next entry; `None` once all sinks are gone.
    #[must_use]
    pub fn recv(&self) -> Option<Entry> {
        self.channel.recv().ok().map(|entry| self.hidden(*entry))
    }

    /// The next entry within `wait`; `Ok(None)` when none came.
    pub fn recv_within(&self, wait: std::time::Duration) -> Result<Option<Entry>, std::sync::mpsc::RecvTimeoutError> {
        match self.channel.recv_timeout(wait) {
            Ok(entry) => Ok(Some(self.hidden(*entry))),
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
    use crate::record::sample;

    #[test]
    fn what_does_not_fit_is_counted_once_and_what_fits_is_kept() {
        let (sink, source) = channel(2);
        (0..5).for_each(|id| sink.send(sample::lost(id)));
        assert_eq!((source.take_overflow(), source.take_overflow()), (3, 0));
        drop(sink);
        assert_eq!(std::iter::from_fn(|| source.recv()).count(), 2);
    }

    #[test]
    fn a_sender_that_can_wait_gets_back_what_does_not_fit() {
        let (sink, source) = channel(1);
        assert!(sink.offer(Box::new(sample::lost(0))).is_ok());
        assert_eq!(sink.offer(Box::new(sample::lost(1))), Err(Box::new(sample::lost(1))));
        assert_eq!(source.take_overflow(), 0);
        drop(source);
        assert!(sink.offer(Box::new(sample::lost(1))).is_ok());
        assert_eq!(sink.overflowed(), 1);
    }

    #[test]
    fn a_full_channel_has_a_bounded_size() {
        assert!(size_of::<Entry>() <= 512, "a full channel of {CAPACITY} holds less than 32 MiB of entries");
    }
}
