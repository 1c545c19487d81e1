//! report.md and diff.md as a reader of GitHub's Markdown sees them.

use libtest_mimic::Trial;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use rollproof::diff::to_markdown as diff_to_markdown;
use rollproof::record::sample::SampleRun;
use rollproof::report::to_markdown;
use rollproof::spec::Expect;

use crate::diff::{again, compared};
use crate::sample::{HOSTILE, hostile, mixed};
use crate::test;

/// GitHub limits a comment to 65,536 characters.
const COMMENT_MAX: usize = 60_000;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("markdown_tables_are_whole", None, tables_are_whole),
        test("markdown_hostile_text_stays_text", None, hostile_text_stays_text),
        test("markdown_is_for_a_comment", None, is_for_a_comment),
        test("markdown_of_a_huge_run_fits_a_comment", None, a_huge_run_fits_a_comment),
    ]
}

/// What the reader makes of a page.
#[derive(Default)]
struct Page {
    /// The cells of each row of each table, the head first.
    tables: Vec<Vec<usize>>,
    html: String,
    text: String,
    /// Content that must not be there.
    others: Vec<String>,
}

fn read(text: &str) -> Page {
    let mut page = Page::default();
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_GFM;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::Table(_)) => page.tables.push(Vec::new()),
            Event::Start(Tag::TableHead | Tag::TableRow) => page.tables.last_mut().unwrap().push(0),
            Event::Start(Tag::TableCell) => *page.tables.last_mut().unwrap().last_mut().unwrap() += 1,
            Event::Html(html) | Event::InlineHtml(html) => page.html.push_str(&html),
            Event::Text(text) => page.text.push_str(&text),
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => page.text.push('\n'),
            Event::Code(code) => page.others.push(code.to_string()),
            Event::Start(
                other @ (Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_) | Tag::Emphasis | Tag::BlockQuote(_)),
            ) => page.others.push(format!("{other:?}")),
            _ => {}
        }
    }
    page
}

/// Every row has as many cells as the head. The reader fills in missing cells, so the lines are counted too.
fn check_tables(text: &str) {
    let page = read(text);
    assert!(!page.tables.is_empty() && page.others.is_empty(), "{:?}: {text}", page.others);
    for table in &page.tables {
        assert!(table.iter().all(|cells| *cells == table[0]), "{table:?}");
    }
    let lines: Vec<&str> = text.lines().collect();
    let two_lists = lines.windows(3).find(|at| at[0].starts_with("- ") && at[1].is_empty() && at[2].starts_with("- "));
    assert_eq!(two_lists, None, "they would be taken for one list");
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), page.tables.iter().map(|table| table.len() + 1).sum::<usize>(), "no row leaves its table");
    for pair in rows.windows(2).filter(|pair| pair[1].starts_with("| ---") || pair[1].starts_with("|---")) {
        assert_eq!(bars(pair[0]), bars(pair[1]), "{pair:?}");
    }
}

fn tables_are_whole() {
    let report = mixed().report();
    let text = to_markdown(&report);
    check_tables(&text);
    // The overview, and two of each variant.
    assert_eq!(read(&text).tables.len(), 1 + 2 * report.variants.len());
    check_tables(&to_markdown(&hostile().report()));
    check_tables(&diff_to_markdown(&compared(&mixed(), &again(&mixed()))));
}

fn hostile_text_stays_text() {
    let text = to_markdown(&hostile().report());
    let page = read(&text);
    let ours = ["<details>", "</details>", "<summary>", "</summary>"];
    let mut html = page.html.clone();
    for tag in ours {
        html = html.replace(tag, "");
    }
    assert!(!html.contains(['<', '>']), "only our own HTML is left: {html}");
    assert_eq!(page.html.matches("<details>").count(), page.html.matches("</details>").count());
    assert!(page.others.is_empty(), "{:?}", page.others);
    // It is shown as it is, except for invisible characters, and mentions nobody.
    assert!(page.text.contains("<script>alert(1)</script> ]]> &amp; `x` @"), "{}", page.text);
    assert!(!page.text.contains("@all") && !page.html.contains("@all") && !page.text.contains("http://h"));
    let bare = read(&format!("# {HOSTILE}\n"));
    assert!(!bare.html.is_empty() && !bare.others.is_empty(), "unescaped it would act: the reader sees it");
}

fn is_for_a_comment() {
    let text = to_markdown(&mixed().report());
    assert!(text.starts_with("# sample: fail\n\nwith: 1 attempt lost, in 1 of 2 rollouts."), "{text}");
    let (seen, folded) = text.split_once("<details>").unwrap();
    for words in ["| variant |", "Why **with** lost requests", "What would help", "with against without"] {
        assert!(seen.contains(words), "{words} is seen at once: {seen}");
    }
    assert!(folded.contains("| trial |") && folded.contains("First lost"), "{folded}");
}

fn a_huge_run_fits_a_comment() {
    let names: Vec<String> = (0..120).map(|index| format!("{index}{}", HOSTILE.repeat(4))).collect();
    let variants: Vec<(&str, Expect)> = names.iter().map(|name| (name.as_str(), Expect::Clean)).collect();
    let mut run = SampleRun::new(1, &variants).baseline(&names[0]);
    for name in &names {
        run = run.trial(1, name, |trial| trial.lost_times(5));
    }
    let text = to_markdown(&run.finished().report());
    assert!(text.len() < COMMENT_MAX, "{}", text.len());
    assert!(text.contains("did not fit here"), "it says that something is left out");
    check_tables(&text);
    assert!(!to_markdown(&mixed().report()).contains("did not fit"));
}
