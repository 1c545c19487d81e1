//! Writes a scenario as a user would: a scenario file and manifests, in a folder.
//!
//! The files are JSON, which is YAML. It must not know how anything is explained.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::draw::{Drawn, Hook, Request, Strategy};

/// The main process is the first child that its supervisor started, and hooks are children of the supervisor too. In a
/// container of its own this would be `kill -QUIT 1`.
const QUIT: &str = "pkill -QUIT -o -P $PPID";

/// Writes the scenario into `folder`; the scenario file's path.
pub(crate) fn write(drawn: &Drawn, folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("deployment.yaml"), pretty(&deployment(drawn)))?;
    fs::write(folder.join("service.yaml"), pretty(&service()))?;
    let file = folder.join("scenario.yaml");
    fs::write(&file, pretty(&scenario(drawn)))?;
    Ok(file)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn scenario(drawn: &Drawn) -> Value {
    json!({
        "name": format!("score-{}", drawn.seed),
        "manifests": ["deployment.yaml", "service.yaml"],
        "load": {
            "rate": drawn.rate,
            "timeout": format!("{}ms", drawn.timeout_ms),
            "requests": drawn.requests.iter().map(request).collect::<Vec<_>>(),
        },
        "rollout": rollout(drawn),
        "trials": drawn.trials,
        "embedded": {"base": format!("{}ms", drawn.base_ms), "min_sync_period": format!("{}ms", drawn.sync_ms)},
        // Several scenarios share the machine, and a late send invalidates a verdict, not a cause.
        "max_lag_ms": 400,
    })
}

/// A restart, or a new version that answers with another status.
fn rollout(drawn: &Drawn) -> Value {
    let Some(status) = drawn.new_status else { return json!({"restart": {}, "timeout": "60s"}) };
    let mut arguments = arguments(drawn);
    arguments.push(format!("--status={status}"));
    let containers = json!([{"name": "target", "args": arguments}]);
    json!({"patch": {"spec": {"template": {"spec": {"containers": containers}}}}, "timeout": "60s"})
}

fn request(request: &Request) -> Value {
    let mut value = json!({"method": request.method, "path": request.path, "arms": request.arms});
    if request.share > 0.0 {
        value["share"] = request.share.into();
    }
    if request.method == "POST" {
        value["body"] = "hello".into();
    }
    value
}

fn deployment(drawn: &Drawn) -> Value {
    let mut container = json!({
        "name": "target",
        "image": "rollproof/target",
        "args": arguments(drawn),
        "ports": [{"name": "http", "containerPort": 8080}],
    });
    if drawn.readiness {
        container["readinessProbe"] = json!({"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1});
    }
    if let Some(hook) = hook(drawn.hook) {
        container["lifecycle"] = json!({"preStop": hook});
    }
    let strategy = match drawn.strategy {
        Strategy::Recreate => json!({"type": "Recreate"}),
        Strategy::Rolling { surge, unavailable } => {
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
        }
    };
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": drawn.replicas,
            "strategy": strategy,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"terminationGracePeriodSeconds": drawn.grace_s, "containers": [container]},
            },
        },
    })
}

/// The Service that every scenario has.
pub(crate) fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    })
}

fn arguments(drawn: &Drawn) -> Vec<String> {
    let times = [
        ("drain-keeps-listening", Some(drawn.keeps_listening_ms)),
        ("drain-timeout", drawn.drain_timeout_ms),
        ("start-delay", Some(drawn.start_delay_ms)),
        ("ready-delay", Some(drawn.ready_delay_ms)),
        ("slow-start", Some(drawn.slow_start_ms)),
    ];
    let times = times.into_iter().filter_map(|(flag, ms)| Some((flag, ms.filter(|ms| *ms > 0)?)));
    let mut arguments = vec![format!("--on-term={}", drawn.on_term)];
    arguments.extend(times.map(|(flag, ms)| format!("--{flag}={ms}ms")));
    arguments
}

fn hook(hook: Hook) -> Option<Value> {
    let shell = |script: String| json!({"exec": {"command": ["sh", "-c", script]}});
    Some(match hook {
        Hook::None => return None,
        Hook::Sleep(seconds) => json!({"sleep": {"seconds": seconds}}),
        Hook::ShellSleep(seconds) => shell(format!("sleep {seconds}")),
        Hook::Quit => shell(QUIT.to_owned()),
        Hook::QuitThenSleep(seconds) => shell(format!("{QUIT}; sleep {seconds}")),
        Hook::SleepThenQuit(seconds) => shell(format!("sleep {seconds}; {QUIT}")),
        Hook::Fails => shell("sleep 0; exit 7".to_owned()),
        Hook::Missing => json!({"exec": {"command": ["drain-the-server", "--now"]}}),
    })
}
