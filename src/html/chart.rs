//! The plots of one trial: answered requests a second, failed ones a second, and latencies with every failed attempt as a point.

use maud::{Markup, html};

use super::axes::{Axes, begins_s, width_s};
use super::points;
use super::scale::{Band, LEFT, RIGHT, between, number, of_count, place, step, ticks};
use super::shot::Shot;
use crate::timeline::Bin;

/// Above the plots stand the names of the rollout's moments, in three rows.
const MARKS: f64 = 44.0;
const OK: Band = Band { top: MARKS, height: 58.0 };
const FAILED: Band = Band { top: MARKS + 72.0, height: 46.0 };
const LATENCY: Band = Band { top: MARKS + 136.0, height: 200.0 };
/// Where the plots end and the lanes begin.
pub(super) const END: f64 = MARKS + 136.0 + 200.0;

/// The plots. `listed` are the incidents that the page has, in order.
pub(super) fn draw(shot: &Shot<'_>, axes: &Axes, listed: &[u32]) -> Markup {
    html! {
        (ok(shot, axes))
        (failed(shot, axes))
        (latency(shot, axes))
        (points::draw(shot, axes, LATENCY, listed))
    }
}

/// The vertical lines of the axis of time down to `bottom`, and under it their seconds.
pub(super) fn time_axis(axes: &Axes, bottom: f64) -> Markup {
    html! {
        g.grid {
            @for s in axes.time.ticks() {
                @let x = place(axes.time.x(s));
                line x1=(x) x2=(x) y1=(place(MARKS)) y2=(place(bottom)) {}
            }
        }
        g.ticks text-anchor="middle" {
            @for s in axes.time.ticks() {
                text x=(place(axes.time.x(s))) y=(place(bottom + 16.0)) { (number(s)) }
            }
        }
        text.axis x=(place(RIGHT)) y=(place(bottom + 32.0)) text-anchor="end" { "seconds after the rollout's first step" }
    }
}

/// The moments of the rollout as lines through everything, each name in a row of its own that no other can run into.
pub(super) fn moments(shot: &Shot<'_>, axes: &Axes, bottom: f64) -> Markup {
    let Some(window) = shot.trial.window else { return html! {} };
    let named = [
        (Some(window.first_ns), "rollout begins", 0.0, "start"),
        (window.stopped_ns, "load ends", 0.0, "end"),
        (window.complete_ns, "rollout complete", 1.0, "end"),
        (window.gone_ns, "old pods gone", 2.0, "end"),
    ];
    let known = named.into_iter().filter_map(|(at_ns, name, row, anchor)| {
        let s = between(window.first_ns, at_ns?, 1e9);
        axes.time.shows(s).then_some((axes.time.x(s), name, 10.0 + 13.0 * row, anchor))
    });
    html! {
        g.moments {
            @for (x, name, y, anchor) in known {
                line x1=(place(x)) x2=(place(x)) y1=(place(y - 8.0)) y2=(place(bottom)) {}
                text x=(place(if anchor == "start" { x + 4.0 } else { x - 4.0 })) y=(place(y)) text-anchor=(anchor) { (name) }
            }
        }
    }
}

/// The name of a plot and its ticks: shares of its height with their words.
fn side(band: Band, names: &[&str], ticks: &[(f64, String)]) -> Markup {
    html! {
        g.names {
            @for (at, name) in names.iter().enumerate() {
                text x="0" y=(place(band.top + 11.0 + 14.0 * of_count(at as u64))) { (name) }
            }
        }
        g.grid {
            @for (share, _) in ticks {
                line x1=(place(LEFT)) x2=(place(RIGHT)) y1=(place(band.y(*share))) y2=(place(band.y(*share))) {}
            }
        }
        g.ticks text-anchor="end" {
            @for (share, words) in ticks {
                text x=(place(LEFT - 8.0)) y=(place(band.y(*share) + 4.0)) { (words) }
            }
        }
    }
}

/// Ticks of a scale that begins at 0.
fn from_zero(most: f64, count: f64) -> Vec<(f64, String)> {
    ticks(0.0, most, count).into_iter().map(|tick| (tick / most, number(tick))).collect()
}

/// The end of a scale that begins at 0: a round number that is not below `most`.
fn rounded_up(most: f64, count: f64) -> f64 {
    let step = step(most, count);
    (most / step - 1e-9).ceil() * step
}

