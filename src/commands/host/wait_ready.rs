//! Before the first trial: is the workload at rest, and does it answer?

use std::time::Duration;

use super::NotReady;
use crate::commands::context::RunContext;
use crate::load::{Preflight, sizing};
use crate::plan::VariantPlan;
use crate::record::entry::{Attempt, LoadedNode};
use crate::record::{Outcome, OutcomeGroup};
use crate::redact::{hide_in_path, short_hash};
use crate::rollout::{ReplacedPods, RolloutEnd, wait_complete};
use crate::scenario::values::ScenarioDuration;
use crate::spec::{Door, LoadSpec};
use crate::trial::RunningVariant;

/// The longest that a workload may take to get ready.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// The longest that a ready workload may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// The longest until a ready workload can be connected to. A kube-proxy whose synchronization failed tries again after up to 30 s
/// (its `iptables.syncPeriod`); until then a new Service leads nowhere.
const CONNECTS_WITHIN: Duration = Duration::from_secs(45);
const ANSWER_POLL: Duration = Duration::from_millis(100);

/// Waits until the workload is complete, or says where it stood.
pub(super) async fn complete(variant: &RunningVariant) -> Result<Result<(), String>, NotReady> {
    let nothing = ReplacedPods::new();
    let followed = wait_complete(&variant.handle, &nothing, READY_WITHIN, || {})
        .await
        .map_err(|error| NotReady::Machine(error.to_string()))?;
    Ok(match followed {
        RolloutEnd::Done => Ok(()),
        RolloutEnd::Failed(why) | RolloutEnd::Gone(why) => Err(why),
        RolloutEnd::TimedOut(stood) => Err(format!("not complete within {} s: {stood}", READY_WITHIN.as_secs())),
    })
}

/// Waits until one request of each kind is answered as expected, and soon enough for the plan's connections. A server's first
/// answers may be its slowest, so that a slow one is asked for again for a while.
pub(super) async fn answers(
    run: &RunContext<'_>,
    planned: &VariantPlan,
    variant: &RunningVariant,
) -> Result<(), NotReady> {
    let since = run.clock.now();
    loop {
        let mut plan = variant.load.clone();
        plan.spec.timeout = plan.spec.timeout.min(ANSWERS_WITHIN);
        let answers = variant.site.preflight(&plan).await;
        let answers = answers.map_err(|error| NotReady::Machine(format!("variant {}: {error}", planned.spec.name)))?;
        let over = |within: Duration| run.clock.now() > since + crate::clock::saturating_ns(within);
        if let Some(bad) = answers.iter().find(|answer| answer.attempt.outcome != Outcome::Ok) {
            let within = patience(&bad.attempt, &variant.load.spec);
            if over(within) {
                // Whichever node the request went to.
                let unmade = bad.attempt.outcome.group() == OutcomeGroup::NotConnected;
                if unmade && let Some((node, why)) = variant.site.closed_nodes().await.first() {
                    return Err(silent(planned, variant, node, why));
                }
                return Err(NotReady::Machine(unanswered(planned, &variant.load.spec, &bad.attempt, within)));
            }
        } else {
            let service_times: Vec<Duration> = answers.iter().map(served_in).collect();
            match sizing::check_busy(&variant.load, &service_times) {
                Ok(()) => match variant.site.closed_nodes().await.first() {
                    None => return Ok(()),
                    Some((node, why)) if over(CONNECTS_WITHIN) => return Err(silent(planned, variant, node, why)),
                    Some(_) => {}
                },
                Err(error) if over(ANSWERS_WITHIN) => {
                    return Err(NotReady::User(format!("variant {}: {error}", planned.spec.name)));
                }
                Err(_) => {}
            }
        }
        tokio::time::sleep(ANSWER_POLL).await;
    }
}

/// How long the request kept its connection busy. The connect is left out: while routing still follows the new pods, its
/// first packet may be dropped and sent again after a second.
fn served_in(answer: &Preflight) -> Duration {
    let Preflight { duration, attempt } = answer;
    attempt.sent_ns.map_or(*duration, |sent| Duration::from_nanos(attempt.end_ns.saturating_sub(sent)))
}

/// Routing may still follow where nothing was reached, and a proxy may still learn its routes; any other answer that is not the expected
/// one stays so.
fn patience(attempt: &Attempt, load: &LoadSpec) -> Duration {
    let unrouted = matches!(attempt.status, Some(404 | 502..=504)) && load.door(attempt.request) == Door::Url;
    match attempt.outcome.group() {
        OutcomeGroup::NotConnected => CONNECTS_WITHIN,
        OutcomeGroup::Answered if unrouted => CONNECTS_WITHIN,
        OutcomeGroup::Answered
        | OutcomeGroup::NotSecured
        | OutcomeGroup::NotWritten
        | OutcomeGroup::NoByte
        | OutcomeGroup::Partial
        | OutcomeGroup::TimedOut
        | OutcomeGroup::Harness => ANSWERS_WITHIN,
    }
}

