//! Decodes the record's histograms, within the bounds in which a run writes them. What a histogram says of its own size is compared with
//! them before anything is allocated for it: a record may come from anybody.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

/// The cookies of the encoding V2, compressed and not, both with 64-bit counts.
const COMPRESSED: [u8; 4] = 0x1c84_9314_u32.to_be_bytes();
const PLAIN: [u8; 4] = 0x1c84_9313_u32.to_be_bytes();
/// Cookie, payload length, normalizing offset, digits, lowest and highest value, ratio.
const HEADER: usize = 40;
/// A run writes three significant digits of whole microseconds up to an hour, which rounds up to this with the whole bucket.
const DIGITS_MAX: u32 = 3;
const LOWEST: u64 = 1;
const HIGHEST_MAX: u64 = 0xffff_ffff;
/// The counts that a histogram of these bounds has: 23 times half of its 2,048 sub-buckets.
const COUNTS_MAX: usize = 23 * 1_024;
/// Bytes of a number in the payload.
const NUMBER_MAX: usize = 9;
/// The encoding of a histogram in which every count is as long as can be, and its base64 if it cannot be compressed.
const PLAIN_MAX: usize = HEADER + NUMBER_MAX * COUNTS_MAX;
const TEXT_MAX: usize = 2 * PLAIN_MAX;

/// A decoder with the memory that one histogram after the other needs.
#[derive(Default)]
pub struct HistogramDecoder {
    with: Deserializer,
    plain: Vec<u8>,
}

impl HistogramDecoder {
    /// Decodes `HdrHistogram` V2 (deflate) in base64.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn decode(&mut self, text: &str) -> Result<Histogram<u64>, String> {
        if text.len() > TEXT_MAX {
            return Err(format!("its encoding has {} bytes, more than {TEXT_MAX}", text.len()));
        }
        let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
        let (length, rest) = bytes
            .strip_prefix(&COMPRESSED)
            .and_then(<[u8]>::split_first_chunk)
            .ok_or("it does not begin as a compressed V2 encoding")?;
        let compressed = usize::try_from(u32::from_be_bytes(*length)).ok().and_then(|length| rest.get(..length));
        let compressed = compressed.ok_or("it is shorter than its length says")?;
        self.plain.clear();
        let mut inflating = ZlibDecoder::new(compressed).take(PLAIN_MAX as u64 + 1);
        inflating.read_to_end(&mut self.plain).map_err(|error| error.to_string())?;
        check(&self.plain)?;
        self.with.deserialize(&mut self.plain.as_slice()).map_err(|error| error.to_string())
    }
}

/// Whether a plain encoding is within the bounds.
fn check(plain: &[u8]) -> Result<(), String> {
    if plain.len() > PLAIN_MAX {
        return Err(format!("it has more than {PLAIN_MAX} bytes"));
    }
    let (header, payload) = plain.split_first_chunk::<HEADER>().ok_or("its header is cut")?;
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let long = |at: usize| u64::from(number(at)) << 32 | u64::from(number(at + 4));
    let (length, digits, lowest, highest) = (number(4), number(12), long(16), long(24));
    if header[..4] != PLAIN {
        return Err("inside it is no V2 encoding".to_owned());
    }
    if usize::try_from(length) != Ok(payload.len()) {
        return Err(format!("its payload has {} bytes, and its header says {length}", payload.len()));
    }
    if digits > DIGITS_MAX || lowest != LOWEST || highest > HIGHEST_MAX {
        return Err(format!(
            "it has {digits} significant digits from {lowest} to {highest}, expected {DIGITS_MAX} from {LOWEST} to \
             {HIGHEST_MAX} at most"
        ));
    }
    counts_fit(payload)
}

/// Whether no more counts are told than there may be. A negative number stands for as many zeros.
fn counts_fit(mut payload: &[u8]) -> Result<(), String> {
    let mut counts = 0_u64;
    while !payload.is_empty() {
        let (number, length) = number(payload).ok_or("its last number is cut")?;
        payload = &payload[length..];
        let more = if number % 2 == 0 { 1 } else { (number >> 1) + 1 };
        counts = counts.saturating_add(more);
        if counts > COUNTS_MAX as u64 {
            return Err(format!("it has more than {COUNTS_MAX} counts"));
        }
    }
    Ok(())
}

