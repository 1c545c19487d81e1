//! Sentences, numbers and escapes that several writers share.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::analysis::{FirstLost, HarnessDoc, IncidentDoc, PropagationDoc, ReportDoc, VariantDoc};
use crate::diagnose::Cause;
use crate::hidden::listed;
use crate::spec::Expect;
use crate::verdict::plural;

/// Pieces of advice that are shown for a variant.
const MOST_ADVICE: usize = 3;

pub(crate) const fn expect_name(expect: Expect) -> &'static str {
    match expect {
        Expect::Clean => "clean",
        Expect::Loss => "loss",
    }
}

/// What a variant's zero leaves open; `None` if it lost something or nothing counts.
pub(crate) fn limits_words(variant: &VariantDoc) -> Option<String> {
    let missed = variant.detection_limit.rollouts_losing_at_most_95?;
    let rollouts = plural(u64::from(variant.trials), "rollout");
    let gap = listener_gap_words(variant);
    let share = 100.0 * missed;
    Some(format!(
        "{}: no loss in {rollouts}; up to {share:.0} % of all rollouts could still lose something (95 %), and {gap}.",
        variant.name
    ))
}

/// Which listener gaps can go unseen.
pub(super) fn listener_gap_words(variant: &VariantDoc) -> String {
    variant.detection_limit.gap_ms.map_or_else(
        || "no judged arm makes new connections, so a listener gap can go unseen".to_owned(),
        |ms| format!("a listener gap under {ms:.0} ms can go unseen"),
    )
}

/// How long new connections went on to a variant's deleted pods; `None` if no pod shows it.
pub(crate) fn lag_words(variant: &VariantDoc) -> Option<String> {
    let PropagationDoc { after_deletion, after_not_ready, pods_not_observed } = variant.propagation_lag_ms;
    let lag = after_deletion?;
    if lag.max <= 0.0 {
        return Some(format!("{}: no new connection reached a pod after its deletion.", variant.name));
    }
    let pods = plural(u64::from(lag.count), "pod");
    let further = match u64::from(pods_not_observed) {
        0 => String::new(),
        more => format!(", {} not observed", plural(more, "pod")),
    };
    let not_ready = after_not_ready.map_or_else(String::new, |lag| {
        format!("; after its endpoint was not ready {} ms, at most {} ms", whole(lag.p50), whole(lag.max))
    });
    Some(format!(
        "{}: new connections reached a pod until {} ms after its deletion (median of {pods}{further}), at most \
         {} ms{not_ready}.",
        variant.name,
        whole(lag.p50),
        whole(lag.max)
    ))
}

/// Without digits after the point, and without the sign of a zero.
fn whole(ms: f64) -> String {
    format!("{:.0}", ms.round() + 0.0)
}

/// A variant's causes, the most frequent first.
pub(crate) fn causes_by_count(variant: &VariantDoc) -> Vec<(Cause, u64)> {
    let mut causes: Vec<(Cause, u64)> = variant.causes.iter().map(|(cause, count)| (*cause, *count)).collect();
    causes.sort_by_key(|(cause, count)| (Reverse(*count), *cause));
    causes
}

/// How long before the first failure an edge was seen. One that lies between two moments counts by the later one.
pub(crate) fn gap_words(gap_ms: Option<f64>) -> String {
    match gap_ms {
        None => String::new(),
        Some(ms) if ms < 0.0 => format!(", {:.1} ms after the first failure at the latest", -ms),
        Some(ms) => format!(", {ms:.1} ms before the first failure"),
    }
}

pub(crate) fn send_lag_words(harness: &HarnessDoc) -> String {
    let lag = harness.send_lag_us.map_or_else(
        || "nothing was sent".to_owned(),
        |lag| {
            let [p50, p99, max] = [lag.p50, lag.p99, lag.max].map(micros);
            format!("sends were late by {p50} (p50), {p99} (p99), {max} (max)")
        },
    );
    format!("{lag}; the largest gap between two sends was {} ms", harness.largest_gap_ms)
}

/// Why a variant's requests were lost: a line for each cause, the most frequent first.
pub(super) fn cause_words(report: &ReportDoc, variant: &VariantDoc) -> Vec<String> {
    let words = causes_by_count(variant).into_iter().map(|(cause, count)| {
        let of_cause =
            report.incidents.iter().filter(|one| one.variant == variant.name && one.cause == cause && one.counts);
        let largest = of_cause.max_by_key(|one| (one.attempts, Reverse(one.id)));
        let detail = largest.map_or_else(String::new, |one| format!(" ({})", incident_words(one)));
        format!("{count} {}: {}{detail}", cause.name(), cause.meaning())
    });
    words.collect()
}

/// What is advised for a variant: a line for each change, with the causes that it is for, then where the patch is.
pub(super) fn advice_words(variant: &VariantDoc) -> Vec<String> {
    let advice = |index: usize| &variant.advice[index];
    let mut changes: Vec<(usize, Vec<&str>)> = Vec::new();
    for (index, one) in variant.advice.iter().enumerate() {
        let same = |known: usize| advice(known).text == one.text && advice(known).value == one.value;
        match changes.iter_mut().find(|(known, _)| same(*known)) {
            Some((_, causes)) => causes.push(one.cause.name()),
            None => changes.push((index, vec![one.cause.name()])),
        }
    }
    let more = changes.len().saturating_sub(MOST_ADVICE);
    let shown = changes.into_iter().take(MOST_ADVICE).map(|(index, causes)| {
        let advice = advice(index);
        let change = match (&advice.field, &advice.value) {
            (Some(field), Some(value)) => format!(" [{field}: {value}]"),
            _ => String::new(),
        };
        format!("{}: {}{change}", causes.join(", "), advice.text)
    });
    let mut lines: Vec<String> = shown.collect();
    lines.extend((more > 0).then(|| format!("and {more} more in report.json")));
    lines.extend(variant.advice_patch.as_ref().map(|_| {
        format!(
            "the advice as a patch: {}, for `kubectl patch --patch-file` or a scenario's `patch:`",
            patch_file(&variant.name)
        )
    }));
    lines
}

