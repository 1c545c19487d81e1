//! Causes and advice for the terminal, where nothing is said twice: variants that lost requests for the same causes stand together,
//! as do variants with the same fix, and a sentence of advice is given once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::words::{causes_by_count, one_line, patch_file};
use crate::analysis::{Advice, ReportDoc, VariantDoc};
use crate::diagnose::Cause;
use crate::hidden::listed;

/// Files with patches that are named.
const MOST_FILES: usize = 2;
/// What every field of a workload's pods begins with.
const POD_FIELDS: &str = "spec.template.spec.";

/// Variants that lost requests for the same causes.
pub(super) struct CauseGroup<'a> {
    pub(super) variants: Vec<&'a VariantDoc>,
    /// The most frequent first: how many requests, and the largest incident.
    pub(super) causes: Vec<(Cause, u64, Option<u32>)>,
}

pub(super) fn by_causes(report: &ReportDoc) -> Vec<CauseGroup<'_>> {
    let mut groups: Vec<(Vec<Cause>, Vec<&VariantDoc>)> = Vec::new();
    for variant in report.variants.iter().filter(|variant| !variant.causes.is_empty()) {
        let causes: Vec<Cause> = variant.causes.keys().copied().collect();
        match groups.iter_mut().find(|(known, _)| *known == causes) {
            Some((_, same)) => same.push(variant),
            None => groups.push((causes, vec![variant])),
        }
    }
    groups.into_iter().map(|(_, variants)| cause_group(report, variants)).collect()
}

fn cause_group<'a>(report: &ReportDoc, variants: Vec<&'a VariantDoc>) -> CauseGroup<'a> {
    let mut sums: BTreeMap<Cause, u64> = BTreeMap::new();
    for (cause, count) in variants.iter().flat_map(|variant| causes_by_count(variant)) {
        *sums.entry(cause).or_default() += count;
    }
    let largest = |cause: Cause| {
        let of_cause = report.incidents.iter().filter(|one| one.cause == cause && one.counts);
        let here = of_cause.filter(|one| variants.iter().any(|variant| variant.name == one.variant));
        here.max_by_key(|one| (one.attempts, Reverse(one.id))).map(|one| one.id)
    };
    let mut causes: Vec<(Cause, u64, Option<u32>)> =
        sums.into_iter().map(|(cause, count)| (cause, count, largest(cause))).collect();
    causes.sort_by_key(|(cause, count, _)| (Reverse(*count), *cause));
    CauseGroup { variants, causes }
}

/// Variants with the same fix.
pub(super) struct FixGroup<'a> {
    pub(super) variants: Vec<&'a VariantDoc>,
    pub(super) changes: Vec<FixChange<'a>>,
}

/// One change of a fix.
pub(super) struct FixChange<'a> {
    pub(super) causes: Vec<Cause>,
    /// The field with its value; `None` if no field of the manifest helps.
    pub(super) change: Option<String>,
    /// Why, in sentences that nothing before it has.
    pub(super) sentences: Vec<&'a str>,
}

/// What tells one change from another: its field and value, or its text where it has none.
fn key(advice: &Advice) -> (Option<&str>, Option<&str>, Option<&str>) {
    let (field, value) = (advice.field.as_deref(), advice.value.as_deref());
    (field, value, field.is_none().then_some(advice.text.as_str()))
}

pub(super) fn by_fix<'a>(report: &'a ReportDoc) -> Vec<FixGroup<'a>> {
    let mut groups: Vec<(Vec<_>, Vec<&'a VariantDoc>)> = Vec::new();
    for variant in report.variants.iter().filter(|variant| !variant.advice.is_empty()) {
        let mut keys: Vec<_> = variant.advice.iter().map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        match groups.iter_mut().find(|(known, _)| *known == keys) {
            Some((_, same)) => same.push(variant),
            None => groups.push((keys, vec![variant])),
        }
    }
    let mut said = BTreeSet::new();
    let group = |(_, variants): (_, Vec<&'a VariantDoc>)| {
        let changes = variants.first().map_or_else(Vec::new, |first| changes(&first.advice, &mut said));
        FixGroup { variants, changes }
    };
    groups.into_iter().map(group).collect()
}

fn changes<'a>(all: &'a [Advice], said: &mut BTreeSet<&'a str>) -> Vec<FixChange<'a>> {
    let mut found: Vec<(_, FixChange<'a>)> = Vec::new();
    for advice in all {
        let sentences = advice.text.split_inclusive(". ").map(str::trim_end);
        let new: Vec<&str> = sentences.filter(|sentence| said.insert(*sentence)).collect();
        if let Some((_, known)) = found.iter_mut().find(|(known, _)| *known == key(advice)) {
            known.causes.push(advice.cause);
            known.sentences.extend(new);
        } else {
            let change = advice.field.as_ref().zip(advice.value.as_ref());
            let change = change.map(|(field, value)| {
                let field = one_line(field);
                format!("{}: {}", field.strip_prefix(POD_FIELDS).unwrap_or(&field), one_line(value))
            });
            found.push((key(advice), FixChange { causes: vec![advice.cause], change, sentences: new }));
        }
    }
    found.into_iter().map(|(_, change)| change).collect()
}

/// ` (advice-web.json; --try-advice tries it)`; empty where there is no patch.
pub(super) fn patches(variants: &[&VariantDoc]) -> String {
    let with_patch = variants.iter().filter(|variant| variant.advice_patch.is_some());
    let mut files: Vec<String> = with_patch.map(|variant| patch_file(&variant.name)).collect();
    if files.is_empty() {
        return String::new();
    }
    if files.len() > MOST_FILES {
        let more = files.len() - 1;
        files.truncate(1);
        files.push(format!("{more} more"));
    }
    let files = listed(&files.iter().map(String::as_str).collect::<Vec<&str>>());
    format!("   ({files}; --try-advice tries it)")
}
