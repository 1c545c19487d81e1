//! One incident as a page for people: what was lost, why, what happened to the pod, and how to see it again.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::words::{gap_words, one_line};
use crate::analysis::{Analysis, after_s, describe, origin};
use crate::clock::Stamp;
use crate::diagnose::{Evidence, Incident};
use crate::record::reproduction_command;
use crate::timeline::{PodLife, Timeline, Trial};
use crate::verdict::plural;

/// Attempts that are listed.
const MOST_ATTEMPTS: usize = 20;

/// Events of a pod that are shown.
const MOST_SAID: usize = 10;

/// There is no incident with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoIncident {
    /// Nothing was lost at all.
    #[error("the record has no incident: nothing was lost")]
    None,
    /// The numbers end before it.
    #[error("the record has no incident {id}; expected a number from 1 to {count}")]
    Beyond {
        /// The number.
        id: u32,
        /// How many there are.
        count: usize,
    },
}

/// The page of the incident `id` of an analysed record in `directory`.
///
/// # Errors
/// There is no such incident.
pub fn incident_page(analysis: &Analysis, id: u32, directory: &str) -> Result<String, NoIncident> {
    let Analysis { timeline, diagnosis, .. } = analysis;
    let count = diagnosis.incidents.len();
    let found = diagnosis.incidents.iter().find(|incident| incident.id == id);
    let incident = found.ok_or(if count == 0 { NoIncident::None } else { NoIncident::Beyond { id, count } })?;
    let trial = timeline.trials.iter().find(|trial| trial.start.trial == incident.trial);
    let trial = trial.ok_or(NoIncident::Beyond { id, count })?;
    let of_incident: BTreeSet<u64> =
        diagnosis.attempts.iter().filter(|one| one.incident == id).map(|one| one.id).collect();
    let variant = timeline.header.variant(&incident.variant);
    let both = variant.is_some_and(|variant| variant.load.has_both_doors());
    let mut page = head(incident, trial, both);
    page.push_str(&evidence(incident));
    page.push_str(&attempts(timeline, trial, &of_incident));
    let pods: BTreeSet<&str> = incident
        .pod
        .iter()
        .chain(incident.evidence.iter().filter_map(|one| one.pod.as_ref()))
        .map(String::as_str)
        .collect();
    for pod in trial.pods.iter().filter(|pod| pods.contains(pod.name.as_str())) {
        page.push_str(&life(pod, origin(trial)));
        page.push_str(&others(pod, origin(trial)));
        page.push_str(&said(trial, pod));
        page.push_str(&log(trial, pod));
    }
    let command = reproduction_command(&timeline.header, &incident.variant, directory);
    let _ = writeln!(page, "\nto reproduce it:\n  {}", one_line(&command));
    Ok(page)
}

/// `both`: the variant's requests went to two doors.
fn head(incident: &Incident, trial: &Trial, both: bool) -> String {
    let outcomes: Vec<String> =
        incident.outcomes.iter().map(|(outcome, count)| format!("{} {count}", outcome.name())).collect();
    let first_ns = origin(trial);
    let mut text = format!(
        "incident {} in trial {} of {}: {} on arm {}{}, {}\n  {}: {}\n  from {:+.3} s to {:+.3} s after the rollout's first step{}{}\n",
        incident.id,
        incident.trial,
        one_line(&incident.variant),
        plural(incident.attempts, "lost attempt"),
        incident.arm.name(),
        if both { format!(" at {}", incident.door.words()) } else { String::new() },
        outcomes.join(", "),
        incident.cause.name(),
        incident.cause.meaning(),
        after_s(incident.first_ns, first_ns),
        after_s(incident.last_ns, first_ns),
        incident.pod.as_ref().map_or_else(String::new, |pod| format!(", pod {}", one_line(pod))),
        incident.node.as_ref().map_or_else(String::new, |node| format!(", node {}", one_line(node))),
    );
    if !incident.missing.is_empty() {
        let _ = writeln!(text, "  what does not decide: {}", one_line(&incident.missing));
    }
    text
}

