//! Leaves the machine's network for one of its own, keeping the process id, arguments, environment and open files.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::netlink;

/// The environment variable that marks a process executed again: `probe`, or the identity of the network namespace
/// that it was put into, so that a variable left over from somewhere else is not believed. Anybody can set it: that the
/// process is in namespaces as [`enter`] makes them is looked at too.
pub const MARK: &str = "ROLLPROOF_NETWORK";
/// The value of [`MARK`] in the process that only tries.
pub(crate) const PROBE: &str = "probe";
/// The user namespace's users: `INSIDE OUTSIDE COUNT` in each line.
const UID_MAP: &str = "/proc/self/uid_map";
/// The least port of this network that everybody may listen on.
const LEAST_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
/// The user and group that root is inside. Servers refuse to run, or try to change their user, as root, and a
/// container should have no rights over the machine.
const INSIDE_ID_OF_ROOT: u32 = 1000;

/// Where this process is after [`enter`].
#[derive(Debug)]
pub enum EnteredNetwork {
    /// In a network namespace of its own with `lo` up; every address of 127.0.0.0/8 and every port is free.
    Private,
    /// Still in the machine's network; the sentence says why and what would change it.
    Host(String),
    /// This process only tried whether it would work; `main` returns this code at once.
    Tried(ExitCode),
}

/// Enters a private network, by executing this program again in place with the same arguments: the process id stays.
/// `mark` is the value of [`MARK`] in the environment, `arguments` everything from the program's name on.
///
/// A child process tries it first, because some systems allow the namespace and then no rights inside it, and there
/// is no way back. Must be called before any thread exists: a process with threads cannot change its user namespace.
#[must_use]
pub fn enter(mark: Option<&str>, arguments: &[OsString]) -> EnteredNetwork {
    match mark {
        Some(PROBE) => return EnteredNetwork::Tried(answer(unshare_network())),
        Some(identity) if Some(identity) == network_identity().as_deref() && is_inside() => {
            return EnteredNetwork::Private;
        }
        _ => {}
    }
    match try_in_child().and_then(|()| unshare_network()).and_then(|()| execute_again(arguments)) {
        Ok(never) => match never {},
        Err(reason) => EnteredNetwork::Host(format!(
            "cannot enter a private network: {reason}; pods share this machine's network and its ports. \
             Allow unprivileged user namespaces, or run where they are allowed"
        )),
    }
}

/// The probe's answer goes to standard error, where its parent reads it.
fn answer(tried: Result<(), String>) -> ExitCode {
    match tried {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = io::Write::write_all(&mut io::stderr(), reason.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn executable() -> Result<std::path::PathBuf, String> {
    std::env::current_exe().map_err(|e| format!("the path of this program is not known ({e})"))
}

fn try_in_child() -> Result<(), String> {
    let output = Command::new(executable()?)
        .env(MARK, PROBE)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("this program cannot be executed again ({e})"))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(if reason.is_empty() { format!("the attempt ended with {}", output.status) } else { reason.into_owned() })
}

/// Changes the namespaces of this process and makes the new network usable.
fn unshare_network() -> Result<(), String> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|e| format!("the kernel allows no user and network namespace ({e})"))?;
    map_ids(&mapping(user), &mapping(group))?;
    netlink::loopback_up().map_err(|e| format!("the loopback interface cannot be brought up ({e})"))?;
    write(LEAST_PORT, "0")
}

/// Gives this process, which has just made its user namespace, the user and the group of these lines of an id map.
pub(in crate::cluster::embedded) fn map_ids(user: &str, group: &str) -> Result<(), String> {
    // Without giving up setgroups, an ordinary user may not map its group (user_namespaces(7)).
    write("/proc/self/setgroups", "deny")?;
    write(UID_MAP, user)?;
    write("/proc/self/gid_map", group)
}

/// One line of an id map: the same number inside as outside, except for root.
fn mapping(outside: u32) -> String {
    let inside = if outside == 0 { INSIDE_ID_OF_ROOT } else { outside };
    format!("{inside} {outside} 1\n")
}

fn write(path: &str, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{path} cannot be written ({e})"))
}

/// Whether this process is in namespaces as [`unshare_network`] leaves them.
fn is_inside() -> bool {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    is_made_here(&read(UID_MAP), &read(LEAST_PORT))
}

/// Whether the user namespace has one user, who is not root, and the network namespace gives every port to everybody. The
/// machine's own user namespace has all users (`user_namespaces(7)`), so that its root never passes.
fn is_made_here(uid_map: &str, least_port: &str) -> bool {
    let numbers: Vec<&str> = uid_map.split_whitespace().collect();
    matches!(numbers[..], [inside, _, "1"] if inside != "0") && least_port.trim() == "0"
}

/// Replaces this process by a fresh start of the same program; only comes back with an error. With the execution the
/// process loses every capability that it had over its namespaces.
fn execute_again(arguments: &[OsString]) -> Result<std::convert::Infallible, String> {
    let identity = network_identity().ok_or("/proc/self/ns/net cannot be read")?;
    let mut command = Command::new(executable()?);
    if let Some((name, rest)) = arguments.split_first() {
        command.arg0(name).args(rest);
    }
    Err(format!("this program cannot be executed again ({})", command.env(MARK, identity).exec()))
}

/// The kernel's name of the present network namespace, such as `net:[4026531840]`.
fn network_identity() -> Option<String> {
    fs::read_link(Path::new("/proc/self/ns/net")).ok()?.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_changes_its_number() {
        assert_eq!(mapping(0), "1000 0 1\n");
        assert_eq!(mapping(501), "501 501 1\n");
    }

    #[test]
    fn a_process_that_is_already_inside_stays_there() {
        for user in [0, 501, 1000] {
            let map = format!("         {}", mapping(user).replace(' ', "          "));
            assert!(is_made_here(&map, "0\n"), "{map}");
            assert!(!is_made_here(&map, "1024\n"), "a network that was not made here");
        }
    }

    #[test]
    fn a_process_of_the_machine_or_of_somebody_elses_namespace_is_not_inside() {
        for map in ["0 0 4294967295\n", "0 1000 1\n", "1000 1000 2\n", "0 1000 1\n1 100000 65536\n", ""] {
            assert!(!is_made_here(map, "0\n"), "{map}");
        }
    }
}
