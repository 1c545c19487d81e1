//! Who descends from a process, read from `/proc`. Orphans are found too, because a child subreaper is their new
//! parent (`prctl(2)`, `PR_SET_CHILD_SUBREAPER`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Rounds of killing what is left, and the pause between them: a process in the middle of a fork escapes one round,
/// one in an uninterruptible call takes a while. Ten seconds in all.
const MAX_KILL_ROUNDS: u32 = 2_000;
const KILL_PAUSE: Duration = Duration::from_millis(5);

/// SIGKILLs every descendant of this process, a child subreaper, until none is left; false if some would not die.
pub(super) fn kill_all() -> bool {
    let me = Pid::this().as_raw();
    for _ in 0..MAX_KILL_ROUNDS {
        for pid in of(me) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                // No child is left, and every orphan would be one.
                Err(Errno::ECHILD) => return true,
                Ok(WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => {}
            }
        }
        thread::sleep(KILL_PAUSE);
    }
    false
}

/// Every living process below `root`, itself excluded. Zombies are left out: they only wait to be reaped.
fn of(root: i32) -> BTreeSet<i32> {
    below(root, &parents())
}

/// Parent of each living process in this pid namespace.
fn parents() -> BTreeMap<i32, i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| Some((pid, parent_in(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?)))
        .collect()
}

/// The parent in a line of `/proc/PID/stat`; nothing for a zombie. The command's name stands in parentheses and may
/// itself hold blanks and parentheses, so the fields count from the last one (`proc_pid_stat(5)`).
fn parent_in(stat: &str) -> Option<i32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (state != "Z" && state != "X").then_some(parent)
}

fn below(root: i32, parents: &BTreeMap<i32, i32>) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    // Each round goes one generation down; there cannot be more generations than processes.
    for _ in 0..=parents.len() {
        let before = found.len();
        for (pid, parent) in parents {
            if *pid != root && (*parent == root || found.contains(parent)) {
                found.insert(*pid);
            }
        }
        if found.len() == before {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_generations_are_found_and_strangers_are_not() {
        let parents = BTreeMap::from([(2, 1), (10, 2), (5, 10), (3, 5), (7, 1)]);
        assert_eq!(below(2, &parents), BTreeSet::from([3, 5, 10]));
        assert_eq!(below(7, &parents), BTreeSet::new());
    }

    #[test]
    fn a_name_with_parentheses_does_not_confuse_the_fields() {
        assert_eq!(parent_in("12 (a) (b c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("12 (gone) Z 7 12 12 0"), None);
        assert_eq!(parent_in("nonsense"), None);
    }

    #[test]
    fn a_child_of_this_process_is_found() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(of(me).contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!of(me).contains(&pid));
    }
}
