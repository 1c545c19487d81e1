//! Variants whose construction forces the cause of their losses, in two scenarios, so that many share the start of one run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// One variant and the cause of its losses.
pub(crate) struct Forced {
    pub(crate) name: &'static str,
    /// The cause of most of what is lost; `None` if nothing may be lost.
    pub(crate) cause: Option<&'static str>,
    /// Causes that are also true of some requests, for example of new connections to a server that stops.
    pub(crate) also: &'static [&'static str],
    /// A cause that some must have, whatever most have.
    pub(crate) present: Option<&'static str>,
    container: Value,
    spec: Value,
    load: Value,
    rollout: Value,
}

/// A scenario of several such variants.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    image: &'static str,
    port: u16,
    ready: &'static str,
    pub(crate) variants: Vec<Forced>,
}

impl Forced {
    fn new(name: &'static str, cause: &'static str, also: &'static [&'static str]) -> Self {
        let empty = || json!({});
        Self {
            name,
            cause: Some(cause),
            also,
            present: None,
            container: empty(),
            spec: json!({"terminationGracePeriodSeconds": 20}),
            load: json!({"requests": [{"path": "/", "arms": ["new"]}]}),
            rollout: json!({"restart": {}, "timeout": "60s"}),
        }
    }

    fn container(mut self, key: &str, value: Value) -> Self {
        self.container[key] = value;
        self
    }

    fn hook(self, script: &str) -> Self {
        self.container("lifecycle", json!({"preStop": {"exec": {"command": ["sh", "-c", script]}}}))
    }

    fn sleep(self, seconds: u32) -> Self {
        self.container("lifecycle", json!({"preStop": {"sleep": {"seconds": seconds}}}))
    }

    fn args(self, args: &[&str]) -> Self {
        self.container("args", json!(args))
    }

    fn grace(mut self, seconds: u32) -> Self {
        self.spec["terminationGracePeriodSeconds"] = seconds.into();
        self
    }

    fn load(mut self, load: Value) -> Self {
        self.load = load;
        self
    }

    fn strategy(&self) -> Option<Value> {
        (self.cause == Some("no-endpoint")).then(|| json!({"$retainKeys": ["type"], "type": "Recreate"}))
    }

    fn variant(&self) -> Value {
        let mut container = self.container.clone();
        container["name"] = "web".into();
        let mut pod = self.spec.clone();
        pod["containers"] = json!([container]);
        let mut spec = json!({"template": {"spec": pod}});
        if let Some(strategy) = self.strategy() {
            spec["strategy"] = strategy;
        }
        let expect = if self.cause.is_some() { "loss" } else { "clean" };
        json!({"patch": {"spec": spec}, "load": self.load, "rollout": self.rollout, "expect": expect})
    }
}

impl Group {
    /// Writes it into `folder`; the scenario's path.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let write = |name: &str, value: &Value| {
            let file = folder.join(name);
            fs::write(&file, serde_json::to_string_pretty(value).unwrap()).unwrap();
            file
        };
        write("deployment.yaml", &self.deployment());
        let ports = json!([{"name": "http", "port": 80, "targetPort": "http"}]);
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": ports},
        });
        write("service.yaml", &service);
        let variants: Map<String, Value> =
            self.variants.iter().map(|forced| (forced.name.to_owned(), forced.variant())).collect();
        let scenario = json!({
            "name": self.name,
            "manifests": ["deployment.yaml", "service.yaml"],
            "load": {"rate": 60, "timeout": "12s"},
            "max_lag_ms": 2000,
            "variants": variants,
        });
        write("scenario.yaml", &scenario)
    }

    fn deployment(&self) -> Value {
        let container = json!({
            "name": "web",
            "image": self.image,
            "ports": [{"name": "http", "containerPort": self.port}],
            "readinessProbe": {"httpGet": {"path": self.ready, "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 2},
        });
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
            },
        })
    }
}

fn slow(ms: u32) -> Value {
    json!({"requests": [{"path": format!("/slow?ms={ms}"), "arms": ["new"]}]})
}

