//! Exit codes, and which one counts when several hold.

/// How the program ends. The order is the precedence: the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExitReason {
    Pass,
    /// What the user wrote or named.
    User,
    /// Nothing was shown either way.
    Inconclusive,
    Machine,
    Fail,
    Bug,
    Interrupted,
}

impl ExitReason {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Bug => 1,
            Self::User => 2,
            Self::Machine => 3,
            Self::Fail => 4,
            Self::Inconclusive => 5,
            Self::Interrupted => 130,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_precedence_holds() {
        let order =
            [ExitReason::Interrupted, ExitReason::Bug, ExitReason::Fail, ExitReason::Machine, ExitReason::Inconclusive];
        let codes: Vec<u8> = order.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [130, 1, 4, 3, 5]);
        for pair in order.windows(2) {
            assert_eq!(pair[0].max(pair[1]), pair[0]);
        }
    }
}
