//! Times added up from the record's histograms.
//!
//! The slices' histograms have three significant digits and share their buckets, so their values are added up by
//! value; the result is as exact as its parts, and small.

use std::collections::BTreeMap;

use super::histogram_decoder::HistogramDecoder;

/// Values in microseconds and how often each came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    counts: BTreeMap<u64, u64>,
}

impl Distribution {
    /// Adds the values of an encoded histogram: `HdrHistogram` V2 (deflate) in base64. An empty text is an empty one.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn add_encoded(&mut self, text: &str, with: &mut HistogramDecoder) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        for step in with.decode(text)?.iter_recorded() {
            self.add(step.value_iterated_to(), step.count_at_value());
        }
        Ok(())
    }

    /// Adds another distribution.
    pub fn merge(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            self.add(*value, *count);
        }
    }

    fn add(&mut self, value: u64, count: u64) {
        let counter = self.counts.entry(value).or_default();
        *counter = counter.saturating_add(count);
    }

    /// Each value and how often it came, in ascending order.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts.iter().map(|(value, count)| (*value, *count))
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.counts.values().fold(0, |sum: u64, count| sum.saturating_add(*count))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The smallest value that at least this many per mille of all values do not exceed (the nearest rank); `None` of
    /// nothing. 1,000 is the largest value.
    #[must_use]
    pub fn per_mille(&self, per_mille: u64) -> Option<u64> {
        let rank = (u128::from(self.len()) * u128::from(per_mille)).div_ceil(1_000).max(1);
        let mut seen = 0;
        self.counts.iter().find_map(|(value, count)| {
            seen += u128::from(*count);
            (seen >= rank).then_some(*value)
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

    use super::*;

    fn encoded(values: impl IntoIterator<Item = u64>) -> String {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        values.into_iter().for_each(|value| histogram.record(value).unwrap());
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
        STANDARD.encode(bytes)
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut parts = Distribution::default();
        let mut with = HistogramDecoder::default();
        for from in (0..10_000_u64).step_by(1_000) {
            // Later parts have larger values, so their histograms have other sizes.
            parts.add_encoded(&encoded((from..from + 1_000).map(|v| v * 7)), &mut with).unwrap();
        }
        let mut whole = Histogram::<u64>::new(3).unwrap();
        (0..10_000_u64).for_each(|v| whole.record(v * 7).unwrap());
        assert_eq!(parts.len(), 10_000);
        for (per_mille, quantile) in [(500, 0.5), (990, 0.99), (1_000, 1.0)] {
            assert_eq!(parts.per_mille(per_mille), Some(whole.value_at_quantile(quantile)), "{per_mille}");
        }
    }

    #[test]
    fn nothing_has_no_quantile_and_an_empty_text_is_nothing() {
        let mut none = Distribution::default();
        none.add_encoded("", &mut HistogramDecoder::default()).unwrap();
        none.add_encoded(&encoded([]), &mut HistogramDecoder::default()).unwrap();
        assert!(none.is_empty());
        assert_eq!(none.per_mille(500), None);
    }

    #[test]
    fn what_is_no_histogram_is_an_error() {
        let mut none = Distribution::default();
        for text in ["?", "aGVsbG8=", &encoded([5])[..12]] {
            assert!(none.add_encoded(text, &mut HistogramDecoder::default()).is_err(), "{text}");
        }
    }
}