fn evidence(incident: &Incident) -> String {
    let mut text = String::new();
    for Evidence { edge: _, words, pod, basis, gap_ms } in &incident.evidence {
        let gap = gap_words(*gap_ms);
        let of = pod.as_ref().map_or_else(String::new, |pod| format!(" of {}", one_line(pod)));
        let _ = writeln!(text, "  {}{of}: {basis}{gap}", one_line(words));
    }
    if text.is_empty() { text } else { format!("\nevidence, for its first attempt:\n{text}") }
}

fn attempts(timeline: &Timeline, trial: &Trial, ids: &BTreeSet<u64>) -> String {
    let mut text = "\nattempts, in seconds after the rollout's first step:\n".to_owned();
    let variant = timeline.header.spec.variants.iter().find(|known| known.name == trial.start.variant);
    let all = trial.lost.iter().filter(|attempt| ids.contains(&attempt.id));
    let shown = all.take(MOST_ATTEMPTS).filter_map(|attempt| describe(attempt, trial, variant?));
    for lost in shown {
        let _ = writeln!(
            text,
            "  {:+.3} s: {}, after {} ms; {}",
            lost.at_s,
            one_line(&lost.what),
            lost.took_ms,
            lost.hidden
        );
    }
    let more = ids.len().saturating_sub(MOST_ATTEMPTS);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more in the record");
    }
    text
}

/// The pod's edges in the order of time.
fn life(pod: &PodLife, first_ns: Stamp) -> String {
    let mut edges: Vec<_> = pod.known_edges().collect();
    edges.sort_by_key(|(_, edge)| (edge.high_ns, edge.low_ns));
    let (age, hook) = (if pod.new { "new" } else { "old" }, one_line(&pod.hook.words()));
    let mut text = format!("\npod {} ({age}, {hook}):\n", one_line(&pod.name));
    for (which, edge) in edges {
        let name = which.name();
        let (low_s, high_s) = (after_s(edge.low_ns, first_ns), after_s(edge.high_ns, first_ns));
        let _ = writeln!(text, "  {high_s:+9.3} s  {name:<20}  {}, not before {low_s:+.3} s", edge.basis_words());
    }
    if let Some(code) = pod.exit_code {
        let reason = pod.reason.as_ref().map_or_else(String::new, |why| format!(", {}", one_line(why)));
        let _ = writeln!(text, "  exit code {code}{reason}");
    }
    text
}

/// How its other containers were stopped and ended.
fn others(pod: &PodLife, first_ns: Stamp) -> String {
    let mut text = String::new();
    for other in &pod.others {
        let words = one_line(&other.hook.words());
        let told = other.stop_signal(pod).map_or_else(String::new, |edge| {
            format!(", stop signal by {:+.3} s ({})", after_s(edge.high_ns, first_ns), edge.basis_words())
        });
        let code = other.exit_code.map_or_else(String::new, |code| format!(", exit code {code}"));
        let reason = other.reason.as_ref().map_or_else(String::new, |why| format!(", {}", one_line(why)));
        let (low_s, high_s) = (after_s(other.finished.low_ns, first_ns), after_s(other.finished.high_ns, first_ns));
        let name = one_line(&other.name);
        let _ = writeln!(
            text,
            "  container {name} ({words}){told}, finished by {high_s:+.3} s, not before {low_s:+.3} s{code}{reason}"
        );
    }
    text
}

/// What Kubernetes said of the pod.
fn said(trial: &Trial, pod: &PodLife) -> String {
    let mut text = String::new();
    for said in trial.said.iter().filter(|said| said.pod() == Some(&pod.name)).take(MOST_SAID) {
        let container =
            said.container.as_ref().map_or_else(String::new, |name| format!(" of container {}", one_line(name)));
        let at_s = after_s(said.at_ns, origin(trial));
        let (reason, message) = (one_line(&said.reason), one_line(&said.message));
        let _ = writeln!(text, "  event {reason}{container} at {at_s:+.3} s: {message}");
    }
    text
}

fn log(trial: &Trial, pod: &PodLife) -> String {
    let mut text = String::new();
    for tail in trial.logs.iter().filter(|tail| tail.pod == pod.name) {
        let _ = writeln!(text, "  last log lines of {}:", one_line(&tail.container));
        for line in &tail.lines {
            let _ = writeln!(text, "    {}", one_line(line));
        }
    }
    text
}
