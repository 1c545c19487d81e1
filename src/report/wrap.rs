//! Long lines, broken at spaces to fit a terminal.

/// A line as rows of at most so many characters, a word that is longer being left whole: a path must stay one to be copied. Rows
/// after the first are indented by `hanging`. A number keeps its unit.
pub(super) fn wrapped(line: &str, columns: usize, hanging: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut row = String::new();
    for (at, word) in chunks(line).into_iter().enumerate() {
        let length = row.chars().count();
        let is_full = !row.trim().is_empty() && !word.is_empty() && length + 1 + word.chars().count() > columns;
        if is_full {
            rows.push(row.trim_end().to_owned());
            row = " ".repeat(hanging);
        } else if at > 0 {
            row.push(' ');
        }
        row.push_str(&word);
    }
    rows.push(row.trim_end().to_owned());
    rows
}

/// The words of a line, those being one that are not to be parted: `93.8 %`, `p = 0.031`, `0.7 s`.
fn chunks(line: &str) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match chunks.last_mut() {
            Some(last) if is_tied(last, word) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => chunks.push(word.to_owned()),
        }
    }
    chunks
}

fn is_tied(last: &str, word: &str) -> bool {
    let is_sign = |text: &str| matches!(text, "=" | "<");
    let unit = word.trim_end_matches([',', ';', '.', ':', ')', '(']);
    let after_sign = last.rsplit(' ').next().is_some_and(is_sign);
    let after_digit = last.ends_with(|c: char| c.is_ascii_digit());
    !last.is_empty() && (is_sign(word) || after_sign || after_digit && matches!(unit, "%" | "s" | "ms"))
}

/// Text whose lines are each wrapped under their own indentation. The last newline stays.
pub(super) fn wrapped_text(text: &str, columns: usize) -> String {
    let wrap = |line: &str| {
        let own = line.chars().take_while(|c| *c == ' ').count();
        wrapped(line, columns, own).join("\n")
    };
    text.split('\n').map(wrap).collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_keep_their_indentation() {
        assert_eq!(wrapped("  12  a cause of many words", 16, 6), ["  12  a cause of", "      many words"]);
        assert_eq!(wrapped("short", 80, 2), ["short"]);
        assert_eq!(wrapped("", 80, 2), [""]);
        assert_eq!(wrapped_text("  one two\nthree four\n", 8), "  one\n  two\nthree\nfour\n");
    }

    #[test]
    fn a_number_keeps_its_unit_and_p_its_value() {
        assert_eq!(
            wrapped("at 93.8 %; p = 0.031) takes 0.7 s longer", 14, 0),
            ["at 93.8 %;", "p = 0.031)", "takes 0.7 s", "longer"]
        );
        assert_eq!(wrapped("12  s", 3, 0), ["12", "s"], "columns are no units");
    }

    #[test]
    fn a_word_that_is_longer_than_a_row_stays_whole() {
        assert_eq!(
            wrapped("at reports/a-long-name/report.html now", 12, 2),
            ["at", "  reports/a-long-name/report.html", "  now"]
        );
    }
}
