//! Files that hold what a run saw: readable by its user only, and never opened through a link that somebody else laid out.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

const MODE: u32 = 0o600;

/// A new file; an error if anything has its name, a link too.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}

/// A new file in place of what has its name; a link is removed, not followed.
pub(crate) fn replace(path: &Path) -> io::Result<File> {
    remove(path)?;
    create(path)
}

/// Removes what has this name, if anything has it; a link is not followed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A file that several processes of one run append to, created by the first one.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    // A named pipe would wait for its reader.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let opened = OpenOptions::new().append(true).create(true).mode(MODE).custom_flags(flags.bits()).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(nix::libc::ELOOP) => io::Error::other("it is a symbolic link"),
        _ => error,
    })?;
    let found = file.metadata()?;
    // A second name may be that of somebody else's file.
    if !found.is_file() || found.nlink() != 1 || found.uid() != geteuid().as_raw() {
        return Err(io::Error::other("it is no ordinary file of this user with one name"));
    }
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    type Open = fn(&Path) -> io::Result<File>;
    const ALL: [Open; 3] = [create, replace, append];

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_for_its_user_only() {
        for open in ALL {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            open(&path).unwrap();
            assert_eq!(mode(&path), 0o600);
        }
    }

    #[test]
    fn a_link_is_never_written_through() {
        for open in ALL {
            let folder = tempfile::tempdir().unwrap();
            let victim = folder.path().join("victim");
            fs::write(&victim, "mine").unwrap();
            let (soft, hard) = (folder.path().join("soft"), folder.path().join("hard"));
            symlink(&victim, &soft).unwrap();
            fs::hard_link(&victim, &hard).unwrap();
            for link in [soft, hard] {
                if let Ok(mut file) = open(&link) {
                    file.write_all(b"theirs").unwrap();
                }
                assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
            }
            let missing = folder.path().join("missing");
            symlink(folder.path().join("nowhere"), &missing).unwrap();
            let _ = open(&missing);
            assert!(!folder.path().join("nowhere").exists());
        }
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(append(&pipe).is_err());
        assert!(append(folder.path()).is_err());
        assert!(replace(folder.path()).is_err());
    }

    #[test]
    fn several_processes_append_and_what_everybody_could_read_is_closed_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "a").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        for text in ["b", "c"] {
            append(&path).unwrap().write_all(text.as_bytes()).unwrap();
        }
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("abc", 0o600));
        assert!(create(&path).is_err());
        replace(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }
}
