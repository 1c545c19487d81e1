//! The credentials that a run knows by their values: what stands for them in text that others write, such as the logs of pods.

use super::hash::short_hash;

/// A shorter value would be found where it is none.
const SHORTEST: usize = 8;
/// So many are looked for.
const MOST: usize = 1_000;

#[derive(Clone, Default)]
pub(crate) struct KnownSecrets(Vec<String>);

/// Not the values.
impl std::fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KnownSecrets({})", self.0.len())
    }
}

impl KnownSecrets {
    /// Adds a value, and each line of it, because logs are lines.
    pub(crate) fn add(&mut self, value: &str) {
        let long = |part: &str| part.len() >= SHORTEST;
        for part in std::iter::once(value).chain(value.lines()).map(str::trim).filter(|part| long(part)) {
            if self.0.len() < MOST && !self.0.iter().any(|known| known == part) {
                self.0.push(part.to_owned());
            }
        }
        // The longest first: one value may be part of another.
        self.0.sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// `text` with hashes in the place of the values.
    pub(crate) fn hide_in(&self, text: &mut String) {
        for value in &self.0 {
            if text.contains(value.as_str()) {
                *text = text.replace(value.as_str(), &short_hash(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_hidden_wherever_it_stands_and_a_short_one_is_left_alone() {
        let mut known = KnownSecrets::default();
        for value in ["hunter2-hunter2", "hunter2-hunter2-and-more", "abc", "first line of a key\nsecond line of a key"]
        {
            known.add(value);
        }
        let mut text = "abc: hunter2-hunter2-and-more, hunter2-hunter2; second line of a key".to_owned();
        known.hide_in(&mut text);
        let hash = short_hash;
        let expected = format!(
            "abc: {}, {}; {}",
            hash("hunter2-hunter2-and-more"),
            hash("hunter2-hunter2"),
            hash("second line of a key")
        );
        assert_eq!(text, expected);
        assert_eq!(format!("{known:?}"), "KnownSecrets(5)");
    }
}