/// The built-in server, whose flags force most causes.
pub(crate) fn built_in() -> Group {
    let of = Forced::new;
    // Longer than the propagation lag of about one second; a graceful stop follows.
    let safe = |forced: Forced| forced.args(&["--on-term=drain"]).sleep(3);
    let mut clean = safe(of("clean", "", &[])).load(json!({"requests": [
        {"path": "/", "arms": ["new"]}, {"path": "/slow?ms=2000", "arms": ["new"], "share": "20%"}]}));
    clean.cause = None;
    let mut errors = safe(of("server-error", "server-error", &[])).load(json!({"requests": [
        {"path": "/", "arms": ["new"]}, {"path": "/status", "arms": ["new"], "share": "20%"}]}));
    let new = json!([{"name": "web", "args": ["--on-term=drain", "--status=503"]}]);
    errors.rollout = json!({"patch": {"spec": {"template": {"spec": {"containers": new}}}}, "timeout": "60s"});
    let post = json!({"method": "POST", "path": "/echo", "body": "hello", "arms": ["blind"]});
    let missing = json!({"preStop": {"exec": {"command": ["drain-the-server", "--now"]}}});
    let variants = vec![
        clean,
        errors,
        of("cut-at-stop", "cut-at-stop", &["endpoint-race"]).args(&["--on-term=exit"]).load(slow(2000)),
        of("endpoint-race", "endpoint-race", &["cut-at-stop"]).args(&["--on-term=exit"]),
        of("killed-at-grace-end", "killed-at-grace-end", &["endpoint-race"])
            .args(&["--on-term=ignore"])
            .grace(2)
            .load(slow(3000)),
        of("error-at-stop", "error-at-stop", &[]).args(&["--on-term=shed"]).grace(6),
        of("prestop-failed", "prestop-failed", &[])
            .args(&["--on-term=exit"])
            .container("lifecycle", missing)
            .load(slow(2000)),
        // The old pods serve until both new ones listen, so no refusal comes from them.
        of("not-ready-yet", "not-ready-yet", &["no-endpoint"])
            .args(&["--on-term=drain", "--start-delay=2s"])
            .sleep(6)
            .container("readinessProbe", Value::Null),
        of("no-endpoint", "no-endpoint", &["cut-at-stop", "endpoint-race"]).args(&["--on-term=exit"]),
        safe(of("overload", "overload", &[]))
            .args(&["--on-term=drain", "--slow-start=4s"])
            .load(json!({"timeout": "400ms", "requests": [{"path": "/", "arms": ["new"]}]})),
        safe(of("keepalive-race", "keepalive-race", &[]))
            .load(json!({"judge": ["blind"], "connections": 24, "requests": [post]})),
    ];
    Group { name: "kind-causes-built-in", image: "rollproof/target", port: 8080, ready: "/ready", variants }
}

/// Apache and nginx.
pub(crate) fn servers() -> Group {
    let of = |name, cause, also, image: &str| Forced::new(name, cause, also).container("image", image.into());
    let mixed = |ms: u32| {
        json!({"requests": [
        {"path": "/", "arms": ["new", "reused"]}, {"path": format!("/slow?ms={ms}"), "arms": ["new"], "share": "10%"}]})
    };
    // The signal cuts the slow requests. The parent keeps its listener until its children are gone: what it accepts meanwhile is
    // never read.
    let mut event = of("apache-event-no-hook", "cut-at-stop", &["backlog-reset", "endpoint-race"], "apache");
    event.present = Some("backlog-reset");
    let variants = vec![
        event.load(mixed(6000)),
        // What is in the accept queue as the listener closes is reset.
        of("apache-stops-first", "endpoint-race", &["backlog-reset"], "apache")
            .hook("apachectl -k graceful-stop; sleep 15"),
        of("apache-prefork-not-awaited", "drain-not-awaited", &["keepalive-race"], "apache")
            .container("env", json!([{"name": "APACHE_MPM", "value": "prefork"}]))
            .hook("sleep 3; apachectl -k graceful-stop; sleep 1")
            .load(mixed(6000)),
        of("nginx-not-awaited", "drain-not-awaited", &["keepalive-race"], "nginx")
            .hook("sleep 3; nginx -s quit")
            .load(mixed(6000)),
    ];
    Group { name: "kind-causes-servers", image: "apache", port: 80, ready: "/", variants }
}
