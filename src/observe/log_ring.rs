//! The last lines of a stream of bytes, bounded in number and length. Pure.

use std::collections::VecDeque;

/// Lines that are kept.
pub(super) const KEPT: usize = 20;
const LINE_MAX: usize = 512;
/// Stands at the end of a line that was longer.
const CUT: char = '…';

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastLines {
    pub(super) lines: Vec<String>,
    /// There were lines before these.
    pub(super) earlier: bool,
    /// Lines that were longer than what is kept of them.
    pub(super) shortened: u32,
}

#[derive(Debug, Default)]
pub(super) struct LogRing {
    lines: VecDeque<LogLine>,
    last: LogLine,
    earlier: bool,
}

#[derive(Debug, Default)]
struct LogLine {
    bytes: Vec<u8>,
    cut: bool,
}

impl LogRing {
    /// Takes the next bytes. They need not end where a line does.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            let room = LINE_MAX.saturating_sub(self.last.bytes.len());
            self.last.bytes.extend_from_slice(&text[..text.len().min(room)]);
            self.last.cut |= text.len() > room;
            if ended {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
            self.earlier = true;
        }
        self.lines.push_back(std::mem::take(&mut self.last));
    }

    /// What was kept; a last line without its end is one too.
    pub(super) fn finish(mut self) -> LastLines {
        if !self.last.bytes.is_empty() {
            self.end_line();
        }
        let texts: Vec<(String, bool)> = self.lines.iter().map(LogLine::text).collect();
        let shortened = u32::try_from(texts.iter().filter(|(_, cut)| *cut).count()).unwrap_or(u32::MAX);
        LastLines { lines: texts.into_iter().map(|(text, _)| text).collect(), earlier: self.earlier, shortened }
    }
}

impl LogLine {
    /// The line without what could steer a terminal, and whether it was cut.
    fn text(&self) -> (String, bool) {
        let bytes = self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes);
        let text = String::from_utf8_lossy(bytes);
        let mut text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        // A replaced byte is three: what fitted may not fit any more.
        let cut = self.cut || text.len() > LINE_MAX;
        if cut {
            text.truncate(text.floor_char_boundary(LINE_MAX - CUT.len_utf8()));
            text.push(CUT);
        }
        (text, cut)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tail(parts: &[&[u8]]) -> LastLines {
        let mut ring = LogRing::default();
        for part in parts {
            ring.push(part);
        }
        ring.finish()
    }

    #[test]
    fn lines_are_put_together_and_only_the_last_are_kept() {
        let all = tail(&[b"one\ntw", b"o\r\n", b"\nlast"]);
        assert_eq!(
            (all.lines, all.earlier, all.shortened),
            (vec!["one".into(), "two".into(), String::new(), "last".into()], false, 0)
        );
        let many: Vec<u8> = (1..=25).flat_map(|number| format!("{number}\n").into_bytes()).collect();
        let kept = tail(&[&many]);
        assert_eq!((kept.lines.len(), kept.lines[0].as_str(), kept.earlier), (KEPT, "6", true));
        assert_eq!(tail(&[]).lines, Vec::<String>::new());
    }

    #[test]
    fn what_could_steer_a_terminal_is_replaced() {
        assert_eq!(tail(&[b"a\x1b[2Jb\tc\xffd\n"]).lines, ["a\u{fffd}[2Jb\u{fffd}c\u{fffd}d"]);
    }

    #[test]
    fn a_long_line_is_cut_and_that_is_said() {
        let long = tail(&[&[b'x'; 600], &[b'y'; 600], b"\nshort\n", &[0xff; 400]]);
        assert_eq!((long.lines.len(), long.shortened), (3, 2));
        assert!(long.lines[0].starts_with("xxx") && long.lines[0].ends_with(CUT), "{}", long.lines[0]);
        assert_eq!(long.lines[1], "short");
        let exact = tail(&[&[b'x'; LINE_MAX]]);
        assert_eq!((exact.lines[0].len(), exact.shortened), (LINE_MAX, 0));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_bounded_and_how_it_is_parted_changes_nothing(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..3_000),
            at in any::<prop::sample::Index>(),
        ) {
            let whole = tail(&[&bytes]);
            prop_assert!(whole.lines.len() <= KEPT && whole.lines.iter().all(|line| line.len() <= LINE_MAX));
            prop_assert!(!whole.lines.iter().any(|line| line.contains(char::is_control)));
            let (one, two) = bytes.split_at(at.index(bytes.len() + 1));
            prop_assert_eq!(tail(&[one, two]), whole);
        }
    }
}
