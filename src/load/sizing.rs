//! How many kept-alive connections a load needs, and whether they suffice. Pure.

use std::time::Duration;

use crate::record::Arm;
use crate::spec::Door;

use super::plan::{LoadError, LoadPlan};
use super::rotation::{LocalPorts, SHORTEST_REST_S};

/// A kept-alive connection stays idle for less than this between two uses, so that a server's idle timeout (Apache: 5 s,
/// Node: 5 s) does not close it for a reason that has nothing to do with the rollout.
const MAX_IDLE_S: f64 = 2.0;

/// Connections for each replica: enough for a spread over all pods by a random choice.
const CONNECTIONS_PER_REPLICA: usize = 4;

/// Requests a second that `arm` carries.
fn arm_rate(plan: &LoadPlan, arm: Arm) -> f64 {
    plan.parts().filter(|(_, known, _)| *known == arm).map(|(_, _, part)| plan.spec.rate * part).sum()
}

/// The time between two uses of one of `connections`, in seconds: they are used in turn. Service time is left out, so
/// this is the longest that a connection can be idle.
#[expect(clippy::cast_precision_loss, reason = "connections stay below the descriptor limit")]
pub(crate) fn idle_between_uses_s(connections: usize, arm_rate: f64) -> f64 {
    connections as f64 / arm_rate
}

/// The default number of connections of a kept-alive arm: [`CONNECTIONS_PER_REPLICA`] for each replica, but no more than
/// [`MAX_IDLE_S`] allows, and at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the product is positive; `as` saturates")]
pub(crate) fn default_connections(replicas: u32, arm_rate: f64) -> usize {
    let by_replicas = CONNECTIONS_PER_REPLICA.saturating_mul(replicas as usize);
    let by_idle = (MAX_IDLE_S * arm_rate).floor() as usize;
    by_replicas.min(by_idle).max(1)
}

/// Connections of `arm` at `door` that are busy on average: the sum over the kinds of rate times service time (Little's law).
/// `service` has one entry for each kind, in the plan's order; a missing one counts as zero.
fn busy_connections(plan: &LoadPlan, (arm, door): (Arm, Door), service: &[Duration]) -> f64 {
    let served_s = |request: u16| service.get(usize::from(request)).map_or(0.0, Duration::as_secs_f64);
    let carried = plan.parts().filter(|(request, known, _)| *known == arm && plan.spec.door(*request) == door);
    carried.map(|(request, _, part)| plan.spec.rate * part * served_s(request)).sum()
}

/// Refuses a plan whose kept-alive connections would be busy all the time: its attempts would wait for each other.
pub(crate) fn check_busy(plan: &LoadPlan, service: &[Duration]) -> Result<(), LoadError> {
    for (arm, door) in plan.spec.kept() {
        let busy = busy_connections(plan, (arm, door), service);
        #[expect(clippy::cast_precision_loss, reason = "connections stay below the descriptor limit")]
        if busy > plan.connections as f64 {
            let at = if plan.spec.has_both_doors() { format!(" at {}", door.words()) } else { String::new() };
            return Err(LoadError::Busy { arm, at, busy, connections: plan.connections });
        }
    }
    Ok(())
}

/// New connections a second that so many local ports carry, if each rests as shortly as it may and `kept` are held by
/// kept-alive connections.
#[expect(clippy::cast_precision_loss, reason = "there are at most 65,536 ports")]
fn connections_per_s(ports: usize, kept: usize) -> f64 {
    ports.saturating_sub(kept) as f64 / SHORTEST_REST_S
}

/// Refuses a plan whose arm `new` makes more connections than its local ports carry. Whether the server closes first, which
/// the shortest rest supposes, is not known before the load.
pub(super) fn check_ports(plan: &LoadPlan) -> Result<(), LoadError> {
    let LocalPorts::Rotation(rotation) = &plan.local_ports else { return Ok(()) };
    let most = connections_per_s(rotation.count(), plan.connections.saturating_mul(plan.spec.kept().count()));
    let rate = arm_rate(plan, Arm::New);
    if rate > most {
        return Err(LoadError::LocalPorts { rate, ports: rotation.count(), most });
    }
    Ok(())
}

