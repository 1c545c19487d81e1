//! What the plan's comparisons with the baseline can show.

use std::fmt;

use super::types::RunPlan;
use crate::spec::Expect;
use crate::stats::{Alternative, LEVEL, blocks_that_suffice, blocks_to_reach, power, smallest_adjusted};

/// How often the baseline is taken to lose something where a plan's power is named: nine rollouts of ten.
const LOSES: f64 = 0.9;

/// What the comparison of one variant with the baseline can show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ComparisonSummary {
    pub(crate) baseline: String,
    pub(crate) alternative: Alternative,
    pub(crate) blocks: u32,
    /// Comparisons with the baseline in all, for which Holm's method adjusts.
    pub(crate) comparisons: usize,
    /// The smallest p that can be reached, after Holm's adjustment.
    pub(crate) smallest_p: f64,
    /// The fewest blocks with which it could be at most 0.05.
    pub(crate) blocks_to_reach: Option<u32>,
    /// So many blocks that differ as looked for, while none differs the other way, show it whatever the other
    /// comparisons come to.
    pub(crate) blocks_that_suffice: u32,
    /// The power against a baseline that loses something in nine of ten rollouts while the variant never does, or the other
    /// way round where more is looked for; `None` where both are expected alike.
    pub(crate) power: Option<f64>,
}

impl RunPlan {
    /// What a comparison of `variant` with the baseline looks for. It is fixed by what is expected, before the run:
    /// fewer lost attempts where the baseline loses and the variant is clean, more in the reverse, either where both
    /// are expected alike. `None` for the baseline itself, for the control, or without a baseline.
    pub(crate) fn alternative(&self, variant: usize) -> Option<Alternative> {
        let baseline = self.baseline().filter(|baseline| *baseline != variant)?;
        if self.control() == Some(variant) {
            return None;
        }
        let expect = |index: usize| self.variants.get(index).map(|known| known.spec.expect);
        Some(match (expect(baseline)?, expect(variant)?) {
            (Expect::Loss, Expect::Clean) => Alternative::Less,
            (Expect::Clean, Expect::Loss) => Alternative::Greater,
            _ => Alternative::TwoSided,
        })
    }

    /// What the comparison of `variant` with the baseline can show; `None` if there is none.
    pub(super) fn compared(&self, variant: usize) -> Option<ComparisonSummary> {
        let alternative = self.alternative(variant)?;
        let baseline = self.baseline().and_then(|index| self.variants.get(index))?.spec.name.clone();
        let of = |index: usize| self.alternative(index).map(|alternative| alternative == Alternative::TwoSided);
        let family: Vec<bool> = (0..self.variants.len()).filter_map(of).collect();
        let place = (0..variant).filter_map(of).count();
        let two_sided = alternative == Alternative::TwoSided;
        Some(ComparisonSummary {
            baseline,
            alternative,
            blocks: self.settings.trials,
            comparisons: family.len(),
            smallest_p: smallest_adjusted(&family, self.settings.trials).get(place).copied()?,
            blocks_to_reach: blocks_to_reach(&family, place),
            blocks_that_suffice: blocks_that_suffice(family.len(), two_sided),
            power: (!two_sided).then(|| power(self.settings.trials, family.len(), two_sided, LOSES)),
        })
    }

    /// What should be said where nothing is compared.
    pub(super) fn nothing_compared(&self) -> Option<String> {
        let others = self.variants.len().saturating_sub(usize::from(self.control().is_some()));
        if (0..self.variants.len()).any(|index| self.alternative(index).is_some()) {
            return None;
        }
        match self.baseline().and_then(|index| self.variants.get(index)) {
            Some(baseline) => Some(format!(
                "nothing is compared: {} is the baseline, and there is no other variant; add one to `variants:`",
                baseline.spec.name
            )),
            None if others > 1 => {
                Some("nothing is compared, because no baseline is named; `baseline:` names one".to_owned())
            }
            None => None,
        }
    }
}

