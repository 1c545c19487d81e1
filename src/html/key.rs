//! The key of the drawings: each cause with its shape and a box that hides it, and what bars and lines mean. The boxes need no
//! script.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::kind::{Kind, shapes};
use super::pods::State;
use super::shot::Album;

/// How many points of each kind there are, and of arms that are not judged.
fn counted(albums: &[Album<'_>]) -> (BTreeMap<Kind, u64>, u64) {
    let (mut kinds, mut aside) = (BTreeMap::new(), 0);
    for point in albums.iter().flat_map(|album| &album.shots).flat_map(|shot| &shot.points) {
        *kinds.entry(point.kind).or_default() += 1;
        aside += u64::from(!point.judged);
    }
    (kinds, aside)
}

pub(super) fn key(albums: &[Album<'_>]) -> Markup {
    let (kinds, aside) = counted(albums);
    html! {
        fieldset.key {
            legend { "Failed attempts" }
            @if kinds.is_empty() { p { "None in the trials that are drawn." } }
            @for (kind, count) in &kinds {
                @let number = kind.number();
                label title=(kind.meaning()) {
                    input id={ "show-k" (number) } type="checkbox" checked autocomplete="off";
                    svg.sign viewBox="-8 -8 16 16" aria-hidden="true" { use class={ "k" (number) } href={ "#s" (number) } {} }
                    (kind.name()) span.quiet { " " (count) }
                }
            }
            @if aside > 0 {
                label title="attempts of arms that do not decide the verdict are hollow" {
                    input id="show-aside" type="checkbox" checked autocomplete="off";
                    svg.sign viewBox="-8 -8 16 16" aria-hidden="true" { use class="k0 aside" href="#s0" {} }
                    "arms that are not judged (hollow)" span.quiet { " " (aside) }
                }
            }
        }
    }
}

/// What bars and lines mean.
pub(super) fn bars() -> Markup {
    html! {
        ul.key.states aria-label="bars" {
            @for state in State::ALL { li { (sample(state)) (state.words()) } }
            @for sum in ["lost", "raced", "unsent"] {
                li {
                    svg.wide viewBox="0 0 30 12" aria-hidden="true" {
                        rect class=(sum) width="30" height="12" {}
                        rect class={ "over " (sum) } width="30" height="12" {}
                    }
                    (sum) ", a second"
                }
            }
            li { svg.sign viewBox="-8 -8 16 16" aria-hidden="true" { path.tip d="M0 5l-6 -9h12z" {} } "stop signal" }
            li { svg.sign viewBox="-8 -8 16 16" aria-hidden="true" { g.grace { path d="M0 -8V8" {} } } "end of the grace period" }
            li {
                svg.wide viewBox="0 0 30 12" aria-hidden="true" {
                    rect.ready width="12" height="12" {}
                    rect.out-ready x="12" width="18" height="12" {}
                }
                "a moment between two bounds"
            }
        }
    }
}

fn sample(state: State) -> Markup {
    let class = state.class();
    let thin = matches!(state, State::EndpointReady | State::EndpointNotReady | State::Open | State::Closed);
    let (y, height) = if thin { ("3", "6") } else { ("0", "12") };
    html! {
        svg.wide viewBox="0 0 30 12" aria-hidden="true" {
            rect class=(class) x="0.5" y=(y) width="29" height=(height) {}
            rect class={ "over " (class) } x="0.5" y=(y) width="29" height=(height) {}
        }
    }
}

/// What all drawings use: the shapes of points, fading ends, and patterns.
pub(super) fn definitions() -> Markup {
    html! {
        svg.defs width="0" height="0" aria-hidden="true" focusable="false" {
            defs {
                (shapes(Kind::all()))
                @for state in State::ALL {
                    linearGradient id={ "in-" (state.class()) } { stop class=(state.class()) offset="0" stop-opacity="0" {} stop class=(state.class()) offset="1" {} }
                    linearGradient id={ "out-" (state.class()) } { stop class=(state.class()) offset="0" {} stop class=(state.class()) offset="1" stop-opacity="0" {} }
                }
                pattern id="slanted" width="6" height="6" patternUnits="userSpaceOnUse" { path.pattern d="M-1 1L1 -1M0 6L6 0M5 7L7 5" {} }
                pattern id="dotted" width="5" height="5" patternUnits="userSpaceOnUse" { circle.pattern cx="1.5" cy="1.5" r="0.8" {} }
                pattern id="upright" width="4" height="4" patternUnits="userSpaceOnUse" { path.pattern d="M1 0V4" {} }
            }
        }
    }
}
