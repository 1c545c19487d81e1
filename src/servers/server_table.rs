//! The servers that are known: how each is recognised, and what stops it in which way.
//!
//! Each row has its source. A signal that a row does not name is one of which the source says nothing. Java and Node.js servers
//! have no row: what they do on a signal is the application's own matter.

use super::signal::Signal::{self, Hup, Int, Quit, Term, Usr1, Usr2, Winch};
use SignalEffect::{Drains, GoesOn, Quits};
use StopKind::{Graceful, Quick};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopKind {
    /// It answers what is in flight first.
    Graceful,
    /// It cuts what is in flight.
    Quick,
    /// Which of the two is not known.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignalEffect {
    /// It answers what is in flight, then ends.
    Drains,
    /// It ends, and cuts what is in flight.
    Quits,
    /// It goes on serving: it reloads its configuration, reopens its log, or ignores the signal.
    GoesOn,
}

/// How long a draining server waits for what is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DrainLimit {
    /// The setting that limits it.
    pub(crate) setting: &'static str,
    /// Its default in seconds; `None` if it then waits without limit.
    pub(crate) default_s: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServerFacts {
    pub(crate) name: &'static str,
    /// The images that run it, by the last part of their names.
    pub(super) images: &'static [&'static str],
    /// A part of the tag of images that run it under another name.
    pub(super) image_tag: Option<&'static str>,
    /// The programs that are its main process.
    pub(super) programs: &'static [&'static str],
    /// More programs that control it, among them forks that take the same options.
    pub(super) controls: &'static [&'static str],
    /// Words of a command of `programs` or `controls` that stop it.
    pub(super) commands: &'static [(&'static [&'static str], StopKind)],
    /// What signals to its main process do.
    pub(super) signals: &'static [(Signal, SignalEffect)],
    /// The command of a hook that drains it, in its usual image; `None` where a hook needs none, or none is known.
    pub(crate) graceful_command: Option<&'static str>,
    /// How long it drains, where that is known.
    pub(crate) drain_limit: Option<DrainLimit>,
    /// Where this is said.
    pub(crate) source: &'static str,
}

impl ServerFacts {
    /// What `signal` does to its main process; `None` if that is not known.
    pub(super) fn effect(&self, signal: Signal) -> Option<SignalEffect> {
        self.signals.iter().find(|(known, _)| *known == signal).map(|(_, effect)| *effect)
    }

    /// Whether SIGTERM cuts what is in flight.
    pub(crate) fn quits_on_sigterm(&self) -> bool {
        self.effect(Signal::Term) == Some(SignalEffect::Quits)
    }

    /// Whether SIGTERM, which the kubelet sends where an image names no other signal, drains it.
    pub(crate) fn drains_on_sigterm(&self) -> bool {
        self.effect(Signal::Term) == Some(SignalEffect::Drains)
    }
}

/// What a row leaves out.
const NO_FACTS: ServerFacts = ServerFacts {
    name: "",
    images: &[],
    image_tag: None,
    programs: &[],
    controls: &[],
    commands: &[],
    signals: &[],
    graceful_command: None,
    drain_limit: None,
    source: "",
};

pub(super) static APACHE: ServerFacts = ServerFacts {
    name: "Apache httpd",
    images: &["apache", "apache2", "httpd"],
    // Images of PHP and of what is written in it name the server in their tag: `php:8.3-apache`.
    image_tag: Some("apache"),
    programs: &["httpd", "httpd-foreground", "apache2", "apache2ctl", "apachectl", "apache2-foreground"],
    commands: &[(&["graceful-stop"], Graceful), (&["stop"], Quick)],
    signals: &[(Term, Quits), (Winch, Drains), (Usr1, GoesOn), (Hup, GoesOn)],
    graceful_command: Some("apachectl -k graceful-stop"),
    drain_limit: Some(DrainLimit { setting: "GracefulShutdownTimeout", default_s: None }),
    source: "httpd 2.4 manual, \"Stopping and Restarting\", and mpm_common, \"GracefulShutdownTimeout\"",
    ..NO_FACTS
};

pub(super) static NGINX: ServerFacts = ServerFacts {
    name: "nginx",
    images: &["nginx", "nginx-unprivileged"],
    programs: &["nginx"],
    controls: &["openresty", "angie", "freenginx", "tengine"],
    commands: &[(&["-s", "quit"], Graceful), (&["-s", "stop"], Quick)],
    // On SIGWINCH the workers drain and the master stays, so that nobody serves: a drain as well.
    signals: &[(Term, Quits), (Int, Quits), (Quit, Drains), (Winch, Drains), (Usr1, GoesOn), (Hup, GoesOn)],
    graceful_command: Some("nginx -s quit"),
    drain_limit: Some(DrainLimit { setting: "worker_shutdown_timeout", default_s: None }),
    source: "nginx documentation, \"Controlling nginx\", and ngx_core_module, \"worker_shutdown_timeout\"",
    ..NO_FACTS
};