impl ComparisonSummary {
    /// The comparison of the variant named `variant`, in a sentence without its end.
    pub(super) fn describe(&self, variant: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { baseline, blocks, .. } = self;
        let smallest =
            if self.smallest_p < 0.000_5 { "below 0.001".to_owned() } else { format!("{:.3}", self.smallest_p) };
        write!(f, "{variant} against {baseline}: the smallest p that can be reached is {smallest}")?;
        if self.comparisons > 1 {
            write!(f, " (Holm, {} comparisons)", self.comparisons)?;
        }
        if self.smallest_p > LEVEL {
            let plural = if *blocks == 1 { "block" } else { "blocks" };
            write!(f, "; {blocks} {plural} cannot reach {LEVEL}")?;
            return self.blocks_to_reach.map_or(Ok(()), |needed| write!(f, ", {needed} can"));
        }
        if self.blocks_that_suffice > *blocks {
            return write!(f, "; it is shown only if others of the comparisons are");
        }
        let enough = match self.blocks_that_suffice {
            needed if needed == *blocks => format!("in all {blocks} blocks"),
            needed => format!("in {needed} or more of {blocks} blocks and {} in none", self.reverse()),
        };
        write!(f, "; shown for certain if {variant} loses {} {enough}", self.direction())?;
        let Some(power) = self.power else { return Ok(()) };
        let (loses, never) = match self.alternative {
            Alternative::Greater => (variant, baseline.as_str()),
            Alternative::Less | Alternative::TwoSided => (baseline.as_str(), variant),
        };
        let percent = (100.0 * power).floor();
        write!(
            f,
            "; if {loses} loses something in 9 of 10 rollouts and {never} never does, that is so with at least {percent:.0} %"
        )
    }

    const fn direction(&self) -> &'static str {
        match self.alternative {
            Alternative::Less => "fewer",
            Alternative::Greater => "more",
            Alternative::TwoSided => "fewer (or more)",
        }
    }

    const fn reverse(&self) -> &'static str {
        match self.alternative {
            Alternative::Less => "more",
            Alternative::Greater => "fewer",
            Alternative::TwoSided => "the reverse",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::*;

    /// A baseline that loses and so many variants that are clean.
    fn with(variants: usize, trials: u32) -> RunPlan {
        let clean: Vec<String> = (0..variants).map(|index| format!("v{index}: {{}}")).collect();
        let clean = clean.join(", ");
        plan(&format!("baseline: b\ntrials: {trials}\nvariants: {{b: {{expect: loss}}, {clean}}}\n"))
    }

    #[test]
    fn the_smallest_p_is_the_one_after_holm_and_the_blocks_that_it_needs_are_named() {
        for (comparisons, needed) in [(1, 5), (2, 6), (3, 6), (5, 7)] {
            let (enough, few) = (with(comparisons, needed).summary(), with(comparisons, needed - 1).summary());
            let compared = enough.variants[1].comparison.as_ref().unwrap();
            assert!(compared.smallest_p <= LEVEL, "{compared:?}");
            assert!(
                enough.to_string().contains(&format!("shown for certain if v0 loses fewer in all {needed} blocks"))
            );
            let compared = few.variants[1].comparison.as_ref().unwrap();
            assert!(compared.smallest_p > LEVEL, "{compared:?}");
            let words = format!("{} blocks cannot reach 0.05, {needed} can", needed - 1);
            assert!(few.to_string().contains(&words), "{few}");
        }
    }

    #[test]
    fn more_blocks_than_needed_may_tie_and_one_block_is_said_to_show_nothing() {
        let text = with(1, 8).summary().to_string();
        assert!(text.contains("v0 loses fewer in 5 or more of 8 blocks and more in none"), "{text}");
        // 5 or more of 8 at 0.9 each.
        assert!(
            text.contains("b loses something in 9 of 10 rollouts and v0 never does, that is so with at least 99 %")
        );
        let many = with(1, 20).summary().to_string();
        assert!(
            many.contains("reached is below 0.001; shown for certain if v0 loses fewer in 5 or more of 20"),
            "{many}"
        );
        let one = with(1, 1).summary().to_string();
        assert!(one.contains("reached is 0.500; 1 block cannot reach 0.05, 5 can"), "{one}");
    }

    #[test]
    fn where_expectations_differ_the_harder_comparison_may_depend_on_the_others() {
        let mixed =
            plan("baseline: b\ntrials: 6\nvariants: {b: {}, loses: {expect: loss}, clean: {}}\n").summary().to_string();
        assert!(
            mixed.contains("loses against b: the smallest p that can be reached is 0.031 (Holm, 2 comparisons)"),
            "{mixed}"
        );
        assert!(mixed.contains("shown for certain if loses loses more in all 6 blocks"), "{mixed}");
        assert!(mixed.contains("clean against b: the smallest p that can be reached is 0.031 (Holm, 2 comparisons); it is shown only if others"), "{mixed}");
    }

    #[test]
    fn nothing_to_compare_is_said() {
        let notes = |lines: &str| plan(lines).summary().notes.join(" ");
        assert!(notes("variants: {a: {}, b: {}}\n").contains("nothing is compared, because no baseline is named"));
        assert!(notes("baseline: a\nvariants: {a: {}}\n").contains("a is the baseline, and there is no other variant"));
        assert!(!notes("baseline: a\nvariants: {a: {}, b: {}}\n").contains("nothing is compared"));
        assert!(!notes("").contains("nothing is compared"), "one variant alone has its own note");
    }
}
