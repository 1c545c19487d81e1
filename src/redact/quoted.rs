//! The line that an error shows: one, without its neighbours, of bounded length, and without its value where that may be a
//! credential, or where the text does not look like YAML at all.

use std::ops::Range;

use super::credential::is_credential;
use super::words::{hide_in_path, hide_in_words};

/// A longer line is shown by its key only.
const LONGEST: usize = 200;
/// How many lines are looked through for the keys that a line stands under.
const LOOKED_THROUGH: usize = 5_000;
const HIDDEN: &str = "...";

/// Keys under which credentials may stand by any name.
const SENSITIVE: [&str; 11] = [
    "annotations",
    "args",
    "binarydata",
    "body",
    "command",
    "data",
    "env",
    "headers",
    "httpheaders",
    "stringdata",
    "value",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuotedLine {
    pub(crate) text: String,
    /// The bytes of it that are marked.
    pub(crate) mark: Range<usize>,
}

impl QuotedLine {
    /// The line of `text` that holds the start of `bytes`.
    pub(crate) fn at(text: &str, bytes: &Range<usize>) -> Self {
        let start = text.floor_char_boundary(bytes.start.min(text.len()));
        let begin = text[..start].rfind('\n').map_or(0, |before| before + 1);
        let end = text[start..].find('\n').map_or(text.len(), |after| start + after);
        let line = text[begin..end].trim_end_matches('\r');
        let within = |at: usize| line.floor_char_boundary(at.saturating_sub(begin).min(line.len()));
        let mark = within(start)..within(bytes.end.max(start));
        if line.len() <= LONGEST && shows_its_value(text, begin, line) {
            return Self { text: line.to_owned(), mark };
        }
        Self::key_of(line, &mark)
    }

    /// The line up to its key.
    fn key_of(line: &str, mark: &Range<usize>) -> Self {
        let head = line.len() - body(line).len();
        let key = key(line).map_or("", |(key, _)| key);
        let kept = &line[..line.floor_char_boundary(head.min(LONGEST))];
        let text = if key.is_empty() { format!("{kept}{HIDDEN}") } else { format!("{kept}{key}: {HIDDEN}") };
        let hidden = text.len() - HIDDEN.len();
        let mark =
            if mark.start < hidden { mark.start..mark.end.clamp(mark.start, hidden) } else { hidden..text.len() };
        Self { text, mark }
    }
}

/// The line without its indentation and the dashes of lists.
fn body(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some(item) = rest.strip_prefix("- ") {
        rest = item.trim_start();
    }
    rest
}

/// The key that a line begins with, and its value.
fn key(line: &str) -> Option<(&str, &str)> {
    let body = body(line);
    let end = body.find(|c: char| !(c.is_ascii_alphanumeric() || "_-./$\"'".contains(c))).unwrap_or(body.len());
    let value = body[end..].strip_prefix(':')?;
    let key = &body[..end];
    let fits = (1..=100).contains(&key.len()) && (value.is_empty() || value.starts_with([' ', '\t']));
    fits.then_some((key, value.trim()))
}

/// Whether a value under this key may be a credential.
fn is_sensitive(key: &str) -> bool {
    let key = key.trim_matches(['"', '\'']);
    let lower = key.to_ascii_lowercase();
    SENSITIVE.contains(&lower.as_str()) || is_credential(key)
}

/// Whether the line that begins at `begin` can be shown whole.
fn shows_its_value(text: &str, begin: usize, line: &str) -> bool {
    if line.trim().is_empty() || line.trim() == "---" {
        return true;
    }
    let item = line.trim_start().starts_with("- ");
    let own = key(line);
    if own.is_some_and(|(key, _)| is_sensitive(key)) || names_credential(line) || of_secret(text, begin) {
        return false;
    }
    let parents = parents(text, begin, line);
    // A line without key is an item of a list under one, or it is no YAML.
    (own.is_some() || (item && !parents.is_empty())) && !parents.iter().any(|key| is_sensitive(key))
}

/// Whether anything in the line looks like a credential with its name: a key of a mapping in braces, a query parameter, a flag.
fn names_credential(line: &str) -> bool {
    let keys = line.split(['{', '}', '[', ']', ',']).filter_map(|part| part.split_once(':'));
    let mut hide = |_: &str| String::new();
    let body = body(line);
    let value = key(line).map_or(body, |(_, value)| value);
    keys.into_iter().any(|(key, _)| is_sensitive(key.trim().trim_start_matches("- ")))
        || hide_in_path(value, &mut hide) != value
        || hide_in_words(&[value.to_owned()], &mut hide) != [value]
}

/// Whether the line stands in a document that is a Secret, or has one in it.
fn of_secret(text: &str, begin: usize) -> bool {
    let start = text[..begin].rfind("\n---").unwrap_or(0);
    let end = text[begin..].find("\n---").map_or(text.len(), |after| begin + after);
    let document = &text[start..end];
    document.match_indices("Secret").any(|(at, word)| {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let before = document[..at].chars().next_back();
        !letter(before) && !letter(document[at + word.len()..].chars().next())
    })
}

/// The keys that the line stands under, by indentation, as YAML's block style has it.
fn parents<'a>(text: &'a str, begin: usize, line: &str) -> Vec<&'a str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut limit, mut item) = (indent(line), line.trim_start().starts_with("- "));
    let mut found = Vec::new();
    for above in text[..begin].lines().rev().take(LOOKED_THROUGH) {
        let trimmed = above.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if trimmed.starts_with("---") || (limit == 0 && !item) {
            break;
        }
        let dashed = trimmed.starts_with("- ");
        if indent(above) < limit || (indent(above) == limit && item && !dashed) {
            found.extend(key(above).map(|(key, _)| key));
            (limit, item) = (indent(above), dashed);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line that holds `part`, as it is shown.
    fn shown(text: &str, part: &str) -> String {
        let at = text.find(part).unwrap();
        let line = QuotedLine::at(text, &(at..at + part.len()));
        assert!(line.text.is_char_boundary(line.mark.start) && line.text.get(line.mark.clone()).is_some(), "{line:?}");
        line.text
    }

    #[test]
    fn an_ordinary_line_is_shown_whole_and_alone() {
        assert_eq!(shown("name: a\nload:\n  rate: fast\n  timeout: 3s\n", "fast"), "  rate: fast");
        assert_eq!(shown("manifests:\n- web.yaml\n- db.yaml\n", "db"), "- db.yaml");
        assert_eq!(
            shown("load: {requests: [{path: /, arms: [mew]}]}\n", "mew"),
            "load: {requests: [{path: /, arms: [mew]}]}"
        );
    }

    #[test]
    fn a_line_that_may_hold_a_credential_is_shown_by_its_key() {
        for (text, expected) in [
            ("stringData:\n  plain: marked\n", "  plain: ..."),
            ("kind: Secret\nother:\n  plain: marked\n", "  plain: ..."),
            ("plain: marked\nkind: Secret\n", "plain: ..."),
            ("requests:\n- path: /\n  headers:\n    X-Own: marked\n", "    X-Own: ..."),
            ("load: {requests: [{path: /, headers: {X-Own: marked}}]}\n", "load: ..."),
            ("load:\n  requests:\n  - path: /?token=marked\n", "  - path: ..."),
            ("env:\n- name: A\n  value: marked\n", "  value: ..."),
            ("    env:\n    - {name: A, value: marked}\n", "    - ..."),
            ("args:\n- --x\n- marked\n", "- ..."),
            ("users:\n- user:\n    token: marked\n", "    token: ..."),
            ("url: https://me:marked@host\n", "url: ..."),
            ("root:$6$marked:19000:0:99999:7:::\nbin:*:1\n", "..."),
            ("PATH=/bin\u{0}X=marked: y\u{0}", "..."),
            ("marked\n", "..."),
            ("note: |\n  marked\n", "  ..."),
        ] {
            assert_eq!(shown(text, "marked"), expected, "{text}");
        }
    }

    #[test]
    fn a_long_line_is_shown_by_its_key() {
        let text = format!("timeout: {}x\n", "a".repeat(100_000));
        assert_eq!(shown(&text, "x\n"), "timeout: ...");
        let blank = format!("{}x\n", " ".repeat(100_000));
        assert!(shown(&blank, "x\n").len() < 300);
    }

    #[test]
    fn a_place_outside_the_text_is_its_end() {
        assert_eq!(QuotedLine::at("a: 1", &(50..60)).text, "a: 1");
        assert_eq!(QuotedLine::at("", &(0..0)), QuotedLine { text: String::new(), mark: 0..0 });
    }
}
