//! The incidents and the trials: each incident can be linked to, and says what decided and how to see all of it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use maud::{Markup, html};

use super::causes::sign;
use super::kind::Kind;
use super::summary::table;
use crate::analysis::{EvidenceDoc, IncidentDoc, ReportDoc};
use crate::report::{gap_words, one_line, seconds};
use crate::verdict::plural;

const MOST: usize = 200;

/// The incidents that a page has: the largest, in their order.
pub(super) fn listed(report: &ReportDoc) -> Vec<&IncidentDoc> {
    let mut largest: Vec<&IncidentDoc> = report.incidents.iter().collect();
    largest.sort_by_key(|incident| (Reverse(incident.attempts), incident.id));
    largest.truncate(MOST);
    largest.sort_by_key(|incident| incident.id);
    largest
}

/// All of them. `drawn` are the trials to which a link can lead.
pub(super) fn incidents(report: &ReportDoc, listed: &[&IncidentDoc], drawn: &BTreeSet<u32>) -> Markup {
    html! {
        section aria-labelledby="incidents" {
            h2 id="incidents" tabindex="-1" { "Incidents" }
            @if listed.is_empty() { p { "There are none: no attempt was lost." } }
            @else {
                p { "An incident is a run of lost attempts of one arm at one door with one cause. " (counted(listed.len() as u64, report.incidents_total)) }
                @for incident in listed { (one(incident, drawn)) }
            }
        }
    }
}

fn counted(shown: u64, all: u64) -> String {
    if shown < all {
        format!("Shown {shown} of {all}, the largest; `rollproof report DIR --incident N` shows any of them.")
    } else if all == 1 {
        "There is one.".to_owned()
    } else {
        format!("There are {all}.")
    }
}

fn one(incident: &IncidentDoc, drawn: &BTreeSet<u32>) -> Markup {
    let outcomes: Vec<String> =
        incident.outcomes.iter().map(|(outcome, count)| format!("{} {count}", outcome.name())).collect();
    let lost = plural(incident.attempts, "attempt");
    html! {
        article.incident id={ "incident-" (incident.id) } tabindex="-1" aria-labelledby={ "incident-title-" (incident.id) } {
            h3 id={ "incident-title-" (incident.id) } {
                (sign(Kind::Lost(incident.cause))) (incident.cause.name()) span.quiet { " incident " (incident.id) }
            }
            p {
                (lost) " of arm " (incident.arm.name())
                @if let Some(door) = incident.door { " at " (door.words()) }
                " in "
                @if drawn.contains(&incident.trial) { a href={ "#trial-" (incident.trial) } { "trial " (incident.trial) } }
                @else { "trial " (incident.trial) " (not drawn)" }
                " of " (one_line(&incident.variant))
                @if let Some(pod) = &incident.pod { ", pod " (one_line(pod)) }
    ", " (when(incident)) ": "
                (incident.cause.meaning()) "."
                @if !incident.counts { " " span.quiet { "It is not in the variant's counts." } }
            }
            p { "Ended as: " (outcomes.join(", ")) "." }
            @if !incident.missing.is_empty() { p { "What does not decide: " (one_line(&incident.missing)) "." } }
            @if !incident.evidence.is_empty() {
                ul.evidence aria-label="evidence, for the first attempt" {
                    @for evidence in &incident.evidence { li { (words(evidence)) } }
                }
            }
            p { code { "rollproof report DIR --incident " (incident.id) } span.quiet { " with DIR this page's folder" } }
        }
    }
}

fn when(incident: &IncidentDoc) -> String {
    let IncidentDoc { first_s, last_s, .. } = incident;
    if (last_s - first_s).abs() < 0.000_5 {
        return format!("at {first_s:+.3} s");
    }
    format!("from {first_s:+.3} s to {last_s:+.3} s")
}

fn words(evidence: &EvidenceDoc) -> String {
    let gap = gap_words(evidence.gap_ms);
    let of = evidence.pod.as_ref().map_or_else(String::new, |pod| format!(" of {}", one_line(pod)));
    format!("{}{of}: {}{gap}", one_line(&evidence.edge), one_line(&evidence.basis))
}

pub(super) fn trials(report: &ReportDoc) -> Markup {
    let columns =
        "#trial | variant | #block | state | #attempts | #lost | #raced | #rollout | complete | why it does not count";
    let mut all: Vec<_> = report
        .variants
        .iter()
        .flat_map(|variant| variant.trials_list.iter().map(move |trial| (trial, variant)))
        .collect();
    all.sort_by_key(|(trial, _)| trial.trial);
    let rows = html! {
        @for (trial, variant) in all {
            tr {
                th.num scope="row" { (trial.trial) }
                td { (one_line(&variant.name)) }
                td.num { (trial.block) }
                td { (trial.state.name()) }
                td.num { (trial.attempts) }
                td.num { (trial.lost) }
                td.num { (trial.raced) }
                td.num { (seconds(trial.rollout_s)) }
                td { (if trial.complete { "yes" } else { "no" }) }
                td { (one_line(&trial.reason)) }
            }
        }
    };
    html! {
        section aria-labelledby="trials" {
            h2 id="trials" { "Trials" }
            (table("Every trial, in the order in which they began", columns, &rows))
        }
    }
}