/// The file that a variant's advice is written to as a patch. Whatever the name holds, it stays in its folder.
#[must_use]
pub fn patch_file(variant: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let name: String = variant.chars().map(safe).take(100).collect();
    format!("advice-{name}.json")
}

/// What decided of an incident, in a few words.
fn incident_words(incident: &IncidentDoc) -> String {
    let mut words = vec![format!("incident {}", incident.id)];
    let told = incident.evidence.iter().filter_map(|evidence| {
        let gap = evidence.gap_ms.filter(|gap| *gap >= 0.0)?;
        Some(format!("{} after {}", milliseconds(gap), evidence.edge))
    });
    words.extend(told.take(3));
    words.extend(Some(incident.missing.clone()).filter(|missing| !missing.is_empty()));
    words.join(", ")
}

/// `12 ms` or `1.3 s`.
fn milliseconds(ms: f64) -> String {
    if ms < 1_000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1_000.0) }
}

/// Lost attempts, each on a line. Who would have hidden it stands where it is not the same as of the one above.
pub(super) fn lost_lines(all: &[FirstLost]) -> Vec<String> {
    let mut above = "";
    all.iter()
        .map(|FirstLost { trial, at_s, took_ms, what, hidden }| {
            let further = if hidden == above { String::new() } else { format!("; {hidden}") };
            above = hidden;
            format!("{at_s:+.3} s in trial {trial}: {what}, after {took_ms} ms{further}")
        })
        .collect()
}

/// Who would have hidden how many of a variant's lost attempts; `None` if nothing was lost.
pub(super) fn hidden_words(variant: &VariantDoc) -> Option<String> {
    if variant.lost == 0 {
        return None;
    }
    let mut by_count: BTreeMap<Reverse<u64>, Vec<&str>> = BTreeMap::new();
    for (client, count) in variant.hidden_by.iter().filter(|(_, count)| **count > 0) {
        by_count.entry(Reverse(*count)).or_default().push(client.words());
    }
    let parts: Vec<String> =
        by_count.iter().map(|(Reverse(count), clients)| format!("{count} by {}", listed(clients))).collect();
    let (name, lost) = (&variant.name, variant.lost);
    Some(if parts.is_empty() {
        format!("{name}: of {lost} lost, none would have been hidden by a common client or proxy.")
    } else {
        format!("{name}: of {lost} lost, a client or proxy that retries would have hidden: {}.", parts.join("; "))
    })
}

/// At most so many characters; what is left out is said by an ellipsis.
pub(super) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(std::iter::once('\u{2026}')).collect()
}

/// Trials of a variant that decide nothing, and why: at most `most`, and how many more there are.
pub(super) fn not_counting_words(variant: &VariantDoc, most: usize) -> Vec<String> {
    let trials = variant.trials_list.iter().filter(|trial| !trial.reason.is_empty());
    let all: Vec<String> =
        trials.map(|trial| format!("trial {} does not count: {}", trial.trial, trial.reason)).collect();
    let more = all.len().saturating_sub(most);
    let rest = (more > 0).then(|| format!("and {more} more trials do not count."));
    all.into_iter().take(most).chain(rest).collect()
}

/// Text from outside on one line, without control characters: a terminal or a table must not obey it.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { harmless(c) }).collect()
}

/// A character that a terminal or a page shows and does not obey.
pub(super) fn harmless(c: char) -> char {
    if c.is_control() || is_invisible(c) { '\u{fffd}' } else { c }
}

/// Characters that change the order or the look of what stands around them, and those that no XML may hold.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

/// A time in microseconds for people: `0.85 ms`, `12 ms`, `1.2 s`.
#[expect(clippy::cast_precision_loss, reason = "only three digits are shown")]
pub(crate) fn micros(us: u64) -> String {
    let ms = us as f64 / 1_000.0;
    match us {
        0..10_000 => format!("{ms:.2} ms"),
        10_000..1_000_000 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1_000.0),
    }
}

/// Seconds with one digit, or a dash.
pub(crate) fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |s| format!("{s:.1} s"))
}

/// A probability with three digits after the point, or what it is below.
pub(crate) fn probability(p: f64) -> String {
    if p < 0.000_5 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_pass() {
        assert_eq!(one_line("a\u{1b}[31mb\nc\u{202e}d\r"), "a\u{fffd}[31mb c\u{fffd}d\u{fffd}");
    }

    #[test]
    fn times_have_three_digits_or_so() {
        assert_eq!([micros(850), micros(12_345), micros(1_234_567)], ["0.85 ms", "12 ms", "1.2 s"]);
        assert_eq!(seconds(None), "-");
        assert_eq!([probability(0.03125), probability(0.000_01)], ["0.031", "< 0.001"]);
    }
}