fn ok(shot: &Shot<'_>, axes: &Axes) -> Markup {
    let most = rounded_up(axes.ok_max, 2.0);
    let outline = steps(shot, axes, OK, most, |_| 0.0, |bin| of_count(bin.ok));
    html! {
        (side(OK, &["answered as expected", "requests a second"], &from_zero(most, 2.0)))
        path.ok d=(outline) {}
    }
}

/// Stacked: lost at the bottom, because it decides.
fn failed(shot: &Shot<'_>, axes: &Axes) -> Markup {
    let most = rounded_up(axes.failed_max, 2.0);
    let (lost, raced, unsent) =
        (|bin: &Bin| of_count(bin.lost), |bin: &Bin| of_count(bin.raced), |bin: &Bin| of_count(bin.unsent));
    html! {
        (side(FAILED, &["failed", "requests a second"], &from_zero(most, 2.0)))
        path.lost d=(steps(shot, axes, FAILED, most, |_| 0.0, lost)) {}
        path.raced d=(steps(shot, axes, FAILED, most, lost, raced)) {}
        path.over.raced d=(steps(shot, axes, FAILED, most, lost, raced)) {}
        path.unsent d=(steps(shot, axes, FAILED, most, |bin| lost(bin) + raced(bin), unsent)) {}
        path.over.unsent d=(steps(shot, axes, FAILED, most, |bin| lost(bin) + raced(bin), unsent)) {}
    }
}

/// The outline of bars from `from` up by `height`, a second, of all bins in which there is something.
fn steps(
    shot: &Shot<'_>,
    axes: &Axes,
    band: Band,
    most: f64,
    from: impl Fn(&Bin) -> f64,
    height: impl Fn(&Bin) -> f64,
) -> String {
    let width_s = width_s(shot);
    let y = |value: f64| place(band.y(value / width_s / most));
    let bars = shot.trial.course.bins.iter().filter(|bin| height(bin) > 0.0).map(|bin| {
        let begins_s = begins_s(bin.number, width_s);
        let (left, right) = (axes.time.x(begins_s), axes.time.x(begins_s + width_s));
        let (low, high) = (y(from(bin)), y(from(bin) + height(bin)));
        format!("M{} {low}V{high}H{}V{low}z", place(left), place(right))
    });
    bars.collect()
}

fn latency(shot: &Shot<'_>, axes: &Axes) -> Markup {
    let ticks: Vec<(f64, String)> =
        axes.latency.ticks().into_iter().map(|(us, words)| (axes.latency.share(us), words)).collect();
    let key_y = |row: f64| place(LATENCY.top + 35.0 + 16.0 * row);
    html! {
        (side(LATENCY, &["latency"], &ticks))
        g.names.small {
            line.p50 x1="0" x2="22" y1=(key_y(0.0)) y2=(key_y(0.0)) {}
            text x="28" y=(place(LATENCY.top + 39.0)) { "p50 of answered" }
            line.p99 x1="0" x2="22" y1=(key_y(1.0)) y2=(key_y(1.0)) {}
            text x="28" y=(place(LATENCY.top + 55.0)) { "p99 of answered" }
            text x="0" y=(place(LATENCY.top + 74.0)) { "a point: a failed one," }
            text x="0" y=(place(LATENCY.top + 88.0)) { "at its end" }
        }
        path.p99 d=(line(shot, axes, |bin| bin.p99_us)) {}
        path.p50 d=(line(shot, axes, |bin| bin.p50_us)) {}
    }
}

/// A line through the middles of the bins, broken where nothing was answered.
fn line(shot: &Shot<'_>, axes: &Axes, value_us: impl Fn(&Bin) -> Option<u64>) -> String {
    let width_s = width_s(shot);
    let (mut path, mut last) = (String::new(), None);
    for bin in &shot.trial.course.bins {
        let Some(us) = value_us(bin) else { continue };
        let x = place(axes.time.x(begins_s(bin.number, width_s) + width_s / 2.0));
        let y = place(LATENCY.y(axes.latency.share(of_count(us))));
        // A line without length has round ends, so that a bin that stands alone is seen.
        let (letter, end) = if last == Some(bin.number - 1) { ("L", "") } else { ("M", "h0") };
        path.push_str(&[letter, &x, " ", &y, end].concat());
        last = Some(bin.number);
    }
    path
}
