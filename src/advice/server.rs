//! Which server a container runs, as far as its image or its command tells.

use serde_json::Value;

/// A server, by how it is stopped gracefully.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    /// Apache httpd: `apachectl -k graceful-stop` (httpd manual, "Stopping and Restarting").
    Apache,
    /// nginx: `nginx -s quit` (nginx manual, "Controlling nginx").
    Nginx,
    /// The built-in server: its flag `--on-term=drain`.
    Target,
    /// Not told.
    Unknown,
}

impl Server {
    /// The command that lets it answer what is in flight and then end, in its usual image.
    pub(super) const fn graceful(self) -> Option<&'static str> {
        match self {
            Self::Apache => Some("apachectl -k graceful-stop"),
            Self::Nginx => Some("nginx -s quit"),
            Self::Target | Self::Unknown => None,
        }
    }
}

/// The server of a container. A name that only contains a server's name (`nginx-exporter`) tells nothing.
pub(super) fn server(container: &Value) -> Server {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    if image.split([':', '@']).next() == Some("rollproof/target") {
        return Server::Target;
    }
    let last = image.split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let (name, tag) = last.split_once(':').unwrap_or((last, ""));
    let program = ["command", "args"].into_iter().find_map(|key| container.pointer(&format!("/{key}/0"))?.as_str());
    let program = program.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    // Images of PHP and of what is written in it name the server in their tag: `php:8.3-apache`.
    if matches!(name, "apache" | "apache2" | "httpd") || tag.split('-').any(|part| part == "apache") {
        return Server::Apache;
    }
    match (name, program) {
        (_, "httpd" | "httpd-foreground" | "apache2" | "apache2ctl" | "apachectl" | "apache2-foreground") => {
            Server::Apache
        }
        ("nginx" | "nginx-unprivileged", _) | (_, "nginx") => Server::Nginx,
        _ => Server::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_is_told_by_its_image_or_its_program() {
        let of = |image: &str| server(&json!({"image": image}));
        for image in ["httpd:2.4", "docker.io/library/httpd@sha256:00", "apache", "bitnami/apache:2", "php:8.3-apache"]
        {
            assert_eq!(of(image), Server::Apache, "{image}");
        }
        for image in ["nginx", "registry:5000/nginx:1.27-alpine", "nginxinc/nginx-unprivileged"] {
            assert_eq!(of(image), Server::Nginx, "{image}");
        }
        assert_eq!(of("rollproof/target"), Server::Target);
        for image in ["apache/kafka:3", "nginx/nginx-prometheus-exporter", "shop/web:1", "", "other/rollproof/target"] {
            assert_eq!(of(image), Server::Unknown, "{image}");
        }
        let own = json!({"image": "shop/web", "command": ["/usr/sbin/nginx", "-g", "daemon off;"]});
        assert_eq!(server(&own), Server::Nginx);
        assert_eq!(server(&json!({"image": "shop/web", "args": ["httpd-foreground"]})), Server::Apache);
    }
}
