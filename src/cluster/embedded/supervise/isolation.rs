//! The pid namespace of a container, where the machine allows one.
//!
//! In it the main process is PID 1 in earnest: the kernel applies its signal rules (`pid_namespaces(7)`), adopts orphans
//! to it, and kills everything in the namespace when it ends. Nothing in it can name a process outside, so a
//! container cannot signal its supervisor. Elsewhere `guard` and `supervisor` do what can be done without.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, configure_capability_in_ambient_set,
    set_capabilities,
};

use super::{ARGUMENT, ITSELF};
use crate::cluster::embedded::namespace::map_ids;

/// How the processes of a container are kept apart from those outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A pid namespace with a `/proc` of its own.
    PidNamespace,
    /// Nothing: the machine allows no such namespace.
    Shared,
}

impl Isolation {
    const ALL: [Self; 2] = [Self::PidNamespace, Self::Shared];

    /// The strongest that works here. `executable` is this program.
    #[must_use]
    pub fn available(executable: &Path) -> Self {
        let attempt = Command::new(executable)
            .args([ARGUMENT, "try", Self::PidNamespace.argument()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if attempt.is_ok_and(|status| status.success()) { Self::PidNamespace } else { Self::Shared }
    }

    pub(super) const fn argument(self) -> &'static str {
        match self {
            Self::PidNamespace => "pid-namespace",
            Self::Shared => "shared",
        }
    }

    pub(super) fn from_argument(argument: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.argument() == argument)
    }

    /// Prepares the supervisor: from then on its first child is PID 1 of the container, and the others join it.
    pub(super) fn prepare(self) -> Result<(), String> {
        match self {
            Self::PidNamespace => new_pid_namespace(),
            Self::Shared => Ok(()),
        }
    }

    /// Prepares a process of the container, which [`Isolation::prepare`]'s caller has started: its `/proc` shows the
    /// container only, and it keeps no right that the container should not have.
    pub(super) fn enter(self) -> Result<(), String> {
        match self {
            Self::PidNamespace => own_proc().and_then(|()| drop_rights()),
            Self::Shared => Ok(()),
        }
    }
}

/// The body of an attempt: does what a supervisor does, with a process that ends at once.
pub(super) fn attempt(isolation: Isolation) -> ExitCode {
    let start = [ARGUMENT, "start", isolation.argument(), ITSELF, ARGUMENT, "nothing"].map(OsString::from);
    let attempted = isolation.prepare().and_then(|()| {
        let status = Command::new(ITSELF).args(start).stdin(Stdio::null()).status();
        status.map_err(|error| error.to_string())
    });
    if attempted.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// With the right to make one this needs no user namespace, in which root would be another.
fn new_pid_namespace() -> Result<(), String> {
    if unshare(CloneFlags::CLONE_NEWPID).is_ok() {
        return Ok(());
    }
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID)
        .map_err(|error| format!("the kernel allows no user and pid namespace ({error})"))?;
    map_ids(&format!("{user} {user} 1\n"), &format!("{group} {group} 1\n"))?;
    hand_down_rights().map_err(|error| format!("the right to mount cannot be handed down ({error})"))
}

/// A program that is executed by anybody but root keeps only its ambient capabilities (`capabilities(7)`), and the
/// container's `/proc` must be mounted by a process inside.
fn hand_down_rights() -> rustix::io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.inheritable |= CapabilitySet::SYS_ADMIN;
    set_capabilities(None, sets)?;
    configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)
}

fn own_proc() -> Result<(), String> {
    let fail = |what: &str, error: nix::Error| format!("cannot {what} the container's /proc ({error})");
    unshare(CloneFlags::CLONE_NEWNS).map_err(|error| fail("prepare", error))?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).map_err(|error| fail("prepare", error))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>).map_err(|error| fail("mount", error))
}

/// Root keeps its rights, as it does without a namespace.
fn drop_rights() -> Result<(), String> {
    if geteuid().is_root() {
        return Ok(());
    }
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    clear_ambient_capability_set()
        .and_then(|()| set_capabilities(None, none))
        .map_err(|error| format!("cannot give up the right to mount ({error})"))
}
