//! JSON inside a page: no character is left with which markup, a comment or a line of a script could begin or end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use crate::report::{is_invisible, one_line};

/// Data for the script.
pub(super) fn block(value: &Value) -> Markup {
    html! { script type="application/json" { (PreEscaped(harmless(&value.to_string()))) } }
}

/// JSON whose strings have `<`, `>`, `&`, control characters and every character that changes the order or look of others, as `\u....`:
/// they only stand in strings, so the value is the same.
pub(super) fn harmless(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, '<' | '>' | '&') || (c.is_control() && c != '\n') || is_invisible(c) {
            // All of them have four digits at most.
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Words that come again and again, each kept once and told by its number.
#[derive(Debug, Default)]
pub(super) struct Words {
    numbers: BTreeMap<String, usize>,
    words: Vec<String>,
}

impl Words {
    /// The number of a text from outside.
    pub(super) fn number(&mut self, text: &str) -> usize {
        let text = one_line(text);
        if let Some(known) = self.numbers.get(&text) {
            return *known;
        }
        self.words.push(text.clone());
        self.numbers.insert(text, self.words.len() - 1);
        self.words.len() - 1
    }

    pub(super) fn into_words(self) -> Vec<String> {
        self.words
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_cannot_leave_its_block_and_stays_the_same() {
        let hostile =
            json!({"</script><img onerror=x>": "a & b <!-- \u{2028}\u{2029} \u{202e} \u{7f} \u{85} \u{9b} \" \\ é"});
        let block = block(&hostile).into_string();
        let inside = block.strip_prefix("<script type=\"application/json\">").unwrap();
        let inside = inside.strip_suffix("</script>").unwrap();
        assert!(
            !inside.contains(['<', '>', '&', '\u{2028}', '\u{2029}', '\u{202e}', '\u{7f}', '\u{85}', '\u{9b}']),
            "{inside}"
        );
        assert_eq!(serde_json::from_str::<Value>(inside).unwrap(), hostile);
    }

    #[test]
    fn words_are_kept_once() {
        let mut words = Words::default();
        assert_eq!([words.number("new"), words.number("a\u{202e}b"), words.number("new")], [0, 1, 0]);
        assert_eq!(words.into_words(), ["new", "a\u{fffd}b"]);
    }
}
