//! The axes that all drawings of a page share, so that variants can be compared by looking.

use super::scale::{Decades, Time, between, of_count};
use super::shot::{Album, Shot};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axes {
    pub(super) time: Time,
    /// The highest rate of ok attempts, a second.
    pub(super) ok_max: f64,
    pub(super) failed_max: f64,
    pub(super) latency: Decades,
}

impl Axes {
    /// Wide enough for everything that is drawn.
    pub(super) fn of(albums: &[Album<'_>]) -> Self {
        let shots: Vec<&Shot<'_>> = albums.iter().flat_map(|album| &album.shots).collect();
        let (mut from_s, mut to_s, mut ok_max, mut failed_max) = (-1.0_f64, 1.0_f64, 1.0_f64, 1.0_f64);
        for shot in &shots {
            let (first_s, last_s) = span(shot);
            (from_s, to_s) = (from_s.min(first_s), to_s.max(last_s));
            let width_s = width_s(shot);
            for bin in &shot.trial.course.bins {
                ok_max = ok_max.max(of_count(bin.ok) / width_s);
                let failed = [bin.lost, bin.raced, bin.unsent].into_iter().fold(0, u64::saturating_add);
                failed_max = failed_max.max(of_count(failed) / width_s);
            }
        }
        let points = shots.iter().flat_map(|shot| &shot.points);
        let points = points.map(|point| between(point.attempt.planned_ns, point.attempt.end_ns, 1e3));
        let bins = shots.iter().flat_map(|shot| &shot.trial.course.bins);
        let lines = bins.flat_map(|bin| [bin.p50_us, bin.p99_us]).flatten().map(of_count);
        Self { time: Time { from_s, to_s }, ok_max, failed_max, latency: Decades::of(points.chain(lines)) }
    }
}

/// The length of the bins of a drawing, in seconds.
pub(super) fn width_s(shot: &Shot<'_>) -> f64 {
    between(0, shot.trial.course.width_ns.max(1), 1e9)
}

/// Where a bin begins, in seconds after the first mark.
#[expect(clippy::cast_precision_loss, reason = "a trial has a few hundred bins")]
pub(super) fn begins_s(number: i64, width_s: f64) -> f64 {
    number as f64 * width_s
}

/// From the first to the last thing that a drawing shows of its load, in seconds after the first mark.
fn span(shot: &Shot<'_>) -> (f64, f64) {
    let width_s = width_s(shot);
    let bins = &shot.trial.course.bins;
    let first_s = bins.first().map_or(0.0, |bin| begins_s(bin.number, width_s));
    let last_s = bins.last().map_or(0.0, |bin| begins_s(bin.number, width_s) + width_s);
    let marks = shot.trial.window.map_or([None; 3], |window| [window.complete_ns, window.gone_ns, window.stopped_ns]);
    let marks = marks.into_iter().flatten().map(|at_ns| between(shot.origin_ns(), at_ns, 1e9));
    (first_s, marks.fold(last_s, f64::max))
}
