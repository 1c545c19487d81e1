//! A container's log: the newest part of its output, in a file of bounded size and one older file beside it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes in one log file before it becomes the older one. A container's log takes at most twice this.
pub(super) const MAX_LOG_BYTES: u64 = 512 * 1024;

#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    written: u64,
    limit: u64,
}

impl LogFile {
    /// Opens the log, keeping what an earlier start of the container wrote.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::with_limit(path, MAX_LOG_BYTES)
    }

    fn with_limit(path: &Path, limit: u64) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let written = file.metadata()?.len();
        Ok(Self { path: path.to_path_buf(), file, written, limit })
    }

    /// Appends `bytes`, rotating the file where it would exceed the limit.
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

/// Reads a log while it is written and rotated.
#[derive(Debug)]
pub(crate) struct LogFollow {
    path: PathBuf,
    /// The file that was read last, by its inode, and up to where.
    inode: u64,
    at: u64,
}

impl LogFollow {
    /// What the log holds, or the last `lines` lines of it, and the reader of what is still to come.
    pub(crate) fn start(path: &Path, lines: Option<usize>) -> (Vec<u8>, Self) {
        let mut bytes = fs::read(older(path)).unwrap_or_default();
        let mut follow = Self { path: path.to_path_buf(), inode: 0, at: 0 };
        bytes.extend(follow.more());
        if let Some(lines) = lines {
            bytes.drain(..begin_of_last(&bytes, lines));
        }
        (bytes, follow)
    }

    pub(crate) fn more(&mut self) -> Vec<u8> {
        // During a rotation there is no file for a moment; the next read finds it.
        let Ok((current, inode)) = open(&self.path) else { return Vec::new() };
        let mut bytes = Vec::new();
        if inode != self.inode {
            if let Ok((turned, _)) = open(&older(&self.path)).and_then(|(file, known)| {
                if known == self.inode { Ok((file, known)) } else { Err(io::ErrorKind::NotFound.into()) }
            }) {
                read_from(turned, self.at, &mut bytes);
            }
            (self.inode, self.at) = (inode, 0);
        }
        self.at += read_from(current, self.at, &mut bytes);
        bytes
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let inode = file.metadata()?.ino();
    Ok((file, inode))
}

/// Reads the rest of `file` from `at` on; how much that was.
fn read_from(mut file: File, at: u64, bytes: &mut Vec<u8>) -> u64 {
    let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.take(MAX_LOG_BYTES * 2).read_to_end(bytes));
    read.map_or(0, |length| length as u64)
}

/// Where the last `lines` lines begin.
fn begin_of_last(bytes: &[u8], lines: usize) -> usize {
    let end = bytes.len() - usize::from(bytes.ends_with(b"\n"));
    if lines == 0 {
        return bytes.len();
    }
    let ends = bytes[..end].iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at + 1).nth(lines - 1).unwrap_or(0)
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
        let mut log = LogFile::open(&path).unwrap();
        log.write(b"one\ntwo\n").unwrap();
        log.write(b"three\n").unwrap();
        assert_eq!(tail(&path, 2), "two\nthree");
        assert_eq!(tail(&path, 9), "one\ntwo\nthree");
        assert_eq!(tail(&dir.path().join("none"), 2), "");
    }

    #[test]
    fn a_log_is_read_on_across_its_turning_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogFile::with_limit(&path, 100).unwrap();
        let (before, mut follow) = LogFollow::start(&path, Some(2));
        assert!(before.is_empty() && follow.more().is_empty());
        let (mut read, mut written) = (Vec::new(), String::new());
        for n in 0..100 {
            let line = format!("line {n}\n");
            log.write(line.as_bytes()).unwrap();
            written += &line;
            // Not at each line, so that some of a file is unread when it is rotated.
            if n % 7 == 0 {
                read.extend(follow.more());
            }
        }
        read.extend(follow.more());
        assert_eq!(String::from_utf8(read).unwrap(), written);
        for (lines, expected) in [(Some(2), "line 98\nline 99\n"), (Some(0), "")] {
            assert_eq!(LogFollow::start(&path, lines).0, expected.as_bytes());
        }
        assert!(LogFollow::start(&path, None).0.ends_with(b"line 98\nline 99\n"));
    }

    #[test]
    fn the_last_lines_begin_where_they_do_with_and_without_an_end() {
        for (text, lines, expected) in [("a\nb\nc\n", 2, "b\nc\n"), ("a\nb\nc", 2, "b\nc"), ("a", 5, "a"), ("", 1, "")]
        {
            assert_eq!(&text[begin_of_last(text.as_bytes(), lines)..], expected);
        }
    }

    #[test]
    fn the_log_stays_bounded_and_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = LogFile::with_limit(&path, 100).unwrap();
        for n in 0..1000 {
            log.write(format!("line {n}\n").as_bytes()).unwrap();
        }
        let size: u64 = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(size <= 200, "{size} bytes");
        assert_eq!(tail(&path, 1), "line 999");
    }
}
