//! Scenarios on real servers whose construction forces the cause. Apache and nginx keep no log of the truth, but a rollout
//! without a hook, for example, can only cut requests in flight.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rollproof::diagnose::{Cause, diagnose};
use serde_json::{Value, json};

use crate::execute::Job;
use crate::join;
use crate::score::Said;

/// One scenario and the cause of most of what it loses.
pub(crate) struct Forced {
    pub(crate) name: &'static str,
    image: &'static str,
    expected: Cause,
    spec: Spec,
}

/// What makes the cause.
#[derive(Default)]
struct Spec {
    hook: Option<&'static str>,
    command: Option<&'static str>,
    grace_s: Option<u32>,
    no_readiness: bool,
    strategy: Option<Value>,
    prefork: bool,
    /// Share of requests that take two seconds, and of those that take six: after a sleep of three only these are in flight.
    slow: [f64; 2],
    arms: &'static [&'static str],
}

/// What diagnosis said of one.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) name: &'static str,
    pub(crate) expected: Cause,
    /// By requests; empty if the server is not installed.
    pub(crate) said: BTreeMap<Said, u64>,
    /// Why there is nothing to judge; empty if there is.
    pub(crate) missing: String,
}

impl Verdict {
    /// Whether most of the lost requests got the forced cause.
    pub(crate) fn good(&self) -> bool {
        let most = self.said.iter().max_by_key(|(_, count)| **count).map(|(said, _)| *said);
        most == Some(Some(self.expected))
    }
}

const NEW: &[&str] = &["new"];
const BOTH: &[&str] = &["new", "reused"];

/// All of them.
pub(crate) fn all() -> Vec<Forced> {
    let of = |name, image, expected, spec| Forced { name, image, expected, spec };
    let recreate = || Some(json!({"type": "Recreate"}));
    let in_place = || Some(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}}));
    let base = |arms| Spec { arms, ..Spec::default() };
    let hook = |hook, arms, slow| Spec { hook: Some(hook), slow, ..base(arms) };
    vec![
        of("apache-no-hook", "apache", Cause::CutAtStop, Spec { slow: [0.1, 0.05], ..base(BOTH) }),
        of(
            "apache-stops-first",
            "apache",
            Cause::EndpointRace,
            hook("apachectl -k graceful-stop; sleep 30", NEW, [0.0; 2]),
        ),
        of(
            "apache-prefork-drain-not-awaited",
            "apache",
            Cause::DrainNotAwaited,
            Spec { prefork: true, ..hook("sleep 3; apachectl -k graceful-stop; sleep 1", BOTH, [0.0, 0.04]) },
        ),
        of(
            "apache-grace-too-short",
            "apache",
            Cause::KilledAtGraceEnd,
            Spec { grace_s: Some(3), ..hook("sleep 2; apachectl -k graceful-stop; sleep 30", BOTH, [0.0, 0.04]) },
        ),
        of(
            "apache-hook-fails",
            "apache",
            Cause::PrestopFailed,
            hook("apachectl -k no-such-thing; exit 1", BOTH, [0.05, 0.03]),
        ),
        of(
            "apache-no-readiness",
            "apache",
            Cause::NotReadyYet,
            Spec {
                command: Some("sleep 3; exec apachectl -D FOREGROUND"),
                no_readiness: true,
                ..hook("sleep 3; apachectl -k graceful-stop; sleep 30", NEW, [0.0; 2])
            },
        ),
        of("apache-recreate", "apache", Cause::NoEndpoint, Spec { strategy: recreate(), ..base(NEW) }),
        of("nginx-no-hook-in-flight", "nginx", Cause::CutAtStop, Spec { slow: [0.3, 0.1], ..base(&["reused"]) }),
        of("nginx-no-hook-new", "nginx", Cause::EndpointRace, base(NEW)),
        of(
            "nginx-drain-not-awaited",
            "nginx",
            Cause::DrainNotAwaited,
            hook("sleep 3; nginx -s quit", BOTH, [0.0, 0.05]),
        ),
        of("nginx-hook-fails", "nginx", Cause::PrestopFailed, hook("ngnix -s quit", BOTH, [0.05, 0.0])),
        of("nginx-all-at-once", "nginx", Cause::NoEndpoint, Spec { strategy: in_place(), ..base(NEW) }),
    ]
}

