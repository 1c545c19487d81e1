//! A Markdown page of bounded size: what does not fit is left out from the end, and said.

use crate::verdict::plural;

/// Bytes of a page. GitHub takes 65,536 characters for a comment; the rest is for whoever puts a line around it.
pub(super) const PAGE_MAX: usize = 58_000;
/// Bytes of one table or list: no part takes the page from the others.
const PART_MAX: usize = 16_000;

#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    left_out: usize,
}

impl Page {
    /// Adds a block, with an empty line before it; a block for which there is no room is counted instead.
    pub(super) fn block(&mut self, block: &str) {
        if block.is_empty() {
            return;
        }
        if self.text.len() + block.len() + 2 > PAGE_MAX {
            self.left_out += 1;
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(block);
    }

    /// A block that is folded up under `title`, which is HTML.
    pub(super) fn folded(&mut self, title: &str, blocks: &[String]) {
        let inside: Vec<&str> = blocks.iter().map(String::as_str).filter(|block| !block.is_empty()).collect();
        if !inside.is_empty() {
            // Markdown is read again after an empty line.
            self.block(&format!("<details>\n<summary>{title}</summary>\n\n{}\n\n</details>", inside.join("\n\n")));
        }
    }

    pub(super) fn finish(mut self) -> String {
        if self.left_out > 0 {
            let parts = plural(self.left_out as u64, "part");
            self.text = format!("{}\n\n{parts} more did not fit here; report.json has everything.", self.text);
        }
        self.text.push('\n');
        self.text
    }
}

/// A table; the names of the columns are parted by ` | `, and cells are escaped already. Rows for which there is no room are left out,
/// and the page says so.
pub(super) fn table(header: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let columns = header.split(" | ").count();
    let text = format!("| {header} |\n| {} |", vec!["---"; columns].join(" | "));
    bounded(text, rows.map(|cells| format!("| {} |", cells.join(" | "))))
}

/// A list; items are escaped already. Empty without items.
pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    bounded(String::new(), items.map(|item| format!("- {item}")))
}

fn bounded(mut text: String, lines: impl Iterator<Item = String>) -> String {
    let mut left_out = 0_u64;
    for line in lines {
        if left_out > 0 || text.len() + line.len() > PART_MAX {
            left_out += 1;
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line);
    }
    if left_out > 0 {
        return format!("{text}\n\n{left_out} more did not fit here; report.json has them.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_bounded_size_and_says_what_it_left_out() {
        let mut page = Page::default();
        for _ in 0..100 {
            page.block(&list((0..1_000).map(|i| format!("item {i}"))));
        }
        page.folded("more", &["x".repeat(PAGE_MAX)]);
        let text = page.finish();
        assert!(text.len() < 60_000, "{}", text.len());
        assert!(
            text.ends_with("parts more did not fit here; report.json has everything.\n"),
            "{}",
            &text[text.len() - 100..]
        );
        assert!(!text.contains("<details>"), "what is folded is there whole or not at all");
    }

    #[test]
    fn a_long_table_leaves_room_for_the_rest() {
        let text = table("a | b", (0..10_000).map(|i| vec![i.to_string(), "x".to_owned()]));
        assert!(text.len() < PART_MAX + 100 && text.contains("more did not fit here"), "{}", text.len());
        assert_eq!(table("a", std::iter::empty()), "| a |\n| --- |");
    }
}
