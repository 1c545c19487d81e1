//! What was lost at which door, and what the retries of a proxy hid: sentences and a table that several writers share.

use super::sentences::{name, thousands};
use crate::analysis::{DoorDoc, VariantDoc};
use crate::spec::Door;
use crate::verdict::plural;

/// The columns of a table by door; `#` marks one of numbers.
pub(crate) const COLUMNS: &str = "variant | door | #attempts | #lost | #here only | #raced | #unsent | causes";

/// What must not be read into losses by door.
pub(crate) const EVIDENCE: &str = "Where a loss appears is evidence, not a cause: the doors carry different requests.";

/// A row for each door of a variant, without the variant's name.
pub(crate) fn rows(variant: &VariantDoc) -> impl Iterator<Item = [String; 7]> {
    variant.doors.iter().map(|found| {
        [
            found.door.name().to_owned(),
            found.attempts.to_string(),
            found.lost.to_string(),
            found.lost_here_only.to_string(),
            found.raced.to_string(),
            found.unsent.to_string(),
            causes(found),
        ]
    })
}

fn causes(found: &DoorDoc) -> String {
    let mut causes: Vec<_> = found.causes.iter().collect();
    causes.sort_by_key(|(cause, count)| (std::cmp::Reverse(**count), **cause));
    causes.into_iter().map(|(cause, count)| format!("{} {count}", cause.name())).collect::<Vec<String>>().join(", ")
}

/// `12 of 3,267 lost at the Service, 0 of 3,267 at the URL`; empty where there is one door.
pub(super) fn lost_by_door(variant: &VariantDoc) -> String {
    let of = |found: &DoorDoc| {
        let lost = if found.door == Door::Service { " lost" } else { "" };
        let (count, attempts) = (thousands(found.lost), thousands(found.attempts));
        format!("{count} of {attempts}{lost} at {}", found.door.words())
    };
    variant.doors.iter().map(of).collect::<Vec<String>>().join(", ")
}

/// What was lost at the Service while nothing was lost at the URL. Only a proxy itself could say that it hid one.
pub(crate) fn unseen_words(variant: &VariantDoc) -> Option<String> {
    let here_only = variant.doors.iter().find(|found| found.door == Door::Service)?.lost_here_only;
    (here_only > 0).then(|| {
        let requests = plural(here_only, "request");
        let was = if here_only == 1 { "was" } else { "were" };
        format!(
            "{}: {requests} lost at the Service {was} not seen through the URL: the URL lost none in the same rollouts.",
            name(&variant.name)
        )
    })
}

/// How many losses a retry of a proxy hid, as it says itself.
pub(crate) fn hidden_by_proxy_words(variant: &VariantDoc) -> Option<String> {
    (variant.hidden_by_proxy > 0).then(|| {
        let requests = plural(variant.hidden_by_proxy, "request");
        format!("{}: {requests} that a retry of the proxy hid, as a header of the answers says.", name(&variant.name))
    })
}

