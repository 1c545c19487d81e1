//! Which server a container runs, as far as its image or its command tells.

use serde_json::Value;

use super::server_table::{BUILT_IN, SERVERS, ServerFacts};

/// Programs that start another one, which is then the server: `tini -- gunicorn`, `python -m uvicorn`, `bundle exec puma`.
const STARTERS: [&str; 9] =
    ["tini", "dumb-init", "catatonit", "env", "exec", "bundle", "python", "python3", "docker-entrypoint.sh"];

const SHELLS: [&str; 4] = ["sh", "bash", "ash", "dash"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// `rollproof target`, which drains as its arguments say.
    BuiltIn,
    /// A server of the table.
    Known(&'static ServerFacts),
    /// Not told.
    Unknown,
}

impl Server {
    /// The server of a container. A name that only contains a server's name (`nginx-exporter`) tells nothing.
    pub(crate) fn of_container(container: &Value) -> Self {
        let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
        if image.split([':', '@']).next() == Some("rollproof/target") {
            return Self::BuiltIn;
        }
        by_image(image).or_else(|| by_program(main_program(container)?)).map_or(Self::Unknown, Self::Known)
    }

    pub(crate) fn facts(self) -> Option<&'static ServerFacts> {
        match self {
            Self::BuiltIn => Some(&BUILT_IN),
            Self::Known(facts) => Some(facts),
            Self::Unknown => None,
        }
    }

    /// The command of a hook that lets it answer what is in flight and then end, in its usual image.
    pub(crate) fn graceful_command(self) -> Option<&'static str> {
        self.facts()?.graceful_command
    }
}

fn by_image(image: &str) -> Option<&'static ServerFacts> {
    let last = base(image.split('@').next().unwrap_or_default());
    let (name, tag) = last.split_once(':').unwrap_or((last, ""));
    let runs = |facts: &&&ServerFacts| {
        facts.images.contains(&name) || facts.image_tag.is_some_and(|part| tag.split('-').any(|one| one == part))
    };
    SERVERS.iter().find(runs).copied()
}

/// The server that a program is, or controls.
pub(super) fn by_program(program: &str) -> Option<&'static ServerFacts> {
    SERVERS.iter().find(|facts| facts.programs.contains(&program) || facts.controls.contains(&program)).copied()
}

/// The name of a program without its folder.
pub(super) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The program that a container's `command` and `args` start. `args` alone are usually a program too, which the image's entrypoint
/// executes.
fn main_program(container: &Value) -> Option<&str> {
    let words = ["command", "args"].into_iter().filter_map(|key| container.get(key)?.as_array()).flatten();
    let words: Vec<&str> = words.filter_map(Value::as_str).collect();
    match started(words.iter().copied())? {
        shell if SHELLS.contains(&shell) => {
            let script = words.iter().skip_while(|word| **word != "-c").nth(1)?;
            // A shell is the main process as long as it gives its place to no other program.
            let last = script.trim_end_matches([';', ' ', '\n']).rsplit([';', '&', '|', '\n']).next()?;
            let (before, program) = last.split_once("exec ")?;
            started(program.split_whitespace()).filter(|_| before.trim().is_empty())
        }
        program => Some(program),
    }
}

/// The program that these words start, without its folder.
fn started<'a>(words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut names = words.map(base).skip_while(|word| {
        // `env NAME=value program`, and options of what starts the program.
        STARTERS.contains(word) || word.starts_with('-') || word.contains('=')
    });
    names.next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(container: &Value) -> &'static str {
        Server::of_container(container).facts().map_or("unknown", |facts| facts.name)
    }

    #[test]
    fn a_server_is_told_by_its_image() {
        for (image, expected) in [
            ("httpd:2.4", "Apache httpd"),
            ("docker.io/library/httpd@sha256:00", "Apache httpd"),
            ("apache", "Apache httpd"),
            ("bitnami/apache:2", "Apache httpd"),
            ("php:8.3-apache", "Apache httpd"),
            ("nginx", "nginx"),
            ("registry:5000/nginx:1.27-alpine", "nginx"),
            ("nginxinc/nginx-unprivileged", "nginx"),
            ("haproxy:3.2", "HAProxy"),
            ("haproxytech/haproxy-alpine:3.2", "HAProxy"),
            ("haproxytech/kubernetes-ingress", "unknown"),
            ("tiangolo/uvicorn-gunicorn-fastapi:python3.11", "gunicorn"),
            ("envoyproxy/envoy:v1.36", "Envoy"),
            ("rollproof/target", "rollproof's target"),
            ("rollproof/target:1", "rollproof's target"),
            ("apache/kafka:3", "unknown"),
            ("nginx/nginx-prometheus-exporter", "unknown"),
            ("shop/web:1", "unknown"),
            ("other/rollproof/target", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(name(&json!({"image": image})), expected, "{image}");
        }
    }

    #[test]
    fn a_server_is_told_by_its_program() {
        for (command, expected) in [
            (json!({"command": ["/usr/sbin/nginx", "-g", "daemon off;"]}), "nginx"),
            (json!({"args": ["httpd-foreground"]}), "Apache httpd"),
            (json!({"command": ["gunicorn", "shop:app"]}), "gunicorn"),
            (json!({"command": ["tini", "--", "gunicorn"], "args": ["shop:app"]}), "gunicorn"),
            (json!({"command": ["tini", "--"], "args": ["gunicorn", "shop:app"]}), "gunicorn"),
            (json!({"command": ["python3", "-m", "uvicorn", "shop:app"]}), "uvicorn"),
            (json!({"command": ["bundle", "exec", "puma"]}), "Puma"),
            (json!({"command": ["node", "nginx"]}), "unknown"),
            (json!({"command": ["sh", "-c", "exec nginx"]}), "nginx"),
            (
                json!({"command": ["/bin/bash", "-c"], "args": ["migrate && exec /usr/bin/gunicorn shop:app"]}),
                "gunicorn",
            ),
            (json!({"command": ["sh", "-c", "exec env A=b python -m gunicorn shop:app"]}), "gunicorn"),
            (json!({"command": ["python3", "-m", "gunicorn", "shop:app"]}), "gunicorn"),
            (json!({"command": ["docker-entrypoint.sh"], "args": ["haproxy", "-f", "/etc/haproxy.cfg"]}), "HAProxy"),
            (json!({"args": ["haproxy", "-W", "-db", "-f", "/etc/haproxy.cfg"]}), "HAProxy"),
            (json!({"command": ["sh", "-c", "gunicorn shop:app"]}), "unknown"),
            (json!({"command": ["sh", "-c", "exec gunicorn shop:app; sleep 1"]}), "unknown"),
            (json!({"command": ["sh", "/run.sh"]}), "unknown"),
            (json!({"args": ["--port=80"]}), "unknown"),
            (json!({}), "unknown"),
        ] {
            assert_eq!(name(&command), expected, "{command}");
        }
    }

    #[test]
    fn a_drain_on_sigterm_is_known() {
        let drains =
            |image| Server::of_container(&json!({"image": image})).facts().is_some_and(ServerFacts::drains_on_sigterm);
        assert!(drains("traefik") && drains("caddy:2"));
        assert!(!drains("nginx") && !drains("httpd") && !drains("haproxy") && !drains("shop/web"));
    }
}
