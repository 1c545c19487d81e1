//! What the requests at each door came to.

use super::causes::causes_at;
use super::doc_doors::DoorDoc;
use crate::diagnose::Diagnosis;
use crate::spec::{Door, VariantSpec};
use crate::timeline::Counts;
use crate::verdict::Judged;

/// Empty where all requests of a variant go to one door.
pub(super) fn doors(variant: &VariantSpec, counting: &[&Judged<'_>], diagnosis: &Diagnosis) -> Vec<DoorDoc> {
    if !variant.load.has_both_doors() {
        return Vec::new();
    }
    let trials: Vec<[Counts; 2]> =
        counting.iter().map(|judged| Door::ALL.map(|door| judged.at_door(&variant.load, door))).collect();
    let doc = |door: Door| {
        let mut all = Counts::default();
        let (mut trials_with_loss, mut lost_here_only) = (0, 0_u64);
        for [service, url] in &trials {
            let (own, other) = if door == Door::Service { (service, url) } else { (url, service) };
            all.merge(own);
            let raced = if variant.strict { own.raced } else { 0 };
            trials_with_loss += u32::from(own.lost > 0 || raced > 0);
            let asked_without_loss = other.ok > 0 && other.lost == 0 && !(variant.strict && other.raced > 0);
            lost_here_only += if asked_without_loss { own.lost } else { 0 };
        }
        let causes = causes_at(variant, Some(door), counting, diagnosis);
        let (attempts, Counts { ok, lost, raced, unsent, harness, .. }) = (all.attempts(), all);
        DoorDoc { door, attempts, ok, lost, lost_here_only, raced, unsent, harness, trials_with_loss, causes }
    };
    Door::ALL.into_iter().map(doc).collect()
}
