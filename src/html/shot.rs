//! Which trials a page draws, and which of their failed attempts as points.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::kind::Kind;
use super::thin::{fill, thin};
use crate::analysis::{Analysis, TrialDoc, VariantDoc, origin};
use crate::diagnose::Cause;
use crate::record::entry::Attempt;
use crate::spec::VariantSpec;
use crate::timeline::Trial;
use crate::verdict::State;

const MOST_TRIALS: usize = 40;
/// Points of a page, over all its drawings: each takes about 300 bytes of it.
const MOST_POINTS: usize = 6_000;

/// A variant with the trials of it that are drawn.
#[derive(Debug)]
pub(super) struct Album<'a> {
    pub(super) doc: &'a VariantDoc,
    pub(super) header: &'a VariantSpec,
    /// In the order in which they began.
    pub(super) shots: Vec<Shot<'a>>,
}

#[derive(Debug)]
pub(super) struct Shot<'a> {
    pub(super) trial: &'a Trial,
    pub(super) doc: &'a TrialDoc,
    /// It is the one that is seen first.
    pub(super) first: bool,
    /// In the order in which they ended.
    pub(super) points: Vec<Point<'a>>,
    /// Failed attempts of the trial, drawn or not.
    pub(super) failed: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Point<'a> {
    pub(super) attempt: &'a Attempt,
    pub(super) kind: Kind,
    /// Its incident; `None` if it was not lost.
    pub(super) incident: Option<u32>,
    /// Its arm decides the verdict.
    pub(super) judged: bool,
}

/// The variants with the trials that are drawn and their points.
pub(super) fn albums<'a>(analysis: &'a Analysis) -> Vec<Album<'a>> {
    let Analysis { timeline, diagnosis, report, .. } = analysis;
    let explained: BTreeMap<(u32, u64), (Cause, u32)> =
        diagnosis.attempts.iter().map(|one| ((one.trial, one.id), (one.cause, one.incident))).collect();
    let most = (MOST_TRIALS / report.variants.len().max(1)).max(1);
    let of_variant = |doc: &'a VariantDoc| {
        let header = timeline.header.spec.variants.iter().find(|known| known.name == doc.name)?;
        let first = first_seen(&doc.trials_list);
        let shots = drawn(&doc.trials_list, first, most).into_iter().filter_map(|doc| {
            let trial = timeline.trials.iter().find(|trial| trial.start.trial == doc.trial)?;
            Some(shot(trial, doc, header, first, &explained))
        });
        Some(Album { doc, header, shots: shots.collect() })
    };
    let mut albums: Vec<Album<'a>> = report.variants.iter().filter_map(of_variant).collect();
    let sizes: Vec<usize> = albums.iter().flat_map(|album| &album.shots).map(|shot| shot.points.len()).collect();
    let shots = albums.iter_mut().flat_map(|album| &mut album.shots);
    for (shot, share) in shots.zip(fill(&sizes, MOST_POINTS)) {
        let kept = thin(&shot.points, share, |point| point.kind, |point| point.incident);
        shot.points = kept.into_iter().map(|at| shot.points[at]).collect();
    }
    albums
}

/// The trial that is seen first: the counting one with the most lost attempts, the earliest of equals.
fn first_seen(trials: &[TrialDoc]) -> Option<u32> {
    let best = trials.iter().max_by_key(|trial| (trial.state == State::Counts, trial.lost, Reverse(trial.trial)));
    best.map(|trial| trial.trial)
}

/// The trials that are drawn of many: first the one that is seen first, then those that count, with the most lost.
fn drawn(trials: &[TrialDoc], first: Option<u32>, most: usize) -> Vec<&TrialDoc> {
    let mut chosen: Vec<&TrialDoc> = trials.iter().collect();
    chosen.sort_by_key(|trial| {
        (Some(trial.trial) != first, trial.state != State::Counts, Reverse(trial.lost), trial.trial)
    });
    chosen.truncate(most);
    chosen.sort_by_key(|trial| trial.trial);
    chosen
}

fn shot<'a>(
    trial: &'a Trial,
    doc: &'a TrialDoc,
    header: &VariantSpec,
    first: Option<u32>,
    explained: &BTreeMap<(u32, u64), (Cause, u32)>,
) -> Shot<'a> {
    let point = |attempt: &'a Attempt| {
        let why = explained.get(&(attempt.trial, attempt.id));
        Point {
            attempt,
            kind: Kind::of(attempt.sum, why.map(|(cause, _)| *cause)),
            incident: why.map(|(_, incident)| *incident),
            judged: header.load.judged.contains(&attempt.arm),
        }
    };
    let mut points: Vec<Point<'a>> = trial.lost.iter().chain(&trial.others).map(point).collect();
    points.sort_by_key(|point| (point.attempt.end_ns, point.attempt.id));
    let bins = trial.course.bins.iter();
    let failed =
        bins.map(|bin| bin.lost.saturating_add(bin.raced).saturating_add(bin.unsent).saturating_add(bin.harness));
    Shot { trial, doc, first: Some(doc.trial) == first, points, failed: failed.fold(0, u64::saturating_add) }
}

impl Shot<'_> {
    pub(super) fn origin_ns(&self) -> u64 {
        origin(self.trial)
    }
}