impl Forced {
    /// Whether its server is on this machine.
    pub(crate) fn is_here(&self) -> bool {
        let binary = if self.image == "apache" { "apache2" } else { "nginx" };
        Path::new("/usr/sbin").join(binary).exists()
    }

    /// Writes it into `folder`.
    pub(crate) fn job(&self, folder: &Path) -> Result<Job, String> {
        let place = folder.join(self.name);
        let file = self.write(&place).map_err(|error| format!("writing {}: {error}", place.display()))?;
        Ok(Job::scored(self.name.to_owned(), file, place.join("run"), 1))
    }

    fn write(&self, place: &Path) -> std::io::Result<PathBuf> {
        fs::create_dir_all(place)?;
        let text = |value: Value| serde_json::to_string_pretty(&value).unwrap_or_default();
        fs::write(place.join("deployment.yaml"), text(self.deployment()))?;
        fs::write(place.join("service.yaml"), text(crate::write::service()))?;
        let file = place.join("scenario.yaml");
        fs::write(&file, text(self.scenario()))?;
        Ok(file)
    }

    fn scenario(&self) -> Value {
        let mut requests = vec![json!({"path": "/", "arms": self.spec.arms})];
        for (path, share) in ["/slow?ms=2000", "/slow?ms=6000"].into_iter().zip(self.spec.slow) {
            if share > 0.0 {
                requests.push(json!({"path": path, "arms": ["new"], "share": share}));
            }
        }
        json!({
            "name": self.name,
            "manifests": ["deployment.yaml", "service.yaml"],
            "load": {"rate": 120, "timeout": "15s", "requests": requests},
            "rollout": {"restart": {}, "timeout": "90s"},
            "max_lag_ms": 400,
        })
    }

    fn deployment(&self) -> Value {
        let spec = &self.spec;
        let shell = |script: &str| json!(["sh", "-c", script]);
        let mut container =
            json!({"name": "web", "image": self.image, "ports": [{"name": "http", "containerPort": 80}]});
        if let Some(hook) = spec.hook {
            container["lifecycle"] = json!({"preStop": {"exec": {"command": shell(hook)}}});
        }
        if let Some(command) = spec.command {
            container["command"] = shell(command);
        }
        if !spec.no_readiness {
            container["readinessProbe"] = json!({"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1});
        }
        if spec.prefork {
            container["env"] = json!([{"name": "APACHE_MPM", "value": "prefork"}]);
        }
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "strategy": spec.strategy.clone().unwrap_or_else(|| json!({"type": "RollingUpdate"})),
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"terminationGracePeriodSeconds": spec.grace_s.unwrap_or(40), "containers": [container]},
                },
            },
        })
    }

    /// What diagnosis says of the run in `folder`.
    pub(crate) fn verdict(&self, ran: Result<(), String>, folder: &Path) -> Verdict {
        let mut verdict =
            Verdict { name: self.name, expected: self.expected, said: BTreeMap::new(), missing: String::new() };
        match ran.and_then(|()| join::read(folder)) {
            Ok(run) => {
                let explained: BTreeMap<_, _> =
                    diagnose(&run.timeline).attempts.iter().map(|e| ((e.trial, e.id), e.cause)).collect();
                for attempt in &run.lost {
                    let said = explained.get(&(attempt.trial, attempt.id)).copied();
                    *verdict.said.entry(said).or_default() += 1;
                }
                if verdict.said.is_empty() {
                    "nothing was lost".clone_into(&mut verdict.missing);
                }
            }
            Err(why) => verdict.missing = why,
        }
        verdict
    }

    /// That its server is not installed.
    pub(crate) fn skipped(&self) -> Verdict {
        let missing = format!("{} is not installed", self.image);
        Verdict { name: self.name, expected: self.expected, said: BTreeMap::new(), missing }
    }
}
