//! `latency.hlog`: the latencies as an interval log, which `HdrHistogram`'s own tools read. It computes nothing.
//!
//! Each line is a phase of a counting trial: the ok attempts of its judged arms, in microseconds, tagged `VARIANT.before`,
//! `VARIANT.during` or `VARIANT.after`, from which report.json's quantiles are.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::words::one_line;
use crate::analysis::Analysis;
use crate::clock::Stamp;
use crate::record::Arm;
use crate::record::header::Header;
use crate::spec::VariantSpec;
use crate::timeline::{Phase, Trial};
use crate::verdict::State;

/// The largest latency that is kept apart, a day; requests time out long before.
const LARGEST_US: u64 = 86_400_000_000;
/// As the record's own histograms.
const DIGITS: u8 = 3;
/// The log's own column of maxima is for people: milliseconds.
const US_PER_MS: f64 = 1_000.0;
/// Characters of a variant's name that a tag keeps.
const NAME_MAX: usize = 100;

/// One line of the log. Its histogram is made when it is written: each is large, and a record may have many trials.
struct Line<'a> {
    from_ns: Stamp,
    to_ns: Stamp,
    tag: String,
    trial: &'a Trial,
    phase: Phase,
    judged: &'a [Arm],
}

/// The interval log of a run, ended by a newline. The same analysis gives the same bytes.
#[must_use]
pub fn render(analysis: &Analysis) -> String {
    let tags = tags(&analysis.header().spec.variants);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for ((variant, trials), tag) in analysis.variants().zip(&tags) {
        for judged in trials.iter().filter(|judged| judged.state == State::Counts) {
            lines.extend(Phase::ALL.into_iter().filter_map(|phase| line(judged.trial, variant, tag, phase)));
        }
    }
    // Readers expect the lines in the order of their beginnings.
    lines.sort_by(|a, b| (a.from_ns, &a.tag).cmp(&(b.from_ns, &b.tag)));
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = write(analysis.header(), &tags, &lines, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

fn write(header: &Header, tags: &[String], lines: &[Line<'_>], text: &mut Vec<u8>) -> Option<()> {
    let started = SystemTime::UNIX_EPOCH + Duration::from_nanos(header.started_unix_ns);
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment(&format!("[Latencies of scenario {}, by rollproof]", one_line(&header.spec.settings.scenario)))
        .add_comment("[Values are microseconds from the planned time; Interval_Max is in milliseconds]")
        .add_comment("[HistogramLogProcessor shows milliseconds with -outputValueUnitRatio 1000]")
        .add_comment("[Ok attempts of judged arms in counting trials; tags are VARIANT.before, .during and .after]");
    for (variant, tag) in header.spec.variants.iter().zip(tags) {
        if variant.name != *tag {
            builder.add_comment(&format!("[Variant {} has the tag {tag}]", one_line(&variant.name)));
        }
    }
    builder.with_start_time(started).with_base_time(started).with_max_value_divisor(US_PER_MS);
    let mut serializer = V2DeflateSerializer::new();
    let mut log = builder.begin_log_with(text, &mut serializer).ok()?;
    for Line { from_ns, to_ns, tag, trial, phase, judged } in lines {
        let length = Duration::from_nanos(to_ns.saturating_sub(*from_ns));
        let mut values = Histogram::new_with_bounds(1, LARGEST_US, DIGITS).ok()?;
        trial.latencies(*phase, judged).counts().for_each(|(us, count)| values.saturating_record_n(us, count));
        log.write_histogram(&values, Duration::from_nanos(*from_ns), length, Tag::new(tag)).ok()?;
    }
    Some(())
}

/// The line of one phase of a counting trial; `None` if nothing was answered in it.
fn line<'a>(trial: &'a Trial, variant: &'a VariantSpec, tag: &str, phase: Phase) -> Option<Line<'a>> {
    let window = trial.window?;
    let end_ns = trial.end.as_ref().map_or(window.first_ns, |end| end.at_ns);
    let stopped_ns = window.stopped_ns.unwrap_or(end_ns);
    let gone_ns = window.gone_ns.unwrap_or(stopped_ns);
    let (from_ns, to_ns, name) = match phase {
        Phase::Before => (trial.start.at_ns, window.first_ns, "before"),
        Phase::During => (window.first_ns, gone_ns, "during"),
        Phase::After => (gone_ns, stopped_ns, "after"),
    };
    let judged = variant.load.judged.as_slice();
    let is_empty = trial.latencies(phase, judged).is_empty();
    (!is_empty).then(|| Line { from_ns, to_ns, tag: format!("{tag}.{name}"), trial, phase, judged })
}

/// A tag for each variant: its name, without what a line of the log cannot hold, and unlike the others.
fn tags(variants: &[VariantSpec]) -> Vec<String> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let mut taken: BTreeMap<String, u32> = BTreeMap::new();
    let tag = |variant: &VariantSpec| {
        let name: String = variant.name.chars().map(safe).take(NAME_MAX).collect();
        let before = taken.entry(name.clone()).or_default();
        *before += 1;
        // A dot is in no name, so that a numbered one is no other's.
        if *before == 1 { name } else { format!("{name}.{before}") }
    };
    variants.iter().map(tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    #[test]
    fn names_become_tags_that_differ() {
        let header = sample::header();
        let named = |name: &str| VariantSpec { name: name.to_owned(), ..header.spec.variants[0].clone() };
        let found = tags(&[named("with-prestop"), named("a b,c"), named("a-b c"), named("\n")]);
        assert_eq!(found, ["with-prestop", "a-b-c", "a-b-c.2", "-"]);
        assert!(found.iter().all(|tag| Tag::new(tag).is_some()));
    }
}
