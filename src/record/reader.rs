//! Reads a record line by line; memory is one line.
//!
//! A record may end anywhere, because runs are interrupted and machines stop: a last line without its end is left out
//! and told by [`Reader::is_cut`]. Anything else that is no entry is an error with its line number.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::entry::{Attempt, Entry, FORMAT, Pulse};
use super::header::Header;

/// The longest line that is read: a header holds the manifests whole.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordReadError {
    /// The file could not be opened.
    #[error("opening the record {path}: {source}; expected a record.jsonl that rollproof wrote; check the path")]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file could not be read on.
    #[error("reading the record at line {line}: {source}; expected to read it to its end; check the disk")]
    Read {
        /// The line.
        line: u64,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is no record.
    #[error(
        "reading the record: its first line is no header ({reason}); expected a record.jsonl that rollproof wrote; check \
         the path"
    )]
    NotARecord {
        /// What is wrong with it.
        reason: String,
    },
    /// The record was written by another version of rollproof.
    #[error(
        "reading the record: it has format {found}, written by rollproof {version}, and this rollproof reads format {FORMAT}; {}",
        if *found > FORMAT { "use that version or a newer one" } else { "read it with that version, or run its scenario again" }
    )]
    OtherFormat {
        /// The record's format.
        found: u32,
        /// The version that wrote it.
        version: String,
    },
    /// A line is no entry.
    #[error(
        "reading the record at line {line}: {reason}; expected an entry of format {FORMAT}; the record was changed or \
         damaged after it was written, restore it from a copy or run again"
    )]
    Garbage {
        /// The line.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// A record that is being read: an iterator of the entries after the header.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    header: Header,
    /// The number of the last line read.
    line: u64,
    buffer: Vec<u8>,
    cut: bool,
    done: bool,
}

