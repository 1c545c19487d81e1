//! Cuts a stream of bytes into numbered lines, wherever the stream itself is cut. Pure.

/// The longest line that is taken; an entry is below a kilobyte but for a workload's status.
const LONGEST: usize = 4 * 1024 * 1024;

/// The lines of a spool, followed over many connections: `next` is the number of the line that is still wanted, and what a
/// connection brought of it before it was cut is forgotten.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    next: u64,
    begun: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AgentLine {
    /// An entry of the record, as it was spooled.
    Entry(Vec<u8>),
    /// Something about the stream, not of it: it has no number.
    Comment(Vec<u8>),
}

impl LineSplitter {
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// A new connection begins at [`Self::next`].
    pub(super) fn resume(&mut self) {
        self.begun.clear();
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<AgentLine>, String> {
        let mut complete = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if part.last() != Some(&b'\n') {
                if self.begun.len() > LONGEST {
                    return Err(format!("a line of the agent is longer than {LONGEST} bytes"));
                }
                continue;
            }
            self.begun.pop();
            let line = std::mem::take(&mut self.begun);
            if line.first() == Some(&b'#') {
                complete.push(AgentLine::Comment(line[1..].to_vec()));
            } else {
                self.next += 1;
                complete.push(AgentLine::Entry(line));
            }
        }
        Ok(complete)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_line_is_forgotten_and_a_comment_has_no_number() {
        let mut lines = LineSplitter::default();
        assert_eq!(
            lines.push(b"one\n#live\ntw").unwrap(),
            [AgentLine::Entry(b"one".to_vec()), AgentLine::Comment(b"live".to_vec())]
        );
        assert_eq!(lines.next(), 1);
        lines.resume();
        assert_eq!(lines.push(b"two\n").unwrap(), [AgentLine::Entry(b"two".to_vec())]);
        assert_eq!(lines.next(), 2);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = LineSplitter::default();
        let part = vec![b'x'; LONGEST];
        assert!(lines.push(&part).is_ok());
        assert!(lines.push(b"xx").is_err());
    }

    proptest! {
        /// Whatever the cuts, each line arrives once and in order.
        #[test]
        fn no_line_is_lost_or_doubled(cuts in prop::collection::vec((1_usize..60, 1_usize..9), 0..40)) {
            let spool: Vec<String> = (0..50).map(|n| format!("line {n} {}\n", "x".repeat(n % 7))).collect();
            let mut lines = LineSplitter::default();
            let mut got = Vec::new();
            let mut connection = |lines: &mut LineSplitter, most: usize, chunk: usize| {
                lines.resume();
                let from = usize::try_from(lines.next()).unwrap();
                let rest = spool[from.min(spool.len())..].concat();
                let brought = &rest.as_bytes()[..most.min(rest.len())];
                for part in brought.chunks(chunk) {
                    for line in lines.push(part).unwrap() {
                        if let AgentLine::Entry(line) = line { got.push(String::from_utf8(line).unwrap() + "\n") }
                    }
                }
            };
            for (most, chunk) in cuts {
                connection(&mut lines, most, chunk);
            }
            connection(&mut lines, usize::MAX, 1_000);
            prop_assert_eq!(got, spool);
        }
    }
}
