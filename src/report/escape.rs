//! Text from outside on a terminal and inside Markdown and HTML: it can neither steer, make markup nor leave its place, nor call
//! people where it is shown.

use super::words::{harmless, one_line};

/// It is not seen, and what stands before and after it is no word.
const NO_WORD: &str = "&#8203;";

/// Text as a terminal shows it and does not obey it. Each line after the first is indented: what looks like a line of rollproof's own
/// is one.
#[must_use]
pub fn terminal(text: &str) -> String {
    in_lines(text, "  ")
}

/// The same of a text that rollproof laid out in lines: they stay as they are.
#[must_use]
pub fn terminal_page(text: &str) -> String {
    in_lines(text, "")
}

fn in_lines(text: &str, indent: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            shown.push('\n');
            // A CI job takes a line that begins so, also behind spaces, for a command to its runner.
            if line.trim_start().starts_with("::") {
                shown.push_str("  | ");
            } else if !line.is_empty() && !line.starts_with(' ') {
                shown.push_str(indent);
            }
        }
        shown.extend(line.chars().map(harmless));
    }
    shown
}

/// A whole page or file without characters that its reader may obey instead of showing them, but for those that lay it out.
pub(crate) fn without_controls(text: String) -> String {
    let stays = |c: char| matches!(c, '\n' | '\t') || harmless(c) == c;
    if text.chars().all(stays) {
        return text;
    }
    text.chars().map(|c| if stays(c) { c } else { harmless(c) }).collect()
}

/// Text as Markdown that shows it as it is: on one line, without markup, HTML, links, mentions or references.
#[must_use]
pub fn markdown(text: &str) -> String {
    let clean = one_line(text);
    let clean = clean.trim();
    let mut safe = String::with_capacity(clean.len());
    // A list or a rule begins a line only.
    let number = clean.trim_start_matches(|c: char| c.is_ascii_digit());
    let ends_number = number.len() < clean.len() && (number.starts_with(". ") || number.starts_with(") "));
    let marker = ends_number.then(|| clean.len() - number.len());
    let mut letters = clean.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let first = at == 0 && matches!(c, '-' | '=' | '+') || Some(at) == marker;
        if first || matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '+' | '|' | '~' | '$') {
            safe.push('\\');
        }
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            _ => safe.push(c),
        }
        if acts(&safe, c, next) {
            safe.push_str(NO_WORD);
        }
    }
    safe
}

/// Whether a page would make a mention, a reference or a link of what ends here with `c` and goes on with `next`. Some do so after
/// the text was unescaped, so that only something between helps.
fn acts(so_far: &str, c: char, next: Option<char>) -> bool {
    match c {
        '@' => next.is_some_and(char::is_alphanumeric),
        '#' => next.is_some_and(|next| next.is_ascii_digit()),
        ':' => next == Some('/') && so_far.len() > 1,
        '.' => so_far.to_ascii_lowercase().ends_with("www."),
        _ => false,
    }
}

/// Text as HTML that shows it as it is, on one line.
#[must_use]
pub fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '@' => safe.push_str("@&#8203;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_is_no_markup() {
        assert_eq!(markdown("a|b\n# c"), "a\\|b \\# c");
        assert_eq!(markdown("<img src=x>"), "&lt;img src=x&gt;");
        assert_eq!(markdown("[x](http://y) `z`"), "\\[x\\](http:&#8203;//y) \\`z\\`");
        assert_eq!(markdown("with-prestop"), "with-prestop");
    }

    #[test]
    fn outside_text_does_not_steer_the_terminal_and_begins_no_line() {
        let hostile = "pod\u{1b}[2J\u{9b}31m\u{7f}\u{202e}x\u{200b}\r\nPASS  web: all well\n  kept\n\nend\n";
        assert_eq!(
            terminal(hostile),
            "pod\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}x\u{fffd}\u{fffd}\n  PASS  web: all well\n  kept\n\n  end\n"
        );
        assert_eq!(
            terminal("web: \u{fc} \u{65e5}\u{672c}"),
            "web: \u{fc} \u{65e5}\u{672c}",
            "what is only shown stays"
        );
        assert_eq!(terminal("log:\n    ::error::x\n::stop"), "log:\n  |     ::error::x\n  | ::stop");
        assert_eq!(terminal_page("a\nb\u{7}\u{2066}"), "a\nb\u{fffd}\u{fffd}");
        assert_eq!(without_controls("a\tb\n\u{85}\u{0}".to_owned()), "a\tb\n\u{fffd}\u{fffd}");
    }

    #[test]
    fn outside_text_begins_no_list_and_calls_nobody() {
        assert_eq!([markdown("- a"), markdown("12. a"), markdown("1.5 s")], ["\\- a", "12\\. a", "1.5 s"]);
        assert_eq!(markdown("@all, see #12 and www.example"), "@&#8203;all, see \\#&#8203;12 and www.&#8203;example");
        assert_eq!(html("</summary> 'a' @all"), "&lt;/summary&gt; &#39;a&#39; @&#8203;all");
    }
}
