//! `diff.md`: the comparison for a pull request's comment.

use super::doc::{DiffDoc, RunDoc, VariantDiff};
use super::words::{conclusion, costs, interval, lost_line, title};
use crate::report::{in_brackets, markdown as escaped, p_is, signed};

/// Bytes of the page: a comment holds more.
const PAGE_MAX: usize = 58_000;

/// The comparison as Markdown, at most 60,000 bytes. All text from outside is escaped.
#[must_use]
pub fn render(diff: &DiffDoc) -> String {
    let list = |items: Vec<String>| items.join("\n");
    let runs = [("new", &diff.new), ("old", &diff.old)].map(|(which, run)| run_line(which, run));
    let words: Vec<String> =
        diff.variants.iter().map(|variant| format!("- {}", escaped(&lost_line(variant)))).collect();
    let notes: Vec<String> = diff.notes.iter().map(|note| format!("- {}", escaped(note))).collect();
    // Without a title the notes would be taken for a part of the list before them.
    let further = if notes.is_empty() { String::new() } else { format!("To be kept in mind:\n\n{}", list(notes)) };
    let blocks = [format!("# {}", escaped(&title(diff))), list(runs.to_vec()), table(diff), list(words), further];
    let mut text = String::new();
    for line in blocks.iter().filter(|block| !block.is_empty()).flat_map(|block| block.lines().chain([""])) {
        if text.len() + line.len() > PAGE_MAX {
            text.push_str("\nMore did not fit here; diff.json has everything.\n");
            break;
        }
        text.push_str(line);
        text.push('\n');
    }
    format!("{}\n", text.trim_end())
}

fn run_line(which: &str, run: &RunDoc) -> String {
    let RunDoc { rollproof, started, cluster, seed, verdict } = run;
    format!(
        "- {which}: {}, begun {}, cluster {}, rollproof {}, seed {seed}",
        verdict.name(),
        escaped(started),
        escaped(&format!("{} {}", cluster.kind, cluster.version)),
        escaped(rollproof)
    )
}

fn table(diff: &DiffDoc) -> String {
    let header = "variant | verdict | with loss | lost a rollout | p | conclusion | rollout | pod-seconds | p99 during";
    let mut lines = vec![format!("| {header} |"), format!("|{}", " --- |".repeat(header.split(" | ").count()))];
    lines.extend(diff.variants.iter().map(|variant| format!("| {} |", cells(variant).join(" | "))));
    lines.join("\n")
}

fn cells(variant: &VariantDiff) -> Vec<String> {
    let VariantDiff { name, old, new, lost, .. } = variant;
    let dash = || "-".to_owned();
    let lost_words =
        lost.difference.map(|shift| format!("{}{}", signed(shift.estimate), in_brackets(interval(shift, 1.0))));
    let mut cells = vec![
        escaped(name),
        format!("{}, was {}", new.verdict.name(), old.verdict.name()),
        format!("{} of {}, was {} of {}", new.trials_with_loss, new.trials, old.trials_with_loss, old.trials),
        lost_words.unwrap_or_else(dash),
        lost.p_adjusted.map_or_else(dash, p_is),
        lost.p_value.map_or_else(dash, |_| conclusion(lost)),
    ];
    cells.extend(costs(variant).into_iter().map(|(_, told)| told.unwrap_or_else(dash)));
    cells.into_iter().enumerate().map(|(index, cell)| if index == 0 { cell } else { escaped(&cell) }).collect()
}
