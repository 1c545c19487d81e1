//! What the policies look at, and their sum over many attempts.

use std::collections::BTreeMap;

use super::client::{Client, hides};
use crate::record::entry::Attempt;
use crate::record::{Arm, Outcome};

/// What decides whether a client sends a failed attempt again.
///
/// A request's own headers are not among them, because no rule here reads them: a client that takes a request with an
/// `Idempotency-Key` for a safe one, as Go does, may hide more than is told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptFacts<'a> {
    /// The request's method, as it is written.
    pub method: &'a str,
    /// How the attempt ended.
    pub outcome: Outcome,
    /// Whether its connection had carried a request before; false where no connection was made, `None` on the arm `pooled`,
    /// which does not tell.
    pub reused: Option<bool>,
}

impl<'a> AttemptFacts<'a> {
    /// The facts of an attempt on `arm` with this method and outcome. `reused` tells whether its connection is known to have
    /// carried a request before.
    #[must_use]
    pub fn new(arm: Arm, method: &'a str, outcome: Outcome, reused: bool) -> Self {
        Self { method, outcome, reused: arm.owns_connections().then_some(reused) }
    }

    /// The facts of an attempt of a request with this method.
    #[must_use]
    pub fn of(attempt: &Attempt, method: &'a str) -> Self {
        Self::new(attempt.arm, method, attempt.outcome, attempt.reused())
    }
}

/// How many of these attempts each client would have hidden. Every client is named, also with 0.
pub(crate) fn sums<'a>(attempts: impl Iterator<Item = (AttemptFacts<'a>, u64)>) -> BTreeMap<Client, u64> {
    let mut sums: BTreeMap<Client, u64> = Client::ALL.into_iter().map(|client| (client, 0)).collect();
    for (facts, count) in attempts {
        for (_, sum) in sums.iter_mut().filter(|(client, _)| hides(**client, &facts)) {
            // A damaged record may hold any number.
            *sum = sum.saturating_add(count);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Sum, sample};

    #[test]
    fn every_client_is_named_and_each_attempt_is_counted_as_often_as_it_came() {
        let refused = AttemptFacts { method: "GET", outcome: Outcome::Refused, reused: Some(false) };
        let raced = AttemptFacts { outcome: Outcome::ResetBeforeByte, reused: Some(true), ..refused };
        let sums = sums([(refused, 38), (raced, 2), (raced, u64::MAX)].into_iter());
        assert_eq!(sums.len(), Client::ALL.len());
        assert_eq!([sums[&Client::ConnectRetry], sums[&Client::Reqwest], sums[&Client::Go]], [38, 0, u64::MAX]);
    }

    #[test]
    fn a_connection_counts_as_reused_once_it_has_carried_a_request() {
        let mut attempt = sample::attempt(1, Arm::Reused, Outcome::ResetBeforeByte, Sum::Raced, 0);
        let uses = |attempt: &mut Attempt, uses| attempt.connection.as_mut().unwrap().uses = uses;
        assert_eq!(AttemptFacts::of(&attempt, "GET").reused, Some(false), "opened ahead, and never used");
        uses(&mut attempt, 3);
        assert_eq!(AttemptFacts::of(&attempt, "GET").reused, Some(true));
        attempt.connection = None;
        assert_eq!(AttemptFacts::of(&attempt, "GET").reused, Some(false), "no connection was made");
        attempt.arm = Arm::Pooled;
        assert_eq!(AttemptFacts::of(&attempt, "GET").reused, None, "an ordinary client does not tell");
    }
}
