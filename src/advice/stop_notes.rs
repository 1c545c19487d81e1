//! What the ends of pods show that a verdict does not, also where nothing was lost.

use super::reaction::{Ignored, killed_at_grace_end};
use super::subject::Subject;
use crate::servers::PreStop;
use crate::spec::VariantSpec;
use crate::timeline::{PodLife, Trial};

/// Sentences about how the pods of these trials of a variant ended, without their stops. `rollout_s` is the median length of a rollout.
pub(crate) fn stop_notes(variant: &VariantSpec, trials: &[&Trial], rollout_s: Option<f64>) -> Vec<String> {
    let Some(subject) = Subject::of(variant) else { return Vec::new() };
    let mut notes = long_hooks(&subject);
    let ended: Vec<&PodLife> = trials
        .iter()
        .flat_map(|trial| &trial.pods)
        .filter(|pod| pod.deletion.is_some() && pod.finished.is_some())
        .collect();
    let took = rollout_s.map_or_else(String::new, |seconds| format!("; a rollout took {seconds:.1} s"));
    let grace_s = subject.grace_s;
    let killed = ended.iter().filter(|pod| killed_at_grace_end(pod)).count();
    if killed > 0 {
        let why = match Ignored::of(trials) {
            Some(Ignored { as_before: true, .. }) => {
                ": the server did not react to its stop signal (it has no handler for it, or a shell is the main process and passes \
                 no signal on: start the server with `exec`)"
            }
            Some(_) | None => "",
        };
        notes.push(format!(
            "{killed} of {} stopped pods were killed at the end of the grace period of {grace_s} s (exit code 137){why}{took}",
            ended.len()
        ));
    }
    let waited = ended.iter().filter(|pod| used_grace_up(pod) && !killed_at_grace_end(pod)).count();
    if waited > 0 {
        notes
            .push(format!("{waited} of {} stopped pods took the whole grace period of {grace_s} s{took}", ended.len()));
    }
    notes
}

fn used_grace_up(pod: &PodLife) -> bool {
    let (Some(grace_end), Some(finished)) = (pod.grace_end(), pod.finished) else { return false };
    finished.low_ns >= grace_end.low_ns
}

/// Hooks of any container that the end of the grace period cuts.
fn long_hooks(subject: &Subject<'_>) -> Vec<String> {
    let serving = std::iter::once((subject.index, subject.container));
    let long = serving.chain(subject.others()).filter_map(|(_, container)| {
        let seconds = PreStop::of_container(container).least_s();
        let name = container.get("name")?.as_str()?;
        #[expect(clippy::cast_precision_loss, reason = "a grace period is far below 2^53 seconds")]
        let long = seconds > 0.0 && seconds >= subject.grace_s as f64;
        long.then(|| {
            format!(
                "container {name} has a hook of {seconds} s under a grace period of {} s: the hook is ended with the grace period, and \
                 the server is killed 2 s after its stop signal",
                subject.grace_s
            )
        })
    });
    long.collect()
}
