//! What a point stands for: a cause, or one of the sums that have none. Each has a number, a shape and, by its number, a colour in
//! the style sheet: colour is never the only signal.

use maud::{Markup, html};

use crate::diagnose::Cause;
use crate::record::Sum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Lost for this cause.
    Lost(Cause),
    /// Lost in the keep-alive race.
    Raced,
    /// Never written.
    Unsent,
    /// The harness's own trouble.
    Harness,
}

/// Shapes that fill a circle of six units, in the order of the kinds' numbers.
const SHAPES: [&str; 20] = [
    // endpoint-race: a disc
    "M-4.6 0a4.6 4.6 0 1 0 9.2 0a4.6 4.6 0 1 0 -9.2 0z",
    // cut-at-stop: a square
    "M-4.2 -4.2h8.4v8.4h-8.4z",
    // drain-not-awaited: a lozenge
    "M0 -6L5.4 0L0 6L-5.4 0z",
    // killed-at-grace-end: a slanted cross
    "M-5 -3L-3 -5L0 -2L3 -5L5 -3L2 0L5 3L3 5L0 2L-3 5L-5 3L-2 0z",
    // prestop-failed: a triangle that points down
    "M0 5.6L-5.2 -3.8H5.2z",
    // keepalive-race: a triangle that points up
    "M0 -5.6L5.2 3.8H-5.2z",
    // backlog-reset: a triangle that points to the left
    "M-5.6 0L3.8 -5.2V5.2z",
    // error-at-stop: a pentagon
    "M0 -5.6L5.3 -1.7L3.3 4.5H-3.3L-5.3 -1.7z",
    // not-ready-yet: a triangle that points to the right
    "M5.6 0L-3.8 5.2V-5.2z",
    // overload: a bar on end
    "M-2 -5.8h4v11.6h-4z",
    // no-endpoint: an upright cross
    "M-1.6 -5.4h3.2v3.8h3.8v3.2h-3.8v3.8h-3.2v-3.8h-3.8v-3.2h3.8z",
    // no-local-endpoint: an upright cross without its foot
    "M-1.6 -5.4h3.2v3.8h3.8v3.2h-10.8v-3.2h3.8z",
    // proxy: a hexagon
    "M-2.8 -4.8h5.6L5.6 0L2.8 4.8h-5.6L-5.6 0z",
    // proxy-rollout: a hexagon with a hole
    "M-2.8 -4.8h5.6L5.6 0L2.8 4.8h-5.6L-5.6 0zM-1.2 -2.1h2.4L2.4 0L1.2 2.1h-2.4L-2.4 0z",
    // server-error: an hourglass
    "M-4.8 -5.2h9.6L1.2 0L4.8 5.2h-9.6L-1.2 0z",
    // stale-conntrack: a star
    "M0 -6L1.6 -2.1L5.7 -1.9L2.5 0.8L3.5 4.9L0 2.6L-3.5 4.9L-2.5 0.8L-5.7 -1.9L-1.6 -2.1z",
    // unknown: a ring
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0zM-2.4 0a2.4 2.4 0 1 1 4.8 0a2.4 2.4 0 1 1 -4.8 0z",
    // raced: a chevron
    "M-5 -5h3.4L2 0L-1.6 5H-5L-1.4 0z",
    // unsent: a bar that lies
    "M-5.6 -1.6h11.2v3.2h-11.2z",
    // harness: a frame
    "M-4.6 -4.6h9.2v9.2h-9.2zM-2.2 -2.2v4.4h4.4v-4.4z",
];

impl Kind {
    /// Every kind, in the order of their numbers.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Cause::ALL.into_iter().map(Self::Lost).chain([Self::Raced, Self::Unsent, Self::Harness])
    }

    /// What an attempt that did not end ok is drawn as, by its sum and, if it was lost, its cause.
    pub(super) fn of(sum: Sum, cause: Option<Cause>) -> Self {
        match sum {
            Sum::Raced => Self::Raced,
            Sum::Unsent => Self::Unsent,
            Sum::Harness => Self::Harness,
            Sum::Ok | Sum::Lost => Self::Lost(cause.unwrap_or(Cause::Unknown)),
        }
    }

    /// Its number: of its colour `k0` and its shape `s0`.
    pub(super) fn number(self) -> usize {
        Self::all().position(|kind| kind == self).unwrap_or_default()
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lost(cause) => cause.name(),
            Self::Raced => "raced",
            Self::Unsent => "unsent",
            Self::Harness => "harness",
        }
    }

    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Lost(cause) => cause.meaning(),
            Self::Raced => {
                "lost in the race between a closing kept-alive connection and a write; a client may repeat it"
            }
            Self::Unsent => "never written, on a dead kept-alive connection; any client sends it again",
            Self::Harness => "the harness's own trouble",
        }
    }
}

/// The shapes of these kinds, to be used by their numbers.
pub(super) fn shapes(kinds: impl Iterator<Item = Kind>) -> Markup {
    html! {
        @for kind in kinds {
            path id={ "s" (kind.number()) } d=(SHAPES[kind.number()]) fill-rule="evenodd" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_a_shape_and_a_colour_of_its_own_in_both_schemes() {
        assert_eq!(Kind::all().count(), SHAPES.len());
        assert_eq!(SHAPES.iter().collect::<BTreeSet<_>>().len(), SHAPES.len());
        let style = include_str!("page.css");
        for kind in Kind::all() {
            let colour = format!("--k{}:", kind.number());
            assert_eq!(style.matches(&colour).count(), 3, "{colour} in light, in dark, and in print");
            assert_eq!(style.matches(&format!(".k{} {{", kind.number())).count(), 1);
            assert_eq!(style.matches(&format!("#show-k{}:", kind.number())).count(), 1);
        }
    }
}