/// What is said of losses by door, once for all variants.
pub(crate) fn door_sentences(variants: &[VariantDoc]) -> Vec<String> {
    let lost = variants.iter().flat_map(|variant| &variant.doors).any(|found| found.lost > 0);
    variants.iter().filter_map(unseen_words).chain(lost.then(|| EVIDENCE.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Analysis;
    use crate::diagnose::Cause;
    use crate::record::entry::{Entry, Pulse};
    use crate::record::sample::{SampleRun, SampleTrial, both_doors, pulse};
    use crate::record::{Arm, Outcome, Sum};
    use crate::report::{to_json, to_markdown, unwrapped};
    use crate::spec::Expect;

    /// Two rollouts of which each loses so many requests to the Service and to the URL.
    fn record_of(lost: [[usize; 2]; 2], both: bool) -> Analysis {
        let happens = |times: [usize; 2]| {
            move |trial: &mut SampleTrial| {
                for (kind, times) in (0_u16..).zip(times) {
                    for number in 0..i64::try_from(times).unwrap() {
                        trial.other(Arm::New, Outcome::Refused, Sum::Lost, 1_000 + 37 * number);
                        trial.last().request = if both { kind } else { 0 };
                    }
                }
                let answered = pulse(trial.number(), trial.at(2_000), Arm::New, 5, 1_000);
                trial.more.push(Entry::Pulse(Pulse { request: u16::from(both), ..answered }));
                trial.extra_ok += 5;
            }
        };
        let run = SampleRun::new(2, &[("web", Expect::Clean)]);
        let run = if both { run.plan(|header| both_doors(&mut header.spec.variants[0].load)) } else { run };
        run.trial(1, "web", happens(lost[0])).trial(2, "web", happens(lost[1])).finished().analysis()
    }

    fn texts(analysis: &Analysis) -> [String; 4] {
        let report = &analysis.report;
        [unwrapped(report), to_markdown(report), crate::html::render(analysis), to_json(report)]
    }

    #[test]
    fn what_is_lost_is_told_by_door_with_its_causes_and_incidents() {
        let found = record_of([[3, 1], [2, 0]], true);
        let [service, url] = found.report.variants[0].doors.as_slice() else { panic!("{:?}", found.report.variants) };
        assert_eq!(
            (service.door, service.lost, service.lost_here_only, service.trials_with_loss),
            (Door::Service, 5, 2, 2)
        );
        assert_eq!((url.door, url.lost, url.lost_here_only, url.trials_with_loss), (Door::Url, 1, 0, 1));
        assert_eq!((service.attempts, url.attempts), (service.ok + 5, 10 + 1));
        let web = &found.report.variants[0];
        assert_eq!(
            (service.attempts + url.attempts, service.ok + url.ok),
            (web.attempts, web.ok),
            "each is at one door"
        );
        assert_eq!(url.causes.values().sum::<u64>(), 1);
        assert_eq!(url.causes.keys().collect::<Vec<_>>(), [&Cause::Unknown]);
        let doors: Vec<_> = found.report.incidents.iter().map(|incident| (incident.door, incident.attempts)).collect();
        assert!(doors.contains(&(Some(Door::Url), 1)) && doors.contains(&(Some(Door::Service), 3)), "{doors:?}");
        assert!(web.first_lost[0].what.contains("GET / (service): refused"), "{:?}", web.first_lost);
    }

    #[test]
    fn every_output_tells_it_and_says_what_it_does_not_show() {
        let [terminal, markdown, page, _] = texts(&record_of([[3, 1], [2, 0]], true));
        assert!(
            terminal.contains("5 of ") && terminal.contains(" lost at the Service, 1 of 11 at the URL"),
            "{terminal}"
        );
        assert!(markdown.contains("| web | url | 11 | 1 | 0 | 0 | 0 | unknown 1 |"), "{markdown}");
        for text in [&terminal, &markdown, &page] {
            assert!(text.contains("2 requests lost at the Service were not seen through the URL"), "{text}");
            assert!(text.contains("evidence, not a cause: the doors carry different requests"), "{text}");
            assert!(!text.contains("retry of the proxy"), "nothing says so: {text}");
        }
    }

    #[test]
    fn what_was_lost_at_both_doors_was_seen_and_one_door_is_not_spoken_of() {
        for text in texts(&record_of([[3, 1], [2, 1]], true)) {
            assert!(!text.contains("not seen through the URL"), "{text}");
        }
        let one = record_of([[3, 1], [2, 0]], false);
        assert!(one.report.variants[0].doors.is_empty() && one.report.incidents.iter().all(|one| one.door.is_none()));
        for text in texts(&one) {
            for word in ["at the Service", "evidence, not a cause", "(service)", "\"doors\"", "\"door\""] {
                assert!(!text.contains(word), "{word}: {text}");
            }
        }
    }

    #[test]
    fn what_a_retry_of_the_proxy_hid_is_counted_only_where_answers_say_so() {
        let run = |retried: u64, ms: i64| {
            let answer = |trial: &mut SampleTrial| {
                let answered = pulse(trial.number(), trial.at(ms), Arm::New, 5, 1_000);
                trial.more.push(Entry::Pulse(Pulse { retried, ..answered }));
                trial.extra_ok += 5;
            };
            SampleRun::one(answer).analysis()
        };
        let told = run(2, 2_000);
        let web = &told.report.variants[0];
        assert_eq!((web.hidden_by_proxy, web.trials_list[0].hidden_by_proxy, web.lost), (2, 2, 0));
        let [terminal, markdown, page, json] = texts(&told);
        assert!(terminal.contains("2 that a retry of the proxy hid"), "{terminal}");
        for text in [&markdown, &page] {
            assert!(text.contains("2 requests that a retry of the proxy hid"), "{text}");
        }
        assert!(json.contains("\"hidden_by_proxy\": 2"), "{json}");
        for (retried, ms) in [(0, 2_000), (2, -2_000)] {
            let none = run(retried, ms);
            assert_eq!(none.report.variants[0].hidden_by_proxy, 0, "none, or before the rollout");
            for text in texts(&none) {
                assert!(!text.contains("retry of the proxy") && !text.contains("hidden_by_proxy"), "{text}");
            }
        }
    }
}
