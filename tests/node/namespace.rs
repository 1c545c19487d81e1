//! The private network: entered in place, with `lo` up and low ports free, and no rights over the machine.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode};

use libtest_mimic::Trial;
use nix::unistd::{geteuid, getpid};
use rollproof::cluster::embedded::namespace::{EnteredNetwork, MARK, enter};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("a_private_network_has_every_port_and_keeps_the_process", || {
            private();
            Ok(())
        }),
        Trial::test("a_stale_mark_is_not_believed_and_does_not_loop", || {
            stale();
            Ok(())
        }),
    ]
}

/// Whether this process is the probe that `enter` starts.
pub(crate) fn is_probe() -> bool {
    std::env::var(MARK).is_ok_and(|mark| mark == "probe")
}

/// The process that the tests start: it enters the network and prints what it finds there.
pub(crate) fn look() -> ExitCode {
    let mark = std::env::var(MARK).ok();
    let arguments: Vec<_> = std::env::args_os().collect();
    let before = getpid();
    match enter(mark.as_deref(), &arguments) {
        EnteredNetwork::Tried(code) => return code,
        EnteredNetwork::Host(reason) => {
            println!("host {reason}");
            return ExitCode::SUCCESS;
        }
        EnteredNetwork::Private => {}
    }
    let listener = TcpListener::bind("127.77.0.9:80").expect("a low port of any loopback address");
    let connected = TcpStream::connect(listener.local_addr().unwrap()).is_ok();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    println!("private {before} {connected} {} {capabilities} {:?}", geteuid(), &arguments[1..]);
    ExitCode::from(7)
}

fn start(mark: Option<&str>) -> (u32, std::process::Output) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["look", "a b"]).env_remove(MARK).stdout(std::process::Stdio::piped());
    if let Some(mark) = mark {
        command.env(MARK, mark);
    }
    let child = command.spawn().unwrap();
    (child.id(), child.wait_with_output().unwrap())
}

/// On a machine that allows no namespaces, only the message can be tested.
fn check(pid: u32, output: &std::process::Output) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    if let Some(reason) = text.strip_prefix("host ") {
        assert!(reason.starts_with("cannot enter a private network: "), "{reason}");
        return;
    }
    let user = if geteuid().is_root() { 1000 } else { geteuid().as_raw() };
    assert_eq!(text.trim(), format!(r#"private {pid} true {user} 0000000000000000 ["look", "a b"]"#));
    assert_eq!(output.status.code(), Some(7));
}

fn private() {
    let (pid, output) = start(None);
    check(pid, &output);
}

fn stale() {
    let (pid, output) = start(Some("net:[1]"));
    check(pid, &output);
}
