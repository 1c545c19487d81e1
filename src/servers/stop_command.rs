//! Whether a command stops a server, and how.

use super::recognise::{Server, base, by_program};
use super::server_table::{SERVERS, ServerFacts, SignalEffect, StopKind};
use super::signal::{Signal, sent};

/// How a command stops the server of its container; `None` if it does not, or is not known to. A program that is not known, a
/// misspelt one too, tells nothing.
pub(super) fn stop(words: &[&str], server: Server) -> Option<StopKind> {
    if let Some(at) = words.iter().position(|word| matches!(base(word), "kill" | "pkill" | "killall")) {
        let arguments = words.get(at + 1..).unwrap_or_default();
        return by_signal(sent(arguments), named(arguments).or_else(|| server.facts()));
    }
    let controls = |facts: &ServerFacts| {
        words.iter().map(|word| base(word)).any(|word| facts.programs.contains(&word) || facts.controls.contains(&word))
    };
    let mut commands = SERVERS.iter().filter(|facts| controls(facts)).flat_map(|facts| facts.commands);
    let given = |option: &[&str]| words.windows(option.len()).any(|window| window == option);
    commands.find(|(option, _)| given(option)).map(|(_, kind)| *kind)
}

fn by_signal(signal: Signal, server: Option<&ServerFacts>) -> Option<StopKind> {
    match signal {
        Signal::Nothing => None,
        Signal::Kill => Some(StopKind::Quick),
        Signal::Hup
        | Signal::Int
        | Signal::Quit
        | Signal::Usr1
        | Signal::Usr2
        | Signal::Term
        | Signal::Winch
        | Signal::Other => match server.and_then(|facts| facts.effect(signal)) {
            Some(SignalEffect::Drains) => Some(StopKind::Graceful),
            Some(SignalEffect::Quits) => Some(StopKind::Quick),
            Some(SignalEffect::GoesOn) => None,
            None => Some(StopKind::Unknown),
        },
    }
}

/// The server that a signal is sent to by its name: `pkill nginx`, `kill $(pidof nginx)`, `kill $(cat /run/nginx.pid)`.
fn named(arguments: &[&str]) -> Option<&'static ServerFacts> {
    arguments.iter().find_map(|word| {
        let name = base(word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
        by_program(name.strip_suffix(".pid").unwrap_or(name))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stop_of(command: &str, image_or_program: &str) -> Option<StopKind> {
        let server = Server::of_container(&json!({"image": image_or_program, "command": [image_or_program]}));
        stop(&command.split_whitespace().collect::<Vec<_>>(), server)
    }

    #[test]
    fn a_signal_means_what_the_server_makes_of_it() {
        let (graceful, quick, unknown) = (Some(StopKind::Graceful), Some(StopKind::Quick), Some(StopKind::Unknown));
        for (command, server, expected) in [
            ("kill -QUIT 1", "nginx", graceful),
            ("kill -s QUIT 1", "nginx", graceful),
            ("kill -3 1", "unicorn", graceful),
            ("kill -QUIT 1", "gunicorn", quick),
            ("kill -QUIT 1", "uwsgi", quick),
            ("kill -QUIT 1", "caddy", quick),
            ("kill -QUIT 1", "httpd", unknown),
            ("kill -QUIT 1", "shop/web", unknown),
            ("kill -TERM 1", "gunicorn", graceful),
            ("kill 1", "uvicorn", graceful),
            ("kill 1", "puma", graceful),
            ("kill 1", "nginx", quick),
            ("kill 1", "httpd", quick),
            ("kill 1", "haproxy", quick),
            ("kill 1", "shop/web", unknown),
            ("kill -WINCH 1", "httpd", graceful),
            ("kill -WINCH 1", "shop/web", unknown),
            ("kill -USR1 1", "haproxy", graceful),
            ("kill -INT 1", "haproxy", quick),
            ("kill -QUIT 1", "haproxy", None),
            ("kill -USR1 1", "gunicorn", None),
            ("kill -USR1 1", "nginx", None),
            ("kill -HUP 1", "gunicorn", None),
            ("kill -0 1", "shop/web", None),
            ("kill -TTIN 1", "gunicorn", unknown),
            ("kill -9 1", "shop/web", quick),
        ] {
            assert_eq!(stop_of(command, server), expected, "{command} in {server}");
        }
    }

    #[test]
    fn a_signal_may_name_its_server_itself() {
        for command in [
            "/usr/bin/pkill -WINCH httpd",
            "killall -s QUIT nginx",
            "kill -QUIT $(cat /run/nginx.pid)",
            "kill -QUIT `pidof nginx`",
            "then kill -TERM $(pgrep -o gunicorn)",
        ] {
            assert_eq!(stop_of(command, "shop/web"), Some(StopKind::Graceful), "{command}");
        }
        assert_eq!(stop_of("pkill -QUIT gunicorn", "nginx"), Some(StopKind::Quick), "the command's own word counts");
    }

    #[test]
    fn commands_that_stop_a_server_are_known() {
        for (command, expected) in [
            ("nginx -s quit", Some(StopKind::Graceful)),
            ("/usr/sbin/nginx -s quit", Some(StopKind::Graceful)),
            ("openresty -s quit", Some(StopKind::Graceful)),
            ("httpd -k graceful-stop", Some(StopKind::Graceful)),
            ("apachectl graceful-stop", Some(StopKind::Graceful)),
            ("caddy stop", Some(StopKind::Graceful)),
            ("nginx -s stop", Some(StopKind::Quick)),
            ("apachectl -k stop", Some(StopKind::Quick)),
            ("sleep 3", None),
            ("curl -s localhost/quit", None),
            ("echo kills", None),
            ("apachectl -k graceful", None),
            ("nginx -s reload", None),
            ("ngnix -s quit", None),
        ] {
            assert_eq!(stop_of(command, "shop/web"), expected, "{command}");
        }
    }
}
