//! What a run through a proxy counted, read from its report and its record.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// One variant of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct VariantCount {
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// Trials that count.
    pub(crate) rollouts: u64,
    /// By door: lost, sent.
    pub(crate) doors: BTreeMap<String, (u64, u64)>,
    /// Lost at the URL, by method; at the Service where there is no URL.
    pub(crate) methods: BTreeMap<String, u64>,
    /// Lost at the URL to an answer with 502, 503 or 504.
    pub(crate) errors: u64,
    /// Answered as expected after the proxy had tried more than once.
    pub(crate) hidden: u64,
    /// By cause, at all doors.
    pub(crate) causes: BTreeMap<String, u64>,
    /// From when to when each trial that counts was measured, in nanoseconds since 1970.
    pub(crate) windows: Vec<(u64, u64)>,
}

/// Every variant of the run in `out`.
pub(crate) fn read(out: &Path) -> Result<Vec<VariantCount>, String> {
    let text = |name: &str| {
        fs::read_to_string(out.join(name)).map_err(|error| format!("reading {name} in {}: {error}", out.display()))
    };
    let report: Value = serde_json::from_str(&text("report.json")?).map_err(|error| error.to_string())?;
    let lines = text("record.jsonl")?;
    let lines = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
    counts(&report, &lines.map_err(|error| error.to_string())?)
}

pub(crate) fn counts(report: &Value, record: &[Value]) -> Result<Vec<VariantCount>, String> {
    let header = record.first().ok_or("the record is empty")?;
    let specs = header["spec"]["variants"].as_array().ok_or("the record has no variants")?;
    let reported = report["variants"].as_array().ok_or("the report has no variants")?;
    let variants = reported.iter().map(|variant| {
        let name = variant["name"].as_str().unwrap_or_default();
        let at = specs.iter().position(|spec| spec["name"] == name).ok_or_else(|| format!("no variant {name}"))?;
        let count = one(variant, &specs[at], header["started_unix_ns"].as_u64().unwrap_or_default(), record);
        let namespace = header["places"][at]["namespace"].as_str().ok_or("the record does not say where it was")?;
        Ok(VariantCount { namespace: namespace.to_owned(), ..count })
    });
    variants.collect()
}

fn one(variant: &Value, spec: &Value, started_unix_ns: u64, record: &[Value]) -> VariantCount {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut count = VariantCount {
        name: text(&variant["name"]),
        hidden: number(&variant["hidden_by_proxy"]),
        ..VariantCount::default()
    };
    for (cause, lost) in variant["causes"].as_object().into_iter().flatten() {
        count.causes.insert(cause.clone(), number(lost));
    }
    for door in variant["doors"].as_array().into_iter().flatten() {
        count.doors.insert(text(&door["door"]), (number(&door["lost"]), number(&door["attempts"])));
    }
    if count.doors.is_empty() {
        count.doors.insert("service".to_owned(), (number(&variant["lost"]), number(&variant["attempts"])));
    }
    let has_url = count.doors.contains_key("url");
    let trials = variant["trials_list"].as_array().into_iter().flatten();
    for trial in trials.filter(|trial| trial["state"] == "counts").map(|trial| &trial["trial"]) {
        let of_trial =
            |kind: &'static str| record.iter().filter(move |line| line["t"] == kind && line["trial"] == *trial);
        let mark = |name: &'static str| of_trial("mark").find(|mark| mark["name"] == name);
        let (Some(first), Some(last)) = (mark("rollout-step"), mark("load-stopped")) else { continue };
        let (first_ns, last_ns) = (number(&first["before_ns"]), number(&last["after_ns"]));
        count.rollouts += 1;
        count.windows.push((started_unix_ns + first_ns, started_unix_ns + last_ns));
        let all_lost =
            of_trial("attempt").filter(|attempt| attempt["sum"] == "lost" && number(&attempt["end_ns"]) >= first_ns);
        for attempt in all_lost {
            let request = &spec["load"]["requests"][usize::try_from(number(&attempt["request"])).unwrap_or(usize::MAX)];
            if has_url && request["door"] == "service" {
                continue;
            }
            *count.methods.entry(text(&request["method"])).or_default() += 1;
            count.errors += u64::from(matches!(attempt["status"].as_u64(), Some(502..=504)));
        }
    }
    count
}