/// The first number in LEB128 of at most nine bytes, still with its zigzag, and its length.
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(NUMBER_MAX).enumerate() {
        let last = at + 1 == NUMBER_MAX;
        let bits = if last { *byte } else { byte & 0x7f };
        value |= u64::from(bits) << (7 * at);
        if last || byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer, V2Serializer};

    use super::*;

    fn decode(text: &str) -> Result<Histogram<u64>, String> {
        HistogramDecoder::default().decode(text)
    }

    fn auto(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).unwrap();
        for value in values {
            histogram.record(*value).unwrap();
        }
        histogram
    }

    fn plain(histogram: &Histogram<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(histogram, &mut bytes).unwrap();
        bytes
    }

    /// As it stands in a record.
    fn text(plain: &[u8]) -> String {
        let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
        deflated.write_all(plain).unwrap();
        let deflated = deflated.finish().unwrap();
        let length = u32::try_from(deflated.len()).unwrap().to_be_bytes();
        STANDARD.encode([&COMPRESSED[..], &length, &deflated].concat())
    }

    /// The same histogram with one of its header's fields changed.
    fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut changed = plain(&auto(&[1, 500, 70_000]));
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    }

    #[test]
    fn what_a_run_writes_is_read_up_to_the_highest_value() {
        // Every count there is, each as long as can be.
        let mut full = auto(&[3_600_000_000]);
        (0..3_600_000_000_u64).step_by(300_000).for_each(|us| full.record_n(us, u64::MAX >> 20).unwrap());
        for histogram in [auto(&[]), auto(&[0, 1, 2_047, 2_048, 3_600_000_000]), full] {
            let mut deflated = Vec::new();
            V2DeflateSerializer::new().serialize(&histogram, &mut deflated).unwrap();
            assert_eq!(decode(&STANDARD.encode(deflated)).unwrap(), histogram);
            assert_eq!(decode(&text(&plain(&histogram))).unwrap(), histogram);
        }
    }

    #[test]
    fn a_payload_that_is_longer_than_the_bytes_is_refused_before_it_is_allocated() {
        let error = decode(&text(&changed(4, &u32::MAX.to_be_bytes()))).unwrap_err();
        assert!(error.contains("4294967295"), "{error}");
    }

    #[test]
    fn a_histogram_with_more_counts_than_a_run_writes_is_refused_before_it_is_allocated() {
        for (at, bytes) in [
            (12, &5_u32.to_be_bytes()[..]),
            (12, &u32::MAX.to_be_bytes()),
            (16, &0_u64.to_be_bytes()),
            (16, &(1_u64 << 40).to_be_bytes()),
            (24, &(1_u64 << 62).to_be_bytes()),
            (24, &(1_u64 << 32).to_be_bytes()),
        ] {
            let error = decode(&text(&changed(at, bytes))).unwrap_err();
            assert!(error.contains("expected 3 from 1 to 4294967295"), "{error}");
        }
    }

    #[test]
    fn what_inflates_to_more_than_a_histogram_has_is_refused() {
        let bomb = text(&vec![0; 10_000_000]);
        assert!(bomb.len() < TEXT_MAX, "it is small until it is inflated");
        assert!(decode(&bomb).unwrap_err().contains("more than"), "it is not inflated whole");
        let long = "A".repeat(TEXT_MAX + 4);
        assert!(decode(&long).unwrap_err().contains("its encoding has"));
    }

    #[test]
    fn runs_of_zeros_that_leave_the_histogram_are_refused() {
        let mut least = plain(&auto(&[]));
        let payload = [0xff; 9];
        least.truncate(HEADER);
        least[4..8].copy_from_slice(&9_u32.to_be_bytes());
        least.extend_from_slice(&payload);
        assert!(decode(&text(&least)).unwrap_err().contains("counts"), "the least number of all has no opposite");
        *least.last_mut().unwrap() = 0;
        assert!(decode(&text(&least)).unwrap_err().contains("counts"));
    }

    #[test]
    fn what_is_cut_anywhere_is_an_error() {
        let whole = STANDARD.decode(text(&plain(&auto(&[1, 500, 70_000])))).unwrap();
        for end in 0..whole.len() {
            assert!(decode(&STANDARD.encode(&whole[..end])).is_err(), "{end}");
        }
        let inside = plain(&auto(&[1, 500, 70_000]));
        for end in 0..inside.len() {
            assert!(decode(&text(&inside[..end])).is_err(), "{end}");
        }
    }
}
