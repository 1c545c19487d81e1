//! Real clients, run as programs.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rollproof::hidden::Client;

use crate::Case;
use crate::fault_server::POSTED;

/// A client, and the program that runs it, if this machine has it.
pub(crate) struct Real {
    pub(crate) client: Client,
    needs: &'static str,
    program: Option<PathBuf>,
    folder: tempfile::TempDir,
}

/// All clients.
pub(crate) fn all() -> Vec<Real> {
    [(Client::Go, "go"), (Client::Java, "java"), (Client::Curl, "curl")]
        .into_iter()
        .map(|(client, needs)| Real { client, needs, program: found(needs), folder: tempfile::tempdir().unwrap() })
        .collect()
}

/// The program on `PATH`, or in the folder of Go's own installer.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/local/go/bin")]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clients").join(name)
}

fn done(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

impl Real {
    /// What this machine lacks for it.
    pub(crate) fn missing(&self) -> Option<String> {
        self.program.is_none().then(|| format!("{}, which is not installed", self.needs))
    }

    /// Whether the case's last request is answered.
    pub(crate) fn answered(&self, case: &Case, server: SocketAddr) -> bool {
        let mut requests = vec![(case.method, case.path)];
        if !case.first.is_empty() {
            requests.insert(0, ("GET", case.first));
        }
        self.send(&requests, server)
    }

    /// Nobody listens, so the client fails.
    pub(crate) fn refused(&self) {
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        assert!(!self.send(&[("GET", "/ok")], closed));
    }

    fn send(&self, requests: &[(&str, &str)], server: SocketAddr) -> bool {
        let program = self.program.as_ref().unwrap();
        if self.client == Client::Curl {
            return curl(program, requests, server);
        }
        let mut command = Command::new(if self.client == Client::Go { self.built(program) } else { program.clone() });
        if self.client == Client::Java {
            command.arg(fixture("Client.java"));
        }
        command.arg(server.to_string());
        command.args(requests.iter().map(|(method, path)| format!("{method}:{path}")));
        let output = done(&mut command);
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), requests.len(), "{text}");
        assert!(lines[..lines.len() - 1].iter().all(|line| *line == "answered"), "{text}");
        lines.last() == Some(&"answered")
    }

    /// The Go program, built once.
    fn built(&self, go: &Path) -> PathBuf {
        let program = self.folder.path().join("client");
        if !program.exists() {
            let mut build = Command::new(go);
            build.args(["build", "-o"]).arg(&program).arg(fixture("client.go")).current_dir(self.folder.path());
            // Nothing is fetched: the program needs the standard library alone.
            build.env("GOFLAGS", "-mod=mod").env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("GOWORK", "off");
            done(&mut build);
        }
        program
    }
}

/// Whether curl's last transfer succeeded. Its transfers share connections.
fn curl(program: &Path, requests: &[(&str, &str)], server: SocketAddr) -> bool {
    let mut command = Command::new(program);
    command.arg("--disable");
    for (number, (method, path)) in requests.iter().enumerate() {
        if number > 0 {
            command.arg("--next");
        }
        command.args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--max-time",
            "5",
            "--output",
            "/dev/null",
            "--write-out",
            "%{size_download}\\n",
        ]);
        match *method {
            "GET" => {}
            "POST" => _ = command.args(["--data", POSTED]),
            other => _ = command.args(["--request", other]),
        }
        command.arg(format!("http://{server}{path}"));
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    // curl takes a head that is cut for a whole one, and succeeds without a body.
    let bodies = String::from_utf8(output.stdout).unwrap();
    output.status.success() && bodies.lines().last().is_some_and(|bytes| bytes != "0")
}
