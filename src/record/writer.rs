//! The one writer of the record: a thread that turns entries into lines of a file.
//!
//! It must not know who sends. Its memory is one buffer; its lines reach the system within a tenth of a second; and when
//! the disk is full it cuts the file back to its last whole line, says so through [`WriterStatus`], and goes on emptying the
//! channel, so that the run can end in order and what was written still reports.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use super::entry::{Entry, Overflow};
use super::header::Header;
use super::private_file;
use super::sink::SinkReceiver;
use crate::clock::{Clock, Stamp};

/// Lines are handed to the system at least this often.
const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// A buffer of this size is written at once.
const BUFFER: usize = 64 * 1024;

/// Why the record could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file could not be made.
    #[error(
        "creating the record {path}: {source}; expected a folder that can be written to and that holds no record yet; \
         choose another with --out"
    )]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A line could not be written; the lines before it are whole.
    #[error(
        "writing the record: {reason}; expected room for it; free some space or choose another folder with --out; \
         what was written until then can be read with `rollproof report`"
    )]
    Write {
        /// The system's answer.
        reason: String,
    },
    /// The thread could not be started, or died.
    #[error("writing the record: the writer's thread failed ({reason}); expected it to run until the end of the run")]
    Thread {
        /// What is known.
        reason: String,
    },
}

/// What the run can ask about its writer at any time. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct WriterStatus {
    shared: Arc<WriterShared>,
}

#[derive(Debug, Default)]
struct WriterShared {
    failure: OnceLock<String>,
    lines: AtomicU64,
}

impl WriterStatus {
    /// Why nothing more is written; `None` while all is well. A run whose writer failed must stop.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.shared.failure.get().map(String::as_str)
    }

    /// Lines written so far, the header included.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.shared.lines.load(Ordering::Relaxed)
    }
}

/// A record that is being written.
#[derive(Debug)]
pub struct Writer {
    thread: JoinHandle<()>,
    status: WriterStatus,
}

impl Writer {
    /// Makes the file (mode 0600, never over another), writes the header into it, and starts the thread that writes
    /// what comes out of `source` until all its sinks are gone. `clock` stamps the lines that tell of losses.
    pub fn create(path: &Path, header: Header, source: SinkReceiver, clock: Clock) -> Result<Self, WriteError> {
        Self::start(new_file(path)?, Some(header), source, clock)
    }

    /// As [`Self::create`], for lines on their way to a record elsewhere: without a header, and at most `bytes_max`. Beyond
    /// that it behaves as on a full disk.
    pub fn spool(path: &Path, bytes_max: u64, source: SinkReceiver, clock: Clock) -> Result<Self, WriteError> {
        Self::start(BoundedFile { file: new_file(path)?, room: bytes_max }, None, source, clock)
    }

    fn start(
        storage: impl Storage + Send + 'static,
        header: Option<Header>,
        source: SinkReceiver,
        clock: Clock,
    ) -> Result<Self, WriteError> {
        let status = WriterStatus::default();
        let mut lines = LineBuffer { storage, buffer: Vec::with_capacity(BUFFER), whole: 0, status: status.clone() };
        if let Some(header) = header {
            lines.push(&Entry::Header(Box::new(header)));
        }
        lines.flush();
        if let Some(reason) = status.failure() {
            return Err(WriteError::Write { reason: reason.to_owned() });
        }
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || write_all(&source, &mut lines, clock))
            .map_err(|error| WriteError::Thread { reason: error.to_string() })?;
        Ok(Self { thread, status })
    }

    /// What can be asked while it runs.
    #[must_use]
    pub fn status(&self) -> WriterStatus {
        self.status.clone()
    }

    /// Waits until every entry is written; all sinks must be dropped first. Returns the number of lines.
    pub fn finish(self) -> Result<u64, WriteError> {
        if self.thread.join().is_err() {
            return Err(WriteError::Thread { reason: "it panicked".to_owned() });
        }
        match self.status.failure() {
            Some(reason) => Err(WriteError::Write { reason: reason.to_owned() }),
            None => Ok(self.status.lines()),
        }
    }
}

fn new_file(path: &Path) -> Result<File, WriteError> {
    private_file::create(path).map_err(|source| WriteError::Create { path: path.to_owned(), source })
}

