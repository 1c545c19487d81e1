//! Runs whose reports the tests read: one for each way to end, and one in which every text from outside is hostile.

use rollproof::record::entry::{EndReason, Entry};
use rollproof::record::sample::{SampleRun, pulse};
use rollproof::record::{Arm, Outcome, Sum};
use rollproof::spec::Expect;
use rollproof::spec::RolloutAction;

/// Text that would act in a terminal, in XML, in HTML, in Markdown and in a log.
pub(crate) const HOSTILE: &str = "a|b,c\n# d <script>alert(1)</script> ]]> &amp; `x` @all\u{1b}[31m \u{0}\u{8}\u{fffe}\u{ffff}\u{85}\u{202e} \
    [l](http://h) </details> \"'";

/// A variant that loses, as expected, one that must not and does, and one of which too few trials count.
pub(crate) fn mixed() -> SampleRun {
    let variants = [("without", Expect::Loss), ("with", Expect::Clean), ("short", Expect::Clean)];
    SampleRun::new(2, &variants)
        .baseline("without")
        .trial(1, "without", |trial| trial.lost_times(40))
        .trial(1, "with", |trial| {
            for (index, us) in [700_u64, 5_003, 31_337, 2_000_001].into_iter().enumerate() {
                let at_ns = trial.at(1_000 + i64::try_from(index).unwrap());
                trial.extra_ok += 11;
                trial.more.push(Entry::Pulse(pulse(trial.number(), at_ns, Arm::New, 11, us)));
            }
        })
        .trial(1, "short", |_| {})
        .trial(2, "without", |trial| trial.lost_times(3))
        .trial(2, "with", |trial| _ = trial.lost())
        .trial(2, "short", |trial| trial.lag = Some((2, 150)))
        .finished()
}

/// As [`mixed`], with hostile text wherever text comes from outside.
pub(crate) fn hostile() -> SampleRun {
    let names = [HOSTILE, &HOSTILE[1..]];
    SampleRun::new(1, &names.map(|name| (name, Expect::Clean)))
        .baseline(HOSTILE)
        .plan(|header| {
            header.spec.settings.scenario = HOSTILE.into();
            header.rollproof = HOSTILE.into();
            header.cluster.version = HOSTILE.into();
            header.started = HOSTILE.into();
            header.spec.variants[0].load.requests[0].path = "/?a='`{|}&[x](y)".parse().unwrap();
            header.spec.variants[0].rollout.action = RolloutAction::Command { run: vec![HOSTILE.into()], back: None };
        })
        .trial(1, HOSTILE, |trial| {
            trial.other(Arm::New, Outcome::BadHttp, Sum::Lost, 1_000);
            let last = trial.last();
            (last.error, last.pod, last.errno) = (HOSTILE.to_owned(), Some(HOSTILE.to_owned()), None);
        })
        .trial(1, names[1], |trial| trial.stalled = Some(HOSTILE))
        .ended(EndReason::Failed, HOSTILE)
}
