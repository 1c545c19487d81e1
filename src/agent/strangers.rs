//! The connections to an agent on which nobody has shown the run's token yet. Whoever reaches the agent's port can open connections,
//! and must not keep its driver out.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// With more, the oldest is closed. The driver shows the token with its first request, so that its own connection is one of them for
/// a moment only; what each may send before that is bounded too.
const STRANGERS_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Strangers {
    waiting: Mutex<WaitingStrangers>,
}

#[derive(Debug, Default)]
struct WaitingStrangers {
    next: u64,
    /// The oldest first.
    connections: VecDeque<(u64, CancellationToken)>,
}

impl Strangers {
    /// A new connection: its number, and what tells it to close.
    pub(super) fn admit(&self) -> (u64, CancellationToken) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, close) = (waiting.next, CancellationToken::new());
        waiting.next += 1;
        waiting.connections.push_back((number, close.clone()));
        while waiting.connections.len() > STRANGERS_MAX {
            if let Some((_, oldest)) = waiting.connections.pop_front() {
                oldest.cancel();
            }
        }
        (number, close)
    }

    /// The token was shown on this connection, or it has ended.
    pub(super) fn remove(&self, number: u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.connections.retain(|(known, _)| *known != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_stranger_makes_room_and_whoever_showed_the_token_stays() {
        let strangers = Strangers::default();
        let driver = strangers.admit();
        let first = strangers.admit();
        strangers.remove(driver.0);
        let more: Vec<_> = (1..STRANGERS_MAX).map(|_| strangers.admit().1).collect();
        assert!(!first.1.is_cancelled(), "as many as there may be");
        let last = strangers.admit();
        assert!(first.1.is_cancelled());
        for _ in 0..10 * STRANGERS_MAX {
            strangers.admit();
        }
        assert!(more.iter().chain([&last.1]).all(CancellationToken::is_cancelled));
        assert!(!driver.1.is_cancelled());
    }
}
