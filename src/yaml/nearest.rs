//! The nearest known word to one that is not known, for error messages.

/// The candidate with the least edit distance to `word`, if it is near enough to be meant: at most a third of the
/// word's letters differ, and at least one is allowed to.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(word, candidates, usize::MAX)
}

/// The same, and at most `letters` of its letters differ.
pub fn nearest_within<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    letters: usize,
) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1).min(letters);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (restricted Damerau-Levenshtein).
/// Words are cut at 64 letters, so that the work is bounded.
fn distance(a: &str, b: &str) -> usize {
    let a = a.chars().take(64).collect::<Vec<_>>();
    let b = b.chars().take(64).collect::<Vec<_>>();
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let above = &rows[i - 1];
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let known = ["rate", "requests", "timeout", "connections"];
        assert_eq!(nearest("tiemout", known), Some("timeout"));
        assert_eq!(nearest("request", known), Some("requests"));
        assert_eq!(nearest("rat", known), Some("rate"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("conections2", known), Some("connections"));
        assert_eq!(nearest_within("conections2", known, 1), None);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("ab", "ba"), 1);
    }
}
