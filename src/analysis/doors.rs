//! What the requests at each door came to.

use super::causes::causes_at;
use super::doc_doors::DoorDoc;
use crate::diagnose::Diagnosis;
use crate::record::{Outcome, Sum};
use crate::spec::{Door, VariantSpec};
use crate::timeline::{Counts, Phase, Trial};
use crate::verdict::Judged;

/// Empty where all requests of a variant go to one door.
pub(super) fn doors(variant: &VariantSpec, counting: &[&Judged<'_>], diagnosis: &Diagnosis) -> Vec<DoorDoc> {
    if !variant.load.has_both_doors() {
        return Vec::new();
    }
    let trials: Vec<[Counts; 2]> =
        counting.iter().map(|judged| Door::ALL.map(|door| counts(judged.trial, variant, door))).collect();
    let doc = |door: Door| {
        let mut all = Counts::default();
        let (mut trials_with_loss, mut lost_here_only) = (0, 0_u64);
        for [service, url] in &trials {
            let (own, other) = if door == Door::Service { (service, url) } else { (url, service) };
            all.merge(own);
            let raced = if variant.strict { own.raced } else { 0 };
            trials_with_loss += u32::from(own.lost > 0 || raced > 0);
            lost_here_only += if other.lost == 0 { own.lost } else { 0 };
        }
        let causes = causes_at(variant, Some(door), counting, diagnosis);
        let (attempts, Counts { ok, lost, raced, unsent, harness, .. }) = (all.attempts(), all);
        DoorDoc { door, attempts, ok, lost, lost_here_only, raced, unsent, harness, trials_with_loss, causes }
    };
    Door::ALL.into_iter().map(doc).collect()
}

/// What the judged arms' attempts at `door` from the first mark on came to.
fn counts(trial: &Trial, variant: &VariantSpec, door: Door) -> Counts {
    let load = &variant.load;
    let mut counts = Counts::default();
    for ((phase, arm, request), latencies) in &trial.latency_us {
        if *phase != Phase::Before && load.judged.contains(arm) && load.door(*request) == door {
            counts.add(Sum::Ok, Outcome::Ok, latencies.len());
        }
    }
    for (failure, count) in &trial.failures {
        if load.judged.contains(&failure.arm) && load.door(failure.request) == door {
            counts.add(failure.sum, failure.outcome, *count);
        }
    }
    counts
}