fn write_all(source: &SinkReceiver, lines: &mut LineBuffer<impl Storage>, clock: Clock) {
    let every = crate::clock::saturating_ns(FLUSH_EVERY);
    let mut flush_at: Stamp = clock.now() + every;
    loop {
        let wait = Duration::from_nanos(flush_at.saturating_sub(clock.now()));
        let received = source.recv_within(wait);
        let lost = source.take_overflow();
        if lost > 0 {
            lines.push(&Entry::Overflow(Overflow { at_ns: clock.now(), lines: lost }));
        }
        match received {
            Ok(Some(entry)) => lines.push(&entry),
            Ok(None) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return lines.flush(),
        }
        if clock.now() >= flush_at {
            lines.flush();
            flush_at = clock.now() + every;
        }
    }
}

/// Where lines go: a file, or a small one in tests.
trait Storage: Write {
    /// Cuts it to `length` bytes, if it can.
    fn cut_to(&mut self, length: u64);

    /// Whether nobody can read it any more: it was removed.
    fn is_gone(&self) -> bool {
        false
    }
}

impl Storage for File {
    fn cut_to(&mut self, length: u64) {
        // A full disk still lets a file shrink. Where it does not, the reader tolerates a cut last line.
        let _ = self.set_len(length);
    }

    fn is_gone(&self) -> bool {
        self.metadata().is_ok_and(|known| known.nlink() == 0)
    }
}

/// A file that may hold so many bytes more.
struct BoundedFile {
    file: File,
    room: u64,
}

impl Write for BoundedFile {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.room).unwrap_or(usize::MAX).min(from.len());
        if room == 0 && !from.is_empty() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the spool holds as much as it may"));
        }
        let written = self.file.write(&from[..room])?;
        self.room -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Storage for BoundedFile {
    fn cut_to(&mut self, length: u64) {
        self.file.cut_to(length);
    }
}

/// The buffer in front of the storage. After a failure it takes lines and forgets them.
struct LineBuffer<S> {
    storage: S,
    buffer: Vec<u8>,
    /// Bytes of whole lines that are written.
    whole: u64,
    status: WriterStatus,
}

