//! What a plan reads of the workload's preStop hooks: how long a pod takes to stop, and what its user should know before the start.

use std::time::Duration;

use serde_json::Value;

use crate::manifest::grace_s;
use crate::redact::{hide_in, short_hash};
use crate::servers::{HookScript, PreStop, Server, ServerFacts, StopKind};

/// An estimate goes no further than this.
const LONGEST: Duration = Duration::from_hours(1);

/// The sleeps of the longest preStop hook, within the grace period: a guess at how long a pod takes to stop.
pub(super) fn stop_length(pod_spec: &Value) -> Duration {
    let grace = Duration::from_secs(u64::try_from(grace_s(pod_spec)).unwrap_or(0));
    let slept_s = containers(pod_spec).map(|container| PreStop::of_container(&container).least_s()).fold(0.0, f64::max);
    let slept = Duration::try_from_secs_f64(slept_s).unwrap_or(LONGEST);
    slept.min(grace).min(LONGEST)
}

/// The hooks that cut what is in flight, one sentence each.
pub(super) fn that_cut(pod_spec: &Value) -> Vec<String> {
    let cut = containers(pod_spec).filter_map(|container| {
        let hook = PreStop::of_container(&container);
        (hook.stop() == Some(StopKind::Quick)).then(|| {
            let better = Server::of_container(&container).facts().and_then(better_stop).unwrap_or_default();
            format!("the {} of container {} cuts what is in flight{better}", hook.words(), name(&container))
        })
    });
    cut.collect()
}

/// How a server is stopped so that it answers what is in flight, where that is known.
fn better_stop(facts: &ServerFacts) -> Option<String> {
    let how = match facts.graceful_command {
        Some(command) => format!("`{command}`"),
        None if facts.drains_on_sigterm() => "SIGTERM".to_owned(),
        None => return None,
    };
    Some(format!("; {how} lets {} answer it ({})", facts.name, facts.source))
}

/// The hooks of which it cannot be read how long they last, one sentence each.
pub(super) fn that_cannot_be_read(pod_spec: &Value) -> Vec<String> {
    let unread = containers(pod_spec).filter_map(|container| {
        let hook = PreStop::of_container(&container);
        let unread = matches!(hook, PreStop::Exec(HookScript { steps: None, .. }));
        let words = hook.words();
        unread.then(|| {
            format!("the {words} of container {} cannot be read: the estimate leaves it out", name(&container))
        })
    });
    unread.collect()
}

fn name(container: &Value) -> &str {
    container.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// The containers without credentials, because notes show the words of hooks.
fn containers(pod_spec: &Value) -> impl Iterator<Item = Value> {
    let all = pod_spec.get("containers").and_then(Value::as_array).into_iter().flatten().cloned();
    all.map(|mut container| {
        hide_in(&mut container, &mut short_hash);
        container
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(image: &str, script: &str) -> Value {
        let hook = json!({"preStop": {"exec": {"command": ["sh", "-c", script]}}});
        json!({"terminationGracePeriodSeconds": 90, "containers": [
            {"name": "side", "image": "side", "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}},
            {"name": "web", "image": image, "lifecycle": hook},
        ]})
    }

    #[test]
    fn the_longest_hook_counts_within_the_grace_period() {
        let seconds = |script: &str| stop_length(&pod("httpd", script)).as_secs_f64();
        for (script, expected_s) in [
            ("sleep 3; apachectl -k graceful-stop; sleep 30", 33.0),
            ("sleep 1m", 60.0),
            ("sleep 2.5", 2.5),
            ("sleep 10 20", 30.0),
            ("sleep 2m", 90.0),
            ("drain || sleep 5", 1.0),
        ] {
            assert!((seconds(script) - expected_s).abs() < 1e-9, "{script}: {}", seconds(script));
        }
        assert_eq!(stop_length(&Value::Null), Duration::ZERO);
    }

    #[test]
    fn a_hook_that_cuts_or_cannot_be_read_is_named() {
        let gunicorn = that_cut(&pod("shop/web", "sleep 3; pkill -QUIT gunicorn; sleep 30"));
        assert_eq!(
            gunicorn,
            ["the preStop `sleep 3; pkill -QUIT gunicorn; sleep 30` of container web cuts what is in flight"]
        );
        let nginx = that_cut(&pod("nginx", "nginx -s stop"));
        assert!(nginx[0].contains("`nginx -s quit` lets nginx answer it (nginx documentation"), "{nginx:?}");
        let caddy = that_cut(&pod("caddy", "kill -QUIT 1"));
        assert!(caddy[0].contains("SIGTERM lets Caddy answer it (Caddy documentation"), "{caddy:?}");
        let unread = that_cannot_be_read(&pod("httpd", "drain || sleep 5"));
        assert!(unread[0].contains("`drain || sleep 5` of container web cannot be read"), "{unread:?}");
        for fine in ["sleep 3; nginx -s quit; sleep 8", "sleep 1m", "kill -QUIT 1", "kill -TERM 1"] {
            assert_eq!(that_cut(&pod("shop/web", fine)), Vec::<String>::new(), "{fine}");
            assert_eq!(that_cannot_be_read(&pod("shop/web", fine)), Vec::<String>::new(), "{fine}");
        }
    }
}
