//! The propagation lags of the view model.

use super::build::rounded;
use super::doc::{LagDoc, PropagationDoc, PropagationValues};
use crate::stats;
use crate::timeline::PropagationLags;

/// Values of one list that are kept.
const MOST_VALUES: usize = 1_000;

/// The lags of several trials in milliseconds, sorted.
struct Gathered {
    after_deletion: Vec<f64>,
    after_not_ready: Vec<f64>,
    not_observed: u32,
}

impl Gathered {
    fn of<'a>(trials: impl Iterator<Item = &'a PropagationLags>) -> Self {
        let mut all = Self { after_deletion: Vec::new(), after_not_ready: Vec::new(), not_observed: 0 };
        for lags in trials {
            all.after_deletion.extend(lags.pods.iter().map(|pod| ms(pod.after_deletion_ns)));
            all.after_not_ready.extend(lags.pods.iter().filter_map(|pod| pod.after_not_ready_ns).map(ms));
            all.not_observed = all.not_observed.saturating_add(lags.not_observed);
        }
        all.after_deletion.sort_by(f64::total_cmp);
        all.after_not_ready.sort_by(f64::total_cmp);
        all
    }

    fn doc(&self) -> PropagationDoc {
        PropagationDoc {
            after_deletion: lag(&self.after_deletion),
            after_not_ready: lag(&self.after_not_ready),
            pods_not_observed: self.not_observed,
        }
    }
}

/// Figures and values of several trials.
pub(super) fn propagation<'a>(
    trials: impl Iterator<Item = &'a PropagationLags>,
) -> (PropagationDoc, PropagationValues) {
    let all = Gathered::of(trials);
    let doc = all.doc();
    (
        doc,
        PropagationValues { after_deletion: spread(all.after_deletion), after_not_ready: spread(all.after_not_ready) },
    )
}

fn lag(sorted: &[f64]) -> Option<LagDoc> {
    Some(LagDoc {
        count: u32::try_from(sorted.len()).unwrap_or(u32::MAX),
        p50: rounded(stats::median(sorted)?, 1e3),
        max: *sorted.last()?,
    })
}

/// At most [`MOST_VALUES`] of them, evenly spread.
fn spread(sorted: Vec<f64>) -> Vec<f64> {
    if sorted.len() <= MOST_VALUES {
        return sorted;
    }
    let last = sorted.len() - 1;
    (0..MOST_VALUES).map(|i| sorted[i * last / (MOST_VALUES - 1)]).collect()
}

/// Nanoseconds as milliseconds, to the microsecond.
#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than the 104 days that fit a double exactly")]
fn ms(ns: i64) -> f64 {
    rounded(ns as f64 / 1e6, 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::PodLag;

    fn lags(after_deletion_ms: &[i64]) -> PropagationLags {
        let pod = |lag_ms: &i64| PodLag {
            pod: format!("web-{lag_ms}"),
            after_deletion_ns: lag_ms * 1_000_000,
            after_not_ready_ns: (*lag_ms > 0).then_some((lag_ms - 1) * 1_000_000),
        };
        PropagationLags { pods: after_deletion_ms.iter().map(pod).collect(), not_observed: 1 }
    }

    #[test]
    fn two_humps_stay_two_humps_and_a_negative_value_stays_negative() {
        let (doc, values) = propagation([lags(&[1_100, -3]), lags(&[90, 110])].iter());
        assert_eq!(values.after_deletion, [-3.0, 90.0, 110.0, 1_100.0]);
        assert_eq!(values.after_not_ready, [89.0, 109.0, 1_099.0]);
        assert_eq!(doc.after_deletion, Some(LagDoc { count: 4, p50: 100.0, max: 1_100.0 }));
        assert_eq!(doc.after_not_ready, Some(LagDoc { count: 3, p50: 109.0, max: 1_099.0 }));
        assert_eq!(doc.pods_not_observed, 2);
    }

    #[test]
    fn nothing_is_no_zero() {
        let (doc, values) = propagation([lags(&[])].iter());
        assert_eq!((doc.after_deletion, doc.after_not_ready, doc.pods_not_observed), (None, None, 1));
        assert_eq!(values, PropagationValues::default());
    }

    #[test]
    fn very_many_values_are_thinned_out_evenly_and_counted_all() {
        let many: Vec<i64> = (1..=25_000).collect();
        let (doc, values) = propagation([lags(&many)].iter());
        let listed = values.after_deletion;
        assert_eq!((listed.len(), listed[0], listed[999]), (1_000, 1.0, 25_000.0));
        assert!(listed.windows(2).all(|pair| (25.0..=26.0).contains(&(pair[1] - pair[0]))));
        assert_eq!(doc.after_deletion.unwrap().count, 25_000);
    }
}
