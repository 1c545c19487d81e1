//! The folder of a run's pods, and the removal of those that killed runs left.
//!
//! A run holds a lock on its folder. The kernel releases it however the run ends, and it is seen from every PID namespace; a process's
//! number is not.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;
use tempfile::TempDir;

/// Begins the names of folders for pods' files; the process's number follows, for people.
const PREFIX: &str = "rollproof-pods-";
/// Folders that another run may take for abandoned ones in a row, in the moment before they are locked.
const TRIES: u32 = 10;

/// Removed with the value.
#[derive(Debug)]
pub(super) struct RunFolder {
    folder: TempDir,
    /// `None` where the file system has no locks: then nobody takes the folder for an abandoned one.
    _lock: Option<Flock<File>>,
}

enum FolderLock {
    Taken(Flock<File>),
    HeldByAnother,
    Impossible,
}

impl RunFolder {
    pub(super) fn create(temporary: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let named = format!("{PREFIX}{}-", std::process::id());
            let folder = tempfile::Builder::new().prefix(&named).tempdir_in(temporary)?;
            let lock = match lock(folder.path()) {
                Ok(FolderLock::Taken(lock)) => Some(lock),
                Ok(FolderLock::Impossible) => None,
                Ok(FolderLock::HeldByAnother) | Err(_) => continue,
            };
            // Whoever removed it had the lock before.
            if folder.path().is_dir() {
                return Ok(Self { folder, _lock: lock });
            }
        }
        Err(io::Error::other("other runs remove each new folder"))
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn lock(folder: &Path) -> io::Result<FolderLock> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(folder)?;
    Ok(match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => FolderLock::Taken(lock),
        Err((_, Errno::EWOULDBLOCK)) => FolderLock::HeldByAnother,
        Err(_) => FolderLock::Impossible,
    })
}

/// Removes this user's folders of runs that were killed before they could do it themselves.
pub(super) fn remove_abandoned(temporary: &Path) {
    let own = geteuid().as_raw();
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let is_a_runs = number.is_some_and(|number| number.parse::<u32>().is_ok());
        if !is_a_runs || !entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == own) {
            continue;
        }
        // Held until it is gone, so that no new run of that name begins in it.
        if let Ok(FolderLock::Taken(_lock)) = lock(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_runs_folder_stays_whatever_number_it_has_and_a_dead_ones_goes() {
        let temporary = tempfile::tempdir().unwrap();
        let living = RunFolder::create(temporary.path()).unwrap();
        // As a run of another PID namespace has it: here, its number is nobody's.
        let elsewhere = temporary.path().join(format!("{PREFIX}4194305-abc"));
        fs::create_dir(&elsewhere).unwrap();
        let held = Flock::lock(File::open(&elsewhere).unwrap(), FlockArg::LockExclusiveNonblock).unwrap();
        // And one that is dead, though here a living process has its number.
        let dead = temporary.path().join(format!("{PREFIX}{}-dead", std::process::id()));
        fs::create_dir_all(dead.join("pods/a")).unwrap();
        let foreign = temporary.path().join("rollproof-pods-notes");
        fs::create_dir(&foreign).unwrap();
        remove_abandoned(temporary.path());
        assert_eq!(
            [living.path(), &elsewhere, &dead, &foreign].map(Path::is_dir),
            [true, true, false, true],
            "living, elsewhere, dead, foreign"
        );
        drop(held);
        remove_abandoned(temporary.path());
        assert!(!elsewhere.exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_not_followed() {
        let (temporary, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(victim.path().join("file"), "mine").unwrap();
        let link = temporary.path().join(format!("{PREFIX}4194305-abc"));
        std::os::unix::fs::symlink(victim.path(), &link).unwrap();
        remove_abandoned(temporary.path());
        assert!(link.is_symlink() && victim.path().join("file").exists());
    }
}
