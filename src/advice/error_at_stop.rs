//! What to change where terminating pods answer with errors: a wait for new connections, the server itself for those that are kept
//! alive, and another hook where the server behind a proxy in the pod ends first.

use serde_json::{Value, json};

use super::measured::of_trials;
use super::subject::Subject;
use crate::diagnose::{Cause, Diagnosis, Incident};
use crate::spec::VariantSpec;
use crate::timeline::{OtherContainer, PodLife, Trial};

pub(super) const WHY: &str = "Pods that had been told to stop answered with an error status, and no other pod did.";
pub(super) const KEPT: &str = "Connections that are kept alive stay with their pod, so a wait does not save them: let the server \
                               return `Connection: close` while it waits, or answer as before until they are gone.";

/// Which of a variant's requests terminating pods answered with errors, and which container was missing.
#[derive(Debug, Clone, Default)]
pub(super) struct ErrorAtStop {
    /// Some were on new connections.
    pub(super) anew: bool,
    /// Some were on connections that had been made before.
    pub(super) kept: bool,
    /// The container that ended while the serving one still answered.
    pub(super) ended_first: Option<EndedFirst>,
}

/// A container that ended before the serving one.
#[derive(Debug, Clone)]
pub(super) struct EndedFirst {
    pub(super) name: String,
    /// Its index among the containers of the manifest; `None` if it is not among them.
    pub(super) index: Option<usize>,
    /// Its end in words.
    words: String,
}

impl ErrorAtStop {
    pub(super) fn of(variant: &VariantSpec, subject: &Subject<'_>, trials: &[&Trial], diagnosis: &Diagnosis) -> Self {
        let mut found = Self::default();
        let incidents = of_trials(variant, trials, diagnosis).filter(|(_, one)| one.cause == Cause::ErrorAtStop);
        for (trial, incident) in incidents {
            found.anew |= incident.arm.connects_anew();
            found.kept |= !incident.arm.connects_anew();
            if found.ended_first.is_none() {
                let other = pods(trial, incident).find_map(|pod| ended_first(pod, incident));
                found.ended_first = other.map(|other| EndedFirst::of(other, subject));
            }
        }
        found
    }
}

impl EndedFirst {
    fn of(other: &OtherContainer, subject: &Subject<'_>) -> Self {
        let containers = subject.manifest.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        let is = |container: &Value| container.get("name").and_then(Value::as_str) == Some(other.name.as_str());
        let code = other.exit_code.map_or_else(String::new, |code| format!(" (exit code {code})"));
        Self {
            name: other.name.clone(),
            index: containers.and_then(|all| all.iter().position(is)),
            words: format!("Container {} ended{code} while the serving one still answered", other.name),
        }
    }

    /// Its hook that waits so long.
    pub(super) fn hook(seconds: u64) -> Value {
        json!({"sleep": {"seconds": seconds}})
    }

    pub(super) fn advice(&self, seconds: u64) -> String {
        format!(
            "{}: the kubelet runs the hook of each container for itself, and one without a hook is stopped at once. Give {} a hook that \
             waits {seconds} s, or make it a native sidecar (an init container with `restartPolicy: Always`), which is stopped after \
             the others.",
            self.words, self.name
        )
    }
}

fn pods<'a>(trial: &'a Trial, incident: &'a Incident) -> impl Iterator<Item = &'a PodLife> {
    let names = incident.pod.iter().chain(incident.evidence.iter().filter_map(|one| one.pod.as_ref()));
    names.filter_map(|name| trial.pods.iter().find(|pod| pod.name == *name && pod.deletion.is_some()))
}

/// The container that had ended by the incident's last error, and before the serving one.
fn ended_first<'a>(pod: &'a PodLife, incident: &Incident) -> Option<&'a OtherContainer> {
    let other = pod.others.first().filter(|other| other.finished.low_ns <= incident.last_ns)?;
    let serving_ns = pod.finished.map_or(u64::MAX, |finished| finished.low_ns);
    other.finished.surely_before(serving_ns).then_some(other)
}
