//! Who descends from a process, read from `/proc`. Orphans are found too, because a child subreaper is their new
//! parent (`prctl(2)`, `PR_SET_CHILD_SUBREAPER`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Every living process below `root`, itself excluded. Zombies are left out: they only wait to be reaped.
pub(super) fn of(root: i32) -> BTreeSet<i32> {
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
