//! A trial's phases: the lead-in, the rollout, the tail.

use crate::clock::Stamp;
use crate::record::entry::{Mark, MarkName};

/// The part of a trial that a moment falls into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before the rollout's first mark.
    Before,
    /// From the first mark until the old pods are gone.
    During,
    /// From then until the load stops.
    After,
}

impl Phase {
    /// In the order of time.
    pub const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];
}

/// When a trial's rollout took place, from its marks. Each edge is the cautious side of its mark's bracket: a rollout
/// begins before its first step, and things have happened after the step that saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Before the rollout's first step.
    pub first_ns: Stamp,
    /// The workload reported the rollout complete.
    pub complete_ns: Option<Stamp>,
    /// The last old pod was gone.
    pub gone_ns: Option<Stamp>,
    /// The load stopped planning attempts.
    pub stopped_ns: Option<Stamp>,
}

impl Window {
    /// The window of a trial's marks; `None` if nothing was rolled out. A trial without a rollout marks the step all
    /// the same.
    #[must_use]
    pub fn of(marks: &[Mark]) -> Option<Self> {
        let named = |name| marks.iter().filter(move |mark| mark.name == name);
        let last = |name| named(name).map(|mark| mark.after_ns).max();
        Some(Self {
            first_ns: named(MarkName::RolloutStep).map(|mark| mark.before_ns).min()?,
            complete_ns: last(MarkName::RolloutComplete),
            gone_ns: last(MarkName::OldPodsGone),
            stopped_ns: last(MarkName::LoadStopped),
        })
    }

    /// The phase of a moment. While old pods are left, the rollout goes on.
    #[must_use]
    pub fn phase(&self, at: Stamp) -> Phase {
        if at < self.first_ns {
            Phase::Before
        } else if self.gone_ns.is_none_or(|gone| at < gone) {
            Phase::During
        } else {
            Phase::After
        }
    }

    /// The length of the rollout in seconds; `None` if its end was not seen.
    #[must_use]
    pub fn rollout_s(&self) -> Option<f64> {
        self.gone_ns.map(|gone| seconds(gone.saturating_sub(self.first_ns)))
    }

    /// The time from the first mark until the load stopped, in seconds; `None` if that was not seen.
    #[must_use]
    pub fn judged_s(&self) -> Option<f64> {
        self.stopped_ns.map(|stopped| seconds(stopped.saturating_sub(self.first_ns)))
    }
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than the 104 days that fit a double exactly")]
pub(super) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(name: MarkName, before_ns: u64, after_ns: u64) -> Mark {
        Mark { trial: 1, name, before_ns, after_ns, detail: String::new() }
    }

    #[test]
    fn phases_follow_the_first_step_and_the_last_old_pod() {
        let marks = [
            mark(MarkName::LoadStarted, 0, 1),
            mark(MarkName::RolloutStep, 30, 32),
            mark(MarkName::RolloutStep, 40, 42),
            mark(MarkName::OldPodsGone, 70, 71),
            mark(MarkName::LoadStopped, 90, 91),
        ];
        let window = Window::of(&marks).unwrap();
        let phases = [29, 30, 70, 71, 95].map(|at| window.phase(at));
        assert_eq!(phases, [Phase::Before, Phase::During, Phase::During, Phase::After, Phase::After]);
        assert!(window.rollout_s().is_some());
    }

    #[test]
    fn a_rollout_whose_end_was_not_seen_has_no_length_and_does_not_end() {
        let window = Window::of(&[mark(MarkName::RolloutStep, 30, 32)]).unwrap();
        assert_eq!(window.phase(u64::MAX), Phase::During);
        assert_eq!((window.rollout_s(), window.judged_s()), (None, None));
        assert_eq!(Window::of(&[mark(MarkName::OldPodsGone, 1, 2)]), None);
    }
}