impl Reader<BufReader<File>> {
    /// Opens a record and reads its header.
    pub fn open(path: &Path) -> Result<Self, RecordReadError> {
        let failed = |source| RecordReadError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        Self::new(BufReader::with_capacity(256 * 1024, file))
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads the header of `input`.
    pub fn new(mut input: R) -> Result<Self, RecordReadError> {
        let mut buffer = Vec::new();
        read_line(&mut input, &mut buffer, 1)?;
        let header = parse_header(&buffer)?;
        buffer.clear();
        Ok(Self { input, header, line: 1, buffer, cut: false, done: false })
    }

    /// What was planned.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the last line was cut. It is known once the last entry was read.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    /// The next entry of a record that is still being written; `None` where no whole line follows yet, and the next call reads on
    /// from there. What the iterator gives is for a record that has ended.
    pub fn next_whole(&mut self) -> Result<Option<Entry>, RecordReadError> {
        // The beginning of a line stays in the buffer.
        if !read_line(&mut self.input, &mut self.buffer, self.line + 1)? {
            return Ok(None);
        }
        self.line += 1;
        let entry = self.parsed();
        self.buffer.clear();
        entry.map(Some)
    }

    fn read_next(&mut self) -> Result<Option<Entry>, RecordReadError> {
        self.buffer.clear();
        self.line += 1;
        let ended = read_line(&mut self.input, &mut self.buffer, self.line)?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        match self.parsed() {
            Err(RecordReadError::Garbage { .. }) if !ended => {
                self.cut = true;
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// The line in the buffer.
    fn parsed(&self) -> Result<Entry, RecordReadError> {
        let garbage = |reason| RecordReadError::Garbage { line: self.line, reason };
        match parse(&self.buffer) {
            Ok(Entry::Header(_)) => Err(garbage("there is a second header".to_owned())),
            Ok(entry) => Ok(entry),
            Err(error) => Err(garbage(error.to_string())),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Entry, RecordReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read_next().transpose();
        // After an error the place in the file has no meaning.
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Reads a line without its end; false if the input ended before it.
fn read_line(input: &mut impl BufRead, buffer: &mut Vec<u8>, line: u64) -> Result<bool, RecordReadError> {
    let read = input.by_ref().take(LONGEST_LINE).read_until(b'\n', buffer);
    let length = read.map_err(|source| RecordReadError::Read { line, source })?;
    let ended = buffer.last() == Some(&b'\n');
    if ended {
        buffer.pop();
        if buffer.is_empty() {
            return Err(RecordReadError::Garbage { line, reason: "the line is empty".to_owned() });
        }
    } else if length as u64 == LONGEST_LINE {
        return Err(RecordReadError::Garbage { line, reason: format!("the line is longer than {LONGEST_LINE} bytes") });
    }
    Ok(ended)
}

/// An entry. Attempts and pulses are nearly all of a record, and their tag is written first, so they are read without
/// the detour that finding the tag anywhere in the line costs.
fn parse(line: &[u8]) -> serde_json::Result<Entry> {
    if line.starts_with(br#"{"t":"attempt","#) {
        return serde_json::from_slice::<Attempt>(line).map(Entry::Attempt);
    }
    if line.starts_with(br#"{"t":"pulse","#) {
        return serde_json::from_slice::<Pulse>(line).map(Entry::Pulse);
    }
    serde_json::from_slice(line)
}

fn parse_header(line: &[u8]) -> Result<Header, RecordReadError> {
    /// What every format has.
    #[derive(Deserialize)]
    struct AnyHeader {
        t: String,
        format: u32,
        #[serde(default)]
        rollproof: String,
    }
    let not = |reason: String| RecordReadError::NotARecord { reason };
    if line.is_empty() {
        return Err(not("the file is empty".to_owned()));
    }
    let any: AnyHeader = serde_json::from_slice(line).map_err(|error| not(error.to_string()))?;
    if any.t != "header" {
        return Err(not(format!("it is a line of kind `{}`", any.t)));
    }
    if any.format != FORMAT {
        return Err(RecordReadError::OtherFormat { found: any.format, version: any.rollproof });
    }
    match parse(line) {
        Ok(Entry::Header(header)) => Ok(*header),
        Ok(_) => Err(not("it is another line".to_owned())),
        Err(error) => Err(not(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    fn record(entries: &[Entry]) -> Vec<u8> {
        let header = Entry::Header(Box::new(sample::header()));
        let mut bytes = Vec::new();
        for entry in std::iter::once(&header).chain(entries) {
            serde_json::to_writer(&mut bytes, entry).unwrap();
            bytes.push(b'\n');
        }
        bytes
    }

    fn read(bytes: &[u8]) -> (Result<Vec<Entry>, RecordReadError>, bool) {
        let mut reader = Reader::new(bytes).unwrap();
        let entries = reader.by_ref().collect();
        (entries, reader.is_cut())
    }

    #[test]
    fn cutting_anywhere_leaves_the_whole_lines() {
        let entries = [sample::lost(0), sample::lost(1)];
        let bytes = record(&entries);
        let starts: Vec<usize> = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i).collect();
        for end in starts[0] + 1..bytes.len() {
            let (read, cut) = read(&bytes[..end]);
            // A line is whole with or without its end.
            let whole = starts[1..].iter().filter(|newline| end >= **newline).count();
            assert_eq!(read.unwrap(), entries[..whole], "{end}");
            let between = starts.iter().any(|newline| end == *newline || end == newline + 1);
            assert_eq!(cut, !between, "{end}");
        }
    }

    #[test]
    fn a_record_that_grows_is_read_on_line_by_line() {
        /// A file of which more and more is written.
        struct Growing<'a>(&'a [u8], std::rc::Rc<std::cell::Cell<usize>>, usize);
        impl Read for Growing<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let more = (&self.0[self.2..self.1.get()]).read(into)?;
                self.2 += more;
                Ok(more)
            }
        }
        let entries = [sample::lost(0), sample::lost(1), sample::lost(2)];
        let bytes = record(&entries);
        let header = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for step in [1, 7, 100, bytes.len()] {
            let written = std::rc::Rc::new(std::cell::Cell::new(header));
            let mut reader = Reader::new(BufReader::new(Growing(&bytes, written.clone(), 0))).unwrap();
            let mut read = Vec::new();
            while written.get() < bytes.len() {
                written.set((written.get() + step).min(bytes.len()));
                while let Some(entry) = reader.next_whole().unwrap() {
                    read.push(entry);
                }
                let whole = bytes[header..written.get()].split(|byte| *byte == b'\n').count() - 1;
                assert_eq!(read, entries[..whole], "{step} bytes a time");
            }
            assert_eq!(read.len(), 3);
        }
        let mut damaged = bytes[..header].to_vec();
        damaged.extend_from_slice(b"nonsense\n");
        let error = Reader::new(damaged.as_slice()).unwrap().next_whole().unwrap_err();
        assert!(matches!(error, RecordReadError::Garbage { line: 2, .. }), "{error}");
    }

    #[test]
    fn garbage_in_the_middle_is_an_error_with_its_line() {
        for garbage in ["{\"t\":\"attempt\",\"trial\":", "nonsense", "", "\0\0\0", r#"{"t":"unheard-of"}"#, "[]"] {
            let mut bytes = record(&[sample::lost(0)]);
            bytes.extend_from_slice(format!("{garbage}\n").as_bytes());
            bytes.extend_from_slice(&record(&[])[..10]);
            let error = read(&bytes).0.unwrap_err();
            assert!(matches!(error, RecordReadError::Garbage { line: 3, .. }), "{garbage:?}: {error}");
        }
        let twice = [record(&[]), record(&[])].concat();
        assert!(matches!(read(&twice).0, Err(RecordReadError::Garbage { line: 2, .. })));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for bytes in ["", "\n", "hello\n", "{}\n", "{\"t\":\"header\"}\n", "{\"t\":\"header\",\"format\":2}\n"] {
            let refused = Reader::new(bytes.as_bytes()).unwrap_err();
            assert!(
                matches!(refused, RecordReadError::NotARecord { .. } | RecordReadError::Garbage { line: 1, .. }),
                "{bytes:?}"
            );
        }
        let headless = record(&[sample::lost(0)]);
        let first = headless.iter().position(|byte| *byte == b'\n').unwrap();
        assert!(matches!(Reader::new(&headless[first + 1..]), Err(RecordReadError::NotARecord { .. })));
    }

    #[test]
    fn a_record_of_another_format_is_refused_whatever_else_it_holds() {
        for format in [FORMAT - 1, FORMAT + 1] {
            let other = format!(r#"{{"t":"header","format":{format},"rollproof":"9.0.0","novel":[]}}"#);
            let error = Reader::new(other.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("9.0.0"), "{error}");
            assert!(matches!(error, RecordReadError::OtherFormat { .. }));
        }
    }

    #[test]
    fn fields_that_a_later_writer_of_this_format_adds_are_skipped() {
        let mut bytes = record(&[]);
        let line = serde_json::to_string(&sample::lost(3)).unwrap();
        bytes.extend_from_slice(line.replacen('{', r#"{"novel":1,"#, 1).as_bytes());
        bytes.push(b'\n');
        assert_eq!(read(&bytes).0.unwrap(), [sample::lost(3)]);
    }
}
