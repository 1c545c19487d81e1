//! A container's log: the newest part of its output, in a file of bounded size and one older file beside it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes in one log file before it becomes the older one. A container's log takes at most twice this.
pub const MAX_LOG_BYTES: u64 = 512 * 1024;

/// The writing end.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    written: u64,
    limit: u64,
}

impl Log {
    /// Opens the log, keeping what an earlier start of the container wrote.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::with_limit(path, MAX_LOG_BYTES)
    }

    fn with_limit(path: &Path, limit: u64) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let written = file.metadata()?.len();
        Ok(Self { path: path.to_path_buf(), file, written, limit })
    }

    /// Appends `bytes`, turning the file over where it would grow past the limit.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u64;
        if self.written > 0 && self.written + length > self.limit {
            fs::rename(&self.path, older(&self.path))?;
            self.file = File::options().create(true).append(true).open(&self.path)?;
            self.written = 0;
        }
        self.file.write_all(bytes)?;
        self.written += length;
        Ok(())
    }
}

/// The last `lines` lines of the log at `path`; empty where there is none. Bytes that are not UTF-8 are replaced.
#[must_use]
pub fn tail(path: &Path, lines: usize) -> String {
    let mut bytes = fs::read(older(path)).unwrap_or_default();
    bytes.extend(fs::read(path).unwrap_or_default());
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".1");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_what_was_written_last() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::open(&path).unwrap();
        log.write(b"one\ntwo\n").unwrap();
        log.write(b"three\n").unwrap();
        assert_eq!(tail(&path, 2), "two\nthree");
        assert_eq!(tail(&path, 9), "one\ntwo\nthree");
        assert_eq!(tail(&dir.path().join("none"), 2), "");
    }

    #[test]
    fn the_log_stays_bounded_and_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::with_limit(&path, 100).unwrap();
        for n in 0..1000 {
            log.write(format!("line {n}\n").as_bytes()).unwrap();
        }
        let size: u64 = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(size <= 200, "{size} bytes");
        assert_eq!(tail(&path, 1), "line 999");
    }
}