impl<S: Storage> LineBuffer<S> {
    fn push(&mut self, entry: &Entry) {
        if self.status.failure().is_some() {
            return;
        }
        if let Err(error) = serde_json::to_writer(&mut self.buffer, entry) {
            return self.fail(&format!("an entry is no JSON: {error}"));
        }
        self.buffer.push(b'\n');
        self.status.shared.lines.fetch_add(1, Ordering::Relaxed);
        if self.buffer.len() >= BUFFER {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.status.failure().is_some() || self.buffer.is_empty() {
            return;
        }
        match self.write_buffer() {
            Ok(()) if self.storage.is_gone() => self.fail("the file was removed"),
            Ok(()) => self.whole += self.buffer.len() as u64,
            Err((written, error)) => {
                let in_whole_lines =
                    self.buffer[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |i| i + 1);
                self.storage.cut_to(self.whole + in_whole_lines as u64);
                self.fail(&error.to_string());
            }
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER);
    }

    /// Writes the buffer whole; on failure, how much of it was taken.
    fn write_buffer(&mut self) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < self.buffer.len() {
            match self.storage.write(&self.buffer[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }

    fn fail(&self, reason: &str) {
        let _ = self.status.shared.failure.set(reason.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;

    use super::*;
    use crate::record::reader::Reader;
    use crate::record::sample;
    use crate::record::sink::channel;

    /// A disk of so many bytes.
    #[derive(Clone)]
    struct SmallDisk {
        bytes: Arc<Mutex<Vec<u8>>>,
        room: usize,
    }

    impl Write for SmallDisk {
        fn write(&mut self, from: &[u8]) -> io::Result<usize> {
            let mut bytes = self.bytes.lock().unwrap();
            let room = self.room - bytes.len();
            if room == 0 {
                return Err(io::Error::from_raw_os_error(nix::libc::ENOSPC));
            }
            let taken = from.len().min(room);
            bytes.extend_from_slice(&from[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Storage for SmallDisk {
        fn cut_to(&mut self, length: u64) {
            self.bytes.lock().unwrap().truncate(usize::try_from(length).unwrap());
        }
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_record_that_was_removed_ends_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        let (sink, source) = channel(100);
        let writer = Writer::create(&path, sample::header(), source, Clock::start()).unwrap();
        std::fs::remove_file(&path).unwrap();
        sink.send(sample::lost(1));
        drop(sink);
        let error = writer.finish().unwrap_err().to_string();
        assert!(error.contains("the file was removed"), "{error}");
    }

    #[test]
    fn what_is_sent_can_be_read_back_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        let (sink, source) = channel(100);
        let writer = Writer::create(&path, sample::header(), source, Clock::start()).unwrap();
        assert_eq!(mode(&path), 0o600);
        let entries: Vec<Entry> = (0..50).map(sample::lost).collect();
        for entry in &entries {
            sink.send(entry.clone());
        }
        drop(sink);
        assert_eq!(writer.finish().unwrap(), 51);
        let mut reader = Reader::open(&path).unwrap();
        assert_eq!(reader.header(), &sample::header());
        assert_eq!(reader.by_ref().collect::<Result<Vec<_>, _>>().unwrap(), entries);
        assert!(!reader.is_cut());
    }

    #[test]
    fn a_record_is_never_written_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        std::fs::write(&path, "precious").unwrap();
        let error = Writer::create(&path, sample::header(), channel(1).1, Clock::start()).unwrap_err();
        assert!(matches!(error, WriteError::Create { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn lines_reach_the_file_while_the_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        let (sink, source) = channel(10);
        let writer = Writer::create(&path, sample::header(), source, Clock::start()).unwrap();
        sink.send(sample::lost(7));
        let seen = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            Reader::open(&path).unwrap().count() == 1
        });
        assert!(seen, "a line was not written within five seconds");
        drop(sink);
        writer.finish().unwrap();
    }

    #[test]
    fn what_the_channel_lost_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        let (sink, source) = channel(2);
        (0..5).for_each(|id| sink.send(sample::lost(id)));
        let writer = Writer::create(&path, sample::header(), source, Clock::start()).unwrap();
        drop(sink);
        writer.finish().unwrap();
        let entries: Vec<Entry> = Reader::open(&path).unwrap().collect::<Result<_, _>>().unwrap();
        let lost = entries.iter().map(|e| if let Entry::Overflow(lost) = e { lost.lines } else { 0 }).sum::<u64>();
        assert_eq!((lost, entries.len()), (3, 3));
    }

    #[test]
    fn a_full_disk_is_told_and_what_was_written_stays_readable() {
        let header = serde_json::to_vec(&Entry::Header(Box::new(sample::header()))).unwrap().len();
        for room in [header + 1, header + 100, header + 5_000, header + 200_000] {
            let disk = SmallDisk { bytes: Arc::default(), room };
            let (sink, source) = channel(10_000);
            (0..2_000).for_each(|id| sink.send(sample::lost(id)));
            let writer = Writer::start(disk.clone(), Some(sample::header()), source, Clock::start()).unwrap();
            let status = writer.status();
            drop(sink);
            let error = writer.finish().unwrap_err().to_string();
            assert!(error.contains("No space left") && error.contains("--out"), "{error}");
            assert!(status.failure().is_some());
            let bytes = disk.bytes.lock().unwrap().clone();
            let mut reader = Reader::new(bytes.as_slice()).unwrap();
            let read: Vec<Entry> = reader.by_ref().collect::<Result<_, _>>().unwrap();
            let expected: Vec<Entry> = (0..read.len() as u64).map(sample::lost).collect();
            assert!(!reader.is_cut() && read == expected, "{room}");
            assert!(room < header + 5_000 || read.len() > 5, "{room} {}", read.len());
        }
    }

    #[test]
    fn a_spool_ends_at_its_bound_with_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.jsonl");
        let (sink, source) = channel(10_000);
        (0..2_000).for_each(|id| sink.send(sample::lost(id)));
        let writer = Writer::spool(&path, 10_000, source, Clock::start()).unwrap();
        drop(sink);
        assert!(writer.finish().unwrap_err().to_string().contains("the spool holds"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() <= 10_000 && text.ends_with('\n') && text.lines().count() > 5, "{}", text.len());
        assert!(text.lines().all(|line| serde_json::from_str::<Entry>(line).is_ok()));
    }

    #[test]
    fn a_disk_that_is_full_from_the_start_is_an_error_before_the_run() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = Writer::start(full, Some(sample::header()), channel(1).1, Clock::start()).unwrap_err();
        assert!(matches!(error, WriteError::Write { .. }), "{error}");
    }
}
