//! Reads the spool from any line on while it is being written.
//!
//! The spool is a file of lines, written by the record's one writer; a reader sees whole lines only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The most that one batch holds. A line longer than this makes the batch longer.
const BATCH: u64 = 256 * 1024;
/// A place is remembered about every so many lines, so that a reader who resumes does not start from the beginning.
const REMEMBER_EVERY: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    /// Line number and the byte at which it begins.
    places: Mutex<BTreeMap<u64, u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpoolPosition {
    line: u64,
    byte: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LineBatch {
    pub(super) bytes: Vec<u8>,
    /// More was there than a batch holds.
    pub(super) more: bool,
}

impl Spool {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, places: Mutex::new(BTreeMap::from([(0, 0)])) }
    }

    /// The place of line `wanted`; `None` if it is not there yet and no line before it ends there.
    pub(super) fn find(&self, wanted: u64) -> io::Result<Option<SpoolPosition>> {
        let near = {
            let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.range(..=wanted).next_back().map_or((0, 0), |(line, byte)| (*line, *byte))
        };
        let mut place = SpoolPosition { line: near.0, byte: near.1 };
        while place.line < wanted {
            let before = place;
            let batch = self.read(&mut place)?;
            if place.line > wanted {
                let skipped = usize::try_from(wanted - before.line).unwrap_or(usize::MAX);
                let end =
                    batch.bytes.split_inclusive(|byte| *byte == b'\n').take(skipped).map(<[u8]>::len).sum::<usize>();
                return Ok(Some(SpoolPosition { line: wanted, byte: before.byte + end as u64 }));
            }
            if batch.bytes.is_empty() {
                return Ok(None);
            }
        }
        Ok(Some(place))
    }

    /// The lines from `place` on, as many as a batch holds, and moves `place` behind them.
    pub(super) fn read(&self, place: &mut SpoolPosition) -> io::Result<LineBatch> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(place.byte))?;
        let mut bytes = Vec::new();
        let mut limit = BATCH;
        loop {
            let read = file.by_ref().take(limit).read_to_end(&mut bytes)?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            let full = read as u64 == limit;
            if whole == 0 && full {
                limit *= 2;
                continue;
            }
            bytes.truncate(whole);
            place.byte += whole as u64;
            place.line += bytes.split_inclusive(|byte| *byte == b'\n').count() as u64;
            self.remember(*place);
            return Ok(LineBatch { bytes, more: full });
        }
    }

    fn remember(&self, place: SpoolPosition) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let last = places.last_key_value().map_or(0, |(line, _)| *line);
        if place.line >= last + REMEMBER_EVERY {
            places.insert(place.line, place.byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn spool(text: &str) -> (tempfile::NamedTempFile, Spool) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let spool = Spool::new(file.path().to_owned());
        (file, spool)
    }

    fn rest(spool: &Spool, from: u64) -> Option<String> {
        let mut place = spool.find(from).unwrap()?;
        let mut all = Vec::new();
        loop {
            let batch = spool.read(&mut place).unwrap();
            all.extend_from_slice(&batch.bytes);
            if !batch.more {
                return Some(String::from_utf8(all).unwrap());
            }
        }
    }

    #[test]
    fn any_line_can_be_resumed_at_and_a_line_under_way_is_not_shown() {
        let (mut file, spool) = spool("zero\none\ntwo\nthr");
        assert_eq!(rest(&spool, 0).unwrap(), "zero\none\ntwo\n");
        assert_eq!(rest(&spool, 1).unwrap(), "one\ntwo\n");
        assert_eq!(rest(&spool, 3).unwrap(), "");
        assert_eq!(rest(&spool, 4), None, "a line that is not there yet");
        file.write_all(b"ee\n").unwrap();
        assert_eq!(rest(&spool, 3).unwrap(), "three\n");
    }

    #[test]
    fn a_spool_longer_than_a_batch_comes_whole_from_anywhere() {
        let lines: Vec<String> = (0..40_000).map(|n| format!("{n} {}\n", "x".repeat(n % 50))).collect();
        let (_file, spool) = spool(&lines.concat());
        for from in [0_usize, 1, 999, 1_000, 12_345, 39_999, 40_000, 7] {
            assert_eq!(rest(&spool, from as u64).unwrap(), lines[from..].concat(), "{from}");
        }
        assert!(spool.places.lock().unwrap().len() > 3);
    }

    #[test]
    fn a_line_longer_than_a_batch_comes_whole() {
        let long = "x".repeat(600 * 1024);
        let (_file, spool) = spool(&format!("a\n{long}\nb\n"));
        assert_eq!(rest(&spool, 0).unwrap(), format!("a\n{long}\nb\n"));
        assert_eq!(rest(&spool, 1).unwrap(), format!("{long}\nb\n"));
    }
}