/// The default cap on attempts in flight: what an open loop needs if nothing is answered at all, rate x timeout.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the product is positive; `as` saturates")]
pub(crate) fn max_in_flight(rate: f64, timeout: Duration) -> usize {
    ((rate * timeout.as_secs_f64()).ceil() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::load::PortRotation;
    use crate::spec::{LoadSpec, RequestSpec, UrlDoor};

    fn kind(path: &'static str, share: f64, arms: &[(Arm, f64)]) -> RequestSpec {
        RequestSpec { share, ..RequestSpec::get(http::uri::PathAndQuery::from_static(path), arms.to_vec()) }
    }

    fn plan(connections: usize) -> LoadPlan {
        let requests =
            vec![kind("/", 0.9, &[(Arm::New, 1.0), (Arm::Reused, 1.0)]), kind("/slow", 0.1, &[(Arm::Reused, 1.0)])];
        LoadPlan::new(LoadSpec::new(200.0, Duration::from_secs(10), requests), connections)
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn an_arms_rate_adds_up_over_the_kinds() {
        assert!(close(arm_rate(&plan(8), Arm::Reused), 110.0));
        assert!(close(arm_rate(&plan(8), Arm::New), 90.0));
        assert!(close(arm_rate(&plan(8), Arm::Blind), 0.0));
    }

    #[test]
    fn the_default_is_four_for_each_replica_unless_they_would_idle_two_seconds() {
        assert_eq!(default_connections(3, 100.0), 12);
        assert_eq!(default_connections(3, 5.0), 10);
        assert!(idle_between_uses_s(default_connections(3, 5.0), 5.0) <= MAX_IDLE_S);
        assert_eq!(default_connections(3, 0.1), 1, "at least one, though it idles ten seconds");
        assert_eq!(default_connections(0, 100.0), 1);
    }

    #[test]
    fn a_plan_whose_connections_are_always_busy_is_refused_with_the_figure() {
        let service = [Duration::from_millis(10), Duration::from_secs(1)];
        // 90/s x 10 ms + 20/s x 1 s = 20.9 connections.
        assert!(close(busy_connections(&plan(8), (Arm::Reused, Door::Service), &service), 20.9));
        let message = check_busy(&plan(20), &service).unwrap_err().to_string();
        assert!(message.contains("reused") && message.contains("20.9") && message.contains("has 20"), "{message}");
        assert!(check_busy(&plan(21), &service).is_ok());
        assert!(check_busy(&plan(1), &[Duration::from_millis(1), Duration::from_millis(1)]).is_ok());
    }

    #[test]
    fn each_door_has_connections_and_ports_of_its_own() {
        let both = |connections| {
            let mut plan = plan(connections);
            plan.spec.url = Some(UrlDoor { url: "http://a/".parse().unwrap(), resolve: None, proxy: None });
            plan.spec.requests[0].door = Some(Door::Service);
            plan
        };
        let service = [Duration::from_millis(10), Duration::from_secs(1)];
        // 90/s x 10 ms at the Service, 20/s x 1 s at the URL.
        let message = check_busy(&both(19), &service).unwrap_err().to_string();
        assert!(message.contains("reused at the URL would keep 20.0") && message.contains("has 19"), "{message}");
        assert!(check_busy(&both(20), &service).is_ok());
        let with = |ports: u16| LoadPlan {
            local_ports: LocalPorts::Rotation(Arc::new(PortRotation::new((0..ports).collect(), 0))),
            ..both(8)
        };
        assert!(with(90 * 60 + 16).check().is_ok() && with(90 * 60 + 15).check().is_err());
    }

    #[test]
    fn more_new_connections_than_the_ports_carry_are_refused_with_the_figure() {
        let with = |ports: u16, connections| LoadPlan {
            local_ports: LocalPorts::Rotation(Arc::new(PortRotation::new((0..ports).collect(), 0))),
            ..plan(connections)
        };
        // 90 new connections a second, and 8 kept-alive ones.
        assert!(with(90 * 60 + 8, 8).check().is_ok());
        let message = with(90 * 60 + 7, 8).check().unwrap_err().to_string();
        assert!(message.contains("90 connections a second") && message.contains("5407 local ports"), "{message}");
        assert!(plan(8).check().is_ok(), "the kernel's ports are not counted");
    }

    #[test]
    fn in_flight_is_rate_times_timeout() {
        assert_eq!(max_in_flight(200.0, Duration::from_secs(10)), 2_000);
        assert_eq!(max_in_flight(0.01, Duration::from_millis(1)), 1);
    }
}
