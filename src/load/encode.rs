//! Makes histograms of slices and sends them to the record, on a thread of its own: compressing them would disturb the
//! send times.

use std::sync::mpsc::Receiver;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

use crate::clock::Stamp;
use crate::record::Sink;
use crate::record::entry::{Entry, Pulse, Punctuality};

use super::load_collector::LoadSlice;
use super::load_summary::LagSummary;

/// Batches that may wait for the thread: more than five seconds' worth.
pub(super) const WAITING_BATCHES: usize = 64;

/// The highest value of a histogram, one hour in microseconds. Higher values are recorded as this one.
const MAX_US: u64 = 3_600_000_000;

/// Significant decimal digits of a histogram.
const DIGITS: u8 = 3;

pub(super) struct SliceBatch {
    pub(super) trial: u32,
    pub(super) at_ns: Stamp,
    pub(super) slice: LoadSlice,
}

/// Encodes batches until the load's end of the channel is gone, then tells the lag over all of them. Batches that the
/// load's thread had to encode itself are not in its percentiles.
pub(super) fn run(batches: &Receiver<SliceBatch>, sink: &Sink) -> LagSummary {
    let mut lags = histogram();
    while let Ok(batch) = batches.recv() {
        for lag in &batch.slice.lags_us {
            add(&mut lags, *lag);
        }
        encode(batch, sink);
    }
    let Some(lags) = lags.filter(|lags| !lags.is_empty()) else { return LagSummary::default() };
    LagSummary { p50: lags.value_at_quantile(0.5), p99: lags.value_at_quantile(0.99), max: lags.max() }
}

/// Sends one slice's lines to the record.
pub(super) fn encode(batch: SliceBatch, sink: &Sink) {
    let SliceBatch { trial, at_ns, slice } = batch;
    for (key, answered) in slice.pulses {
        sink.send(Entry::Pulse(Pulse {
            trial,
            at_ns,
            arm: key.arm,
            request: key.request,
            pod: key.pod.map(|pod| pod.to_string()),
            ok: answered.latencies_us.len() as u64,
            latency_us: encoded(&answered.latencies_us),
            last_connect_ns: answered.last_connect,
            first_connect_ns: answered.first_connect,
            retried: answered.retried,
        }));
    }
    sink.send(Entry::Punctuality(Punctuality {
        trial,
        at_ns,
        planned: slice.planned,
        lag_us: encoded(&slice.lags_us),
        lag_max_ns: slice.lag_max_ns,
        gap_max_ns: slice.gap_max_ns,
    }));
}

/// An empty histogram; `None` would mean that the constants above do not fit each other.
fn histogram() -> Option<Histogram<u64>> {
    let mut histogram = Histogram::new(DIGITS).ok()?;
    histogram.auto(true);
    Some(histogram)
}

fn add(histogram: &mut Option<Histogram<u64>>, value_us: u64) {
    if let Some(histogram) = histogram {
        // An auto-resizing histogram takes every value up to the highest.
        let _ = histogram.record(value_us.min(MAX_US));
    }
}

/// The values as an `HdrHistogram` V2 (deflate) encoding in base64.
fn encoded(values_us: &[u64]) -> String {
    let mut values = histogram();
    for value in values_us {
        add(&mut values, *value);
    }
    let mut bytes = Vec::new();
    match values.map(|values| V2DeflateSerializer::new().serialize(&values, &mut bytes)) {
        Some(Ok(_)) => STANDARD.encode(&bytes),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_can_be_read_back() {
        let text = encoded(&[100, 200, 200, 5_000_000]);
        let bytes = STANDARD.decode(text).unwrap();
        let read: Histogram<u64> =
            hdrhistogram::serialization::Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        assert_eq!(read.len(), 4);
        assert_eq!(read.value_at_quantile(0.5), 200);
        assert!(read.equivalent(read.max(), 5_000_000));
    }

    #[test]
    fn no_values_are_an_empty_histogram_not_an_empty_text() {
        assert!(!encoded(&[]).is_empty());
    }
}
