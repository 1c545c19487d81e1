//! latency.hlog: `HdrHistogram`'s own tools find in it what report.json says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use libtest_mimic::Trial;
use rollproof::analysis::{Quantiles, VariantDoc};
use rollproof::report::to_hlog;

use crate::reader::{file, missing, run};
use crate::sample::{hostile, mixed};
use crate::test;

const HDRH: &str = "\
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
sums = {}
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 86400000000, 3))
while (one := reader.get_next_interval_histogram()) is not None:
    sums.setdefault(one.get_tag(), HdrHistogram(1, 86400000000, 3)).add(one)
for tag, sum in sorted(sums.items()):
    print(tag, sum.get_total_count(), sum.get_value_at_percentile(50), sum.get_max_value())
";

/// Count, median and maximum in microseconds, by tag.
type Found = BTreeMap<String, (u64, u64, u64)>;

pub(crate) fn tests() -> Vec<Trial> {
    let java = missing("java", "java", &["-version"]).or_else(|| {
        jar()
            .is_none()
            .then(|| "HdrHistogram 2.2.2: mvn dependency:get -Dartifact=org.hdrhistogram:HdrHistogram:2.2.2".into())
    });
    let python = missing("python3 with hdrhistogram", "python3", &["-c", "import hdrh.log"]);
    vec![
        test("hlog_lines_of_hostile_names", None, lines_of_hostile_names),
        test("hlog_in_hdrhistogram_of_rust", None, || assert_eq!(in_rust(&log()), expected())),
        test("hlog_in_hdrhistogram_of_java", java.as_deref(), in_java),
        test("hlog_in_hdrhistogram_of_python", python.as_deref(), in_python),
    ]
}

fn log() -> String {
    to_hlog(&mixed().analysis())
}

/// In Maven's folder, or where the environment variable says.
fn jar() -> Option<PathBuf> {
    let kept = std::env::home_dir()?.join(".m2/repository/org/hdrhistogram/HdrHistogram/2.2.2/HdrHistogram-2.2.2.jar");
    let named = std::env::var_os("ROLLPROOF_TEST_HDRHISTOGRAM").map(PathBuf::from);
    named.into_iter().chain([kept]).find(|path| path.is_file())
}

/// What report.json says, with the counts of the sample.
fn expected() -> Found {
    let report = mixed().report();
    let quantiles = |variant: &VariantDoc, phase: &str| -> Quantiles {
        let all = variant.latency_us.clone();
        match phase {
            "before" => all.before.unwrap(),
            "during" => all.during.unwrap(),
            _ => all.after.unwrap(),
        }
    };
    let mut found = Found::new();
    for variant in &report.variants {
        // Judged arms answer 35 requests in each half second: six, twelve and four of them; `with` has 44 more.
        let more = if variant.name == "with" { 44 } else { 0 };
        let counts = [("before", 35 * 6, 0), ("during", 35 * 12, more), ("after", 35 * 4, 0)];
        let answered: u64 = counts[1..].iter().map(|(_, each, more)| each * u64::from(variant.trials) + more).sum();
        assert_eq!(answered, variant.ok, "{}", variant.name);
        for (phase, each, more) in counts {
            let count = each * u64::from(variant.trials) + more;
            let Quantiles { p50, max, .. } = quantiles(variant, phase);
            found.insert(format!("{}.{phase}", variant.name), (count, p50, max));
        }
    }
    assert_eq!(found["short.during"].0, 35 * 12, "the trial that does not count is not in it");
    found
}

fn in_rust(log: &str) -> Found {
    let mut sums: BTreeMap<String, Histogram<u64>> = BTreeMap::new();
    let mut last = None;
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        let LogEntry::Interval(line) = entry.unwrap() else { continue };
        assert!(last <= Some(line.start_timestamp()), "in the order of time");
        last = Some(line.start_timestamp());
        let bytes = base64::engine::general_purpose::STANDARD.decode(line.encoded_histogram()).unwrap();
        let values: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        let sum = sums.entry(line.tag().unwrap().to_string()).or_insert_with(|| Histogram::new(3).unwrap());
        sum.add(&values).unwrap();
    }
    sums.into_iter().map(|(tag, all)| (tag, (all.len(), all.value_at_quantile(0.5), all.max()))).collect()
}

fn lines_of_hostile_names() {
    let text = to_hlog(&hostile().analysis());
    let found = in_rust(&text);
    assert_eq!(found.len(), 5, "two variants, one without an `after` because its rollout did not end: {text}");
    let names = found.keys().all(|tag| tag.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)));
    assert!(names && text.lines().filter(|line| line.starts_with('#')).count() == 9, "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text}");
}

/// The whole log, and each tag alone, as its manual says.
fn in_java() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "latency.hlog", &log());
    let jar = jar().unwrap().display().to_string();
    let list = run("java", &["-cp", &jar, "org.HdrHistogram.HistogramLogProcessor", "-i", &path, "-listtags"], "");
    let expected = expected();
    assert!(list.0 && expected.keys().all(|tag| list.1.contains(tag.as_str())), "{}", list.1);
    for (tag, (count, p50, max)) in expected {
        let arguments = ["-i", &path, "-tag", &tag, "-outputValueUnitRatio", "1"];
        let words = [&["-cp", &jar, "org.HdrHistogram.HistogramLogProcessor"], arguments.as_slice()].concat();
        let (good, said) = run("java", &words, "");
        assert!(good, "{said}");
        let columns = said.lines().filter_map(|line| {
            let cells: Vec<f64> = line.split_whitespace().take(3).filter_map(|cell| cell.parse().ok()).collect();
            (cells.len() == 3).then(|| (cells[0], cells[1]))
        });
        let median = columns.clone().find(|(_, percentile)| *percentile >= 0.5).unwrap().0;
        let sums = said.lines().find(|line| line.starts_with("#[Max")).unwrap();
        let total = sums.rsplit([' ', '=', ']']).find(|word| !word.is_empty()).unwrap();
        let largest = columns.map(|(value, _)| value).fold(0.0, f64::max);
        let told = |us: u64| format!("{us}.000");
        assert_eq!((total, format!("{median:.3}")), (count.to_string().as_str(), told(p50)), "{tag}: {said}");
        assert_eq!(format!("{largest:.3}"), told(max), "{tag}: {said}");
    }
}

fn in_python() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "latency.hlog", &log());
    let lines = expected().into_iter().map(|(tag, (count, p50, max))| format!("{tag} {count} {p50} {max}\n"));
    assert_eq!(run("python3", &["-c", HDRH, &path], ""), (true, lines.collect::<String>()));
}
