//! Checks that the bounds of the edges in a report contain the moments that the node logged.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::journal::{self, Journal, Logged};

/// A log line is written just before or just after the event, and the report rounds to milliseconds.
const SLACK_S: f64 = 0.03;
/// A listener closes when its process ends, and the node notices this end up to 0.15 s later, as measured.
const NOTICED_S: f64 = 0.5;

/// Fails unless they do, for every old pod of every trial. Returns the figures as lines for people.
pub(crate) fn hold(out: &Path, report: &Value, journal: &Journal) -> String {
    let clock = Clock::of(out);
    let compared = compare(&clock, report, journal);
    let Found { pods, ref wrong, ref measured } = compared;
    assert!(pods >= 2 * report["variants"].as_array().unwrap().len(), "{pods} pods compared");
    assert!(wrong.is_empty(), "bounds that do not hold what was logged:\n{wrong}\nall:\n{measured}");
    // The bounds are narrow enough to be wrong: if everything had been 1.5 s later, those of every pod would be.
    let later = compare(&clock, report, &journal::later(journal, 1_500_000_000));
    assert!(later.wrong.lines().count() >= 2 * pods, "bounds that hold anything:\n{}", later.measured);
    compared.measured
}

/// How many pods were compared, the lines that do not hold, and all of them.
struct Found {
    pods: usize,
    wrong: String,
    measured: String,
}

fn compare(clock: &Clock, report: &Value, journal: &Journal) -> Found {
    let mut found = Found { pods: 0, wrong: String::new(), measured: String::new() };
    for variant in report["variants"].as_array().unwrap() {
        let namespace = &clock.namespaces.iter().find(|(name, _)| *name == variant["name"]).unwrap().1;
        for trial in variant["trials_list"].as_array().unwrap() {
            let first_ns = clock.first_ns(trial["trial"].as_u64().unwrap());
            for pod in trial["pods"].as_array().unwrap().iter().filter(|pod| pod["new"] == false) {
                let name = pod["name"].as_str().unwrap();
                let logged = journal.get(&(namespace.clone(), name.to_owned()));
                let logged = logged.unwrap_or_else(|| panic!("the node logged nothing of {namespace}/{name}"));
                found.pods += 1;
                let compared = Compared { variant: variant["name"].as_str().unwrap(), pod, logged, first_ns };
                compared.all(&mut found.wrong, &mut found.measured);
            }
        }
    }
    found
}

/// The record's clock.
struct Clock {
    started_unix_ns: u64,
    namespaces: Vec<(String, String)>,
    marks: Vec<Value>,
}

impl Clock {
    fn of(out: &Path) -> Self {
        let text = std::fs::read_to_string(out.join("record.jsonl")).unwrap();
        let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let marks = text.lines().filter(|line| line.contains("\"t\":\"mark\""));
        let text_of = |value: &Value| value.as_str().unwrap().to_owned();
        let (variants, places) = (&header["spec"]["variants"], &header["places"]);
        let variants = variants.as_array().unwrap().iter().zip(places.as_array().unwrap());
        Self {
            started_unix_ns: header["started_unix_ns"].as_u64().unwrap(),
            namespaces: variants.map(|(one, place)| (text_of(&one["name"]), text_of(&place["namespace"]))).collect(),
            marks: marks.map(|line| serde_json::from_str(line).unwrap()).collect(),
        }
    }

    /// A trial's first mark, in nanoseconds since 1970.
    fn first_ns(&self, trial: u64) -> u64 {
        let own = self.marks.iter().filter(|mark| mark["trial"] == trial && mark["name"] == "rollout-step");
        self.started_unix_ns + own.map(|mark| mark["before_ns"].as_u64().unwrap()).min().unwrap()
    }
}

/// Compares the edges of a pod with what was logged of it.
struct Compared<'a> {
    variant: &'a str,
    pod: &'a Value,
    logged: &'a Logged,
    first_ns: u64,
}

impl Compared<'_> {
    fn all(&self, wrong: &mut String, measured: &mut String) {
        let Logged { asked_ns, signal_ns, ended_ns, killed_ns, .. } = *self.logged;
        let has_hook = self.pod["hook"] != "no preStop hook";
        // A server that had ended by itself is sent no signal.
        let signal_ns = signal_ns.filter(|signal| ended_ns.is_none_or(|ended| *signal <= ended));
        let exits = ["cut-at-stop", "endpoint-race", "no-endpoint", "killed-at-grace-end"].contains(&self.variant);
        let edges = [
            ("hook end", asked_ns.filter(|_| has_hook), SLACK_S),
            ("stop signal", signal_ns, SLACK_S),
            // The log tells when a listener closed only if the server ended with it.
            ("listener closed", ended_ns.filter(|_| exits), NOTICED_S),
            ("container finished", ended_ns, SLACK_S),
        ];
        for (edge, at_ns, slack_s) in edges {
            self.one(edge, at_ns.map(|at_ns| self.after_s(at_ns)), slack_s, (&mut *wrong, &mut *measured));
        }
        if let (Some(end_s), Some(killed_ns)) = (self.bounds("grace end"), killed_ns) {
            writeln!(measured, "{} grace end {end_s:?} killed {:.3}", self.variant, self.after_s(killed_ns)).unwrap();
        }
    }

    fn one(&self, edge: &str, at_s: Option<f64>, slack_s: f64, (wrong, measured): (&mut String, &mut String)) {
        let bounds = self.bounds(edge);
        let known = edge != "listener closed" || at_s.is_some();
        let line = format!("{} {} {edge}: {bounds:.3?}, logged {at_s:.3?}", self.variant, self.pod["name"]);
        writeln!(measured, "{line}").unwrap();
        let holds = match (bounds, at_s) {
            (Some((from_s, to_s)), Some(at_s)) => from_s - slack_s <= at_s && at_s <= to_s + slack_s,
            // A missing edge is honest; an edge of something that did not happen is wrong.
            (None, _) => edge != "container finished",
            (Some(_), None) => !known,
        };
        if !holds {
            writeln!(wrong, "{line}").unwrap();
        }
    }

    fn bounds(&self, edge: &str) -> Option<(f64, f64)> {
        let edge = self.pod["edges"].as_array().unwrap().iter().find(|one| one["edge"] == edge)?;
        Some((edge["from_s"].as_f64().unwrap(), edge["to_s"].as_f64().unwrap()))
    }

    #[allow(clippy::cast_precision_loss, reason = "some hundred seconds")]
    fn after_s(&self, at_ns: u64) -> f64 {
        (i128::from(at_ns) - i128::from(self.first_ns)) as f64 / 1e9
    }
}