fn silent(planned: &VariantPlan, variant: &RunningVariant, node: &LoadedNode, why: &str) -> NotReady {
    let LoadedNode { node, address } = node;
    let local = variant.site.node_ports().is_some_and(|ports| ports.local);
    let help = if local {
        "under externalTrafficPolicy Local, a node drops connections while it has no ready pod of the Service: run a pod on every node that is \
         loaded, exclude the node with the label node.kubernetes.io/exclude-from-external-load-balancers, or use --load-from pod"
    } else {
        "correct the node's firewall or its kube-proxy, exclude the node with the label \
         node.kubernetes.io/exclude-from-external-load-balancers, or use --load-from pod"
    };
    let (service, variant) = (&planned.spec.service().name, &planned.spec.name);
    NotReady::User(format!(
        "variant {variant}: the node port of service {service} at node {node} ({address}) took no connection within {} s: {why}; {help}",
        CONNECTS_WITHIN.as_secs()
    ))
}

/// `load` is that of the variant in its namespace.
fn unanswered(planned: &VariantPlan, load: &LoadSpec, attempt: &Attempt, within: Duration) -> String {
    let request = planned.spec.load.requests.get(usize::from(attempt.request));
    let what = request.map_or_else(String::new, |request| {
        format!("{} {}", request.method, hide_in_path(request.path.as_str(), &mut short_hash))
    });
    let status = attempt.status.map_or_else(String::new, |status| format!(", status {status}"));
    let door = load.url.as_ref().filter(|_| load.door(attempt.request) == Door::Url).map(|door| &door.url);
    let help = if attempt.outcome.group() == OutcomeGroup::NotSecured {
        let why = if attempt.error.is_empty() { "" } else { ": " };
        format!("{why}{}; correct `tls` (`ca`, `server_name`), the port, or the server's certificate", attempt.error)
    } else if door.is_some() {
        "; correct `url` or `resolve`, the request's path or expected status, or what stands there; on the embedded cluster a URL \
         reaches nothing but the run's own network"
            .to_owned()
    } else if attempt.outcome.group() == OutcomeGroup::TimedOut {
        format!(
            "; a request may take {} (`load: {{timeout: ...}}`): give it more time, or correct its path or the workload",
            ScenarioDuration(planned.spec.load.timeout)
        )
    } else {
        "; correct the request's path or expected status, or the workload".to_owned()
    };
    let at = door.map_or_else(String::new, |url| format!(" at {url}"));
    format!(
        "variant {}: {what}{at} was not answered as expected within {} s after the pods were ready: {}{status}{help}",
        planned.spec.name,
        within.as_secs(),
        attempt.outcome.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_reached_is_waited_for_as_long_as_routing_may_take() {
        use crate::record::{Arm, Sum, sample};
        let mut load = crate::plan::manifest_plan("web.yaml", include_str!("../../../manifests/apache.yaml"))
            .variants
            .remove(0)
            .spec
            .load;
        let waits = |attempt: &Attempt, load: &LoadSpec| patience(attempt, load) > Duration::from_secs(30);
        for outcome in Outcome::ALL {
            let unreached = matches!(outcome, Outcome::Refused | Outcome::ConnectTimeout | Outcome::Unreachable);
            let attempt = sample::attempt(1, Arm::New, outcome, Sum::Lost, 0);
            assert_eq!(waits(&attempt, &load), unreached, "{}", outcome.name());
        }
        let answered = |status| Attempt {
            status: Some(status),
            ..sample::attempt(1, Arm::New, Outcome::StatusOther, Sum::Lost, 0)
        };
        assert!(!waits(&answered(404), &load), "the workload's own");
        sample::both_doors(&mut load);
        load.requests.truncate(1);
        load.requests[0].door = Some(Door::Url);
        assert!(waits(&answered(404), &load) && waits(&answered(503), &load), "a proxy may not know the route yet");
        assert!(!waits(&answered(401), &load));
    }

    #[test]
    fn a_handshake_that_failed_says_why_and_names_the_keys_to_correct() {
        use crate::record::{Arm, Sum, sample};
        let plan = crate::plan::manifest_plan("web.yaml", include_str!("../../../manifests/apache.yaml"));
        let said =
            |attempt: &Attempt| unanswered(&plan.variants[0], &plan.variants[0].spec.load, attempt, ANSWERS_WITHIN);
        let mut attempt = sample::attempt(1, Arm::New, Outcome::TlsFailed, Sum::Lost, 0);
        attempt.error = "the server's certificate expired at 2020".to_owned();
        let told = said(&attempt);
        assert!(told.contains("tls-failed: the server's certificate expired at 2020; correct `tls`"), "{told}");
        let told = said(&sample::attempt(1, Arm::New, Outcome::TlsReset, Sum::Lost, 0));
        assert!(told.contains("tls-reset; correct `tls`"), "{told}");
        let told = said(&sample::attempt(1, Arm::New, Outcome::Refused, Sum::Lost, 0));
        assert!(told.contains("refused; correct the request's path") && !told.contains("tls"), "{told}");
    }
}
