//! The kubeconfig that the user's own commands are given: in memory, because a file would outlive a run that is killed, and it holds
//! credentials.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

use nix::sys::memfd::{MFdFlags, memfd_create};

/// A file without a name; it is gone with the value, and with the process.
#[derive(Debug)]
pub(super) struct KubeconfigMemory(File);

impl KubeconfigMemory {
    pub(super) fn holding(text: &str) -> std::io::Result<Self> {
        let mut file = File::from(memfd_create(c"kubeconfig", MFdFlags::MFD_CLOEXEC)?);
        file.write_all(text.as_bytes())?;
        Ok(Self(file))
    }

    /// Where this user's programs can read it, from its beginning.
    pub(super) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_command_reads_it_as_often_as_it_likes_and_it_is_gone_with_the_value() {
        let kubeconfig = KubeconfigMemory::holding("kind: Config\n").unwrap();
        let path = kubeconfig.path();
        let read = || Command::new("cat").args([&path, &path]).output().unwrap();
        assert_eq!(String::from_utf8(read().stdout).unwrap(), "kind: Config\nkind: Config\n");
        let file = std::fs::read_link(&path).unwrap();
        assert!(file.to_string_lossy().starts_with("/memfd:"), "no file has its text: {}", file.display());
        drop(kubeconfig);
        assert!(!String::from_utf8_lossy(&read().stdout).contains("Config"));
    }
}