pub(super) static BUILT_IN: ServerFacts = ServerFacts {
    name: "rollproof's target",
    // What SIGTERM does, its argument --on-term says.
    signals: &[(Quit, Drains)],
    source: "rollproof target --help",
    ..NO_FACTS
};

/// All of them, except the built-in server, which is recognised by its image's whole name.
pub(super) static SERVERS: [&ServerFacts; 11] = [
    &APACHE,
    &NGINX,
    &ServerFacts {
        name: "HAProxy",
        images: &["haproxy", "haproxy-alpine", "haproxy-debian", "haproxy-ubuntu"],
        programs: &["haproxy"],
        // SIGQUIT and SIGHUP report pools and states, or reload; the master passes SIGTERM, SIGINT and SIGUSR1 on to its workers.
        signals: &[(Term, Quits), (Int, Quits), (Usr1, Drains), (Quit, GoesOn), (Hup, GoesOn), (Usr2, GoesOn)],
        graceful_command: Some("kill -USR1 1"),
        drain_limit: Some(DrainLimit { setting: "hard-stop-after", default_s: None }),
        source: "HAProxy Management Guide, \"4. Stopping and restarting HAProxy\", and src/haproxy.c, main() and mworker_loop()",
        ..NO_FACTS
    },
    &ServerFacts {
        name: "Envoy",
        images: &["envoy"],
        programs: &["envoy"],
        signals: &[(Term, Quits), (Int, Quits), (Usr1, GoesOn), (Hup, GoesOn)],
        source: "Envoy documentation, \"Draining\", and source/server/server.cc, RunHelper",
        ..NO_FACTS
    },
    &ServerFacts {
        name: "Traefik",
        images: &["traefik"],
        programs: &["traefik"],
        signals: &[(Term, Drains), (Int, Drains), (Usr1, GoesOn)],
        drain_limit: Some(DrainLimit { setting: "transport.lifeCycle.graceTimeOut", default_s: Some(10) }),
        source: "Traefik documentation, \"EntryPoints\", lifeCycle",
        ..NO_FACTS
    },
    &ServerFacts {
        name: "Caddy",
        images: &["caddy"],
        programs: &["caddy"],
        commands: &[(&["stop"], Graceful)],
        signals: &[(Term, Drains), (Int, Drains), (Quit, Quits), (Hup, GoesOn), (Usr2, GoesOn)],
        drain_limit: Some(DrainLimit { setting: "grace_period", default_s: None }),
        source: "Caddy documentation, \"Command Line\", signals and caddy stop",
        ..NO_FACTS
    },
    &ServerFacts {
        name: "gunicorn",
        images: &["gunicorn", "uvicorn-gunicorn", "uvicorn-gunicorn-fastapi", "uvicorn-gunicorn-starlette"],
        programs: &["gunicorn"],
        signals: &[(Term, Drains), (Quit, Quits), (Int, Quits), (Hup, GoesOn), (Usr1, GoesOn)],
        drain_limit: Some(DrainLimit { setting: "graceful_timeout", default_s: Some(30) }),
        source: "gunicorn documentation, \"Signal Handling\", and \"Settings\", graceful_timeout",
        ..NO_FACTS
    },
    &ServerFacts {
        name: "uvicorn",
        programs: &["uvicorn"],
        signals: &[(Term, Drains), (Int, Drains)],
        drain_limit: Some(DrainLimit { setting: "--timeout-graceful-shutdown", default_s: None }),
        source: "uvicorn/server.py, HANDLED_SIGNALS and shutdown()",
        ..NO_FACTS
    },
    &ServerFacts {
        name: "uWSGI",
        programs: &["uwsgi"],
        commands: &[(&["--stop"], Quick)],
        // SIGTERM reloads brutally, or with --die-on-term ends at once: what is in flight is cut by both.
        signals: &[(Term, Quits), (Int, Quits), (Quit, Quits), (Hup, GoesOn), (Usr1, GoesOn), (Usr2, GoesOn)],
        source: "uWSGI documentation, \"Managing the uWSGI server\", signals",
        ..NO_FACTS
    },
    &ServerFacts {
        name: "Puma",
        programs: &["puma"],
        signals: &[(Term, Drains), (Int, Drains)],
        source: "puma/puma docs/signals.md",
        ..NO_FACTS
    },
    &ServerFacts {
        name: "Unicorn",
        programs: &["unicorn", "unicorn_rails"],
        signals: &[(Term, Quits), (Int, Quits), (Quit, Drains), (Usr1, GoesOn), (Hup, GoesOn)],
        graceful_command: Some("kill -QUIT 1"),
        source: "Unicorn documentation, SIGNALS",
        ..NO_FACTS
    },
];
