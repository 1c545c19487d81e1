//! A trial's drawing with its words: title, description, caption, and the same lives of pods as a table.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::axes::Axes;
use super::scale::{WIDTH, number, place};
use super::shot::{Album, Shot};
use super::{chart, data, lanes, points};
use crate::analysis::PodDoc;
use crate::report::one_line;

/// Lanes of a page, over all its drawings, and the fewest and the most of one.
const MOST_LANES: usize = 300;
const FEWEST_PODS: usize = 6;
const MOST_PODS: usize = 40;

#[derive(Debug)]
pub(super) struct Common {
    axes: Axes,
    pods: usize,
    /// The incidents that the page has, in order.
    listed: Vec<u32>,
}

impl Common {
    pub(super) fn new(albums: &[Album<'_>], listed: Vec<u32>) -> Self {
        let shots = albums.iter().map(|album| album.shots.len()).sum::<usize>().max(1);
        Self { axes: Axes::of(albums), pods: (MOST_LANES / shots).clamp(FEWEST_PODS, MOST_PODS), listed }
    }
}

/// A variant's drawings: one is seen, the others can be chosen. `number` is the variant's on the page.
pub(super) fn album(album: &Album<'_>, common: &Common, number: usize) -> Markup {
    let name = one_line(&album.doc.name);
    let left_out = album.doc.trials_list.len() - album.shots.len();
    html! {
        section.variant aria-labelledby={ "timeline-" (number) } {
            div.bar {
                h3 id={ "timeline-" (number) } { (name) }
                @if album.shots.len() > 1 {
                    label.choice hidden {
                        "trial "
                        select data-variant=(number) {
                            @for shot in &album.shots {
                                option value=(shot.doc.trial) selected[shot.first] { (described(shot)) }
                            }
                        }
                    }
                }
            }
            @if album.shots.is_empty() { p { "No trial of this variant is in the record." } }
            @for shot in &album.shots { (figure(shot, album, common)) }
            @if left_out > 0 { p.note { (left_out) " more trials are not drawn; their figures are in the table of trials." } }
        }
    }
}

fn described(shot: &Shot<'_>) -> String {
    let doc = shot.doc;
    format!("{}, block {}: {}, {} lost", doc.trial, doc.block, doc.state.name(), doc.lost)
}

fn figure(shot: &Shot<'_>, album: &Album<'_>, common: &Common) -> Markup {
    let pods = &shot.doc.pods[..shot.doc.pods.len().min(common.pods)];
    let bottom = chart::END + 26.0 + lanes::height(pods.len());
    let id = format!("trial-{}", shot.doc.trial);
    html! {
        figure id=(id) hidden[!shot.first] {
            div.scroll tabindex="0" role="region" aria-label={ "drawing of trial " (shot.doc.trial) } {
                svg viewBox={ "0 0 " (number(WIDTH)) " " (place(bottom + 40.0)) } role="group"
                    aria-labelledby={ (id) "-title " (id) "-desc" } {
                    title id={ (id) "-title" } { (one_line(&album.doc.name)) ", trial " (shot.doc.trial) ": requests and pods over time" }
                    desc id={ (id) "-desc" } { (description(shot)) }
                    (chart::time_axis(&common.axes, bottom))
                    (chart::draw(shot, &common.axes, &common.listed))
                    (lanes::draw(pods, &common.axes, chart::END + 26.0))
                    (chart::moments(shot, &common.axes, bottom))
                }
            }
            figcaption {
                "Trial " (described(shot)) ". " (shown(shot, pods.len()))
                @if !shot.doc.reason.is_empty() { " " (one_line(&shot.doc.reason)) }
            }
            (table(pods))
            (data::block(&points::data(shot, album.header)))
        }
    }
}

/// What there is and how much of it is drawn.
fn shown(shot: &Shot<'_>, pods: usize) -> String {
    let drawn = shot.points.len() as u64;
    let mut words = if shot.failed == 0 {
        "No attempt failed.".to_owned()
    } else if drawn < shot.failed {
        format!("Failed attempts: shown {drawn} of {}, thinned evenly by cause, incident and time.", shot.failed)
    } else {
        format!("Failed attempts: all {} are shown.", shot.failed)
    };
    let all = shot.doc.pods.len();
    if pods < all {
        let _ = write!(words, " Pods: shown {pods} of {all}.");
    }
    words
}

fn description(shot: &Shot<'_>) -> String {
    let doc = shot.doc;
    let length = doc.rollout_s.map_or_else(|| "whose end was not seen".to_owned(), |s| format!("of {s} seconds"));
    format!(
        "A rollout {length}. Judged attempts: {}, {} lost, {} raced. {} From top to bottom: answered and failed requests a \
         second, latencies with each failed attempt as a point, and a lane for each of {} pods. The tables below have the \
         same in figures.",
        doc.attempts,
        doc.lost,
        doc.raced,
        shown(shot, doc.pods.len()),
        doc.pods.len()
    )
}

fn table(pods: &[PodDoc]) -> Markup {
    if pods.is_empty() {
        return html! {};
    }
    html! {
        details {
            summary { "The pods' lives as a table" }
            div.scroll tabindex="0" role="region" aria-label="table of the pods' lives" {
                table {
                    thead { tr { th scope="col" { "pod" } th scope="col" { "edge" } th.num scope="col" { "not before" }
                        th.num scope="col" { "not after" } th scope="col" { "how it is known" } } }
                    @for pod in pods {
                        tbody {
                            @for (at, edge) in pod.edges.iter().enumerate() {
                                tr {
                                    @if at == 0 {
                                        th scope="rowgroup" rowspan=(pod.edges.len()) {
                                            (one_line(&pod.name)) br; span.quiet { (if pod.new { "new" } else { "old" }) ", " (one_line(&pod.hook)) }
                                        }
                                    }
                                    td { (edge.edge.name()) }
                                    td.num { (format!("{:+.3} s", edge.from_s)) }
                                    td.num { (format!("{:+.3} s", edge.to_s)) }
                                    td { (one_line(&edge.basis)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How many points of all drawings there are, and of how many failed attempts.
pub(super) fn points_shown(albums: &[Album<'_>]) -> (u64, u64) {
    let shots = albums.iter().flat_map(|album| &album.shots);
    shots.fold((0, 0), |(drawn, failed), shot| (drawn + shot.points.len() as u64, failed + shot.failed))
}
